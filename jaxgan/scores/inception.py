"""The Inception v3 network of 2015-12-05, in whose features FID, KID and IS are told.

`features` is pure, to be jitted by the caller; `features_all` takes any number of
images. The weights come from `jaxgan.scores.weights`. Scores have the names FID, KID
and Inception Score only in these features, with this preprocessing.

This module is imported by itself, because it needs Flax.

References:
  Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017,
  https://arxiv.org/abs/1706.08500
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.networks import convolution as forms
from jaxgan.scores import inception_blocks as blocks
from jaxgan.scores import record, tf_resize

IMAGE_SIZE = 299
"""Pixels, the height and width that the network sees."""

FEATURES = {
    "64": 64,
    "192": 192,
    "768": 768,
    "2048": 2048,
    "logits_unbiased": 1008,
    "logits": 1008,
}
"""Names of the features, in the order of depth, and their number.

The first four are means over the image. `2048` is for FID and KID, `logits_unbiased`,
the logits without the bias of the last layer, for the Inception Score.
"""

FORMS = ("auto", "onednn")
"""Of the network's convolutions."""

_POOL = "max_pool"

STAGES = {
    "64": (
        blocks.Layer("Conv2d_1a_3x3", 32, (3, 3), 2, padded=False, paired=True),
        blocks.Layer("Conv2d_2a_3x3", 32, (3, 3), padded=False, paired=True),
        blocks.Layer("Conv2d_2b_3x3", 64, (3, 3), paired=True),
        _POOL,
    ),
    "192": (
        blocks.Layer("Conv2d_3b_1x1", 80),
        blocks.Layer("Conv2d_4a_3x3", 192, (3, 3), padded=False, paired=True),
        _POOL,
    ),
    "768": tuple(name for name in blocks.BLOCKS if name < "Mixed_7"),
    "2048": tuple(name for name in blocks.BLOCKS if name > "Mixed_7"),
}
"""What leads to each of the features that are means: layers, pools, names of blocks."""


class Inception(nn.Module):
    """The network.

    Attributes:
      names: of the features wanted; layers beyond the deepest of them are left out.
      form: of the convolutions, see `features`.
    """

    names: tuple[str, ...]
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> dict[str, Array]:
        wanted, found = set(self.names), {}
        for stage, steps in STAGES.items():
            if wanted <= set(found):
                break
            for step in steps:
                x = _take(step, x, self.form)
            found[stage] = jnp.mean(x, axis=(1, 2))
        if not wanted <= set(found):
            shape = (FEATURES["2048"], FEATURES["logits"])
            kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
            bias = self.param("bias", nn.initializers.zeros, shape[1:])
            logits = jnp.matmul(found["2048"], kernel, precision=blocks.PRECISION)
            found |= {"logits_unbiased": logits, "logits": logits + bias}
        return {name: found[name] for name in self.names}


def _take(step, x, form):
    if step == _POOL:
        return blocks.max_pool(x)
    if isinstance(step, blocks.Layer):
        return blocks.convolved(step, x, form)
    return blocks.Block(blocks.BLOCKS[step], form, name=step)(x)


def features(
    params: types.Tree,
    x: Array,
    names: tuple[str, ...] = ("2048",),
    convolution: str = "auto",
) -> dict[str, Array]:
    """Features of a batch of images; pure, to be jitted with static `names`.

    Images are resized to 299 x 299 as `tf_resize.bilinear` does, and brought to
    [-1, 1) by `(x - 128) / 128`.

    Args:
      params: of `weights.load(...).params`, or `init`.
      x: `[B, H, W, 3]` uint8, or `[B, H, W, 1]`, taken for equal colours.
      names: static, keys of `FEATURES`.
      convolution: static, `auto` for XLA's own convolutions, or `onednn`, an extra for
        CPUs with the same features but for rounding, see `networks.onednn`.

    Returns:
      `[B, F]` float32 for each name.

    Raises:
      UserError: for unknown names, an array that does not hold such images, or a form
        that is not one of these or not to be had.
    """
    _check(np.shape(x), jnp.result_type(x), names)
    check_form(convolution)
    x = jnp.asarray(x, jnp.float32)
    # Channels are equal in all that follows, so are repeated as late as possible.
    x = (tf_resize.bilinear(x, IMAGE_SIZE) - 128) / 128
    x = jnp.broadcast_to(x, (*x.shape[:-1], 3))
    found: Any = Inception(tuple(names), convolution).apply({"params": params}, x)
    return found


