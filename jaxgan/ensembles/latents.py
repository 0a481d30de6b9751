"""The latents of a mixture's generators: drawn, decoded, truncated and searched.

at = latents.draw(gan, mixture, key, 8)                  # member, z, label of each
x = latents.decode(gan, mixture, at.member, path, label)  # x along a path of each
found = latents.project(gan, mixture, key, real, starts=4)
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan import types
from jaxgan.core import randomness, truncation
from jaxgan.data import sampling
from jaxgan.ensembles import mixtures
from jaxgan.scores import inversion

POOL = 512
"""Samples of each member, among which a projection finds its starts."""


class Latents(NamedTuple):
    """Points in the latents of a mixture's generators.

    Attributes:
      member: int32 `[N]`, whose they are.
      z: `[N, D]`.
      label: int32 `[N]`, or None for unconditional generators.
    """

    member: jax.Array
    z: jax.Array
    label: jax.Array | None


class Projection(NamedTuple):
    """The best latents of each of M samples, of all members and starts.

    Attributes:
      at: of M samples.
      x: `[M, ...]` that is generated there.
      begin: `[M]` distance to the nearest sample of the member that is best, from among
        which its descents began.
      distance: `[M]` that was reached, see `inversion.Inversion`.
      reached: `[M, members, S]` by all descents, infinite of members without weight.
    """

    at: Latents
    x: jax.Array
    begin: jax.Array
    distance: jax.Array
    reached: jax.Array


@functools.partial(jax.jit, static_argnums=(0, 3))
def draw(gan: types.GAN, mixture: mixtures.Mixture, key: jax.Array, n: int) -> Latents:
    """Latents of a mixture: members by their weights, labels by their classes.

    Args:
      gan: that the members were trained as.
      mixture: of M generators.
      key: consumed.
      n: number of latents, static.
    """
    member_key, z_key, label_key = jax.random.split(randomness.threefry(key), 3)
    member = sampling.categorical(mixture.weights, member_key, n)
    # Where no member is alive the weights are NaN and the draw falls off the end.
    member = jnp.minimum(member, len(mixture.weights) - 1)
    label = None
    if mixture.classes is not None:
        keys = jax.random.split(label_key, n)
        label = jax.vmap(_one_of)(mixture.classes[member], keys)
    return Latents(member, gan.latent(z_key, n), label)


@functools.partial(jax.jit, static_argnums=0)
def of_classes(
    gan: types.GAN, mixture: mixtures.Mixture, key: jax.Array, label: jax.Array
) -> jax.Array:
    """Members of a mixture that make samples of classes.

    Member m makes class k with probability proportional to `weight_m classes_mk`. A row
    of classes has one random number for all of them, so that it is of one member where
    members know these classes alike.

    Args:
      gan: that the members were trained as.
      mixture: of M conditional generators.
      key: consumed.
      label: `[N]` or `[N, C]`, of classes that some member of weight knows.

    Returns:
      int32, as `label`.
    """
    shares = (mixture.weights[:, None] * mixture.classes).T
    keys = jax.random.split(randomness.threefry(key), len(label))

    def of_row(label, key):
        own = shares[label.ravel()]
        return jax.vmap(_one_of, (0, None))(own, key).reshape(label.shape)

    member = jax.vmap(of_row)(label, keys)
    return jnp.minimum(member, len(mixture.weights) - 1)


@functools.partial(jax.jit, static_argnums=0)
def decode(
    gan: types.GAN,
    mixture: mixtures.Mixture,
    member: jax.Array,
    z: jax.Array,
    label: jax.Array | None = None,
) -> jax.Array:
    """What the generators of a mixture make of given latents.

    Args:
      gan: that the members were trained as.
      mixture: of M generators.
      member: `[R]`, the generator of each row.
      z: `[R, T, D]`.
      label: `[R]` of each row, or None for unconditional generators.

    Returns:
      `[R, T, ...]` in the units of the data; NaN of generators that are dead.
    """

    def of_row(row):
        member, z, label = row
        own = jax.tree.map(lambda leaf: leaf[member], mixture)
        if label is not None:
            label = jnp.full(len(z), label)
        x = mixtures.generated(gan, own, z, label)
        return jnp.where(jnp.isfinite(own.weights), x, jnp.nan)

    return jax.lax.map(of_row, (member, z, label))


def truncated(gan: types.GAN, rule: str, level: float) -> types.GAN:
    """The GAN with truncated latents: the same draws, nearer to their middle.

    Args:
      gan: with latents from `N(0, I)`.
      rule: by its name in `core.truncation`.
      level: of the rule.

    Raises:
      UserError: for another rule, and a level that is not positive.
    """
    truncation.check(rule, level)
    apply = truncation.RULES[rule]
    return gan._replace(latent=lambda key, n: apply(gan.latent(key, n), level))


@functools.partial(
    jax.jit, static_argnums=0, static_argnames=("starts", "num_steps", "pool")
)
def project(
    gan: types.GAN,
    mixture: mixtures.Mixture,
    key: jax.Array,
    real: jax.Array,
    *,
    starts: int = 4,
    num_steps: int = inversion.STEPS,
    rate: float = inversion.RATE,
    pool: int = POOL,
) -> Projection:
    """Projects real samples into the latents of a mixture, see `inversion.invert`.

    Of each member `starts` descents are made for each sample, and the nearest of all
    counts: the work is that of `M * members * starts` latents in `num_steps` steps.

    Args:
      gan: that the members were trained as.
      mixture: of generators.
      key: consumed; of the latents among which descents start.
      real: `[M, ...]` in the units of the data.
      starts: S of each member, static.
      num_steps: of each descent, static.
      rate: of Adam at the beginning.
      pool: samples of each member among which starts are found, static.

    Raises:
      UserError: as `inversion.invert`.
    """

    def of_member(member):
        own, own_key = member
        z_key, label_key = jax.random.split(own_key)
        z, label = gan.latent(z_key, pool), None
        if own.classes is not None:
            label = sampling.categorical(own.classes, label_key, pool)

        def generate(z, label):
            return mixtures.generated(gan, own, z, label)

        found = inversion.invert(generate, z, label, real, starts, num_steps, rate)
        # No sample comes from a member without weight, whatever it makes.
        absent = jnp.where(jnp.isfinite(own.weights), jnp.inf, jnp.nan)
        distance = jnp.where(own.weights > 0, found.distance, absent)
        return found._replace(distance=distance)

    keys = jax.random.split(randomness.threefry(key), len(mixture.weights))
    found = jax.lax.map(of_member, (mixture, keys))
    member = jnp.argmin(found.distance[:, :, 0], axis=0)
    rows = jnp.arange(len(real))
    z, label, _, distance = jax.tree.map(lambda leaf: leaf[member, rows, 0], found)
    x = decode(gan, mixture, member, z[:, None], label)[:, 0]
    begin = jnp.min(found.begin[member, rows], axis=-1)
    reached = jnp.moveaxis(found.distance, 1, 0)
    return Projection(Latents(member, z, label), x, begin, distance, reached)


def _one_of(probabilities: jax.Array, key: jax.Array) -> jax.Array:
    return sampling.categorical(probabilities, key, 1)[0]
