"""Training data of which each member is told few labels: its own, and no others.

    rows = [probes.subset(label, 10, (seed, i)) for i in range(P)]
    data = label_subsets.put(x, label, rows)
    hparams = hparams._replace(mode_weights=label_subsets.weights(P))

All members share one pool without labels, and one of all labelled samples, whose modes
are the members' subsets: `mode_weights` of member i are 1 at place i and 0 elsewhere.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors, precision
from jaxgan.data import modes, pool


class LabelSubsets(NamedTuple):
    """Samples on the device, and those of them that some member knows the label of.

    Attributes:
      x: `[N, ...]` uint8 images or float32 points, all of them.
      labelled: a `pool.Pool` of the labelled ones, with labels, whose modes are the
        members' subsets.
    """

    x: jax.Array
    labelled: pool.Pool

    @property
    def label(self) -> None:
        """Of `x`, as of a `pool.Pool`: none is known."""
        return None


def put(x: ArrayLike, label: ArrayLike, rows: Sequence[np.ndarray]) -> LabelSubsets:
    """Copies samples and the labels that members know to the device.

    Args:
      x: `[N, ...]`.
      label: `[N]` integers.
      rows: for each of P members, where the samples are whose labels it knows; at least
        one each.

    Raises:
      UserError: if there are no samples, no members, or a member without a label.
    """
    if not len(rows) or not all(map(len, rows)):
        raise errors.UserError(
            f"rows are of {len(rows)} members with {list(map(len, rows))} labels; each "
            "member needs one at least."
        )
    pool.require_samples(np.shape(x), None, np.shape(label))
    known = np.concatenate(rows)
    subsets = modes.from_labels(np.repeat(np.arange(len(rows)), [*map(len, rows)]))
    labelled = pool.put(np.asarray(x)[known], subsets, np.asarray(label)[known])
    return LabelSubsets(precision.narrowed(jnp.asarray(x)), labelled)


def weights(num_members: int) -> jax.Array:
    """The `mode_weights [P, P]` by which each member is told its own labels."""
    return jnp.eye(num_members)


def draw(
    batch_size: int,
) -> Callable[[LabelSubsets, types.HParams, jax.Array], types.Batch]:
    """Builds the sampler that `training.compile` takes, with replacement.

    Args:
      batch_size: samples without labels that one step consumes, and as many labelled
        ones.

    Returns:
      `sample(data, hparams, key) -> Batch`, with labels in `labelled` alone.

    Raises:
      UserError: as `pool.draw`.
    """
    drawn = pool.draw(batch_size)

    def sample(
        data: LabelSubsets, hparams: types.HParams, key: jax.Array
    ) -> types.Batch:
        key, own_key = jax.random.split(key)
        own = drawn(data.labelled, hparams, own_key)
        everything = hparams._replace(mode_weights=None)
        return drawn(pool.Pool(data.x), everything, key)._replace(labelled=own)

    return sample
