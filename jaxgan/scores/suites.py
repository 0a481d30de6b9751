"""Suites: all the scores that suit a dataset, of many seeds at once.

A suite is a function of samples `[S, N, ...]` of S seeds that returns records by name,
every array of which is `[S, ...]`. What is compared with it, such as held-out data,
goes through the same suite. Nothing depends on the order of samples: where a score is
of parts of them, these are of the order of `shuffling.order`.
"""

import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import scores
from jaxgan.core import errors, randomness
from jaxgan.data import chirps, dataset, long_tail, mixtures, polygons, shuffling
from jaxgan.scores import chirps as chirp_scores
from jaxgan.scores import (
    classifier,
    classifier_cache,
    feature_suites,
    spectrograms,
    stacked_suites,
    text_suites,
    video_suites,
)
from jaxgan.scores import classifier_training as training
from jaxgan.scores import polygons as polygon_scores

Records = stacked_suites.Records
Suite = Callable[[ArrayLike], Records]
Inversion = Callable[[Callable[[Array], Array], Array, Array], Records]

Known = dict[str, ArrayLike]
"""Samples `[N, ...]` that are known, by their names."""

MOST_NAMED = 5
"""Classes that a sentence names."""

NUM_INVERTED = 256
"""Real images for which a latent is looked for."""


SPLITS = 10
"""Of the Inception Score, for as many samples as are scored."""

GOOD = 3.0
"""Standard deviations of a mode within which a point is good."""

LEAST = 2
"""Samples of a part that have a covariance."""

ENOUGH_ACCURACY = 0.97
"""Below it a classifier's modes are in doubt."""


class Scoring(NamedTuple):
    """A suite and what it says of samples that are known.

    Attributes:
      suite: the scores that suit the data, or None for images without labels.
      references: by the name of a sample, its scores by their names, each as
        `scores.to_dict` gives it, of one seed.
      note: a sentence about the classifier or the lack of one; None for a mixture.
    """

    suite: Suite | None
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
    """The suite for a dataset: of its mixture, or of a classifier trained on it.

    Args:
      data: points whose mixture is known, polygons, videos, sequences, or images with
        labels.
      num_samples: samples of each seed that will be scored, at least `SPLITS`.
      seed: of the classifier.
      num_images: training images that the classifier sees, counted anew in each epoch;
        it sees each of them at least once. None for as many as `train_classifier`
        takes by itself.
      cache: folder of trained classifiers, see `classifier_cache`; None for none.

    Returns:
      The suite, and its scores of held-out data and, for images, of copies of one image
      per class. Of a long tail all scores compare with the classes as they were, and
      the training samples are scored too. Of videos there are also real frames in
      random order. Images without labels have no suite, and the note says so.

    Raises:
      UserError: as `check`.
    """
    scoring, _ = with_selection(
        data,
        None,
        num_samples=num_samples,
        seed=seed,
        num_images=num_images,
        cache=cache,
    )
    return scoring


