"""From two networks to a `GAN`: pure functions of weights and collections.

This is the only module that calls Flax modules, so that another framework, or
networks written by hand, need only provide the four functions of `types.GAN`.
"""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import errors as flax_errors
from flax import linen as nn

from jaxgan import networks, types
from jaxgan.core import errors, precision, randomness
from jaxgan.data import packs
from jaxgan.networks import convolution as forms
from jaxgan.networks import layers
from jaxgan.networks.layers import conditioning as conditionings

UNFIT = (
    flax_errors.ApplyScopeInvalidVariablesTypeError,
    flax_errors.ApplyScopeInvalidVariablesStructureError,
    flax_errors.ScopeCollectionNotFound,
    flax_errors.ScopeParamNotFoundError,
    flax_errors.ScopeParamShapeError,
)
"""What Flax says of weights that are another network's, or a population's."""


def from_networks(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    shape: Sequence[int],
    latent_dim: int,
    num_classes: int | None = None,
    pack: int = 1,
) -> types.GAN:
    """Makes a GAN of two Flax modules, with `z ~ N(0, I_D)`.

    Args:
      generator: maps `z [B, D]` to `x [B, *shape]`, called with `train=`; a method
        `log_probs` of it, if it has one, is that of the GAN.
      discriminator: maps `x [B, *shape]` to a `DiscriminatorOutput`, called likewise.
      shape: shape of one sample.
      latent_dim: D.
      num_classes: K for a conditional GAN, whose modules are called with `label=` too,
        or None.
      pack: m, samples that the discriminator judges together (PacGAN): `discriminate`
        takes `[m B, *shape]` and gives its module packs `[B, *n, m C]`, see
        `data.packs`; 1 for none.

    Raises:
      UserError: if `latent_dim` or `pack` is not positive, there are packs and labels,
        or a module cannot be called with `train=`. The GAN's functions raise it for a
        label that is missing, or given to an unconditional GAN, for samples and latents
        of another shape, for samples that are no whole packs, and for a discriminator
        that returns something else.

    References:
      Lin et al., PacGAN: The Power of Two Samples in Generative Adversarial Networks,
      2018, https://arxiv.org/abs/1712.04086
    """
    errors.require_whole(latent_dim=latent_dim, pack=pack)
    if latent_dim < 1:
        raise errors.UserError(f"latent_dim={latent_dim} must be at least 1.")
    _check_pack(pack, num_classes)
    _check_module("generator", generator)
    _check_module("discriminator", discriminator)

    def labelled(label) -> dict[str, Any]:
        if num_classes is None and label is not None:
            raise errors.UserError(
                "label was given to an unconditional GAN; draw batches without labels."
            )
        if num_classes is not None and label is None:
            raise errors.UserError(
                f"label is missing: this GAN is conditional on {num_classes} classes; "
                "draw batches with labels."
            )
        return {} if label is None else {"label": label}

    def init(key: jax.Array) -> tuple[types.Pair, types.Pair]:
        g_key, d_key = jax.random.split(randomness.threefry(key))
        z = jnp.zeros((2, latent_dim), jnp.float32)
        x = packs.pack(jnp.zeros((2 * pack, *shape), jnp.float32), pack)
        label = labelled(None if num_classes is None else jnp.zeros(2, jnp.int32))
        g_params, g_collections = _init(generator, g_key, z, label)
        d_params, d_collections = _init(discriminator, d_key, x, label)
        return types.Pair(g_params, d_params), types.Pair(g_collections, d_collections)

    def latent(key: jax.Array, n: int) -> jax.Array:
        randomness.require("key", key, "give jax.random.key(seed)")
        errors.require_whole(n=n)
        if n < 0:
            raise errors.UserError(f"n={n} latents must not be negative.")
        key = randomness.threefry(key)
        if key.shape:
            raise errors.UserError(
                f"key has shape {key.shape}, but one key draws the latents of one "
                "member; give one, or call it under jax.vmap."
            )
        return jax.random.normal(key, (n, latent_dim), jnp.float32)

    def generate(params, collections, z, label=None, train=False):
        _check_samples("z", z, (latent_dim,))
        return _apply(generator, params, collections, z, labelled(label), train)

    def discriminate(params, collections, x, label=None, train=False):
        _check_samples("x", x, shape)
        x = packs.pack(x, pack)
        given = labelled(label)
        output, updated = _apply(discriminator, params, collections, x, given, train)
        _check_output(output)
        return output, updated

    def log_probs(params, collections, x, label=None):
        _check_samples("x", x, shape)
        return _log_probs(generator, params, collections, x, labelled(label))

    known = log_probs if hasattr(generator, "log_probs") else None
    return types.GAN(init, latent, generate, discriminate, pack, known)


