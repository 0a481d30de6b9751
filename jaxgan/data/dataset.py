"""Datasets by name, as arrays that fit on the device.

A dataset is read once into host memory. Images stay uint8 there and on the device and
are scaled in the training step, so that they take a quarter of the memory. Data that
are larger than the device can be streamed to it, see `jaxgan.data.streaming`.
"""

import hashlib
import os
import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness
from jaxgan.data import (
    archives,
    builders,
    chirps,
    clips,
    digits,
    folders,
    grammars,
    long_tail,
    mixtures,
    moving,
    oracles,
    own,
    polygons,
    ranges,
    resizing,
    sequences,
    sounds,
    spoken_digits,
    stacking,
    texts,
    tfds,
    videos,
)

MIXTURES = {"ring": mixtures.ring(), "grid": mixtures.grid()} | mixtures.VARIANTS
"""The mixtures that `load` knows, by name."""

POLYGONS = "polygons"
"""The name of the triangles that are drawn on the fly, see `polygons`."""

MOVING = {f"moving_{objects}": moving.Moving(objects) for objects in moving.OBJECTS}
"""The videos that are made of what moves with known velocities, by name."""

CHIRPS = "chirps"
"""The name of the synthetic waveforms, see `chirps`."""

SOUNDS = "sounds"
"""The name of one's own recordings, which `data_dir` then names."""

OF_SOUND = (CHIRPS, spoken_digits.NAME, SOUNDS)
"""The datasets of waveforms."""

TEXT, GRAMMAR, ORACLE = "text", "grammar", "oracle"
"""The names of sequences of symbols: a file that `data_dir` then names, sentences of
`grammars.AGREEMENT`, and what SeqGAN's oracle draws."""

LENGTHS = {TEXT: 32, GRAMMAR: 11, ORACLE: oracles.LENGTH}
"""Symbols of a sequence; no sentence that is shorter than 13 words has 12."""

NUM_SEQUENCES = 10_000
"""Sequences of each pool of a grammar and of the oracle, as in SeqGAN's paper."""

NAMES = (*MIXTURES, POLYGONS, CHIRPS, "digits", *MOVING, GRAMMAR, ORACLE)
"""The datasets that need no preparation, but for stacks of them."""

NUM_POINTS, NUM_EMBEDDED, NUM_VIDEOS, NUM_CHIRPS = 50_000, 10_000, 10_000, 4_000
"""Samples of each pool of a mixture and of polygons, and of a mixture in more than two
dimensions, of what moves and of chirps, which take more memory."""

PREPARED = tuple(archives.ARCHIVES)
"""The datasets that are prepared from their official archives when first loaded."""

MOST_TOLD = 20
"""Classes up to which `about` counts each."""

FILES = "files"
"""The name of one's own images, which `data_dir` then names."""

VIDEOS = "videos"
"""The name of one's own videos, likewise."""


OWN = {
    FILES: ".npz or .npy file or to a folder of images",
    VIDEOS: ".npz or .npy file or to a folder of videos",
    SOUNDS: "folder of .wav files",
    TEXT: "text file",
}
"""By the names of one's own data what `data_dir` is set to."""


class Split(NamedTuple):
    """Samples and their labels.

    Attributes:
      x: `[N, H, W, C]` uint8 images in 0..255, `[N, T, H, W, C]` uint8 videos, `[N, F]`
        float32 points, `[N, T, 1]` int16 waveforms, times 32768, or `[N, T, V]` uint8
        sequences, see `sequences`.
      label: `[N]` int32 classes, or for a mixture or chirps the mode of each sample;
        None if the dataset has none.
    """

    x: ArrayLike
    label: ArrayLike | None = None


class Stack(NamedTuple):
    """What stacked images are made of, see `stacking`.

    Attributes:
      images: the dataset of the single ones, a `Dataset`.
      train: `[N, K]` int32, which images of its training part each sample shows; of
        all samples, where a long tail was cut out of them.
      test: `[M, K]` int32, likewise of its test part.
    """

    images: Any
    train: np.ndarray
    test: np.ndarray