def with_selection(
    data: dataset.Dataset,
    chosen_by: dataset.Split | None,
    *,
    num_samples: int,
    seed: int,
    num_images: int | None = None,
    cache: pathlib.Path | None = None,
    num_bleu: int = 0,
) -> tuple[Scoring, Suite | None]:
    """The suite for a dataset, and one that chooses states before that scores them.

    Args:
      data: as for `of_dataset`.
      chosen_by: held-out samples that the selection compares with, see
        `data.setting_aside`; None for no selection. Where scores need no real samples,
        it is the suite itself, for samples of its own.
      num_samples, seed, num_images, cache: as for `of_dataset`.
      num_bleu: of sequences, samples that have BLEU, see `text_suites`; 0 for none.

    Raises:
      UserError: as `check`.
    """
    check(data, num_samples=num_samples)
    note, selection = None, None
    if data.mixture is not None:
        suite, known = _of_mixture(data, num_samples)
    elif data.shapes is not None:
        # Polygons are drawn, so their first are like any.
        held_out = dataset.to_float(data.test.x[:num_samples])
        suite, known = of_polygons(data.shapes), {"held-out real images": held_out}
    elif is_of_videos(data):
        classify = functools.partial(
            train_classifier, data, seed=seed, num_images=num_images, cache=cache
        )
        suite, known, note = _of_videos(data, num_samples, seed, classify)
        if chosen_by is not None:
            selection = _in_pixels(data, chosen_by.x, num_samples)
    elif data.sweeps is not None:
        suite, known = _of_chirps(data, num_samples)
        note = "modes by matched filters, without a classifier"
    elif data.text is not None:
        suite = text_suites.of_text(data, num_samples=num_samples, num_bleu=num_bleu)
        known = text_suites.known(data, num_samples, seed)
        if chosen_by is not None:
            apart = data._replace(test=chosen_by)
            selection = text_suites.of_text(apart, num_samples=num_samples)
        note = "scores are of the most probable symbol at each place"
    elif not is_labelled(data):
        which = "images" if data.train.label is None else "held-out images"
        which = which.replace("images", noun_of(data)[0])
        note = f"no scores, as a classifier needs labels, which the {which} have not"
        return Scoring(None, {}, note), None
    else:
        trained, note = train_classifier(
            data, seed=seed, num_images=num_images, cache=cache
        )
        make = _of_images if data.stack is None else _of_stack
        suite, known = make(data, trained, num_samples)
        if chosen_by is not None and data.stack is None:
            selection = _of_chosen(data, trained, num_samples, chosen_by)
    references = {
        name: {key: scores.to_dict(score) for key, score in suite(x[None]).items()}
        for name, x in known.items()
    }
    if chosen_by is not None and selection is None:
        selection = suite
    return Scoring(suite, references, note), selection


def _of_chosen(
    data: dataset.Dataset,
    trained: classifier_cache.Trained,
    num_samples: int,
    chosen_by: dataset.Split,
) -> Suite:
    label = np.asarray(chosen_by.label)
    return of_classifier(
        trained.classifier,
        trained.held_out_accuracy,
        dataset.to_float(chosen_by.x),
        np.bincount(label, minlength=data.num_classes) / len(label),
        split_size=num_samples // SPLITS,
    )


def _of_mixture(data: dataset.Dataset, num_samples: int) -> tuple[Suite, Known]:
    law = data.mixture
    suite = of_mixture(
        *(mixtures.centres(law), mixtures.spread(law), law.weights),
        threshold=GOOD if law.threshold is None else law.threshold,
        noise_dimensions=law.noise_dimensions,
        tail=tail_of(data),
    )
    # Points are drawn, so the first are like any.
    held_out = dataset.to_float(data.test.x[:num_samples])
    known: Known = {"held-out real points": held_out}
    return suite, known | _trained_on(data, num_samples)


def _of_images(
    data: dataset.Dataset, trained: classifier_cache.Trained, num_samples: int
) -> tuple[Suite, Known]:
    network, compared = trained.classifier, compared_with(data)
    real, held_out = (dataset.to_float(own.x) for own in (compared, data.test))
    label = np.asarray(compared.label)
    suite = of_classifier(
        network,
        trained.held_out_accuracy,
        real,
        np.bincount(label, minlength=data.num_classes) / len(label),
        split_size=num_samples // SPLITS,
        training=None if data.whole is None else dataset.to_float(data.train.x),
        held_out=held_out,
        most=num_samples,
        tail=tail_of(data),
    )
    # Classes without held-out images have training images.
    untested = np.setdiff1d(label, np.asarray(data.test.label)).size > 0
    shown = jnp.concatenate([held_out, real]) if untested else held_out
    copies = one_image_per_class(network, shown, num_samples)
    nouns, noun = noun_of(data)
    known: Known = {f"held-out real {nouns}": held_out, f"one {noun} per class": copies}
    if data.sample_rate is not None:
        known["white noise"] = white_noise(real, num_samples)
    return suite, known | _trained_on(data, num_samples)


def noun_of(data: dataset.Dataset) -> tuple[str, str]:
    """What samples are called, many and one."""
    if is_of_videos(data):
        return "videos", "video"
    if data.text is not None:
        return "sequences", "sequence"
    return ("images", "image") if data.sample_rate is None else ("clips", "clip")


def white_noise(real: ArrayLike, number: int) -> np.ndarray:
    """Normal noise as loud as real clips: as many clips `[number, T, 1]` of it.

    Its variance is the mean square of all that is real; values stay in [-1, 1].
    """
    loudness = float(np.sqrt(np.mean(np.square(real))))
    drawn = np.random.default_rng(0).standard_normal((number, *np.shape(real)[1:]))
    return np.clip(loudness * drawn, -1, 1).astype(np.float32)