def make(
    architecture: str,
    shape: Sequence[int],
    *,
    latent_dim: int | None = None,
    num_classes: int | None = None,
    evidence_classes: int | None = None,
    generator_normalisation: str | None = None,
    discriminator_normalisation: str | None = None,
    generator_conditioning: str | None = None,
    discriminator_conditioning: str | None = None,
    initialisation: str | None = None,
    convolution: str = "auto",
    dtype: str = "float32",
    reference_size: int = 32,
    minibatch: str = "none",
    pack: int = 1,
    **numbers: Any,
) -> types.GAN:
    """Makes the GAN of a named architecture.

    None stands for what was published with the architecture, see the docstrings of its
    networks; for an architecture without conditioning, `num_classes` brings in the
    labels as `networks.Architecture.conditional` says.

    Args:
      architecture: one of `networks.ARCHITECTURES`.
      shape: shape of one sample, such as `(2,)` or `(28, 28, 1)`.
      latent_dim: D.
      num_classes: K of the labels, or None for an unconditional GAN.
      evidence_classes: K classes that the discriminator of an unconditional GAN tells
        apart, and from generated samples, see `evidence` in
        `layers.conditioning.DISCRIMINATOR`; None for a logit alone.
      generator_normalisation, discriminator_normalisation: one of
        `layers.NORMALISATIONS`.
      generator_conditioning: one of `layers.conditioning.GENERATOR`.
      discriminator_conditioning: one of `layers.conditioning.DISCRIMINATOR`.
      initialisation: of both players, one of `layers.INITIALISATIONS`.
      convolution: form of the convolutions and dense layers, one of
        `networks.convolution.FORMS`.
      dtype: in which both players compute, "float32" or "bfloat16"; parameters are
        float32.
      reference_size: samples of the reference batch of `virtual_batch`.
      minibatch: what the discriminator's last layer sees of the other samples of its
        batch, one of `layers.MINIBATCH`.
      pack: samples that the discriminator judges together, see `from_networks`.
      **numbers: of that architecture, such as `width` or `hidden`.

    Raises:
      UserError: if a name is not known, the architecture cannot make samples of that
        shape, or there is no such number.
    """
    _check_shape(shape)
    if architecture not in networks.ARCHITECTURES:
        raise errors.UserError(
            f"architecture={architecture!r} is not known; "
            f"{errors.choice(architecture, networks.ARCHITECTURES)}"
        )
    published = networks.ARCHITECTURES[architecture]
    _check_numbers(architecture, published, numbers)
    recipes = _recipes(
        published,
        types.Pair(generator_normalisation, discriminator_normalisation),
        initialisation=initialisation,
        convolution=convolution,
        dtype=dtype,
        reference_size=reference_size,
    )
    seeing = dataclasses.replace(recipes.discriminator, minibatch=minibatch)
    layers.check(seeing, "discriminator_")
    recipes = recipes._replace(discriminator=seeing)
    _check_pack(pack, num_classes)
    conditioning = _conditioning(
        published,
        types.Pair(generator_conditioning, discriminator_conditioning),
        num_classes,
        evidence_classes,
    )
    _check_evidence(evidence_classes, num_classes, discriminator_conditioning, seeing)
    pair = published.build(tuple(shape), recipes, conditioning, **numbers)
    if pack > 1:
        packed = (*shape[:-1], pack * shape[-1])
        other = published.build(packed, recipes, conditioning, **numbers)
        pair = pair._replace(discriminator=other.discriminator)
    referred = [
        layers.WithReference(module, recipe)
        if recipe.normalisation == "virtual_batch"
        else module
        for module, recipe in zip(pair, recipes, strict=True)
    ]
    if num_classes is not None and any(
        recipe.normalisation == "virtual_batch" for recipe in recipes
    ):
        raise errors.UserError(
            "normalisation='virtual_batch' does not go with num_classes="
            f"{num_classes}, as its reference batch has no labels; choose another."
        )
    if latent_dim is None:
        usual = published.latent_dim
        latent_dim = usual(tuple(shape)) if callable(usual) else usual
    return from_networks(
        *referred,
        shape=shape,
        latent_dim=latent_dim,
        num_classes=num_classes,
        pack=pack,
    )