class Dataset(NamedTuple):
    """A dataset in host memory.

    Attributes:
      name: what it was loaded as.
      train: what models are trained on.
      test: held-out samples.
      num_classes: K of the labels, or None if there are none.
      mixture: the distribution itself where it is one of points, or None.
      shapes: the distribution itself where it is one of polygons, or None.
      sweeps: the distribution itself where it is one of chirps, or None.
      sample_rate: of waveforms, in Hz; None where there are none.
      text: what the symbols are where samples are sequences, or None.
      class_names: K names, label i's at place i (folder names, or the numbers that a
        file had before they were renumbered); None where classes are just numbers.
      notes: sentences for the user, on how files were read and what was left out.
      stack: what the channels are where they are images by themselves, or None.
      whole: the training part before a long tail was cut out of it, which scores
        compare with and their classifier learns; None where nothing was.
      motion: the distribution itself where it is one of what moves, or None.
    """

    name: str
    train: Split
    test: Split
    num_classes: int | None = None
    mixture: mixtures.GaussianMixture | None = None
    shapes: polygons.Polygons | None = None
    sweeps: chirps.Chirps | None = None
    sample_rate: int | None = None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    stack: Stack | None = None
    whole: Split | None = None
    motion: moving.Moving | None = None
    text: sequences.Sequences | None = None


def load(
    name: str,
    *,
    seed: int = 0,
    data_dir: str | None = None,
    num_samples: int | None = None,
    image_size: tuple[int, int] | None = None,
    resize: str = "lanczos",
    value_range: ranges.Range | None = None,
    num_tuples: int | None = None,
    imbalance: float | None = None,
    num_frames: int | None = None,
    form: clips.Form | None = None,
    length: int | None = None,
    vocabulary: int | None = None,
    unit: str = "characters",
) -> Dataset:
    """Loads a dataset by name.

    Args:
      name: one of `MIXTURES` ("ring" and "grid", with 8 and 25 modes, and
        `mixtures.VARIANTS`), "polygons" (triangles of 28 x 28 pixels,
        or of the square `image_size`), "digits", "moving_shapes" and "moving_digits"
        (see `moving`, likewise), one of `PREPARED` ("mnist", "fashion_mnist",
        "cifar10"), "files" and "videos" for one's own images and videos, one of
        `OF_SOUND` ("chirps", "spoken_digits", "sounds" for one's own recordings), of
        sequences "text", "grammar" and "oracle", or the name of an image dataset of
        TFDS that is prepared on disk. "stacked2_NAME" and "stacked3_NAME" have two and
        three grey images of the dataset NAME as their
        channels, see `stacking`; "stacked_NAME" has two.
      seed: of the pools of a mixture, of polygons or of what moves, and of tuples; real
        data do not depend on it.
      data_dir: of `PREPARED`, the folder of their archives or of prepared datasets, see
        `builders.prepare`; of "files", the `.npz` or `.npy` file or the folder of
        images, see `own.load`; of "videos", see `videos.load`; of sound see
        `spoken_digits.load` and `sounds.load`; of "text", the file, see `texts.load`;
        else the folder of prepared TFDS datasets. None for the environment variable
        `JAXGAN_DATA_DIR`, or without that the default of TFDS.
      num_samples: N of the training pool and of the test pool of what is drawn, at
        least 1, or None for `NUM_POINTS` (`NUM_EMBEDDED` in more than two dimensions,
        `NUM_VIDEOS`, `NUM_CHIRPS`, `NUM_SEQUENCES`); the number of samples of real data
        is what it is.
      image_size: `(H, W)` to which images are resized, or None to keep their size.
      resize: how: "lanczos", "box" or "pad", see `resizing.resizer`.
      value_range: of "files", the values of black and white where they cannot be told,
        see `own.load`.
      num_tuples: N of the training tuples of stacked images, or None for the
        `stacking.NUM_TUPLES` as published.
      imbalance: how many times as many training samples the first class keeps as the
        last one, see `with_long_tail`; None to keep all.
      num_frames: T of videos: what moves has so many frames, and one's own videos are
        cut into pieces of so many; None for 8 and for all that they have.
      form: of the clips of sound, see `clips.Form`; None for the usual one.
      length: T, symbols of a sequence, or None for that of `LENGTHS`.
      vocabulary: V, different symbols of sequences, or None for as many as there are.
      unit: of "text", one of `texts.UNITS`.

    Returns:
      The dataset, as NumPy arrays.

    Raises:
      UserError: if the dataset is unknown, is not prepared and cannot be, or does not
        hold images, an argument is out of range or not for this dataset, or images
        cannot be stacked or have no classes of which to make a tail.
    """
    of_sequences = {"length": length, "vocabulary": vocabulary}
    if name not in LENGTHS:
        _require_absent(name, "sequences", **of_sequences)
    if name != TEXT and unit != texts.UNITS[0]:
        _require_absent(name, f"{TEXT!r}", unit=unit)
    if name in OF_SOUND:
        _require_absent(name, "videos", num_frames=num_frames)
        _refuse_for_sound(
            *(name, num_samples),
            image_size=image_size,
            value_range=value_range,
            num_tuples=num_tuples,
        )
        data = _load_sound(name, data_dir, form or clips.Form(), seed, num_samples)
        return data if imbalance is None else with_long_tail(data, imbalance)
    if form is not None:
        raise errors.UserError(
            f"form={form} is for sounds, which {name!r} has not; leave it out."
        )
    of_images = {"data_dir": data_dir, "image_size": image_size, "resize": resize}
    if name in LENGTHS:
        _require_absent(name, "videos", num_frames=num_frames)
        _check_range(name, value_range)
        of_others = {"num_tuples": num_tuples, "imbalance": imbalance}
        _require_absent(name, "images", image_size=image_size, **of_others)
        if name == TEXT:
            _require_absent(name, "what is drawn", num_samples=num_samples)
            return _load_text(data_dir, unit=unit, **of_sequences)
        return _draw_sequences(name, seed, num_samples, **of_sequences)
    if (stacked := stacking.parse(name)) is not None:
        depth, images = stacked
        single = load(images, value_range=value_range, **of_images)
        number = stacking.NUM_TUPLES if num_tuples is None else num_tuples
        data = from_stack(name, single, depth, seed=seed, num_tuples=number)
    elif num_tuples is not None:
        raise errors.UserError(
            f"num_tuples={num_tuples} is for stacked images, which {name!r} is not of; "
            f"leave it out, or choose stacked_{name}."
        )
    else:
        of_images |= {"seed": seed, "num_samples": num_samples}
        data = _load_single(
            name, value_range=value_range, num_frames=num_frames, **of_images
        )
    if num_frames is not None and np.ndim(data.train.x) != 5:
        raise errors.UserError(
            f"num_frames={num_frames} is for videos, which {name!r} has not; leave it "
            "out."
        )
    return data if imbalance is None else with_long_tail(data, imbalance)


