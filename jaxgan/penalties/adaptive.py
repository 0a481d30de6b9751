"""Augmentation with a probability that follows how much the discriminator overfits.

A discriminator that knows the few training images by heart is sure of them,

    r_t = E[sign(D(x))] -> 1  over real x,

where one that cannot tell real from generated has r_t = 0. The probability p is raised
while r_t is above its target and lowered while it is below. It is state of each member:
a collection of its discriminator, which advances in the discriminator's gradient alone,
is saved with the member and starts at 0.

    gan = adaptive.with_probability(gan)
    gradient = adaptive.augmented(build, gan, augmentation.sometimes(names))
    hparams = hparams._replace(augmentation={"target": 0.6, "images": 5e5})

References:
  Karras et al., Training Generative Adversarial Networks with Limited Data, 2020,
  https://arxiv.org/abs/2006.06676
"""

import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.data.augmentation import Chance
from jaxgan.penalties import checks

COLLECTION = "augmentation"
"""Its name among the collections of a discriminator."""

INTERVAL = 4
"""Batches between two moves of p, as in the paper."""

TARGET, IMAGES = 0.6, 5e5
"""The paper's target of r_t, and the real images in which p could go from 0 to 1."""

NAMES = {"target", "images"}
"""The numbers in `HParams.augmentation`."""


class Probability(NamedTuple):
    """What a member carries, as a mapping from these names; scalars.

    Attributes:
      value: p, float32 in [0, 1].
      signs: sum over batches of their mean sign(D(x)), since p was last moved.
      batches: int32, how many these are, 0 ... `INTERVAL`.
    """

    value: Array
    signs: Array
    batches: Array


def with_probability(gan: types.GAN) -> types.GAN:
    """The same GAN, whose discriminator begins with a p of 0 among its collections.

    For `steps.initialise`; what it makes can be used by `gan` itself too, which does
    not look at p.
    """

    def init(key: Array) -> tuple[types.Pair, types.Pair]:
        params, collections = gan.init(key)
        zero = jnp.zeros((), jnp.float32)
        own = Probability(zero, zero, jnp.zeros((), jnp.int32))
        discriminator = {**collections.discriminator, COLLECTION: own._asdict()}
        return params, collections._replace(discriminator=discriminator)

    return gan._replace(init=init)


def moved(
    own: Probability,
    real_logits: Array,
    num_images: int,
    augmentation: Mapping[str, Array],
) -> Probability:
    """What a member carries after another batch of real samples.

    Each `INTERVAL`-th batch `p <- clip(p + sign(r_t - target) s, 0, 1)` with r_t over
    these batches and the share `s = INTERVAL * num_images / images`.

    Args:
      own: before.
      real_logits: `[B]`, of the samples as the discriminator saw them.
      num_images: real samples in the batch; of packs more than logits.
      augmentation: `HParams.augmentation`.
    """
    begins = own.batches == INTERVAL
    signs = jnp.where(begins, 0, own.signs) + jnp.mean(jnp.sign(real_logits))
    batches = jnp.where(begins, 0, own.batches) + 1
    way = jnp.sign(signs / INTERVAL - augmentation["target"])
    share = way * INTERVAL * num_images / augmentation["images"]
    value = jnp.clip(own.value + share, 0, 1)
    return Probability(
        jnp.where(batches == INTERVAL, value, own.value),
        signs.astype(own.signs.dtype),
        batches,
    )


def augmented(
    gradient: Callable[[types.GAN], types.Gradient], gan: types.GAN, augment: Chance
) -> types.Gradient:
    """Builds a player's gradient with a discriminator that sees changed samples at p.

    As `penalties.augmented`, with the probability of the discriminator's collections.

    Args:
      gradient: builds a `Gradient` from a GAN, for example
        `lambda gan: gradients.discriminator(gan, loss)`. The discriminator's must show
        it `batch.x` itself, as those of `jaxgan.gradients` do: that is the batch which
        r_t is of.
      gan: the two networks, of `with_probability`.
      augment: `(x, key, probability) -> x`, see `augmentation.sometimes`.

    Returns:
      A `Gradient` with the same metrics; the discriminator's also has
      `augmentation_probability`, p after the batch, and `real_sign`, its r_t: the mean
      sign over the batches since p was last moved.

    Raises:
      UserError: when traced, if the state has no p, `hparams.augmentation` is not its
        two numbers, or the discriminator's gradient does not show it the batch.
    """
    player = types.player_of(gradient(gan))

    def of_changed(hparams, state, batch, key):
        _check(hparams.augmentation, state.collections.discriminator)
        gradient_key, augment_key = jax.random.split(key)
        # Of the whole batch: p moves when its real half is judged, and would tell the
        # generated one from it.
        value = state.collections.discriminator[COLLECTION]["value"]
        # Places in the program where the discriminator is called, see
        # `penalties.augmented`, and those where it sees the real batch.
        places, shown = itertools.count(), []

        def discriminate(params, collections, x, *args, **kwargs):
            others = dict(collections)
            own = Probability(**others.pop(COLLECTION))
            place = jax.random.fold_in(augment_key, next(places))
            changed = augment(x, place, value)
            checks.same_shape(x=x, augmented_x=changed)
            output, others = gan.discriminate(params, others, changed, *args, **kwargs)
            if player == "discriminator" and x is batch.x:
                shown.append(True)
                numbers = hparams.augmentation
                own = moved(own, output.logits, len(x), numbers)
            return output, {**others, COLLECTION: own._asdict()}

        changed_gan = gan._replace(discriminate=discriminate)
        grads, collections, metrics = gradient(changed_gan)(
            hparams, state, batch, gradient_key
        )
        if player == "discriminator":
            _require_shown(shown)
            own = Probability(**collections[COLLECTION])
            metrics = metrics | {
                "augmentation_probability": own.value,
                "real_sign": own.signs / own.batches,
            }
        return grads, collections, metrics

    return types.played_by(player, of_changed, "gradient")


def _check(numbers: Mapping[str, Array] | None, collections: types.Tree) -> None:
    if numbers is None or set(numbers) != NAMES:
        found = None if numbers is None else sorted(numbers)
        raise errors.UserError(
            f"hparams.augmentation has {found}, but the augmentation is adaptive; give "
            f'it {{"target": {TARGET}, "images": {IMAGES:g}}}.'
        )
    if COLLECTION not in collections:
        raise errors.UserError(
            "state.collections.discriminator has no probability of augmentation; "
            "initialise it with adaptive.with_probability(gan)."
        )


def _require_shown(shown: list[bool]) -> None:
    if not shown:
        raise errors.UserError(
            "gradient does not show the discriminator batch.x, whose logits move the "
            "probability of augmentation; call gan.discriminate with batch.x itself."
        )