def mlp(
    shape: Sequence[int],
    *,
    hidden: Sequence[int] = (128, 128),
    bounded: bool = False,
    **options: Any,
) -> types.GAN:
    """A GAN of two multilayer perceptrons, see `networks.mlp`.

    Args:
      shape: shape of one sample, such as `(2,)` or `(8, 8, 1)`.
      hidden: widths of the hidden layers of both players.
      bounded: whether the generator ends in a tanh, as images in [-1, 1] need.
      **options: of `make`; `latent_dim` is 16 by default.
    """
    return make("mlp", shape, hidden=hidden, bounded=bounded, **options)


def conv(shape: Sequence[int], *, width: int = 32, **options: Any) -> types.GAN:
    """A GAN of two small convolutional networks, see `networks.conv`.

    Args:
      shape: `(H, W, C)` with H and W multiples of four.
      width: channels of the outermost hidden layer of both players.
      **options: of `make`; `latent_dim` is 64 by default.

    Raises:
      UserError: if these networks cannot make images of that shape.
    """
    return make("conv", shape, width=width, **options)


def build(description: Mapping[str, Any]) -> types.GAN:
    """Builds the GAN that a plain, storable description names.

    Args:
      description: `{"architecture": name, "shape": [...], ...}`, the arguments of
        `make`.

    Raises:
      UserError: as `make`.
    """
    return make(**description)


def rebuild(description: Mapping[str, Any]) -> types.GAN:
    """As `build`, of networks that were kept, perhaps on another machine.

    A form of convolutions that not every machine has becomes `auto`, which computes the
    same up to rounding.
    """
    portable = forms.portable(description.get("convolution", "auto"))
    return build({**description, "convolution": portable})


def _check_shape(shape: Sequence[int]) -> None:
    if not isinstance(shape, Sequence | np.ndarray) or isinstance(shape, str):
        raise errors.UserError(
            f"shape={errors.shown(shape)} must hold the sizes of one sample, such as "
            "(2,)."
        )
    for size in shape:
        errors.require_whole(shape=size)
        if size < 1:
            raise errors.UserError(f"shape={tuple(shape)} must hold positive sizes.")


def _check_pack(pack: int, num_classes: int | None) -> None:
    errors.require_whole(pack=pack)
    if pack < 1:
        raise errors.UserError(f"pack={pack} must be at least 1, which packs nothing.")
    if pack > 1 and num_classes is not None:
        raise errors.UserError(
            f"pack={pack} does not go with num_classes={num_classes}, as the samples "
            "of a pack have labels of their own; leave one of them out."
        )


def _check_module(name: str, module: nn.Module) -> None:
    if not isinstance(module, nn.Module):
        raise errors.UserError(
            f"{name} is {errors.shown(module)}, but must be a Flax module; give an "
            "instance of a class that inherits from flax.linen.Module."
        )
    taken = inspect.signature(type(module).__call__).parameters.values()
    if not any(own.name == "train" or own.kind is own.VAR_KEYWORD for own in taken):
        raise errors.UserError(
            f"{name}, a {type(module).__name__}, takes no argument 'train', with which "
            "it is called; write def __call__(self, x, *, train)."
        )