def _load_single(
    name: str,
    *,
    seed: int,
    data_dir: str | None,
    num_samples: int | None,
    image_size: tuple[int, int] | None,
    resize: str,
    value_range: ranges.Range | None,
    num_frames: int | None,
) -> Dataset:
    """A dataset whose samples are not stacked; arguments as for `load`."""
    _check_range(name, value_range)
    if name in MIXTURES:
        if image_size is not None:
            raise errors.UserError(
                f"image_size={image_size} is for images, but {name!r} has points; "
                "leave it out."
            )
        law = MIXTURES[name]
        usual = NUM_POINTS if np.shape(law.means)[1] <= 2 else NUM_EMBEDDED
        number = usual if num_samples is None else num_samples
        return from_mixture(name, law, seed=seed, num_samples=number)
    if name == POLYGONS:
        size = _square(name, image_size) or polygons.Polygons().size
        number = NUM_POINTS if num_samples is None else num_samples
        return from_polygons(
            name, polygons.Polygons(size=size), seed=seed, num_samples=number
        )
    if name in MOVING:
        moved = MOVING[name]
        moved = moved._replace(
            num_frames=moved.num_frames if num_frames is None else num_frames,
            size=_square(name, image_size) or moved.size,
        )
        number = NUM_VIDEOS if num_samples is None else num_samples
        return from_moving(name, moved, seed=seed, num_samples=number)
    if image_size is not None:
        resizing.resizer(image_size, resize)
    if name in (FILES, VIDEOS):
        path, how = _own_path(name, data_dir), {"image_size": image_size}
        how |= {"resize": resize, "value_range": value_range}
        if name == VIDEOS:
            found = videos.load(path, num_frames=num_frames, **how)
        else:
            found = own.load(path, **how)
        return Dataset(
            name,
            Split(*found.train),
            Split(*found.test),
            found.num_classes,
            class_names=found.class_names,
            notes=found.notes,
        )
    if name == "digits":
        images = tfds.Images(*digits.load(), digits.NUM_CLASSES)
    elif name in PREPARED:
        images = builders.load(name, data_dir)
    else:
        images = tfds.load(name, data_dir)
    train_x, test_x = (
        resizing.resize_all(x, image_size, resize)
        for x in (images.train_x, images.test_x)
    )
    train, test = Split(train_x, images.train_label), Split(test_x, images.test_label)
    return Dataset(
        *(name, train, test, images.num_classes),
        class_names=images.class_names,
        notes=images.notes,
    )


