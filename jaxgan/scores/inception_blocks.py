"""The layers of the Inception v3 network that the published scores rest on.

It is the network of 2015-12-05, not the one that libraries of models offer today: its
average pools do not count their padding, the last block pools by the maximum, and its
head has 1008 outputs. Two things are done otherwise than in its description, with the
same result but for rounding: batch norms, constant at this stage, are part of the
convolutions, and all 1x1 convolutions of a block's input are one matrix product. An
average pool before such a convolution is taken after it, where there are fewer
channels; as both are linear and padding does not count, their order does not matter.

References:
  Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2015,
  https://arxiv.org/abs/1512.00567
"""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array, lax

from jaxgan.networks import convolution

PRECISION = lax.Precision.HIGHEST
"""Scores are compared to more digits than some devices multiply with by default."""


class Layer(NamedTuple):
    """A convolution of a block, with the name it has in the published weights.

    Attributes:
      name: within its block.
      width: output channels.
      kernel: `(height, width)`.
      stride: of both axes.
      padded: with zeros around, which keep the size.
      paired: faster on a CPU by `_in_pairs`, as of few channels and many pixels.
    """

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True
    paired: bool = False


class Branch(NamedTuple):
    """One way through a block.

    Attributes:
      entry: 1x1 convolution of the input, or None.
      layers: one after the other.
      fork: layers side by side, at the end.
      pool: "average" around the entry, "max" before it, "reduce" for a maximum of
        stride 2 and nothing else, or "none".
    """

    entry: Layer | None = None
    layers: tuple[Layer, ...] = ()
    fork: tuple[Layer, ...] = ()
    pool: str = "none"


def _block_a(pool_width: int) -> tuple[Branch, ...]:
    return (
        Branch(Layer("branch1x1", 64)),
        Branch(Layer("branch5x5_1", 48), (Layer("branch5x5_2", 64, (5, 5)),)),
        Branch(
            Layer("branch3x3dbl_1", 64),
            (
                Layer("branch3x3dbl_2", 96, (3, 3)),
                Layer("branch3x3dbl_3", 96, (3, 3)),
            ),
        ),
        Branch(Layer("branch_pool", pool_width), pool="average"),
    )


def _block_c(width: int) -> tuple[Branch, ...]:
    return (
        Branch(Layer("branch1x1", 192)),
        Branch(
            Layer("branch7x7_1", width),
            (
                Layer("branch7x7_2", width, (1, 7)),
                Layer("branch7x7_3", 192, (7, 1)),
            ),
        ),
        Branch(
            Layer("branch7x7dbl_1", width),
            (
                Layer("branch7x7dbl_2", width, (7, 1)),
                Layer("branch7x7dbl_3", width, (1, 7)),
                Layer("branch7x7dbl_4", width, (7, 1)),
                Layer("branch7x7dbl_5", 192, (1, 7)),
            ),
        ),
        Branch(Layer("branch_pool", 192), pool="average"),
    )


def _block_e(pool: str) -> tuple[Branch, ...]:
    return (
        Branch(Layer("branch1x1", 320)),
        Branch(
            Layer("branch3x3_1", 384),
            fork=(
                Layer("branch3x3_2a", 384, (1, 3)),
                Layer("branch3x3_2b", 384, (3, 1)),
            ),
        ),
        Branch(
            Layer("branch3x3dbl_1", 448),
            (Layer("branch3x3dbl_2", 384, (3, 3)),),
            fork=(
                Layer("branch3x3dbl_3a", 384, (1, 3)),
                Layer("branch3x3dbl_3b", 384, (3, 1)),
            ),
        ),
        Branch(Layer("branch_pool", 192), pool=pool),
    )


_BLOCK_B = (
    Branch(layers=(Layer("branch3x3", 384, (3, 3), 2, False),)),
    Branch(
        Layer("branch3x3dbl_1", 64),
        (
            Layer("branch3x3dbl_2", 96, (3, 3)),
            Layer("branch3x3dbl_3", 96, (3, 3), 2, False),
        ),
    ),
    Branch(pool="reduce"),
)

_BLOCK_D = (
    Branch(Layer("branch3x3_1", 192), (Layer("branch3x3_2", 320, (3, 3), 2, False),)),
    Branch(
        Layer("branch7x7x3_1", 192),
        (
            Layer("branch7x7x3_2", 192, (1, 7)),
            Layer("branch7x7x3_3", 192, (7, 1)),
            Layer("branch7x7x3_4", 192, (3, 3), 2, False),
        ),
    ),
    Branch(pool="reduce"),
)

BLOCKS = {
    "Mixed_5b": _block_a(32),
    "Mixed_5c": _block_a(64),
    "Mixed_5d": _block_a(64),
    "Mixed_6a": _BLOCK_B,
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": _BLOCK_D,
    "Mixed_7b": _block_e("average"),
    "Mixed_7c": _block_e("max"),
}
"""The blocks, in their order."""


