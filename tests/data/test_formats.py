"""Tests of jaxgan.data.formats: image files as a viewer shows them."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxgan.core import errors
from jaxgan.data import formats

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 4, 3), np.uint8)
GREY = RNG.integers(0, 256, (6, 4), np.uint8)
LOSSLESS = ("png", "tif", "webp")

# The rows and columns of what is stored, in the words of the EXIF standard: where the
# first stored row and the first stored column are in the picture that is shown.
STORED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x, -1),
}


def chunk(kind, content):
    checked = kind + content
    length, crc = (
        struct.pack(">I", len(content)),
        struct.pack(">I", zlib.crc32(checked)),
    )
    return length + checked + crc


def png(path, x, bits, colour_type, *late):
    """A PNG as the standard says, of unsigned integers with so many bits."""
    height, width = x.shape[:2]
    rows = x.astype(">u2" if bits == 16 else np.uint8).reshape(height, -1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), *late]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b""))
    return path


def tiff(path, x):
    """A little-endian TIFF of 16 bits a channel, not compressed."""
    height, width, channels = x.shape
    data = x.astype("<u2").tobytes()
    bits = 8 + len(data)
    entries = [
        *((256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, bits)),
        *((259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8), (277, 3, 1, channels)),
        *((278, 3, 1, height), (279, 4, 1, len(data))),
    ]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    sizes = struct.pack("<" + "H" * channels, *[16] * channels)
    start = struct.pack("<2sHI", b"II", 42, bits + len(sizes))
    path.write_bytes(start + data + sizes + directory)
    return path


@pytest.mark.parametrize("ending", LOSSLESS)
@pytest.mark.parametrize("orientation", STORED)
def test_images_are_turned_as_their_exif_data_say(orientation, ending, tmp_path):
    path, exif = tmp_path / f"a.{ending}", Image.Exif()
    exif[formats.ORIENTATION] = orientation
    stored = np.ascontiguousarray(STORED[orientation](COLOUR))
    options = {"lossless": True} if ending == "webp" else {}
    Image.fromarray(stored).save(path, exif=exif, **options)
    np.testing.assert_array_equal(formats.pixels(path, "RGB"), COLOUR)
    assert formats.header(path) == ((6, 4), False)


@pytest.mark.parametrize("x", [GREY, np.dstack([COLOUR, GREY * 0 + 255])])
def test_tiff_files_are_turned_that_pillow_would_map(x, tmp_path):
    exif = Image.Exif()
    exif[formats.ORIENTATION] = 6
    path = tmp_path / "a.tif"
    Image.fromarray(np.ascontiguousarray(np.rot90(x))).save(path, exif=exif)
    expected = x[..., :3] if x.ndim == 3 else np.dstack([x, x, x])
    np.testing.assert_array_equal(formats.pixels(path, "RGB"), expected)
    assert formats.header(path).size == (6, 4)


@pytest.mark.parametrize("ending", ["jpg", "avif"])
def test_photographs_are_turned_too(ending, tmp_path):
    path, exif = tmp_path / f"a.{ending}", Image.Exif()
    exif[formats.ORIENTATION] = 6
    x = np.zeros((32, 16, 3), np.uint8)
    x[:16] = [255, 0, 0]
    Image.fromarray(np.ascontiguousarray(np.rot90(x))).save(path, exif=exif)
    found = formats.pixels(path, "RGB").astype(int)
    assert formats.header(path).size == found.shape[:2] == (32, 16)
    np.testing.assert_allclose(found[4:12].mean((0, 1)), [255, 0, 0], atol=6)
    np.testing.assert_allclose(found[20:28].mean((0, 1)), [0, 0, 0], atol=6)


def test_a_png_may_say_behind_the_pixels_how_it_is_turned(tmp_path):
    exif = Image.Exif()
    exif[formats.ORIENTATION] = 6
    stored = np.rot90(COLOUR, 1)
    late = chunk(b"eXIf", exif.tobytes()[6:])
    path = png(tmp_path / "a.png", stored, 8, 2, late)
    np.testing.assert_array_equal(formats.pixels(path, "RGB"), COLOUR)
    assert formats.header(path).size == (6, 4)


def test_a_tiff_without_its_size_is_refused(tmp_path):
    path = tiff(tmp_path / "a.tif", COLOUR)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<HH", 256, 3), bytes(4)))
    with pytest.raises(errors.UserError, match="a.tif cannot be read"):
        formats.header(path)


def test_damaged_exif_data_do_not_spoil_an_image(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.png", exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(formats.pixels(tmp_path / "a.png", "RGB"), COLOUR)
    assert formats.header(tmp_path / "a.png").size == (6, 4)


def deep(kind, folder):
    x = RNG.integers(0, 2**16, (6, 4, 3), np.uint16)
    if kind == "tif":
        return tiff(folder / "a.tif", x)
    if kind == "ppm":
        (folder / "a.ppm").write_bytes(b"P6 4 6 65535\n" + x.astype(">u2").tobytes())
        return folder / "a.ppm"
    if kind == "grey ppm":
        header = b"P5 4 6 1023\n"
        (folder / "a.pgm").write_bytes(
            header + (x[..., 0] >> 6).astype(">u2").tobytes()
        )
        return folder / "a.pgm"
    if kind == "pfm":
        header = b"Pf\n4 6\n-1.0\n"
        (folder / "a.pfm").write_bytes(header + np.zeros((6, 4), "<f4").tobytes())
        return folder / "a.pfm"
    if kind == "jp2":
        Image.fromarray(x[..., 0]).save(folder / "a.jp2")
        return folder / "a.jp2"
    channels = {"grey": 0, "RGB": 2, "grey and alpha": 4, "RGBA": 6}
    shapes = {"grey": 1, "RGB": 3, "grey and alpha": 2, "RGBA": 4}
    x = RNG.integers(0, 2**16, (6, 4, shapes[kind]), np.uint16)
    return png(folder / "a.png", x, 16, channels[kind])


@pytest.mark.parametrize(
    "kind",
    [
        *("grey", "RGB", "grey and alpha", "RGBA"),
        *("tif", "ppm", "grey ppm", "pfm", "jp2"),
    ],
)
def test_more_than_eight_bits_a_channel_are_refused(kind, tmp_path):
    path = deep(kind, tmp_path)
    with pytest.raises(errors.UserError, match="more than 8 bits"):
        formats.header(path)


def test_what_the_tests_write_themselves_is_read_at_eight_bits(tmp_path):
    path = png(tmp_path / "a.png", COLOUR, 8, 2)
    np.testing.assert_array_equal(formats.pixels(path, "RGB"), COLOUR)
    (tmp_path / "a.ppm").write_bytes(b"P6 4 6 255\n" + COLOUR.tobytes())
    assert formats.header(tmp_path / "a.ppm") == ((6, 4), False)
    np.testing.assert_array_equal(formats.pixels(tmp_path / "a.ppm", "RGB"), COLOUR)


@pytest.mark.parametrize("ending", LOSSLESS)
def test_what_is_transparent_is_laid_over_white(ending, tmp_path):
    alpha = np.repeat(np.array([0, 51, 255], np.uint8), 8).reshape(6, 4, 1)
    x = np.concatenate([COLOUR, alpha], axis=2)
    options = {"lossless": True, "exact": True} if ending == "webp" else {}
    Image.fromarray(x).save(tmp_path / f"a.{ending}", **options)
    share = alpha / 255
    expected = share * COLOUR + (1 - share) * 255
    found = formats.pixels(tmp_path / f"a.{ending}", "RGB")
    np.testing.assert_allclose(found, expected, atol=1)
    np.testing.assert_array_equal(found[:2], np.full((2, 4, 3), 255))
    np.testing.assert_array_equal(found[4:], COLOUR[4:])


@pytest.mark.parametrize("kind", ["LA", "palette", "key", "grey key", "gif", "bits"])
def test_all_ways_of_being_transparent_are_the_same(kind, tmp_path):
    """The upper half is clear, over white, and the lower one black."""
    x = np.zeros((6, 4), np.uint8)
    x[:3] = 1
    path = tmp_path / ("a.gif" if kind == "gif" else "a.png")
    if kind == "LA":
        alpha = np.where(x == 1, 0, 255).astype(np.uint8)
        image = Image.fromarray(np.stack([7 * x, alpha], axis=2))
        image.save(path)
    elif kind in ("palette", "gif", "bits"):
        image = Image.fromarray(x, "P")
        image.putpalette([0, 0, 0, 200, 10, 10])
        clear = bytes([255, 0]) if kind == "bits" else 1
        image.save(path, transparency=clear)
    elif kind == "key":
        colours = np.repeat(x[..., None] * 9, 3, axis=2)
        Image.fromarray(colours).save(path, transparency=(9, 9, 9))
    else:
        Image.fromarray(x * 9).save(path, transparency=9)
    expected = np.where(x == 1, 255, 0)
    assert formats.header(path).size == (6, 4)
    np.testing.assert_array_equal(
        formats.pixels(path, "RGB"), np.repeat(expected[..., None], 3, axis=2)
    )
    if formats.header(path).grey:
        np.testing.assert_array_equal(formats.pixels(path, "L")[..., 0], expected)


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_several_frames_are_refused(ending, tmp_path):
    first, *others = (Image.fromarray(x) for x in (COLOUR, 255 - COLOUR, COLOUR // 2))
    path = tmp_path / f"a.{ending}"
    first.save(path, save_all=True, append_images=others)
    with pytest.raises(errors.UserError, match="a.* has 3 frames"):
        formats.header(path)


def test_the_previews_of_a_camera_are_no_frames(tmp_path):
    large, small = (Image.fromarray(np.repeat(COLOUR, n, axis=0)) for n in (2, 1))
    path = tmp_path / "a.jpg"
    large.save(path, "MPO", save_all=True, append_images=[small])
    assert formats.header(path).size == (12, 4)
    assert formats.pixels(path, "RGB").shape == (12, 4, 3)


@pytest.mark.parametrize(
    "ending", [*LOSSLESS, "bmp", "ppm", "jp2", "qoi", "eps", "ico"]
)
def test_formats_are_those_that_are_decoded_within_the_process(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    options = {"lossless": True} if ending == "webp" else {}
    Image.fromarray(COLOUR).save(path, **options)
    known = ending not in ("qoi", "eps", "ico")
    assert (path.suffix in formats.suffixes()) == known
    # A file is told by what it holds, whatever it is called.
    path = path.rename(tmp_path / "a.png")
    if known:
        np.testing.assert_array_equal(formats.pixels(path, "RGB"), COLOUR)
    else:
        with pytest.raises(errors.UserError, match="a.png cannot be read"):
            formats.header(path)