def _refuse_for_sound(name: str, num_samples: int | None, **of_images: object) -> None:
    for argument, value in of_images.items():
        if value is not None:
            raise errors.UserError(
                f"{argument}={value} is for images, but {name!r} has waveforms; leave "
                "it out."
            )
    if num_samples is not None and name != CHIRPS:
        raise errors.UserError(
            f"num_samples={num_samples} is for what is drawn, but {name!r} has as many "
            "recordings as it has; leave it out."
        )


def _load_sound(
    name: str,
    data_dir: str | None,
    form: clips.Form,
    seed: int,
    num_samples: int | None,
) -> Dataset:
    """A dataset of waveforms; arguments as for `load`."""
    clips.check(form)
    if name == CHIRPS:
        law = chirps.Chirps(
            length=form.length, sample_rate=form.sample_rate or clips.USUAL_RATE
        )
        number = NUM_CHIRPS if num_samples is None else num_samples
        return from_chirps(name, law, seed=seed, num_samples=number)
    if name == spoken_digits.NAME:
        found = spoken_digits.load(data_dir, form)
    else:
        found = sounds.load(_own_path(name, data_dir), form)
    return Dataset(
        name,
        Split(found.train_x, found.train_label),
        Split(found.test_x, found.test_label),
        found.num_classes,
        class_names=found.class_names,
        sample_rate=found.sample_rate,
        notes=found.notes,
    )


def _check_range(name: str, value_range: ranges.Range | None) -> None:
    if value_range is not None and name not in (FILES, VIDEOS):
        raise errors.UserError(
            f"value_range is {ranges.shown(value_range)}, but it is for {FILES!r} and "
            f"{VIDEOS!r} alone, and {name!r} has a known one; leave it out."
        )


def is_built_in(name: str) -> bool:
    """Whether a dataset reads no files of the user's, stacked or not."""
    stacked = stacking.parse(name)
    return (name if stacked is None else stacked[1]) in NAMES


def is_at_hand(name: str, data_dir: str | None = None) -> bool:
    """Whether `load` would find a dataset on disk; cheap, and reads no images.

    True for what needs no preparation; for `PREPARED`, if they are prepared or all of
    their archives lie in `data_dir`; for "files" and "videos", if `data_dir` exists;
    for stacks, if their images are; for others, if TFDS has prepared them.

    Args:
      name: as for `load`.
      data_dir: as for `load`.
    """
    if (stacked := stacking.parse(name)) is not None:
        return is_at_hand(stacked[1], data_dir)
    if name in NAMES:
        return True
    if name in OWN:
        path = folders.chosen(data_dir)
        return path is not None and os.path.exists(path)
    if name == spoken_digits.NAME:
        return spoken_digits.found(data_dir) is not None
    if name in PREPARED and (
        builders.prepared(name, data_dir) or builders.has_archives(name, data_dir)
    ):
        return True
    return tfds.is_prepared(name, data_dir)


def from_mixture(
    name: str, mixture: mixtures.GaussianMixture, *, seed: int, num_samples: int
) -> Dataset:
    """A fixed pool of training points and one of test points, drawn independently.

    Args:
      name: of the dataset.
      mixture: what to draw from, for example one of `mixtures.VARIANTS`.
      seed: of both pools.
      num_samples: N of each pool, at least 1.

    Returns:
      The dataset; labels are modes.

    Raises:
      UserError: if `num_samples` is below 1.
    """
    if num_samples < 1:
        raise errors.UserError(f"num_samples is {num_samples}; it must be at least 1.")
    train, test = (
        Split(*map(np.asarray, mixtures.sample(mixture, key, num_samples)))
        for key in jax.random.split(randomness.key(seed))
    )
    return Dataset(name, train, test, len(mixture.means), mixture)


