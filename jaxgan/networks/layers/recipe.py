"""What the layers of a network have in common, by name."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax.linen import initializers
from jax import Array

from jaxgan.core import decompositions, errors
from jaxgan.networks import convolution

KERNEL_NORMALISATIONS = ("spectral", "weight")

NORMALISATIONS = (
    "none",
    "batch",
    "layer",
    "instance",
    "group",
    "rms",
    "pixel",
    "virtual_batch",
    *KERNEL_NORMALISATIONS,
)
"""`spectral` and `weight` act on kernels, all others on what comes out of a layer."""

INITIALISATIONS: dict[str, Callable[..., Any]] = {
    "lecun": initializers.lecun_normal(),
    "he": initializers.he_normal(),
    "xavier": initializers.xavier_uniform(),
    "orthogonal": decompositions.orthogonal,
    "dcgan": initializers.normal(0.02),
    "equalised": initializers.normal(1.0),
    "zero": initializers.zeros,
}
"""Kernels at the start: variance `1/n` for `n` inputs (LeCun 1998), `2/n` (He 2015),
uniform of variance `2/(n + outputs)` (Glorot 2010), orthogonal (Saxe 2013), N(0, 0.02)
(Radford 2015). `equalised` (Karras 2017) draws N(0, 1) and multiplies by `sqrt(2/n)` in
every pass, so that under Adam all layers learn at the same rate. `zero` is for layers
that should come in as they learn."""

MINIBATCH = ("none", "stddev", "discrimination")
"""What a discriminator's last layer sees of the other samples of a batch: nothing, how
much they differ (Karras 2017) or how close they are (Salimans 2016)."""

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the layers of one network are made.

    Attributes:
      normalisation: one of `NORMALISATIONS`.
      initialisation: of the kernels, one of `INITIALISATIONS`; biases start at zero.
      convolution: the form of convolutions and of the products of dense layers, one of
        `convolution.FORMS`.
      dtype: in which layers compute, one of `DTYPES`; parameters and statistics are
        float32 whatever it is.
      reference_size: samples of the reference batch of `virtual_batch`, which must not
        be more than the batches in training have.
      minibatch: of a discriminator, one of `MINIBATCH`.
    """

    normalisation: str = "none"
    initialisation: str = "lecun"
    convolution: str = "auto"
    dtype: str = "float32"
    reference_size: int = 32
    minibatch: str = "none"

    @property
    def compute(self) -> Any:
        """The dtype to compute in, or None for that of what comes in."""
        return None if self.dtype == "float32" else DTYPES[self.dtype]


def computed(recipe: Recipe, x: Array, kernel: Array) -> tuple[Array, Array]:
    """Both in the dtype of the recipe; float64 is computed in float64."""
    dtype = recipe.compute or jnp.result_type(x, kernel)
    return x.astype(dtype), kernel.astype(dtype)


def widened(x: Array) -> Array:
    """At least float32, whatever it was computed in."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def output_recipe(recipe: Recipe) -> Recipe:
    """The recipe of a generator's last layer, whose kernel is not normalised."""
    return dataclasses.replace(recipe, normalisation="none")


def require(holds: bool, sentence: str) -> None:
    """Raises `UserError` with that sentence unless the condition holds."""
    if not holds:
        raise errors.UserError(sentence)


def check(recipe: Recipe, prefix: str = "") -> None:
    """Raises `UserError` unless all names in the recipe are known.

    Args:
      recipe: to check.
      prefix: of the argument that gave the normalisation, such as "generator_".
    """
    _check(prefix + "normalisation", recipe.normalisation, NORMALISATIONS)
    _check("initialisation", recipe.initialisation, tuple(INITIALISATIONS))
    _check("dtype", recipe.dtype, tuple(DTYPES))
    _check("minibatch", recipe.minibatch, MINIBATCH)
    convolution.check_form(recipe.convolution)
    if recipe.reference_size < 1:
        raise errors.UserError(
            f"reference_size={recipe.reference_size} must be at least 1."
        )


def _check(argument: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise errors.UserError(
            f"{argument}={name!r} is not known; {errors.choice(name, known)}"
        )
