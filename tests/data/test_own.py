"""Tests of jaxgan.data.own and jaxgan.data.images: files that a user brings."""

import pickle

import numpy as np
import pytest
from PIL import Image

from jaxgan.core import errors
from jaxgan.data import dataset, samples, shuffling

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (23, 5, 4), np.uint8)
COLOUR = RNG.integers(0, 256, (23, 5, 4, 3), np.uint8)
LABEL = np.arange(23) % 4


def held_out(x, label=None):
    """Which are held out, as a property that test_shuffling.py is about."""
    return shuffling.held_out(x, label)


def load(path, **options):
    return dataset.load("files", data_dir=str(path), **options)


def sorted_rows(x):
    rows = np.asarray(x).reshape(len(x), -1)
    return rows[np.lexsort(rows.T)]


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("x", [GREY, COLOUR, COLOUR[..., :2]], ids=lambda x: x.shape)
def test_a_tenth_of_an_array_is_held_out_and_both_parts_keep_their_order(x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    found = load(tmp_path / "x.npy")
    x = x if x.ndim == 4 else x[..., None]
    out = held_out(x)
    np.testing.assert_array_equal(found.train.x, x[~out])
    np.testing.assert_array_equal(found.test.x, x[out])
    assert len(found.test.x) == 2
    assert found.train.x.dtype == np.uint8 and found.train.x.flags.c_contiguous
    assert found.train.label is found.test.label is found.num_classes is None


@pytest.mark.parametrize("images", ["images", "x", "x_train", "train_images"])
@pytest.mark.parametrize("labels", ["labels", "label", "y", "y_train", "train_labels"])
def test_labels_are_held_out_with_their_images(images, labels, tmp_path):
    path = save(tmp_path / "a.npz", **{images: COLOUR, labels: LABEL, "other": LABEL})
    found, out = load(path), held_out(COLOUR, LABEL)
    np.testing.assert_array_equal(found.train.label, LABEL[~out])
    np.testing.assert_array_equal(found.test.label, LABEL[out])
    np.testing.assert_array_equal(found.test.x, COLOUR[out])
    assert found.num_classes == 4 and found.train.label.dtype == np.int32


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_test", "y_test"),
    ],
)
def test_a_file_may_have_a_test_part(names, tmp_path):
    # Keras writes the labels of CIFAR-10 as columns.
    arrays = dict(zip(names, (GREY, LABEL[:, None], GREY[:3], LABEL[:3]), strict=True))
    found = load(save(tmp_path / "a.npz", **arrays))
    np.testing.assert_array_equal(found.train.x[..., 0], GREY)
    np.testing.assert_array_equal(found.test.x[..., 0], GREY[:3])
    np.testing.assert_array_equal(found.test.label, LABEL[:3])
    np.testing.assert_array_equal(found.train.label, LABEL)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("signed", [True, False])
def test_both_ranges_of_floats_become_the_levels_they_came_from(
    dtype, signed, tmp_path
):
    x = (GREY / 127.5 - 1 if signed else GREY / 255).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    np.testing.assert_array_equal(
        load(tmp_path / "x.npy").train.x[..., 0], GREY[~held_out(GREY)]
    )


@pytest.mark.parametrize(
    "own",
    [
        np.arange(1, 5),
        np.array([7, 1007, 2007, 2**40]),
        np.array([0, 1, 2, 2**64 - 1], np.uint64),
    ],
    ids=["from one", "gaps", "huge"],
)
def test_labels_are_renumbered_and_keep_their_numbers_as_names(own, tmp_path):
    path = save(tmp_path / "a.npz", x=COLOUR, y=own[LABEL])
    found, plain = load(path), load(save(tmp_path / "b.npz", x=COLOUR, y=LABEL))
    assert found.num_classes == 4
    assert found.class_names == tuple(map(str, own.tolist()))
    assert plain.class_names is None
    for a, b in ((found.train, plain.train), (found.test, plain.test)):
        np.testing.assert_array_equal(a.label, b.label)
        np.testing.assert_array_equal(a.x, b.x)
        assert a.label.dtype == np.int32


