"""One GAN trained from several seeds: what each of its generators makes.

All generators of a population lie in one `ensembles.Mixture`, each with weight 1 of its
own and not as parts of one another; a dead one has weight 0.
"""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, population, runs, types
from jaxgan.data import standardise


def generators(
    gan: types.GAN, members: runs.Members, key: jax.Array, shares: jax.Array | None
) -> ensembles.Mixture:
    """The trained generators, with standing statistics.

    Args:
      gan: that the members were trained as.
      members: of the population.
      key: consumed, see `ensembles.mixture`.
      shares: `[K]` probabilities of the labels, or None for unconditional generators.
    """
    alive = members.state.alive
    if shares is not None:
        shares = jnp.tile(jnp.asarray(shares, jnp.float32), (len(alive), 1))
    mixture = ensembles.mixture(gan, members.state, members.hparams, alive, key, shares)
    return mixture._replace(weights=alive.astype(jnp.float32))


@functools.partial(jax.jit, static_argnums=0)
def generate_alike(
    gan: types.GAN,
    mixture: ensembles.Mixture,
    z: jax.Array,
    label: jax.Array | None = None,
) -> jax.Array:
    """What every generator makes of the same latents.

    Args:
      gan: that the members were trained as.
      mixture: of M generators, such as `generators` gives.
      z: `[n, D]`.
      label: `[n]`, or None if the generators are unconditional.

    Returns:
      `[M, n, ...]` in the units of the data, NaN for generators without weight.
    """

    def generate(own):
        x, _ = gan.generate(own.params, own.collections, z, label)
        if own.standardiser is not None:
            x = standardise.unstandardise(own.standardiser, x)
        return jnp.where(own.weights > 0, x, jnp.nan)

    return jax.lax.map(generate, mixture)


def save(
    mixture: ensembles.Mixture,
    architecture: Mapping[str, Any],
    folder: pathlib.Path,
    **notes: Any,
) -> None:
    """Saves each generator as a mixture of its own.

    Args:
      mixture: of M generators, from `generators`.
      architecture: the description that `gan.build` takes.
      folder: where generator i becomes `mixture-generator-i.safetensors`.
      **notes: for each file, see `ensembles.save`.
    """
    for i in range(len(mixture.weights)):
        path = folder / f"mixture-generator-{i}.safetensors"
        own = _own(mixture, i)
        ensembles.save(path, own, architecture, title=f"seed {i}", **notes)


def sample(
    gan: types.GAN, mixture: ensembles.Mixture, key: jax.Array, n: int
) -> np.ndarray:
    """Draws from each generator.

    Args:
      gan: that the members were trained as.
      mixture: of M generators, from `generators`.
      key: generator i draws with `fold_in(key, i)`.
      n: samples of each.

    Returns:
      `[M, n, ...]`, NaN for a dead generator.
    """
    drawn = []
    for i in range(len(mixture.weights)):
        own_key = jax.random.fold_in(key, i)
        x, _ = ensembles.sample(gan, _own(mixture, i), own_key, n)
        drawn.append(np.asarray(x))
    return np.stack(drawn)


def _own(mixture: ensembles.Mixture, i: int) -> ensembles.Mixture:
    own = population.take(mixture, np.array([i]))
    # A dead one's weight becomes 0 / 0, and with it every sample NaN.
    return own._replace(weights=own.weights / own.weights)