def from_stack(
    name: str, images: Dataset, depth: int, *, seed: int, num_tuples: int
) -> Dataset:
    """Fixed tuples of training images, and of held-out ones, as the channels of one.

    Args:
      name: of the dataset.
      images: grey, with labels in both parts.
      depth: K, images in a tuple.
      seed: of the tuples.
      num_tuples: of training images; of held-out ones there are as many, but no more
        than `stacking.NUM_HELD_OUT`.

    Returns:
      The dataset; its classes are tuples of classes, the last one varying fastest.

    Raises:
      UserError: if the images have no labels or colours, or `num_tuples` is below 1.
    """
    parts = images.train, images.test
    if any(own.label is None for own in parts) or images.mixture is not None:
        raise errors.UserError(
            f"{images.name!r} cannot be stacked: the tuples are those of classes, so "
            "it must hold images with labels in both parts; choose such a dataset."
        )
    drawn = stacking.draw(seed, num_tuples, depth, [len(own.x) for own in parts])
    train, test = (
        Split(
            stacking.stack(own.x, rows),
            stacking.labels(own.label, rows, images.num_classes),
        )
        for own, rows in zip(parts, drawn, strict=True)
    )
    note = (
        f"{name}: {depth} images of {images.name} in each sample, of the same part, as "
        f"its channels; tuples are fixed by seed {seed}"
    )
    return Dataset(
        *(name, train, test, images.num_classes**depth),
        class_names=stacking.names(names_of(images), depth),
        notes=(*images.notes, note),
        stack=Stack(images, *drawn),
    )


def with_long_tail(data: Dataset, factor: float) -> Dataset:
    """Fewer training samples of each class than of the one before.

    Of K classes class k keeps `n factor^(-k / (K - 1))` samples, see
    `long_tail.kept_counts`; which ones follows from what they are. The test part stays
    as it is.

    Args:
      data: with labels, or points, whose modes are labels.
      factor: how many times as many samples the first class keeps as the last one.

    Returns:
      The dataset, with the whole training part as `whole`.

    Raises:
      UserError: if there are no labels, or a class would be left without samples.
    """
    x, label = data.train
    if label is None or data.test.label is None:
        raise errors.UserError(
            f"imbalance={factor:g} is for labelled data, but {data.name!r} has no "
            "labels in both parts; leave it out."
        )
    counts = np.bincount(np.asarray(label), minlength=data.num_classes)
    kept = long_tail.kept_counts(counts, factor)
    rows = long_tail.rows(x, label, kept)
    note = f"{data.name}: {long_tail.said(kept, names_of(data), factor)}"
    return data._replace(
        train=Split(np.asarray(x)[rows], np.asarray(label)[rows]),
        notes=(*data.notes, note),
        whole=data.train,
    )


def from_polygons(
    name: str, law: polygons.Polygons, *, seed: int, num_samples: int
) -> Dataset:
    """A fixed pool of training images and one of test images, drawn independently.

    Args:
      name: of the dataset.
      law: what to draw from.
      seed: of both pools.
      num_samples: N of each pool, at least 1.

    Returns:
      The dataset, without labels.

    Raises:
      UserError: if `num_samples` is below 1 or there are no such polygons.
    """
    if num_samples < 1:
        raise errors.UserError(f"num_samples is {num_samples}; it must be at least 1.")
    seeds = np.random.SeedSequence(seed).spawn(2)
    train, test = (Split(polygons.images(law, own, num_samples)) for own in seeds)
    return Dataset(name, train, test, shapes=law)


