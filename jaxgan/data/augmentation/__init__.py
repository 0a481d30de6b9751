"""Random changes of images that a discriminator sees in the place of the images.

Given to both players, of real and of generated samples alike, they let little data go a
long way: the discriminator cannot learn single images by heart, and the generator is
not taught to make changed ones as long as the change could be undone in distribution.

A transform is `(image [H, W, C], key) -> [H, W, C]`, of float32 images in [-1, 1] and
differentiable in them; `always` and `sometimes` apply a list of them to each sample of
a batch by its own draws. `TRANSFORMS` has all by name: those of `diffaugment`, made to
be applied always, those of `ada`, made to be applied with a probability, and `affine`,
under whose small changes a digit stays the digit that it is.

References:
  Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, 2020,
  https://arxiv.org/abs/2006.10738
  Karras et al., Training Generative Adversarial Networks with Limited Data, 2020,
  https://arxiv.org/abs/2006.06676
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness
from jaxgan.data import packs
from jaxgan.data.augmentation import ada, affine, diffaugment

Augment = Callable[[Array, Array], Array]
"""`(x [B, ...], key) -> [B, ...]`, of the same shape."""

Chance = Callable[[Array, Array, ArrayLike], Array]
"""`(x [B, ...], key, probability) -> [B, ...]`: an `Augment` that is applied with a
probability."""

Transform = Callable[[Array, Array], Array]
"""`(image [H, W, C], key) -> [H, W, C]`."""


class Kind(NamedTuple):
    """A transform and the images that it is for.

    Attributes:
      apply: the transform.
      coloured: whether it does something on three channels alone.
      square: whether it needs images as high as wide.
    """

    apply: Transform
    coloured: bool = False
    square: bool = False


TRANSFORMS: dict[str, Kind] = {
    "brightness": Kind(diffaugment.brightness),
    "saturation": Kind(diffaugment.saturation, coloured=True),
    "contrast": Kind(diffaugment.contrast),
    "translation": Kind(diffaugment.translation),
    "cutout": Kind(diffaugment.cutout),
    "flip": Kind(ada.flip),
    "quarter_turn": Kind(ada.quarter_turn, square=True),
    "shift": Kind(ada.shift),
    "scaling": Kind(ada.scaling),
    "stretching": Kind(ada.stretching),
    "fractional_shift": Kind(ada.fractional_shift),
    "ada_brightness": Kind(ada.brightness),
    "ada_contrast": Kind(ada.contrast),
    "luma_flip": Kind(ada.luma_flip),
    "hue": Kind(ada.hue, coloured=True),
    "ada_saturation": Kind(ada.saturation, coloured=True),
    "affine": Kind(affine.affine),
}
"""The transforms by name, see `diffaugment`, `ada` and `affine`."""

_BLIT = ("flip", "quarter_turn", "shift")
_GEOMETRY = ("scaling", "stretching", "fractional_shift")
_GREY = ("ada_brightness", "ada_contrast", "luma_flip")

GROUPS: dict[str, tuple[str, ...]] = {
    "color": ("brightness", "saturation", "contrast"),
    "diffaugment": ("brightness", "saturation", "contrast", "translation", "cutout"),
    "diffaugment_grey": ("brightness", "contrast", "translation", "cutout"),
    "blit": _BLIT,
    "geometry": _GEOMETRY,
    "ada": (*_BLIT, *_GEOMETRY, *_GREY, "hue", "ada_saturation"),
    "ada_grey": (*_BLIT, *_GEOMETRY, *_GREY),
}
"""Names that stand for several transforms, in the order of the papers; `ada` is what
Karras et al. call bgc without rotations by any angle, see `ada`."""


def expanded(names: Sequence[str]) -> tuple[str, ...]:
    """The transforms that names of `TRANSFORMS` and `GROUPS` stand for, in order.

    Raises:
      UserError: if a name is not known, or a transform comes twice.
    """
    found: list[str] = []
    for name in names:
        if name not in GROUPS and name not in TRANSFORMS:
            raise errors.UserError(
                f"augmentation {name!r} is not known; "
                f"{errors.choice(name, [*GROUPS, *TRANSFORMS])}"
            )
        found += GROUPS.get(name, (name,))
    for name in found:
        if found.count(name) > 1:
            raise errors.UserError(
                f"augmentation {name!r} is there {found.count(name)} times in "
                f"{' '.join(names)}; give it once."
            )
    return tuple(found)


def check(names: Sequence[str], shape: Sequence[int]) -> None:
    """Asks for augmentations that do something to samples of a shape.

    Raises:
      UserError: if a name is not known, the samples are no images, or a transform does
        nothing to such images.
    """
    kinds = {name: TRANSFORMS[name] for name in expanded(names)}
    shape = tuple(shape)
    for name, kind in kinds.items():
        if len(shape) != 3:
            raise errors.UserError(
                f"augmentation {name!r} changes images (H, W, C), but samples have "
                f"shape {shape}; leave it out."
            )
        if kind.coloured and shape[2] != 3:
            fit = [own for own, other in kinds.items() if not other.coloured]
            raise errors.UserError(
                f"augmentation {name!r} changes colours, but images of shape {shape} "
                f"have none; give {' '.join(fit) or 'brightness contrast'} instead."
            )
        if kind.square and shape[0] != shape[1]:
            raise errors.UserError(
                f"augmentation {name!r} turns square images, but these have shape "
                f"{shape}; leave it out."
            )


def always(names: Sequence[str]) -> Augment:
    """Applies all transforms to every sample, each sample by its own draws.

    Args:
      names: of `TRANSFORMS` and `GROUPS`, applied in this order.

    Returns:
      An `Augment` of images `[B, H, W, C]`; sample i's draws depend on the key and on
      i, not on the batch's size.

    Raises:
      UserError: as `expanded`; when traced, as `check`.
    """
    transforms = expanded(names)

    def augment(x: Array, key: Array) -> Array:
        return _each(transforms, x, key, None)

    return augment


def sometimes(names: Sequence[str]) -> Chance:
    """Applies each transform to each sample with a probability, independently.

    Args:
      names: as for `always`.

    Returns:
      `(x, key, probability)`. At probability 0 it gives x bit for bit, at 1 it applies
      all by the draws of `always`. The probability is a number in [0, 1], also traced.

    Raises:
      UserError: as `always`.
    """
    transforms = expanded(names)

    def augment(x: Array, key: Array, probability: ArrayLike) -> Array:
        return _each(transforms, x, key, probability)

    return augment


def of_packs(augment: Augment, pack: int) -> Augment:
    """The same of packs `[B, *n, m C]`: each of their m samples by its own draws.

    Args:
      augment: of samples `[m B, *n, C]`.
      pack: m, see `data.packs`.
    """

    def packed(x: Array, key: Array) -> Array:
        return packs.pack(augment(packs.unpack(x, pack), key), pack)

    return augment if pack == 1 else packed


def _each(
    transforms: Sequence[str], x: Array, key: Array, probability: ArrayLike | None
) -> Array:
    check(transforms, x.shape[1:])

    def of_sample(image: Array, key: Array) -> Array:
        for i, name in enumerate(transforms):
            chance_key, own_key = jax.random.split(jax.random.fold_in(key, i))
            changed = TRANSFORMS[name].apply(image, own_key)
            if probability is not None:
                # In [0, 1): below 1 always, below 0 never.
                drawn = jax.random.uniform(chance_key) < probability
                changed = jnp.where(drawn, changed, image)
            image = changed
        return image

    return jax.vmap(of_sample)(x, jax.random.split(randomness.threefry(key), len(x)))