def _of_chirps(data: dataset.Dataset, num_samples: int) -> tuple[Suite, Known]:
    # Chirps are drawn, so their first are like any.
    held_out = dataset.to_float(data.test.x[:num_samples])
    known: Known = {
        "held-out real clips": held_out,
        "white noise": white_noise(held_out, num_samples),
    }
    return of_chirps(data.sweeps, tail_of(data)), known | _trained_on(data, num_samples)


def _of_stack(
    data: dataset.Dataset, trained: classifier_cache.Trained, num_samples: int
) -> tuple[Suite, Known]:
    network, stack = trained.classifier, data.stack
    suite = stacked_suites.of_stack(
        network,
        trained.held_out_accuracy,
        stack,
        most=min(num_samples, len(data.train.x), len(data.test.x)),
        tail=tail_of(data),
    )
    single = dataset.to_float(stack.images.test.x)
    surest = one_image_per_class(network, single, stack.images.num_classes)
    depth = stack.train.shape[1]
    known: Known = {
        "held-out real tuples": dataset.to_float(data.test.x[:num_samples]),
        "one image per class": stacked_suites.one_tuple_per_class(
            surest, depth, num_samples
        ),
    }
    return suite, known | _trained_on(data, num_samples)


def _of_videos(
    data: dataset.Dataset,
    num_samples: int,
    seed: int,
    classify: Callable[[], tuple[classifier_cache.Trained, str]],
) -> tuple[Suite, Known, str]:
    """Frames and differences, and the modes: of the law, or of a classifier."""
    held_out = np.asarray(dataset.to_float(shuffling.first(data.test.x, num_samples)))
    own = [_in_pixels(data, compared_with(data).x, num_samples)]
    known: Known = dict(video_suites.known(held_out, seed))
    if data.motion is not None:
        note = "velocities: exact, by frames that match when they are moved"
    elif is_labelled(data):
        trained, note = classify()
        by_class, of_classes = _of_images(data, trained, num_samples)
        own.append(by_class)
        known["one video per class"] = of_classes["one video per class"]
    else:
        note = "no modes, as these need classes, which the videos have not"

    return _joined(own), known | _trained_on(data, num_samples), note


def _in_pixels(data: dataset.Dataset, real: ArrayLike, num_samples: int) -> Suite:
    """The scores of videos that need no classifier, beside some real ones."""
    own: list[Suite] = [video_suites.of_videos(real, data.test.x, num_samples)]
    if data.motion is not None:
        own.append(video_suites.of_moving(tail_of(data)))
    return _joined(own)


def _joined(suites: Sequence[Suite]) -> Suite:
    """One suite with the records of several."""

    def suite(x: ArrayLike) -> Records:
        return {name: score for own in suites for name, score in own(x).items()}

    return suite


def _trained_on(data: dataset.Dataset, num_samples: int) -> Known:
    """Training samples of a long tail: what a generator of its shares would show."""
    if data.whole is None:
        return {}
    first = shuffling.first(data.train.x, num_samples)
    return {"training samples of the long tail": dataset.to_float(first)}


def compared_with(data: dataset.Dataset) -> dataset.Split:
    """The real samples that scores compare with: the whole of a long tail."""
    return data.train if data.whole is None else data.whole


def tail_of(data: dataset.Dataset) -> list[int]:
    """The classes of the tail, see `long_tail.tail`; none where nothing was cut."""
    if data.whole is None:
        return []
    counts = np.bincount(np.asarray(data.train.label), minlength=data.num_classes)
    return long_tail.tail(counts).tolist()


def check(data: dataset.Dataset, *, num_samples: int) -> None:
    """Asks for as many samples as the scores of `of_dataset` need.

    Args:
      data: as for `of_dataset`.
      num_samples: likewise.

    Raises:
      UserError: saying how many there are, and how many are needed.
    """
    if num_samples < SPLITS:
        raise errors.UserError(
            f"num_samples={num_samples} must be at least {SPLITS}, one for each split."
        )
    if any(law is not None for law in laws_of(data)):
        return
    if not is_labelled(data) and not is_of_videos(data):
        return  # no scores
    counts = len(data.train.x), len(data.test.x)
    if min(counts) < LEAST:
        raise errors.UserError(
            f"{data.name} has {counts[0]} training and {counts[1]} held-out samples, "
            f"but the scores need at least {LEAST} of each; add samples, or a test "
            "part."
        )