def features_all(
    params: types.Tree,
    x: np.ndarray,
    names: Sequence[str] = ("2048",),
    batch_size: int | None = None,
    convolution: str = "auto",
) -> dict[str, np.ndarray]:
    """Like `features`, for any number of images, in batches of one size.

    Memory stays bounded, one program serves all numbers of images, and the result does
    not depend on the batch size but for rounding. Runs on the host.

    Args:
      params: as for `features`.
      x: `[N, H, W, 3]` or `[N, H, W, 1]` uint8, N at least 1.
      names: keys of `FEATURES`.
      batch_size: images in a batch, at least 1; the last one is filled up. None for 4
        on a CPU, which stay in its cache, and 64 elsewhere.
      convolution: as for `features`.

    Returns:
      `[N, F]` float32 for each name.

    Raises:
      UserError: as `features`, and for no images or no batch size.
    """
    _check(np.shape(x), np.asarray(x).dtype, names)
    if batch_size is None:
        batch_size = 4 if jax.default_backend() == "cpu" else 64
    if batch_size < 1 or len(x) == 0:
        raise errors.UserError(
            f"batch_size={batch_size} and the number of images, {len(x)}, must be at "
            "least 1."
        )
    outputs = []
    for start in range(0, len(x), batch_size):
        index = np.arange(start, start + batch_size) % len(x)
        batch = jnp.asarray(np.asarray(x[index]))
        outputs.append(
            jax.device_get(_features(params, batch, tuple(names), convolution))
        )
    return {
        name: np.concatenate([output[name] for output in outputs])[: len(x)]
        for name in names
    }


_features = jax.jit(features, static_argnames=("names", "convolution"))


def check_form(name: str) -> None:
    """Raises `UserError` unless convolutions of the network have this form here."""
    if name not in FORMS:
        raise errors.UserError(
            f"convolution={name!r} is not a form of the Inception network; "
            f"{errors.choice(name, FORMS)}"
        )
    forms.check_form(name)


def init(key: Array, names: tuple[str, ...] = ("logits",)) -> types.Tree:
    """Random weights, for tests and measurements; nothing is told in their features.

    Args:
      key: consumed.
      names: static, features that the weights must suffice for.
    """
    x = jnp.zeros((1, IMAGE_SIZE, IMAGE_SIZE, 3))
    shapes = jax.eval_shape(Inception(names).init, key, x)["params"]
    leaves, treedef = jax.tree.flatten(shapes)

    def draw(key, leaf):
        if len(leaf.shape) == 1:
            return 0.1 * jax.random.normal(key, leaf.shape)
        fan_in = np.prod(leaf.shape[:-1])
        return jax.random.normal(key, leaf.shape) * np.sqrt(2 / fan_in)

    keys = jax.random.split(key, len(leaves))
    return jax.tree.unflatten(treedef, map(draw, keys, leaves))


def fingerprint(name: str, sha256: str | None) -> record.Protocol:
    """What features are, as entries for a score's protocol.

    Args:
      name: a key of `FEATURES`.
      sha256: of the weights file, `weights.load(...).sha256`.
    """
    return record.protocol(
        feature_network="Inception v3 2015-12-05",
        feature=name,
        resize=f"bilinear as TensorFlow 1, to {IMAGE_SIZE}x{IMAGE_SIZE}",
        input="(x - 128) / 128",
        weights_sha256=sha256,
    )


def _check(shape, dtype, names):
    unknown = [name for name in names if name not in FEATURES]
    if unknown or not names:
        raise errors.UserError(
            f"names={tuple(names)} must name features among {', '.join(FEATURES)}."
        )
    if len(shape) != 4 or shape[-1] not in (1, 3) or min(shape[1:3]) < 1:
        raise errors.UserError(
            "x must hold images of shape [N, H, W, 3] or [N, H, W, 1], not an array of "
            f"shape {shape}."
        )
    if dtype != np.uint8:
        raise errors.UserError(
            f"x must hold uint8 images in 0 ... 255, not {dtype}; the network is "
            "defined on bytes, so round images to them first."
        )