def from_moving(
    name: str, law: moving.Moving, *, seed: int, num_samples: int
) -> Dataset:
    """A fixed pool of training videos and one of test videos, drawn independently.

    Args:
      name: of the dataset.
      law: what to draw from.
      seed: of both pools.
      num_samples: N of each pool, at least 1.

    Returns:
      The dataset; labels are directions, see `moving.DIRECTIONS`.

    Raises:
      UserError: if `num_samples` is below 1, or the object has no room to move.
    """
    if num_samples < 1:
        raise errors.UserError(f"num_samples is {num_samples}; it must be at least 1.")
    train, test = (
        Split(*moving.videos(law, own, num_samples, held_out=held_out))
        for own, held_out in zip(
            np.random.SeedSequence(seed).spawn(2), (False, True), strict=True
        )
    )
    return Dataset(
        *(name, train, test, len(moving.DIRECTIONS)),
        class_names=moving.DIRECTIONS,
        motion=law,
    )


def from_chirps(
    name: str, law: chirps.Chirps, *, seed: int, num_samples: int
) -> Dataset:
    """A fixed pool of training chirps and one of test chirps, drawn independently.

    Args:
      name: of the dataset.
      law: what to draw from.
      seed: of both pools.
      num_samples: N of each pool, at least 1.

    Returns:
      The dataset; labels are modes, named by the frequencies at which they begin.

    Raises:
      UserError: if `num_samples` is below 1 or there are no such chirps.
    """
    if num_samples < 1:
        raise errors.UserError(f"num_samples is {num_samples}; it must be at least 1.")
    seeds = np.random.SeedSequence(seed).spawn(2)
    train, test = (Split(*chirps.sample(law, own, num_samples)) for own in seeds)
    return Dataset(
        *(name, train, test, law.modes),
        sweeps=law,
        sample_rate=law.sample_rate,
        class_names=tuple(f"{own:.0f} Hz" for own in chirps.frequencies(law)),
    )


def names_of(data: Dataset) -> tuple[str, ...]:
    """The names of the classes: their numbers where they have no others.

    Args:
      data: with labels.
    """
    return data.class_names or tuple(map(str, range(data.num_classes)))


def about(data: Dataset) -> str:
    """How files were read, and the samples that each part and class has, in lines."""
    parts = data.train, data.test
    counts = [len(own.x) for own in parts]
    said = f"{data.name}: {counts[0]:,} training and {counts[1]:,} held-out samples"
    said = "\n".join((*data.notes, said))
    if data.train.label is None or data.mixture is not None:
        return said
    by_class = [
        np.bincount(np.asarray(own.label), minlength=data.num_classes).tolist()
        for own in parts
        if own.label is not None
    ]
    if data.num_classes > MOST_TOLD:
        extents = (f"{min(own):,} to {max(own):,}" for own in by_class)
        return f"{said}; of each of {data.num_classes} classes {' and '.join(extents)}"
    numbers = zip(*by_class, strict=True)
    told = (
        f"{name}: {' + '.join(f'{own:,}' for own in each)}"
        for name, each in zip(names_of(data), numbers, strict=True)
    )
    return f"{said}; by class {', '.join(told)}"


def record(data: Dataset) -> dict[str, Any]:
    """What a run keeps of its data, besides their name, to know them again.

    Returns:
      `data`, the `fingerprint` of the training samples, and where samples have classes
      `class_names`.
    """
    found = {"data": fingerprint(data.train.x)}
    if data.train.label is not None and data.mixture is None:
        found["class_names"] = list(names_of(data))
    return found


def fingerprint(x: ArrayLike) -> str:
    """What tells samples from others: shape, type, and but for points a digest of 64.

    Points have none, as those that are drawn differ in last bits between backends.

    Args:
      x: `[N, ...]`; only those 64, evenly spread, are read.
    """
    kind = f"{x.dtype}{list(x.shape)}"
    if x.dtype not in (np.uint8, np.int16):
        return kind
    some = np.asarray(x[np.linspace(0, len(x) - 1, 64).astype(int)])
    digest = hashlib.sha256(np.ascontiguousarray(some).tobytes()).hexdigest()
    return f"{kind} {digest[:16]}"


def to_float(x: ArrayLike) -> Array:
    """Scales bytes and waveforms to [-1, 1]: `x / 127.5 - 1` and `x / 32768`.

    Args:
      x: `[...]` uint8 images or int16 waveforms; floating-point samples are returned
        as float32, unscaled.

    Returns:
      `[...]` float32.
    """
    x = jnp.asarray(x)
    scaled = x.astype(jnp.float32)
    if x.dtype == jnp.int16:
        return scaled / 32768  # full scale of 16 bits
    return scaled / 127.5 - 1 if x.dtype == jnp.uint8 else scaled


