"""From two networks to a `GAN`: pure functions of weights and collections.

This is the only module that calls Flax modules, so that another framework, or
networks written by hand, need only provide the four functions of `types.GAN`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxgan import errors, networks, types
from jaxgan.networks import layers


def from_networks(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    shape: Sequence[int],
    latent_dim: int,
) -> types.GAN:
    """Makes an unconditional GAN of two Flax modules, with `z ~ N(0, I_D)`.

    Args:
      generator: maps `z [B, D]` to `x [B, *shape]`, called with `train=`.
      discriminator: maps `x [B, *shape]` to a `DiscriminatorOutput`.
      shape: shape of one sample.
      latent_dim: D.

    Raises:
      UserError: if `latent_dim` is not positive.
    """
    if latent_dim < 1:
        raise errors.UserError(f"latent_dim={latent_dim} must be at least 1.")

    def init(key: jax.Array) -> tuple[types.Pair, types.Pair]:
        g_key, d_key = jax.random.split(key)
        z = jnp.zeros((2, latent_dim))
        x = jnp.zeros((2, *shape))
        g_params, g_collections = _split(generator.init(g_key, z, train=True))
        d_params, d_collections = _split(discriminator.init(d_key, x, train=True))
        return types.Pair(g_params, d_params), types.Pair(g_collections, d_collections)

    def latent(key: jax.Array, n: int) -> jax.Array:
        return jax.random.normal(key, (n, latent_dim))

    def generate(params, collections, z, label=None, train=False):
        _refuse_label(label)
        return _apply(generator, params, collections, z, train)

    def discriminate(params, collections, x, label=None, train=False):
        _refuse_label(label)
        return _apply(discriminator, params, collections, x, train)

    return types.GAN(init, latent, generate, discriminate)


def mlp(
    shape: Sequence[int],
    *,
    latent_dim: int = 16,
    hidden: Sequence[int] = (128, 128),
    generator_normalisation: str = "none",
    discriminator_normalisation: str = "none",
    bounded: bool = False,
) -> types.GAN:
    """A GAN of two multilayer perceptrons, see `networks.mlp`.

    Args:
      shape: shape of one sample, such as `(2,)` or `(8, 8, 1)`.
      latent_dim: D.
      hidden: widths of the hidden layers of both players.
      generator_normalisation, discriminator_normalisation: by name, see
        `networks.layers.NORMALISATIONS`.
      bounded: whether the generator ends in a tanh, as images in [-1, 1] need.
    """
    layers.check_normalisation(generator_normalisation, "generator_normalisation")
    layers.check_normalisation(
        discriminator_normalisation, "discriminator_normalisation"
    )
    if not hidden or min(hidden) < 1:
        raise errors.UserError(f"hidden={tuple(hidden)} must hold positive widths.")
    return from_networks(
        networks.MLPGenerator(
            tuple(shape), tuple(hidden), generator_normalisation, bounded
        ),
        networks.MLPDiscriminator(tuple(hidden), discriminator_normalisation),
        shape=shape,
        latent_dim=latent_dim,
    )


def conv(
    shape: Sequence[int],
    *,
    latent_dim: int = 64,
    width: int = 32,
    generator_normalisation: str = "batch",
    discriminator_normalisation: str = "none",
) -> types.GAN:
    """A GAN of two small convolutional networks, see `networks.conv`.

    Args:
      shape: `(H, W, C)` with H and W multiples of four.
      latent_dim: D.
      width: channels of the outermost hidden layer of both players.
      generator_normalisation, discriminator_normalisation: by name, see
        `networks.layers.NORMALISATIONS`.

    Raises:
      UserError: if these networks cannot make images of that shape.
    """
    layers.check_normalisation(generator_normalisation, "generator_normalisation")
    layers.check_normalisation(
        discriminator_normalisation, "discriminator_normalisation"
    )
    if len(shape) != 3 or shape[0] % 4 or shape[1] % 4:
        raise errors.UserError(
            f"shape={tuple(shape)} does not suit the network 'conv', which makes "
            "images (H, W, C) whose sides are multiples of 4; use 'mlp' or resize them."
        )
    return from_networks(
        networks.ConvGenerator(tuple(shape), width, generator_normalisation),
        networks.ConvDiscriminator(width, discriminator_normalisation),
        shape=shape,
        latent_dim=latent_dim,
    )


ARCHITECTURES: dict[str, Callable[..., types.GAN]] = {"mlp": mlp, "conv": conv}
"""Builders by name: `(shape, **arguments) -> GAN`."""


def build(description: Mapping[str, Any]) -> types.GAN:
    """Builds the GAN that a plain, storable description names.

    Args:
      description: `{"architecture": name, "shape": [...], ...}`, where what follows
        are the keyword arguments of that builder in `ARCHITECTURES`.

    Raises:
      UserError: if there is no such architecture.
    """
    arguments = dict(description)
    name = arguments.pop("architecture")
    if name not in ARCHITECTURES:
        raise errors.UserError(
            f"architecture={name!r} is not known; choose one of "
            f"{', '.join(ARCHITECTURES)}."
        )
    return ARCHITECTURES[name](**arguments)


def _split(variables: Mapping[str, Any]) -> tuple[types.Tree, types.Tree]:
    collections = dict(variables)
    return collections.pop("params"), collections


def _apply(module, params, collections, x, train):
    # Mutable even when not training: spectral normalisation iterates on its vector in
    # every pass. What comes of it is kept only in training.
    variables = {"params": params, **collections}
    output, updated = module.apply(variables, x, train=train, mutable=list(collections))
    return output, {**collections, **updated} if train else collections


def _refuse_label(label) -> None:
    if label is not None:
        raise errors.UserError(
            "label was given to an unconditional GAN; draw batches without labels."
        )