def test_labels_of_both_parts_are_renumbered_together(tmp_path):
    arrays = {"x_train": GREY, "y_train": 3 + LABEL, "x_test": GREY[:2]}
    path = save(tmp_path / "a.npz", **arrays, y_test=np.array([6, 4], np.uint8))
    found = load(path)
    assert found.num_classes == 4 and found.class_names == ("3", "4", "5", "6")
    np.testing.assert_array_equal(found.test.label, [3, 1])
    test = samples.of_path(path)["test"]
    np.testing.assert_array_equal(test.label, [3, 1])
    assert test.num_classes == 4


def test_a_class_that_is_tested_and_never_trained_is_refused(tmp_path):
    arrays = {"x_train": GREY, "y_train": LABEL, "x_test": GREY[:2]}
    path = save(tmp_path / "a.npz", **arrays, y_test=np.array([0, 9]))
    with pytest.raises(errors.UserError, match="test images of label 9.*add some"):
        load(path)


def test_no_class_is_lost_by_labels_in_rotation(tmp_path):
    x = RNG.integers(0, 256, (500, 4, 4), np.uint8)
    found = load(save(tmp_path / "a.npz", x=x, y=np.arange(500) % 10))
    np.testing.assert_array_equal(np.bincount(found.train.label), [45] * 10)
    np.testing.assert_array_equal(np.bincount(found.test.label), [5] * 10)


def test_a_class_of_one_is_trained(tmp_path):
    found = load(save(tmp_path / "a.npz", x=GREY, y=np.minimum(np.arange(23), 1)))
    np.testing.assert_array_equal(np.bincount(found.train.label), [1, 20])
    np.testing.assert_array_equal(found.test.label, [1, 1])
    with pytest.raises(errors.UserError, match="one image of each of its 23 classes"):
        load(save(tmp_path / "b.npz", x=GREY, y=np.arange(23)))


def test_the_parts_do_not_depend_on_names_of_files_or_classes_nor_on_the_container(
    tmp_path,
):
    order = RNG.permutation(23)
    draw(tmp_path / "0" / "a", COLOUR[LABEL < 2])
    draw(tmp_path / "0" / "b", COLOUR[LABEL >= 2])
    names = [f"{i:03}.png" for i in order]
    for name, own in (("z", LABEL < 2), ("c", LABEL >= 2)):
        draw(tmp_path / "1" / name, COLOUR[own], names=np.array(names)[own].tolist())
    array = save(tmp_path / "2.npz", x=COLOUR[order], y=17 * (LABEL >= 2)[order])
    first, *others = (load(path) for path in (tmp_path / "0", tmp_path / "1", array))
    for other in others:
        for own, part in ((first.train, other.train), (first.test, other.test)):
            np.testing.assert_array_equal(sorted_rows(own.x), sorted_rows(part.x))


def test_the_range_is_that_of_both_parts(tmp_path):
    bright = np.full((2, 5, 4), 0.5)
    found = load(save(tmp_path / "a.npz", x_train=GREY / 127.5 - 1, x_test=bright))
    np.testing.assert_array_equal(found.test.x, np.full((2, 5, 4, 1), 191))