def to_uint8(x: ArrayLike) -> Array:
    """Scales images from [-1, 1] to 0..255, the inverse of `to_float` on uint8.

    Args:
      x: `[...]` floating-point; values outside of [-1, 1] are clipped.

    Returns:
      `[...]` uint8, rounded to the nearest level.
    """
    return jnp.clip(jnp.round((jnp.asarray(x) + 1) * 127.5), 0, 255).astype(jnp.uint8)


def _require_absent(name: str, what: str, **given: Any) -> None:
    """Asks for none of these arguments, which are for another kind of data."""
    for argument, value in given.items():
        if value is not None:
            raise errors.UserError(
                f"{argument} is {errors.shown(value)}, but it is for {what}, which "
                f"{name!r} is not; leave it out."
            )


def _load_text(
    data_dir: str | None, *, length: int | None, vocabulary: int | None, unit: str
) -> Dataset:
    path = _own_path(TEXT, data_dir)
    length = LENGTHS[TEXT] if length is None else length
    found = texts.load(path, length=length, vocabulary=vocabulary, unit=unit)
    what = sequences.Sequences(found.symbols)
    return _from_tokens(TEXT, found.train, found.test, what, found.note)


def _draw_sequences(
    name: str,
    seed: int,
    num_samples: int | None,
    *,
    length: int | None,
    vocabulary: int | None,
) -> Dataset:
    """Fixed pools of training and of test sequences, drawn independently."""
    length = LENGTHS[name] if length is None else length
    number = NUM_SEQUENCES if num_samples is None else num_samples
    sequences.require_length(length)
    if number < 1:
        raise errors.UserError(f"num_samples is {number}; it must be at least 1.")
    draw = _draw_sentences if name == GRAMMAR else _draw_from_oracle
    what, parts = draw(seed, number, length, vocabulary)
    note = f"{name}: {number:,} sequences in each part, drawn by seed {seed}"
    train, test = parts
    return _from_tokens(name, train, test, what, note)


def _draw_sentences(seed, number, length, vocabulary):
    law = grammars.AGREEMENT
    symbols = ("", *grammars.terminals(law))
    sequences.require_vocabulary(symbols, vocabulary, "the grammar")
    symbols += ("",) * ((vocabulary or 0) - len(symbols))
    what = sequences.Sequences(symbols, " ", law)
    numbers = {symbol: i for i, symbol in reversed([*enumerate(symbols)])}
    drawn = [
        grammars.sample(law, f"{seed} {part}", number, length)
        for part in ("train", "test")
    ]
    return what, [
        np.array(
            [[numbers[own] for own in (*s, *("",) * (length - len(s)))] for s in part]
        )
        for part in drawn
    ]


def _draw_from_oracle(seed, number, length, vocabulary):
    size = oracles.VOCABULARY if vocabulary is None else vocabulary
    sequences.require_vocabulary((), size, "the oracle")
    law = oracles.Oracle(size)
    keys = jax.random.split(randomness.key(seed))
    what = sequences.Sequences(tuple(map(str, range(size))), " ", law)
    return what, [oracles.sample(law, key, number, length) for key in keys]


def _from_tokens(name, train, test, what: sequences.Sequences, note: str) -> Dataset:
    """A dataset of the numbers of symbols, `[N, T]` in each part."""
    size = len(what.symbols)
    train, test = (Split(sequences.one_hot(own, size)) for own in (train, test))
    said = f"{note}; {train.x.shape[1]} symbols each, of {size}"
    return Dataset(name, train, test, notes=(said,), text=what)


def _square(name: str, image_size: tuple[int, int] | None) -> int | None:
    """The side of a square `image_size`, or None where none is given."""
    if image_size is None:
        return None
    height, width = image_size
    if height != width:
        raise errors.UserError(
            f"image_size={image_size} must be square for {name}; give one number twice."
        )
    return height


def _own_path(name: str, data_dir: str | None) -> pathlib.Path:
    path = folders.chosen(data_dir)
    if path is None:
        raise errors.UserError(
            f"for the dataset {name!r} data_dir is not given; set it to a {OWN[name]}."
        )
    return pathlib.Path(path)
