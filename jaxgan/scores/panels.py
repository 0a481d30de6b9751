"""Panels: all the scores that suit a dataset, of many seeds at once.

A panel is a function of samples `[S, N, ...]` of S seeds that returns records by name,
every array of which is `[S, ...]`. What is compared with it, such as held-out data,
goes through the same panel.
"""

import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import scores
from jaxgan.data import dataset, mixtures, polygons
from jaxgan.scores import classifier, classifier_cache
from jaxgan.scores import polygons as polygon_scores

Records = dict[str, scores.Score | scores.ModeCoverage]
Panel = Callable[[ArrayLike], Records]
Inversion = Callable[[Callable[[Array], Array], Array, Array], Records]

NUM_INVERTED = 256
"""Real images for which a latent is looked for."""


SPLITS = 10
"""Of the Inception Score, for as many samples as are scored."""

GOOD = 3.0
"""Standard deviations of a mode within which a point is good."""

ENOUGH_ACCURACY = 0.97
"""Below it a classifier's modes are in doubt."""


class Scoring(NamedTuple):
    """A panel and what it says of samples that are known.

    Attributes:
      panel: the scores that suit the data, or None for images without labels.
      references: by the name of a sample, its scores by their names, each as
        `scores.to_dict` gives it, of one seed.
      note: a sentence about the classifier or the lack of one; None for a mixture.
    """

    panel: Panel | None
    references: dict[str, dict[str, Any]]
    note: str | None


def of_dataset(
    data: dataset.Dataset,
    *,
    num_samples: int,
    seed: int,
    num_images: int | None = None,
    cache: pathlib.Path | None = None,
) -> Scoring:
    """The panel for a dataset: of its mixture, or of a classifier trained on it.

    Args:
      data: points whose mixture is known, polygons, or images with labels.
      num_samples: samples of each seed that will be scored, at least `SPLITS`.
      seed: of the classifier.
      num_images: training images that the classifier sees, counted anew in each epoch;
        it sees each of them at least once. None for as many as `train_classifier`
        takes by itself.
      cache: folder of trained classifiers, see `classifier_cache`; None for none.

    Returns:
      The panel, and its scores of held-out data and, for images, of copies of one image
      per class. Images without labels have no panel, and the note says so.
    """
    if data.mixture is not None:
        held_out = dataset.to_float(data.test.x)
        law, note = data.mixture, None
        panel = of_mixture(mixtures.centres(law), mixtures.spread(law), law.weights)
        known = {"held-out real points": held_out[:num_samples]}
    elif data.shapes is not None:
        held_out, law, note = data.test.x[:num_samples], data.shapes, None
        panel = of_polygons(law)
        known = {"held-out real images": dataset.to_float(held_out)}
    else:
        if not is_labelled(data):
            note = "no scores, as a classifier needs labels, which the images have not"
            return Scoring(None, {}, note)
        held_out = dataset.to_float(data.test.x)
        real, labels = dataset.to_float(data.train.x), jnp.asarray(data.train.label)
        trained, note = train_classifier(
            data, seed=seed, num_images=num_images, cache=cache
        )
        network, accuracy = trained.classifier, trained.held_out_accuracy
        panel = of_classifier(
            network,
            accuracy,
            real,
            np.bincount(labels, minlength=data.num_classes) / len(labels),
            split_size=num_samples // SPLITS,
        )
        copies = one_image_per_class(network, held_out, num_samples)
        known = {"held-out real images": held_out, "one image per class": copies}
    references = {
        name: {key: scores.to_dict(score) for key, score in panel(x[None]).items()}
        for name, x in known.items()
    }
    return Scoring(panel, references, note)


def is_labelled(data: dataset.Dataset) -> bool:
    """Whether both parts have labels, as a classifier needs."""
    return data.train.label is not None and data.test.label is not None


def train_classifier(
    data: dataset.Dataset,
    *,
    seed: int,
    num_images: int | None = None,
    cache: pathlib.Path | None = None,
) -> tuple[classifier_cache.Trained, str]:
    """The classifier of a dataset's training part, and a sentence on how good it is.

    Args:
      data: with labels; images, or other samples, which an MLP takes.
      seed: of the training.
      num_images: as for `of_dataset`.
      cache: likewise.
    """
    real = dataset.to_float(data.train.x)
    images = real.ndim == 4
    trained = classifier_cache.load_or_train(
        real,
        jnp.asarray(data.train.label),
        dataset.to_float(data.test.x),
        data.test.label,
        num_classes=data.num_classes,
        key=jax.random.key(seed),
        cache=cache,
        num_epochs=num_images and max(1, round(num_images / len(real))),
        architecture="convolutional" if images else "fully_connected",
    )
    accuracy = trained.held_out_accuracy
    poor = "" if accuracy >= ENOUGH_ACCURACY else f": BELOW {ENOUGH_ACCURACY}"
    note = f"classifier: held-out accuracy {accuracy:.4f}{poor}"
    return trained, note + ("" if trained.note is None else f". {trained.note}")


