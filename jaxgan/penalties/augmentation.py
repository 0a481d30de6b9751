"""What the discriminator sees, changed at random: instance noise and its kin.

An `Augment` is `(x [B, ...], key) -> [B, ...]`, a random change of samples that keeps
their shape, differentiable where the generator is trained through it; those of images
are in `jaxgan.data.augmentation`. One that should not change the verdict, such as a
shift by a few pixels, serves `consistency` too.
"""

import itertools
from collections.abc import Callable

import jax
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import randomness
from jaxgan.data.augmentation import Augment
from jaxgan.penalties import checks


def instance_noise(std: ArrayLike) -> Augment:
    """Adds `N(0, std^2 I)`, which makes real and generated distributions overlap.

    To be given to `augmented` for both players, or the game is another one. The papers
    anneal it to 0 over the training: train in stages, each with a smaller `std`.

    Args:
      std: scalar, at least 0, in units of the data.

    Returns:
      An `Augment`.

    Raises:
      UserError: if `std` is a negative number.

    When:
      Where real and generated samples do not overlap.

    References:
      Sonderby et al., Amortised MAP Inference for Image Super-resolution, 2016,
      https://arxiv.org/abs/1610.04490
      Arjovsky and Bottou, Towards Principled Methods for Training Generative
      Adversarial Networks, 2017, https://arxiv.org/abs/1701.04862
    """
    checks.not_negative("std", std)

    def augment(x: Array, key: Array) -> Array:
        key = randomness.threefry(key)
        return x + std * jax.random.normal(key, x.shape, x.dtype)

    return augment


def augmented(
    gradient: Callable[[types.GAN], types.Gradient], gan: types.GAN, augment: Augment
) -> types.Gradient:
    """Builds a player's gradient with a discriminator that sees changed samples only.

    The change is drawn anew for real and generated samples, for each penalty and in
    each call. Samples keep their own gradient through it.

    Args:
      gradient: builds a `Gradient` from a GAN, for example
        `lambda gan: gradients.discriminator(gan, loss)`.
      gan: the two networks.
      augment: `(x, key) -> x`.

    Returns:
      A `Gradient` with the same metrics, taken of the changed samples.

    When:
      Where data are few, with an augmentation T of `data.augmentation`.

    References:
      Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, 2020,
      https://arxiv.org/abs/2006.10738
    """

    def of_changed(hparams, state, batch, key):
        gradient_key, augment_key = jax.random.split(key)
        # Counts the places where the discriminator is called, not the calls at run
        # time: these differ by their key.
        places = itertools.count()

        def discriminate(params, collections, x, *args, **kwargs):
            changed = augment(x, jax.random.fold_in(augment_key, next(places)))
            checks.same_shape(x=x, augmented_x=changed)
            return gan.discriminate(params, collections, changed, *args, **kwargs)

        changed_gan = gan._replace(discriminate=discriminate)
        return gradient(changed_gan)(hparams, state, batch, gradient_key)

    return types.played_by(types.player_of(gradient(gan)), of_changed, "gradient")