def _check_output(output: Any) -> None:
    if not isinstance(output, types.DiscriminatorOutput):
        raise errors.UserError(
            f"discriminator returns {errors.shown(output)}, but must return a "
            "DiscriminatorOutput; write types.DiscriminatorOutput(logits, features)."
        )
    if jnp.ndim(output.logits) != 1:
        raise errors.UserError(
            f"discriminator returns logits of shape {jnp.shape(output.logits)}, but "
            "needs one number for each sample, [B]; write logits[:, 0]."
        )


def _check_samples(name: str, x: jax.Array, shape: Sequence[int]) -> None:
    found, expected = tuple(jnp.shape(x)[1:]), tuple(shape)
    if found != expected or not jnp.ndim(x):
        raise errors.UserError(
            f"{name} has shape {jnp.shape(x)}, but this GAN was made for batches of "
            f"shape {expected}; give both the same."
        )


def _check_numbers(name, published, numbers) -> None:
    parameters = inspect.signature(published.build).parameters
    known = [p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
    for number, value in numbers.items():
        if number not in known:
            raise errors.UserError(
                f"{number}={value!r} is no argument of the architecture {name!r}; "
                f"{errors.choice(number, known, among='among')}"
            )


def _recipes(published, normalisations, *, initialisation, **common) -> types.Pair:
    def recipe(player: str) -> layers.Recipe:
        changed = {
            "normalisation": getattr(normalisations, player),
            "initialisation": initialisation,
            **common,
        }
        changed = {key: value for key, value in changed.items() if value is not None}
        made = dataclasses.replace(getattr(published.recipes, player), **changed)
        layers.check(made, player + "_")
        return made

    return types.Pair(*map(recipe, types.Pair._fields))


def _check_evidence(evidence_classes, num_classes, kind, recipe) -> None:
    if evidence_classes is None:
        if kind == "evidence":
            raise errors.UserError(
                "discriminator_conditioning='evidence' is of a discriminator that is "
                "told no labels; give evidence_classes instead."
            )
        return
    errors.require_whole(evidence_classes=evidence_classes)
    alone = num_classes is None and kind in (None, "evidence")
    if evidence_classes < 2 or not alone or recipe.minibatch != "none":
        raise errors.UserError(
            f"evidence_classes={evidence_classes} must be at least 2, and goes without "
            "num_classes, another discriminator_conditioning and minibatch; leave one "
            "of them out."
        )


def _conditioning(published, kinds, num_classes, evidence_classes) -> types.Pair:
    known = types.Pair(conditionings.GENERATOR, conditionings.DISCRIMINATOR)

    def conditioning(player: str) -> layers.Conditioning:
        kind = getattr(kinds, player)
        if kind is None:
            usual = getattr(published.conditional, player)
            kind = "none" if num_classes is None else usual
        made = layers.Conditioning(kind, num_classes)
        if player == "discriminator" and evidence_classes is not None:
            made = layers.Conditioning("evidence", evidence_classes)
        conditionings.check(made, getattr(known, player), player + "_conditioning")
        return made

    return types.Pair(*map(conditioning, types.Pair._fields))


def _first(error: Exception) -> str:
    """The first sentence of what Flax says."""
    return " ".join(str(error).split()).split(". ")[0].split(" (https:")[0]


def _init(module, key, x, label) -> tuple[types.Tree, types.Tree]:
    collections = dict(precision.narrowed(module.init(key, x, train=True, **label)))
    return collections.pop("params"), collections


def _log_probs(module, params, collections, x, label):
    variables = {"params": params, **collections}
    return module.apply(variables, x, method="log_probs", **label)


def _apply(module, params, collections, x, label, train):
    variables = {"params": params, **collections}
    try:
        if not train:
            return module.apply(variables, x, train=False, **label), collections
        output, updated = module.apply(
            variables, x, train=True, **label, mutable=list(collections)
        )
    except UNFIT as error:
        raise errors.UserError(
            f"params are not the weights of one such network ({_first(error)}); give "
            "one player's of one member, as population.take(state, i).params.generator "
            "are, or call it under jax.vmap."
        ) from None
    return output, {**collections, **updated}
