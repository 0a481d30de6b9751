"""What a population trains on: one pool of samples on the device, shared by all.

Data that are larger than the device stay on the host, see `jaxgan.data.streaming`.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors, precision
from jaxgan.data import dataset, sampling, standardise
from jaxgan.data import modes as modes_lib


class Pool(NamedTuple):
    """Samples on the device, with the modes that members draw from.

    Attributes:
      x: `[N, ...]` uint8 images or float32 points.
      modes: of those samples; None if no member has `mode_weights`.
      label: `[N]` int32, or None for batches without labels.
    """

    x: jax.Array
    modes: modes_lib.Modes | None = None
    label: jax.Array | None = None


class Rows(NamedTuple):
    """The samples of one step of one member, drawn beforehand.

    Attributes:
      x: `[B, ...]` uint8 images or floating-point points.
      label: `[B]` int32, or None.
    """

    x: jax.Array
    label: jax.Array | None = None


def put(
    x: ArrayLike,
    modes: modes_lib.Modes | None = None,
    label: ArrayLike | None = None,
) -> Pool:
    """Copies samples, modes and labels to the device.

    Args:
      x: `[N, ...]` uint8 images or floating-point points.
      modes: of those samples, or None if no member has `mode_weights`.
      label: `[N]` integers, or None for batches without labels.

    Raises:
      UserError: if there are no samples, or modes or labels are not of these.
    """
    require_samples(np.shape(x), modes, None if label is None else np.shape(label))
    return precision.narrowed(jax.tree.map(jnp.asarray, Pool(x, modes, label)))


def require_samples(
    shape: tuple[int, ...],
    modes: modes_lib.Modes | None,
    label_shape: tuple[int, ...] | None,
) -> None:
    """Asks that there are samples, and that modes and labels are theirs.

    Raises:
      UserError: if not.
    """
    if not isinstance(modes, modes_lib.Modes | None):
        raise errors.UserError(
            f"modes is {errors.shown(modes)}, but must be Modes; modes.from_labels("
            "label) gives them, and labels are given as label=."
        )
    if not (shape and shape[0]):
        raise errors.UserError(
            f"x has shape {shape}; it needs at least one sample along its first axis."
        )
    if label_shape is not None and label_shape != shape[:1]:
        raise errors.UserError(
            f"label has shape {label_shape}; it must be ({shape[0]},), one per sample."
        )
    last = -1 if modes is None else int(np.max(modes.table, initial=-1))
    if last >= shape[0]:
        raise errors.UserError(
            f"modes are of other samples: they have one of number {last}, but x holds "
            f"{shape[0]}; make them of these."
        )


def draw(
    batch_size: int,
) -> Callable[[Pool | Rows, types.HParams, jax.Array], types.Batch]:
    """Builds the sampler that `training.compile` takes.

    A member draws by its `hparams.mode_weights`, and its samples are standardised if it
    has a `hparams.standardiser`. From `Rows` nothing is left to draw: they become the
    batch as they are.

    Args:
      batch_size: samples that one step consumes: B, or `n_critic` times B.

    Raises:
      UserError: if `batch_size` < 1, or (when traced) if the data are no `Pool` or
        `Rows`, or rows of another number arrive.
    """
    errors.require_whole(batch_size=batch_size)
    if batch_size < 1:
        raise errors.UserError(f"batch_size={batch_size} must be at least 1.")

    def sample(
        data: Pool | Rows, hparams: types.HParams, key: jax.Array
    ) -> types.Batch:
        if not isinstance(data, (Pool, Rows)):
            raise errors.UserError(
                f"data is a {type(data).__name__}, but pool.draw draws from a Pool; "
                "give pool.put(x)."
            )
        if isinstance(data, Rows):
            batch = types.Batch(dataset.to_float(data.x), data.label)
        else:
            # Built in the traced function, so that the pool stays an argument of the
            # program and does not become a constant of it.
            draw_batch = sampling.sampler(data.x, data.modes, batch_size, data.label)
            batch = draw_batch(hparams.mode_weights, key)
        if len(batch.x) != batch_size:
            raise errors.UserError(
                f"the data are streamed with batch_size={len(batch.x)}, but the "
                f"sampler was built with batch_size={batch_size}; give both the same."
            )
        if hparams.standardiser is None:
            return batch
        return batch._replace(x=standardise.standardise(hparams.standardiser, batch.x))

    return sample


def stacked(
    sample: Callable[[Pool | Rows, types.HParams, jax.Array], types.Batch],
    depth: int,
    num_classes: int | None = None,
) -> Callable[[Pool | Rows, types.HParams, jax.Array], types.Batch]:
    """Stacks what a sampler draws: every step has new tuples of images.

    `stacked(draw(3 * batch_size), 3)` draws from a pool, or a stream, of single grey
    images; the first B of them are first channels, the next B second ones, and so on.
    The datasets of `stacking` have fixed tuples, as samples of which one says which
    mode they belong to, and that a run can find again, must have.

    Args:
      sample: the sampler of `depth` times B single images.
      depth: K, images in a tuple, at least 2.
      num_classes: of a single image, to number tuples as `stacking.labels` does; None
        for batches without labels.

    Returns:
      A sampler of batches `x [B, H, W, K]` with the labels `[B]` of tuples, or None.

    Raises:
      UserError: (when traced) if the images are not grey, or their number is not a
        multiple of the depth.
    """
    errors.require_whole(depth=depth)

    def sample_tuples(
        data: Pool | Rows, hparams: types.HParams, key: jax.Array
    ) -> types.Batch:
        batch = sample(data, hparams, key)
        x, label = batch.x, batch.label
        if x.ndim != 4 or x.shape[-1] != 1 or len(x) % depth:
            raise errors.UserError(
                f"a batch of shape {x.shape} cannot be stacked; give a sampler of grey "
                f"images whose number is a multiple of depth={depth}."
            )
        x = jnp.moveaxis(x[..., 0].reshape(depth, -1, *x.shape[1:3]), 0, -1)
        if label is None or num_classes is None:
            return types.Batch(x)
        places = num_classes ** jnp.arange(depth - 1, -1, -1, dtype=jnp.int32)
        return types.Batch(x, places @ label.reshape(depth, -1))

    return sample_tuples


def standardisers(pool: Pool, mode_weights: jax.Array) -> standardise.Standardiser:
    """The standardiser of each member's own data, `[P, ...]` for `[P, K]` weights."""

    return _standardisers(pool, mode_weights)


# The pool is an argument, as XLA would compute with a constant while it compiles.
@jax.jit
@functools.partial(jax.vmap, in_axes=(None, 0))
def _standardisers(pool: Pool, weights: jax.Array) -> standardise.Standardiser:
    return standardise.standardiser(pool.x, pool.modes, weights)