def of_mixture(means: ArrayLike, std: ArrayLike, weights: ArrayLike) -> Panel:
    """Mode coverage of points whose modes are known, and their spread within modes.

    Args:
      means: `[K, 2]`.
      std: standard deviation per axis.
      weights: `[K]` shares of the modes.

    Returns:
      A panel `x [S, N, 2] -> records` with `coverage`, by the Euclidean rule at three
      standard deviations, `within_mode_deviation` and `within_mode_energy`.
    """
    rule = scores.protocol(
        rule="euclidean",
        threshold=GOOD,
        high_quality_ceiling=scores.high_quality_ceiling(GOOD, 2),
    )

    @jax.jit
    @jax.vmap
    def panel(x: Array) -> Records:
        mode, good = scores.nearest_mode(x, means, std, GOOD)
        return {
            "coverage": scores.mode_coverage(mode, good, weights, rule),
            "within_mode_deviation": scores.within_mode_deviation(
                x, mode, good, means, std, GOOD
            ),
            "within_mode_energy": scores.within_mode_energy(x, mode, means, std),
        }

    return panel


def of_polygons(law: polygons.Polygons) -> Panel:
    """Precision of images of polygons, see `scores.polygons`.

    Returns:
      A panel `x [S, N, size, size, 1] -> {"precision": Score}`.
    """

    @jax.jit
    def panel(x: Array) -> Records:
        return jax.lax.map(
            lambda own: {"precision": polygon_scores.precision(law, own)}, x
        )

    return panel


def inversion(data: dataset.Dataset) -> Inversion | None:
    """The scores that ask for a generator and not only for its samples.

    Args:
      data: to be generated.

    Returns:
      For polygons a function of `generate`, of latents `[N, D]` and of the precision,
      that gives `recall` and `f1`; None for other data, which have no such scores.
    """
    if data.shapes is None:
        return None
    law, real = data.shapes, dataset.to_float(data.test.x[:NUM_INVERTED])

    def invert(
        generate: Callable[[Array], Array], z: Array, precision: Array
    ) -> Records:
        recall = polygon_scores.recall(law, generate, z, real)
        return {
            "recall": recall,
            "f1": scores.Score(
                value=polygon_scores.f1(precision, recall.value),
                protocol=scores.protocol(
                    score="f1", estimator="harmonic mean of precision and recall"
                ),
            ),
        }

    return invert


def of_classifier(
    network: classifier.Classifier,
    held_out_accuracy: float,
    real: ArrayLike,
    reference: ArrayLike,
    *,
    split_size: int,
    confidence: float = 0.5,
) -> Panel:
    """What a trained classifier sees in images.

    The Inception Score is biased by the size of its splits, so that one size serves
    samples of any number: N images are scored in `max(1, N // split_size)` splits.

    Args:
      network: trained on the same kind of images.
      held_out_accuracy: of the network, for the protocols.
      real: `[M, H, W, C]` images that Frechet distances are measured to.
      reference: `[K]` shares of the classes in the real data.
      split_size: samples in a split of the Inception Score.
      confidence: probability of the most likely class from which an image counts as a
        good one of that class.

    Returns:
      A panel `x [S, N, H, W, C] -> records` with `coverage`, `inception_score` (which
      warns of diversity that is low beside that of `real`), `frechet_distance` (in the
      network's features: not an FID) and `within_class_diversity`.
    """
    name = classifier.fingerprint(network, held_out_accuracy)
    real_features, real_logits = classifier.classify_all(network, real)
    real_probs = jax.nn.softmax(real_logits)
    real_inception = scores.inception_score(
        real_probs, max(1, len(real_probs) // split_size)
    ).value
    real_diversity = scores.within_class_diversity(real_features, real_probs).value

    def of_seed(
        real_features: Array, features: Array, logits: Array, floor: Array
    ) -> Records:
        probs = jax.nn.softmax(logits)
        splits = max(1, len(probs) // split_size)
        mode, good = scores.confident_class(probs, confidence)
        diversity = scores.within_class_diversity(features, probs, real_diversity)
        inception = scores.inception_score(probs, splits)
        return {
            "coverage": scores.mode_coverage(mode, good, reference),
            "inception_score": scores.warn_of_low_diversity(
                inception, diversity, real_inception, real_diversity
            ),
            "frechet_distance": scores.frechet_distance(
                real_features, features, name, floor
            ),
            "within_class_diversity": diversity,
        }

    # The real features are an argument, as constants would be folded by the compiler.
    score = jax.jit(jax.vmap(of_seed, (None, 0, 0, None)))

    def panel(x: ArrayLike) -> Records:
        x = jnp.asarray(x)
        seeds, number = x.shape[:2]
        out = classifier.classify_all(network, x.reshape(-1, *x.shape[2:]))
        features, logits = (y.reshape(seeds, number, -1) for y in out)
        floor = scores.frechet_floor(real_features, number)
        return score(real_features, features, logits, floor)

    return panel


def one_image_per_class(
    network: classifier.Classifier, x: ArrayLike, number: int
) -> np.ndarray:
    """A sample that the Inception Score cannot tell from a diverse one.

    It holds `number` images, which are copies of one image per class: the one of `x`
    `[N, H, W, C]` of which the classifier is surest.
    """
    _, logits = classifier.classify_all(network, x)
    surest = np.argmax(np.asarray(jax.nn.softmax(logits)), axis=0)
    return np.resize(np.asarray(x)[surest], (number, *np.shape(x)[1:]))
