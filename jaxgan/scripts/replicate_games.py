"""The value of the game of each seed of a run, on images that nobody has trained on."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import dynamics, runs, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.dynamics import values

MOST = 1024
"""Held-out images, at most."""


def measure(
    gan: types.GAN,
    data: dataset.Dataset,
    members: runs.Members,
    *,
    labels: bool,
    seed: int,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """The minimax value of each seed beside that at an equilibrium.

    Args:
      gan: that the members were trained as.
      data: the first held-out images of it are used, in an order that the seed decides.
      members: of the population, as they are: not their moving average.
      labels: whether the networks are conditional; then it is measured as well how
        often the discriminator knows the class of a real image.
      seed: of the order and the latents.
      batch_size: real images that the discriminator sees at once, or packs of them, as
        in training, where its layers compare the samples of a batch; None for all.

    Returns:
      `{"images", "at_equilibrium", "value" [S]}` in nats, and `class_accuracy` `[S]` of
      conditional networks; see `dynamics.value_metrics` and `dynamics.class_accuracy`.
    """
    own = data.test
    order = np.random.default_rng(seed).permutation(len(own.x))[:MOST]
    size = len(order) if batch_size is None else batch_size * gan.pack
    size = max(gan.pack, min(size, len(order) - len(order) % gan.pack))
    order = order[: len(order) - len(order) % size].reshape(-1, size)
    label = jnp.asarray(np.asarray(own.label)[order]) if labels else None
    batches = types.Batch(
        dataset.to_float(jnp.asarray(np.asarray(own.x)[order])), label
    )
    keys = randomness.keys(jnp.arange(seed, seed + len(order)))
    metrics = [dynamics.value_metrics(gan)]
    if labels:
        metrics.append(dynamics.class_accuracy(gan, data.num_classes))

    # The samples are arguments, as constants are folded by the compiler.
    @jax.jit
    def of_all(hparams, state, batches, keys):
        def of_member(member):
            def of_batch(batch_and_key):
                return [metric(*member, *batch_and_key) for metric in metrics]

            found = jax.lax.map(of_batch, (batches, keys))
            return jax.tree.map(lambda values: values.mean(0), found)

        return jax.lax.map(of_member, (hparams, state))

    found: dict[str, np.ndarray] = {}
    for own_metrics in jax.device_get(
        of_all(members.hparams, members.state, batches, keys)
    ):
        found |= own_metrics
    del found["value_above_equilibrium"]
    return {
        "images": order.size,
        "at_equilibrium": values.AT_EQUILIBRIUM,
        **{name: own.tolist() for name, own in found.items()},
    }


def sentence(found: Mapping[str, Any]) -> str:
    """What was found, for the terminal."""
    said = (
        f"V(D, G) on {found['images']} held-out samples, seed by seed: "
        f"{_listed(found['value'])}; at an equilibrium {found['at_equilibrium']:.3f}"
    )
    if "class_accuracy" in found:
        said += f"; D knows the class of {_listed(found['class_accuracy'])} of them"
    return said


def _listed(numbers: list[float]) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers)
