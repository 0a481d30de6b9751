"""Normalisation by name, of kernels and of activations."""

from flax import linen as nn
from jax import Array

from jaxgan import errors

NORMALISATIONS = ("none", "batch", "layer", "spectral")
"""`spectral` acts on a layer's kernel, `batch` and `layer` on what comes out of it."""


def check_normalisation(name: str, argument: str = "normalisation") -> None:
    """Raises `UserError` unless `name` is one of `NORMALISATIONS`."""
    if name not in NORMALISATIONS:
        raise errors.UserError(
            f"{argument}={name!r} is not known; choose one of "
            f"{', '.join(NORMALISATIONS)}."
        )


class Linear(nn.Module):
    """A dense or convolutional layer, its kernel divided by its spectral norm or not.

    The spectral norm is estimated by one power iteration a pass, whose vector is kept
    in the collection `batch_stats`. A kernel is taken as a matrix whose columns are
    the output channels (Miyato et al. 2018, https://arxiv.org/abs/1802.05957).
    """

    layer: nn.Module
    normalisation: str = "none"

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Maps `[B, ..., C]` to `[B, ..., C']`."""
        if self.normalisation == "spectral":
            return nn.SpectralNorm(self.layer)(x, update_stats=train)
        return self.layer(x)


class Norm(nn.Module):
    """Normalises activations `[B, ..., C]`; the identity for `none` and `spectral`.

    `batch` (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167) uses the batch's
    own statistics when training and their running average, of momentum 0.9, otherwise;
    `layer` (Ba et al. 2016, https://arxiv.org/abs/1607.06450) normalises over C.
    """

    normalisation: str = "none"

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        check_normalisation(self.normalisation)
        if self.normalisation == "batch":
            return nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        if self.normalisation == "layer":
            return nn.LayerNorm()(x)
        return x


def has_bias(normalisation: str) -> bool:
    """Whether a layer followed by `Norm` has a bias.

    Batch normalisation takes it away again: its gradient would be rounding noise, which
    Adam would scale up to full steps.
    """
    return normalisation != "batch"


def leaky_relu(x: Array) -> Array:
    """`max(x, 0.2 x)`, the discriminator's activation since DCGAN."""
    return nn.leaky_relu(x, negative_slope=0.2)
