"""The suite of stacked images: a classifier of single ones, channel by channel.

References:
  Srivastava et al., VEEGAN, 2017, https://arxiv.org/abs/1705.07761
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import scores
from jaxgan.data import dataset, shuffling
from jaxgan.scores import classifier, feature_suites

Records = dict[str, scores.Score | scores.ModeCoverage | scores.ClassRecall]


def of_stack(
    network: classifier.Classifier,
    held_out_accuracy: float,
    stack: dataset.Stack,
    *,
    confidence: float = 0.5,
    most: int = feature_suites.MOST,
    tail: Sequence[int] = (),
) -> Callable[[ArrayLike], Records]:
    """What a classifier of single images sees in the channels of stacked ones.

    Modes are tuples of classes, and their shares are compared with equal ones, as
    published: of C classes in K channels the reverse KL of a generator that makes but
    one tuple is `K log C`, and that of real tuples little above its floor if the
    classes are about equally common.

    Args:
      network: trained on the single images.
      held_out_accuracy: of the network, for the protocols.
      stack: what the stacked images are made of.
      confidence: probability of its most likely class from which an image counts as a
        good one; a stacked image is good if all its channels are.
      most: samples of each seed that the scores of `feature_suites` look at; none of
        them are of fewer.
      tail: numbers of the tuples of a long tail, whose recall is asked for.

    Returns:
      A suite `x [S, N, H, W, K] -> records` with `coverage`, `frechet_distance` (in the
      network's features of all channels, side by side, as for those of
      `feature_suites.beside_real`), and `within_class_diversity` and `memorisation` of
      the channels, each an image by itself.
    """
    name = classifier.fingerprint(network, held_out_accuracy)
    images, depth = stack.images, stack.train.shape[1]
    single, other = images.train.x, images.test.x
    real, real_logits = classifier.classify_all(network, dataset.to_float(single))
    other = dataset.to_float(shuffling.first(other, feature_suites.MOST))
    held_out, _ = classifier.classify_all(network, other)
    target = _diversity(real, real_logits)
    tuples = jnp.reshape(real[stack.train], (len(stack.train), -1))
    modes = images.num_classes**depth
    reference = np.full(modes, 1 / modes)
    rule = scores.protocol(
        good=f"probability of the class of each channel above {confidence}",
        reference="all tuples of classes alike",
    )
    number = feature_suites.number_of(most, len(tuples))
    of_tuples = feature_suites.beside_real(tuples, number, name)
    single_number = feature_suites.number_of(most, len(held_out))
    of_images = feature_suites.beside_training(real, held_out, single_number, name)

    def of_seed(tuples: Array, features: Array, logits: Array, floor: Array) -> Records:
        probs = jax.nn.softmax(logits)
        mode, good = scores.stacked_classes(probs, confidence)
        found: Records = {
            "coverage": scores.mode_coverage(mode, good, reference, rule),
            "frechet_distance": scores.frechet_distance(
                tuples, features.reshape(len(features), -1), name, floor
            ),
            "within_class_diversity": scores.within_class_diversity(
                features.reshape(-1, features.shape[-1]),
                probs.reshape(-1, probs.shape[-1]),
                target,
            ),
        }
        if len(tail):
            found["class_recall"] = scores.class_recall(mode, good, reference, tail)
        return found

    # The real features are an argument, as constants would be folded by the compiler.
    @jax.jit
    def score(tuples: Array, features: Array, logits: Array, floor: Array) -> Records:
        return jax.lax.map(
            lambda own: of_seed(tuples, own[0], own[1], floor), (features, logits)
        )

    def suite(x: ArrayLike) -> Records:
        x = np.asarray(x)
        ordered = np.stack([own[shuffling.order(own)] for own in x])
        features, logits = classify_channels(network, ordered)
        floor = feature_suites.frechet_floor(tuples, num_fake=x.shape[1])
        return {
            **score(tuples, features, logits, floor),
            **of_tuples(features.reshape(*x.shape[:2], -1)),
            **of_images(features.reshape(len(x), -1, features.shape[-1])),
        }

    return suite


@jax.jit
def _diversity(features: Array, logits: Array) -> Array:
    return scores.within_class_diversity(features, jax.nn.softmax(logits)).value


def classify_channels(
    network: classifier.Classifier, x: ArrayLike
) -> tuple[Array, Array]:
    """Features `[..., K, F]` and logits `[..., K, C]` of images `[..., H, W, K]`."""
    single = np.moveaxis(np.asarray(x), -1, -3)[..., None]
    leading = single.shape[:-3]
    found = classifier.classify_all(network, single.reshape(-1, *single.shape[-3:]))
    features, logits = (y.reshape(*leading, y.shape[-1]) for y in found)
    return features, logits


def one_tuple_per_class(surest: ArrayLike, depth: int, number: int) -> np.ndarray:
    """A sample of all modes that has no diversity, `[number, H, W, K]`.

    Args:
      surest: one image `[C, H, W, 1]` of each class.
      depth: K, images in a tuple.
      number: of samples; all tuples occur as often as each other, as far as there are
        so many.
    """
    surest = np.asarray(surest)
    which = np.arange(number) % len(surest) ** depth
    places = len(surest) ** np.arange(depth - 1, -1, -1)
    chosen = which[:, None] // places % len(surest)
    return np.stack([surest[own, ..., 0] for own in chosen.T], axis=-1)