def test_arrays_are_resized(tmp_path):
    np.save(tmp_path / "x.npy", GREY)
    found = load(tmp_path / "x.npy", image_size=(7, 8), resize="pad")
    both = np.concatenate([found.test.x, found.train.x])[:, 1:6, 2:6, 0]
    np.testing.assert_array_equal(sorted_rows(both), sorted_rows(GREY))


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"pictures": GREY}, "no array named train_images or .*found: pictures"),
        ({"x": GREY[0]}, r"x of .* has shape \(5, 4\)"),
        ({"x": GREY[:0]}, r"has shape \(0, 5, 4\)"),
        ({"x": GREY[:1]}, "holds 1 image"),
        ({"x": GREY.astype(int)}, "is int64; images must be uint8"),
        ({"x": GREY.astype(float)}, r"is float64 in \[0, 255\]"),
        ({"x": np.where(GREY > 250, np.nan, 0)}, r"is float64 in \[nan, nan\]"),
        ({"x": GREY, "y": LABEL[:5]}, r"y of .*shape \(5,\).*\(23,\)"),
        ({"x": GREY, "y": LABEL / 2}, "y of .* is float64"),
        ({"x": GREY, "y": LABEL - 1}, "runs from -1 to 2"),
        ({"x_train": GREY, "x_test": COLOUR}, r"\(5, 4, 1\) in training and \(5, 4, 3"),
        ({"x": np.array([Evil()])}, "cannot be read.*allow_pickle"),
    ],
)
def test_arrays_that_are_no_images_or_labels_are_refused(arrays, words, tmp_path):
    with pytest.raises(errors.UserError, match=words) as error:
        load(save(tmp_path / "a.npz", **arrays))
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npz", b""),
        ("a.npz", b"PK\x03\x04 and no more"),
        ("a.npy", b"\x93NUMPY\x01\x00"),
        ("a.npy", pickle.dumps([1])),
    ],
)
def test_damaged_files_are_refused_by_name(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.UserError, match=rf"{name} cannot be read"):
        load(tmp_path / name)


@pytest.mark.parametrize("keep", [0.3, 0.9])
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed, np.save])
def test_truncated_files_are_refused_by_name(write, keep, tmp_path):
    path = tmp_path / ("a.npy" if write is np.save else "a.npz")
    write(path, GREY) if write is np.save else write(path, x=GREY)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(errors.UserError, match="cannot be read"):
        load(path)


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_a_file_with_the_wrong_ending_is_refused(name, tmp_path):
    save, load_as = (np.save, "a.npy") if name == "a.npz" else (np.savez, "a.npz")
    save(tmp_path / load_as, GREY)
    (tmp_path / load_as).rename(tmp_path / name)
    with pytest.raises(errors.UserError, match=f"{name} cannot be read .*ending"):
        load(tmp_path / name)


def test_what_is_not_there_is_refused(tmp_path):
    assert not dataset.is_at_hand("files", str(tmp_path / "a.npz"))
    assert dataset.is_at_hand("files", str(tmp_path))
    assert not dataset.is_at_hand("files")
    with pytest.raises(errors.UserError, match="does not exist"):
        load(tmp_path / "a.npz")
    with pytest.raises(errors.UserError, match="data_dir is not given"):
        dataset.load("files")
    (tmp_path / "a.txt").touch()
    with pytest.raises(errors.UserError, match="neither .npz nor .npy"):
        load(tmp_path / "a.txt")


def draw(folder, x, names=None, mode=None):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(x):
        image = Image.fromarray(image)
        image = image if mode is None else image.convert(mode)
        image.save(folder / (names[i] if names else f"{i:03}.png"))
    return folder