def is_labelled(data: dataset.Dataset) -> bool:
    """Whether both parts have labels, as a classifier needs."""
    return data.train.label is not None and data.test.label is not None


def is_known(data: dataset.Dataset) -> bool:
    """Whether `of_dataset` has a suite: of a law, of videos, or of classes."""
    known = any(law is not None for law in laws_of(data))
    return known or is_of_videos(data) or is_labelled(data)


def laws_of(data: dataset.Dataset) -> tuple[Any, ...]:
    """The laws that the data may be drawn from, each None if it is not theirs."""
    return (data.mixture, data.shapes, data.motion, data.sweeps, data.text)


def is_of_videos(data: dataset.Dataset) -> bool:
    """Whether the samples are videos `[T, H, W, C]`."""
    return np.ndim(data.train.x) == 5


def train_classifier(
    data: dataset.Dataset,
    *,
    seed: int,
    num_images: int | None = None,
    cache: pathlib.Path | None = None,
) -> tuple[classifier_cache.Trained, str]:
    """The classifier of a dataset's training part, and a sentence on how good it is.

    Of stacked images it is one of the single ones, and of a long tail one of the whole
    training part, as it has to know the classes of the tail. It does not depend on the
    order of the samples.

    Args:
      data: with labels; images, or other samples, which an MLP takes.
      seed: of the training.
      num_images: as for `of_dataset`.
      cache: likewise.
    """
    data = data if data.stack is None else data.stack.images
    data = data._replace(train=compared_with(data))
    x, label = np.asarray(data.train.x), np.asarray(data.train.label)
    rows = shuffling.order(x)
    real, held_out = dataset.to_float(x[rows]), dataset.to_float(data.test.x)
    trained = classifier_cache.load_or_train(
        real,
        jnp.asarray(label[rows]),
        held_out,
        data.test.label,
        num_classes=data.num_classes,
        key=randomness.key(seed),
        cache=cache,
        num_epochs=num_images and max(1, round(num_images / len(real))),
        **_architecture(data, real.shape[1:]),
    )
    accuracy = trained.held_out_accuracy
    poor = "" if accuracy >= ENOUGH_ACCURACY else f": BELOW {ENOUGH_ACCURACY}"
    said = [f"classifier: held-out accuracy {accuracy:.4f}{poor}", *_one_sided(data)]
    if trained.note is not None:
        said.append(trained.note)
    return trained, ". ".join(said)


def _one_sided(data: dataset.Dataset) -> list[str]:
    """A sentence each on classes that are not tested, and that are not trained."""
    train, test = (np.unique(np.asarray(own.label)) for own in (data.train, data.test))
    said = []
    for kind, missing in (
        ("held-out", np.setdiff1d(train, test)),
        ("training", np.setdiff1d(test, train)),
    ):
        names = [dataset.names_of(data)[own] for own in missing[:MOST_NAMED]]
        if len(missing):
            more = ["..."] if len(missing) > MOST_NAMED else []
            said.append(
                f"{len(missing)} of {data.num_classes} classes have no {kind} samples "
                f"({', '.join(names + more)})"
            )
    return said


def _architecture(data: dataset.Dataset, shape: tuple[int, ...]) -> dict[str, Any]:
    """The classifier for samples of a shape: an MLP for points and for tiny images.

    A pixel is much of a tiny image, so that these are not moved either. Waveforms are
    seen as spectrograms, unless they are too short for that.
    """
    if data.sample_rate is not None and shape[0] >= spectrograms.LEAST_LENGTH:
        return {"architecture": "spectrogram", "sample_rate": data.sample_rate}
    if len(shape) == 3 and min(shape[:2]) >= training.SMALLEST:
        return {"architecture": "convolutional"}
    return {"architecture": "fully_connected", "max_shift": 0}