ENTRY = "entry"
"""Name of the 1x1 convolutions of a block that are one."""


def shared_entries(branches: tuple[Branch, ...]) -> tuple[Layer, ...]:
    """The 1x1 convolutions that act on a block's input itself, and so are one."""
    return tuple(b.entry for b in branches if b.entry and b.pool != "max")


class Convolution(nn.Module):
    """A convolution and its bias.

    Attributes:
      layer: what it is.
      form: `auto`, XLA's own convolutions, or `onednn`, see `networks.onednn`.
    """

    layer: Layer
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        _, width, size, stride, padded, paired = self.layer
        shape = (*size, x.shape[-1], width)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (width,))
        if size == (1, 1):
            return jnp.matmul(x, kernel[0, 0], precision=PRECISION) + bias
        around = [(n // 2,) * 2 if padded else (0, 0) for n in size]
        if self.form == "onednn":
            options = {"strides": (stride, stride), "padding": around}
            return convolution.convolve(x, kernel, form=self.form, **options) + bias
        x = jnp.pad(x, [(0, 0), *around, (0, 0)])
        plain = functools.partial(_convolved, strides=(stride, stride))
        if paired:
            pairs = functools.partial(_in_pairs, stride=stride)
            return lax.platform_dependent(x, kernel, cpu=pairs, default=plain) + bias
        return plain(x, kernel) + bias


class Block(nn.Module):
    """Branches side by side, their outputs joined.

    Attributes:
      branches: one of `BLOCKS`.
      form: of its convolutions.
    """

    branches: tuple[Branch, ...]
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        convolve = functools.partial(convolved, form=self.form)
        shared = shared_entries(self.branches)
        widths = [layer.width for layer in shared]
        product = Convolution(Layer(ENTRY, sum(widths)), self.form, name=ENTRY)(x)
        parts = iter(jnp.split(product, np.cumsum(widths)[:-1], axis=-1))
        outputs = []
        for branch in self.branches:
            if branch.pool == "reduce":
                outputs.append(max_pool(x))
                continue
            y = x
            if branch.pool == "max":
                y = convolve(branch.entry, max_pool(x, stride=1))
            elif branch.entry:
                y = next(parts)
                y = nn.relu(average_pool(y) if branch.pool == "average" else y)
            for layer in branch.layers:
                y = convolve(layer, y)
            outputs += [convolve(layer, y) for layer in branch.fork] or [y]
        return jnp.concatenate(outputs, axis=-1)


def convolved(layer: Layer, x: Array, form: str) -> Array:
    """A convolution of that name, bias and ReLU, within a compact module."""
    return nn.relu(Convolution(layer, form, name=layer.name)(x))


def _convolved(x: Array, kernel: Array, strides: tuple[int, int]) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=PRECISION,
    )


def _in_pairs(x: Array, kernel: Array, stride: int) -> Array:
    """The same convolution, two neighbouring pixels of its output as one.

    The kernel twice, side by side and the second shifted by the stride, has twice the
    channels, of which convolutions on a CPU need many to be fast. The zeros that fill
    it cost less.
    """
    height, width, _, channels = kernel.shape
    size = (x.shape[2] - width) // stride + 1
    x = jnp.pad(x, [(0, 0), (0, 0), (0, size % 2 * stride), (0, 0)])
    shifts = ((0, stride), (stride, 0))
    both = [jnp.pad(kernel, [(0, 0), shift, (0, 0), (0, 0)]) for shift in shifts]
    pairs = _convolved(x, jnp.concatenate(both, -1), (stride, 2 * stride))
    apart = pairs.reshape(*pairs.shape[:2], 2 * pairs.shape[2], channels)
    return apart[:, :, :size]


def max_pool(x: Array, stride: int = 2) -> Array:
    """Maximum over 3x3 pixels; of stride 1 with borders, of stride 2 without.

    One axis after the other, as maxima of slices, which XLA makes faster on a CPU than
    windows.
    """
    for axis in (1, 2):
        if stride == 1:
            around = [(1, 1) if i == axis else (0, 0) for i in range(x.ndim)]
            x = jnp.pad(x, around, constant_values=-jnp.inf)
        last = x.shape[axis] - 2
        slices = [
            lax.slice_in_dim(x, i, i + last, stride=stride, axis=axis) for i in range(3)
        ]
        x = jnp.maximum(jnp.maximum(slices[0], slices[1]), slices[2])
    return x


def average_pool(x: Array) -> Array:
    """Mean of the 3x3 pixels around each, of those that there are."""
    for axis in (1, 2):
        size = x.shape[axis]
        around = [(1, 1) if i == axis else (0, 0) for i in range(x.ndim)]
        padded = jnp.pad(x, around)
        total = sum(lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(3))
        shape = [size if i == axis else 1 for i in range(x.ndim)]
        counts = np.convolve(np.ones(size), np.ones(3), "same").reshape(shape)
        x = total / counts.astype(x.dtype)
    return x