@pytest.mark.parametrize("x", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_flat_folder_has_no_labels(x, tmp_path):
    found = load(draw(tmp_path, x))
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.png").touch()
    again = load(tmp_path)
    x = x if x.ndim == 4 else x[..., None]
    np.testing.assert_array_equal(found.train.x, x[~held_out(x)])
    np.testing.assert_array_equal(again.test.x, x[held_out(x)])
    assert found.train.label is None and found.num_classes is None


def test_subfolders_are_classes_in_alphabetical_order(tmp_path):
    draw(tmp_path / "b" / "deep", COLOUR[:4])
    draw(tmp_path / "a", COLOUR[4:16])
    (tmp_path / "empty").mkdir()
    found = load(tmp_path)
    assert found.num_classes == 2
    x = np.concatenate([COLOUR[4:16], COLOUR[:4]])
    label = np.arange(16) >= 12
    out = held_out(x, label)
    np.testing.assert_array_equal(found.train.x, x[~out])
    np.testing.assert_array_equal(found.train.label, label[~out])


def test_train_and_test_folders_are_the_parts(tmp_path):
    for part, x in (("train", COLOUR[:6]), ("test", COLOUR[6:9])):
        draw(tmp_path / part / "cat", x[::2])
        draw(tmp_path / part / "dog", x[1::2])
    found = load(tmp_path)
    np.testing.assert_array_equal(found.test.x, COLOUR[[6, 8, 7]])
    np.testing.assert_array_equal(found.train.label, [0, 0, 0, 1, 1, 1])
    draw(tmp_path / "test" / "cow", COLOUR[:1])
    with pytest.raises(errors.UserError, match="cat, cow, dog.*cat, dog"):
        load(tmp_path)


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK"])
def test_any_mode_of_eight_bits_is_read(mode, tmp_path):
    name = "a.jpg" if mode == "CMYK" else "a.png"
    draw(tmp_path, [COLOUR[0]], [name], mode)
    draw(tmp_path, [GREY[0]], ["b.JPEG"])
    found = load(tmp_path)
    assert found.train.x.shape == (1, 5, 4, 1 if mode in ("1", "LA") else 3)
    if mode in ("P", "RGBA"):
        nearest = min(
            np.abs(x[0].astype(int) - COLOUR[0]).max()
            for x in (found.train.x, found.test.x)
        )
        assert nearest <= (0 if mode == "RGBA" else 40)


def test_images_of_several_sizes_are_resized_if_asked(tmp_path):
    draw(tmp_path, [*GREY[:4], GREY[4, :3], GREY[5, :, :2]])
    with pytest.raises(errors.UserError, match=r"image_size=\(H, W\)") as error:
        load(tmp_path)
    assert f"{tmp_path / '004.png'} is 3 x 4" in str(error.value)
    found = load(tmp_path, image_size=(10, 8), resize="box")
    assert found.train.x.shape == (5, 10, 8, 1)
    both = np.concatenate([found.train.x, found.test.x])[..., 0]
    larger = GREY[1].repeat(2, axis=0).repeat(2, axis=1)
    assert (both == larger).all(axis=(1, 2)).any()


def test_classes_are_in_natural_order_and_keep_their_names(tmp_path):
    names = [str(i) for i in range(1, 13)]
    for i, name in enumerate(names):
        draw(tmp_path / name, [np.full((5, 4), 10 * i, np.uint8)] * 2)
    found = load(tmp_path)
    assert found.class_names == tuple(names) and found.num_classes == 12
    for part in (found.train, found.test):
        np.testing.assert_array_equal(part.label, np.arange(12))
        np.testing.assert_array_equal(part.x[:, 0, 0, 0], 10 * np.arange(12))


def test_other_names_of_the_test_part_and_a_class_that_it_lacks(tmp_path):
    draw(tmp_path / "Training" / "cat", COLOUR[:3])
    draw(tmp_path / "Training" / "dog", COLOUR[3:6])
    draw(tmp_path / "valid" / "dog", COLOUR[6:9])
    found = load(tmp_path)
    np.testing.assert_array_equal(found.train.x, COLOUR[:6])
    np.testing.assert_array_equal(found.test.x, COLOUR[6:9])
    np.testing.assert_array_equal(found.test.label, [1, 1, 1])
    assert found.class_names == ("cat", "dog")
    assert f"the test part is {tmp_path / 'valid'}" in found.notes


def test_parts_of_a_folder_are_alike_in_colour(tmp_path):
    draw(tmp_path / "train", GREY[:4])
    draw(tmp_path / "test", COLOUR[:2])
    found = load(tmp_path)
    np.testing.assert_array_equal(found.test.x, COLOUR[:2])
    np.testing.assert_array_equal(found.train.x, GREY[:4, ..., None].repeat(3, axis=3))


def test_one_class_is_none(tmp_path):
    draw(tmp_path / "a" / "train" / "all", GREY[:20])
    draw(tmp_path / "a" / "test" / "all", GREY[20:])
    draw(tmp_path / "b" / "celebrities", GREY)
    for name in "ab":
        found = load(tmp_path / name)
        assert found.train.label is found.num_classes is found.class_names is None
        assert len(found.train.x) + len(found.test.x) == 23


def test_validation_arrays_are_the_test_part_where_there_is_no_other(tmp_path):
    arrays = {"x_train": GREY, "y_train": LABEL, "x_val": GREY[:3], "y_val": LABEL[:3]}
    found = load(save(tmp_path / "a.npz", **arrays))
    np.testing.assert_array_equal(found.test.x[..., 0], GREY[:3])
    np.testing.assert_array_equal(found.test.label, LABEL[:3])
    found = load(save(tmp_path / "b.npz", **arrays, x_test=GREY[3:8]))
    np.testing.assert_array_equal(found.test.x[..., 0], GREY[3:8])
    assert found.test.label is None
    (said,) = [note for note in found.notes if "passed over" in note]
    assert "x_val, y_val" in said


@pytest.mark.parametrize("way", ["dataset", "samples"])
def test_a_folder_of_masks_is_refused(way, tmp_path):
    draw(tmp_path, (GREY > 99).astype(np.uint8))
    with pytest.raises(errors.UserError, match="almost black.*multiply masks by 255"):
        load(tmp_path) if way == "dataset" else samples.of_path(tmp_path)
    found = samples.of_path(tmp_path, value_range=(0.0, 1.0))[""]
    expected = np.where(GREY > 99, 255, 0)
    np.testing.assert_array_equal(found.read(np.arange(23))[..., 0], expected)
    both = load(tmp_path, value_range=(0.0, 1.0))
    both = np.concatenate([both.train.x, both.test.x])
    np.testing.assert_array_equal(sorted_rows(both), sorted_rows(expected))


def test_all_formats_are_read_and_the_rest_is_told(tmp_path):
    endings = ["png", "bmp", "webp", "tiff", "gif", "PPM", "jp2"]
    for i in range(21):
        image, path = Image.fromarray(GREY[i]), tmp_path / f"{i}.{endings[i % 7]}"
        image.save(path, lossless=True) if "webp" in path.name else image.save(path)
    Image.fromarray(GREY[0]).save(tmp_path / "a.tga")
    found = load(tmp_path)
    both = np.concatenate([found.train.x, found.test.x])
    # WebP knows no grey, so that all become RGB.
    expected = GREY[:21, ..., None].repeat(3, axis=3)
    np.testing.assert_array_equal(sorted_rows(both), sorted_rows(expected))
    assert "passed over 1 file" in found.notes[0] and ".tga 1" in found.notes[0]


def test_deep_images_and_mixed_folders_are_refused(tmp_path):
    draw(tmp_path / "a", GREY[:2])
    draw(tmp_path, GREY[:1])
    with pytest.raises(errors.UserError, match="000.png.*subfolders"):
        load(tmp_path)
    (tmp_path / "000.png").unlink()
    Image.fromarray(GREY[0].astype(np.uint16)).save(tmp_path / "a" / "deep.png")
    with pytest.raises(errors.UserError, match="deep.png has more than 8 bits"):
        load(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(errors.UserError, match="holds no images.*png"):
        load(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_damaged_image_is_refused_by_name_wherever_the_damage_is(suffix, tmp_path):
    large = RNG.integers(0, 256, (40, 40, 3), np.uint8)
    draw(tmp_path, [large] * 3, [f"{i}.{suffix}" for i in range(3)])
    path = tmp_path / f"1.{suffix}"
    content = path.read_bytes()
    refused = 0
    for cut in (0, 1, 10, 40, len(content) // 2, len(content) * 9 // 10):
        path.write_bytes(content[:cut])
        with pytest.raises(errors.UserError, match=f"1.{suffix} cannot be read"):
            load(tmp_path)
    for place in range(8, len(content), len(content) // 60):
        path.write_bytes(content[:place] + b"\xff\x00\xff" + content[place + 3 :])
        try:
            load(tmp_path, image_size=(40, 40))
        except errors.UserError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused or suffix == "jpg"