def of_mixture(
    means: ArrayLike,
    std: ArrayLike,
    weights: ArrayLike,
    *,
    threshold: float = GOOD,
    noise_dimensions: int | None = None,
    tail: Sequence[int] = (),
) -> Suite:
    """Mode coverage of points whose modes are known, and their spread within modes.

    Args:
      means: `[K, D]`.
      std: standard deviation per axis.
      weights: `[K]` shares of the modes.
      threshold: standard deviations within which a point is good.
      noise_dimensions: how many of the coordinates, the first ones, have noise; None
        for all.
      tail: numbers of the modes of a long tail, whose recall is asked for.

    Returns:
      A suite `x [S, N, D] -> records` with `coverage`, by the Euclidean rule,
      `within_mode_deviation` (in the dimensions that have noise) and, in the plane,
      `within_mode_energy`.
    """
    dimensions = np.shape(means)[1]
    noisy = dimensions if noise_dimensions is None else noise_dimensions
    rule = scores.protocol(
        rule="euclidean",
        threshold=threshold,
        high_quality_ceiling=scores.high_quality_ceiling(threshold, noisy),
    )

    def of_seed(x: Array) -> Records:
        mode, good = scores.nearest_mode(x, means, std, threshold)
        found: Records = {
            "coverage": scores.mode_coverage(mode, good, weights, rule),
            "within_mode_deviation": scores.within_mode_deviation(
                *(x[:, :noisy], mode, good, means[:, :noisy], std, threshold)
            ),
        }
        if dimensions == 2:
            found["within_mode_energy"] = scores.within_mode_energy(x, mode, means, std)
        if len(tail):
            found["class_recall"] = scores.class_recall(mode, good, weights, tail)
        return found

    if dimensions == 2:
        return jax.jit(jax.vmap(of_seed))
    # Differences to all means of all seeds at once would take gigabytes.
    return jax.jit(lambda x: jax.lax.map(of_seed, x))


def of_polygons(law: polygons.Polygons) -> Suite:
    """Precision of images of polygons, see `scores.polygons`.

    Returns:
      A suite `x [S, N, size, size, 1] -> {"precision": Score}`.
    """

    @jax.jit
    def suite(x: Array) -> Records:
        return jax.lax.map(
            lambda own: {"precision": polygon_scores.precision(law, own)}, x
        )

    return suite


