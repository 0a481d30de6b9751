#!/usr/bin/env bash
# Pillow 13.0.0 opens images of 16 bits per channel as 8 bits, or makes nearly all of their pixels white
#
# Input:     PNG files of 16 bits per sample: RGB, grey with alpha, and grey.
# Expected:  samples 0..65535, or an error, or at least a conversion by the scale 257.
# Behaviour: RGB and grey with alpha lose their lower eight bits on opening, and `mode` is that of an 8-bit file, so that
#            nothing tells them apart afterwards. Grey opens as "I;16" with all its bits, but `convert("L")` and
#            `convert("RGB")`, which loaders of training images call, clip at 255 instead of scaling.
# Seen:      RGB of 1000 -> mode RGB, 3; grey-alpha -> mode RGBA, 3; grey 0, 4096 .. 61440 -> convert: 0, then 255 everywhere
# Source:    https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes
# jaxgan:    reads the depth from the file's header and refuses such files in a sentence.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import io
import struct
import zlib

import numpy as np
from PIL import Image

RGB, GREY, GREY_ALPHA = 2, 0, 4


def png(samples, colour):
    """A PNG of 16 bits per sample, of `[H, W, C]`."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def opened(samples, colour):
    return Image.open(io.BytesIO(png(samples, colour)))


for name, channels, colour, mode in (("RGB", 3, RGB, "RGB"), ("grey-alpha", 2, GREY_ALPHA, "RGBA")):
    image = opened(np.full((2, 2, channels), 1000), colour)
    array = np.asarray(image)
    print(f"{name} of 1000 -> mode {image.mode}, {array.dtype} {array[0, 0].tolist()}")
    assert image.mode == mode and array.dtype == np.uint8, "the behaviour has changed"
    assert (array == 3).all(), "the behaviour has changed"
grey = opened(np.arange(0, 65536, 4096).reshape(4, 4, 1), GREY)
for mode in ("L", "RGB"):
    converted = np.asarray(grey.convert(mode)).reshape(16, -1)[:, 0]
    print(f"grey 0, 4096 .. 61440 -> convert({mode!r}): {converted.tolist()}")
    assert converted.tolist() == [0] + 15 * [255], "the behaviour has changed"
PY
echo "as described"
