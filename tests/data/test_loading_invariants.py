"""What a set of images is read as does not depend on how it is kept."""

import functools
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxgan.data import dataset, samples

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (24, 4, 3, 3), np.uint8)
LABEL = np.repeat(np.arange(3), 8)
NAMES = st.lists(
    st.text("abcXYZ0123_- é", min_size=1, max_size=6).map(str.strip).filter(bool),
    min_size=3,
    max_size=3,
    unique_by=str.lower,
)
FORMATS = {"png": {}, "webp": {"lossless": True}, "bmp": {}, "tiff": {}}


def folder(path, names, ending, order):
    """A folder of classes, the files called by their place in an order."""
    for place, row in enumerate(order):
        own = path / names[LABEL[row]]
        own.mkdir(parents=True, exist_ok=True)
        file = own / f"{place}.{ending}"
        Image.fromarray(X[row]).save(file, **FORMATS[ending])


def array(path, numbers, dtype, order):
    """An array of bytes or numbers, and labels that are any numbers."""
    levels = {"u1": X, "f4": X / np.float32(255), "f8": X / 127.5 - 1}[dtype]
    np.savez(path, x=levels[order], y=np.array(numbers)[LABEL[order]])


def by_class(part):
    """The images of a part as a set for each class, and these as a set."""
    x, label = np.asarray(part.x), np.asarray(part.label)
    return sorted(
        sorted(image.tobytes() for image in x[label == own]) for own in np.unique(label)
    )


@st.composite
def ways(draw):
    """A way of keeping all images: a function of a folder, which gives the path."""
    order = np.array(draw(st.permutations(range(len(X)))))
    if draw(st.booleans()):
        numbers = draw(st.sets(st.integers(0, 99), min_size=3, max_size=3).map(list))
        dtype = draw(st.sampled_from(["u1", "f4", "f8"]))
        name = draw(st.sampled_from(["x.npz", "digits.npz"]))

        def keep(top):
            array(top / name, numbers, dtype, order)
            return top / name
    else:
        names, ending = draw(NAMES), draw(st.sampled_from(sorted(FORMATS)))
        wrapper = draw(st.sampled_from(["", "images", "train"]))

        def keep(top):
            folder(top / "own" / wrapper, names, ending, order)
            return top / "own"

    return keep


@settings(max_examples=15, deadline=None)
@given(ways())
def test_a_set_has_the_same_parts_and_classes_however_it_is_kept(keep):
    with tempfile.TemporaryDirectory() as top:
        path = keep(Path(top))
        found = dataset.load("files", data_dir=str(path))
        (scored,) = samples.of_path(path).values()
        every = dataset.Split(scored.read(np.arange(scored.number)), scored.label)
    assert found.num_classes == scored.num_classes == 3
    whole = dataset.Split(X, LABEL)
    both = (np.concatenate(pair) for pair in zip(found.train, found.test, strict=True))
    assert by_class(dataset.Split(*both)) == by_class(every) == by_class(whole)
    assert [len(own) for own in by_class(found.test)] == [1, 1, 1]
    assert by_class(found.test) == by_class(plain().test)


@functools.cache
def plain():
    """The set as an array in its own order."""
    with tempfile.TemporaryDirectory() as top:
        path = Path(top, "x.npz")
        array(path, range(3), "u1", np.arange(len(X)))
        return dataset.load("files", data_dir=str(path))


def test_one_class_is_none_however_it_is_kept(tmp_path):
    array(tmp_path / "x.npz", [5, 5, 5], "u1", np.arange(len(X)))
    folder(tmp_path / "own", "aaa", "png", np.arange(len(X)))
    for name in ("x.npz", "own"):
        found = dataset.load("files", data_dir=str(tmp_path / name))
        (scored,) = samples.of_path(tmp_path / name).values()
        assert found.num_classes is found.class_names is scored.num_classes is None
        assert found.train.label is found.test.label is scored.label is None
        assert len(found.train.x) + len(found.test.x) == len(X)