def of_chirps(law: chirps.Chirps, tail: Sequence[int] = ()) -> Suite:
    """Mode coverage of chirps, whose modes are found by matched filters.

    Args:
      law: of the chirps.
      tail: numbers of the modes of a long tail, whose recall is asked for.

    Returns:
      A suite `x [S, N, T, 1] -> records` with `coverage`, in which a good sample has
      more than `chirp_scores.GOOD` of its energy in the plane of its mode, and
      `matched_energy`, the mean of that share.
    """
    rule = scores.protocol(
        rule="matched filters",
        threshold=chirp_scores.GOOD,
        crosstalk=chirp_scores.crosstalk(law),
    )
    weights = np.full(law.modes, 1 / law.modes)

    def of_seed(x: Array) -> Records:
        mode, share = chirp_scores.matched(law, x)
        good = share > chirp_scores.GOOD
        found: Records = {
            "coverage": scores.mode_coverage(mode, good, weights, rule),
            "matched_energy": scores.Score(
                value=jnp.mean(share),
                protocol=scores.protocol(
                    score="matched_energy", num_samples=len(x), ceiling=1.0
                ),
            ),
        }
        if len(tail):
            found["class_recall"] = scores.class_recall(mode, good, weights, tail)
        return found

    return jax.jit(lambda x: jax.lax.map(of_seed, x))


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
    training: ArrayLike | None = None,
    held_out: ArrayLike | None = None,
    most: int = feature_suites.MOST,
    tail: Sequence[int] = (),
) -> Suite:
    """What a trained classifier sees in images.

    The Inception Score is biased by the size of its splits, so that one size serves
    samples of any number: N images are scored in `max(1, N // split_size)` splits, of
    images in the order of `shuffling.order`.

    Args:
      network: trained on the same kind of images.
      held_out_accuracy: of the network, for the protocols.
      real: `[M, H, W, C]` images that Frechet distances are measured to.
      reference: `[K]` shares of the classes in the real data.
      split_size: samples in a split of the Inception Score.
      confidence: probability of the most likely class from which an image counts as a
        good one of that class.
      training: `[T, H, W, C]` images that the generators were trained on, which they
        may copy; None for `real`.
      held_out: `[L, H, W, C]` images by which is told what a copy is; None for none of
        the scores of `feature_suites`.
      most: samples of each seed that those look at; none of them are of fewer.
      tail: numbers of the classes of a long tail, whose recall is asked for.

    Returns:
      A suite `x [S, N, H, W, C] -> records` with `coverage`, `inception_score` (which
      warns of diversity that is low beside that of `real`), `frechet_distance` (in the
      network's features: not an FID), `within_class_diversity`, and those of
      `feature_suites` if there are images that are held out.
    """
    name = classifier.fingerprint(network, held_out_accuracy)
    rows = shuffling.order(real)
    real_features, real_logits = (
        jnp.asarray(np.asarray(values)[rows])
        for values in classifier.classify_all(network, real)
    )
    real_inception, real_diversity = _of_real(
        real_features, real_logits, splits=max(1, len(real_logits) // split_size)
    )

    beside: list[feature_suites.Suite] = []
    if held_out is not None:
        own = real if training is None else training
        trained_on, others = (
            classifier.classify_all(network, x[shuffling.order(x)])[0]
            for x in (own, held_out)
        )
        number = feature_suites.number_of(
            *(most, len(real_features), len(trained_on), len(others))
        )
        beside = [
            feature_suites.beside_real(real_features, number, name),
            feature_suites.beside_training(trained_on, others, number, name),
        ]

    def of_seed(
        real_features: Array, features: Array, logits: Array, floor: Array
    ) -> Records:
        probs = jax.nn.softmax(logits)
        splits = max(1, len(probs) // split_size)
        mode, good = scores.confident_class(probs, confidence)
        diversity = scores.within_class_diversity(features, probs, real_diversity)
        inception = scores.inception_score(probs, splits)
        found: Records = {
            "coverage": scores.mode_coverage(mode, good, reference),
            "inception_score": scores.warn_of_low_diversity(
                inception, diversity, real_inception, real_diversity
            ),
            "frechet_distance": scores.frechet_distance(
                real_features, features, name, floor
            ),
            "within_class_diversity": diversity,
        }
        if len(tail):
            found["class_recall"] = scores.class_recall(mode, good, reference, tail)
        return found

    # The real features are an argument, as constants would be folded by the compiler.
    score = jax.jit(jax.vmap(of_seed, (None, 0, 0, None)))

    def suite(x: ArrayLike) -> Records:
        x = jnp.asarray(x)
        number = x.shape[1]
        out = classifier.classify_all(network, x.reshape(-1, *x.shape[2:]))
        features, logits = _in_order(
            out, np.stack([shuffling.order(own) for own in np.asarray(x)])
        )
        floor = feature_suites.frechet_floor(real_features, num_fake=number)
        found = score(real_features, features, logits, floor)
        for own in beside:
            found |= own(features)
        return found

    return suite


# Compiled whole, as operation by operation this takes a second.
@functools.partial(jax.jit, static_argnames="splits")
def _of_real(features: Array, logits: Array, splits: int) -> tuple[Array, Array]:
    """The Inception Score of real samples, and their diversity within classes."""
    probs = jax.nn.softmax(logits)
    return (
        scores.inception_score(probs, splits).value,
        scores.within_class_diversity(features, probs).value,
    )


@jax.jit
def _in_order(outputs: tuple[Array, ...], rows: Array) -> list[Array]:
    """Each `[S * N, F]` as `[S, N, F]`, in the order that `rows` `[S, N]` say."""
    return [
        jnp.take_along_axis(y.reshape(*rows.shape, -1), rows[..., None], axis=1)
        for y in outputs
    ]


def one_image_per_class(
    network: classifier.Classifier, x: ArrayLike, number: int
) -> np.ndarray:
    """A sample that the Inception Score cannot tell from a diverse one.

    It holds `number` images, which are copies of one image for each class that some
    image of `x` `[N, H, W, C]` is recognised as: the one of which the classifier is
    surest.
    """
    _, logits = classifier.classify_all(network, x)
    probs = np.asarray(jax.nn.softmax(logits))
    own, sure = np.argmax(probs, axis=1), np.max(probs, axis=1)
    surest = [
        max(np.flatnonzero(own == value), key=sure.__getitem__)
        for value in np.unique(own)
    ]
    return np.resize(np.asarray(x)[np.array(surest)], (number, *np.shape(x)[1:]))
