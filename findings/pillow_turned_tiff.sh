#!/usr/bin/env bash
# Pillow 13.0.0 mixes up the pixels of a TIFF that says it is turned, if it is opened by name and not as a file object
#
# Input:     an uncompressed grey TIFF of 3 x 4 pixels, written by Pillow itself, whose EXIF orientation is 6 (a camera held
#            upright), as scanners and microscopes write them.
# Expected:  the picture turned by 90 degrees, 4 x 3, however the file is opened; Pillow turns TIFF files on loading.
# Behaviour: from a file object it is. By name the file is mapped into memory, its rows are cut at the turned width, and the
#            turn is left out: right size or not, the pixels are in other places. Compressed files are read rightly.
# Seen:      by object [[8, 4, 0], [9, 5, 1], [10, 6, 2], [11, 7, 3]]; by name another array of the same twelve numbers
# Source:    https://pillow.readthedocs.io/en/stable/reference/ImageOps.html#PIL.ImageOps.exif_transpose
# jaxgan:    opens images as file objects.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/turned.tif" <<'PY'
import sys

import numpy as np
from PIL import Image

path = sys.argv[1]
x = np.arange(12, dtype=np.uint8).reshape(3, 4)
exif = Image.Exif()
exif[0x0112] = 6
Image.fromarray(x).save(path, exif=exif)
turned = np.rot90(x, -1)
with open(path, "rb") as file:
    by_object = np.asarray(Image.open(file))
with Image.open(path) as image:
    by_name = np.asarray(image)
print("by object", by_object.tolist())
print("by name", by_name.shape, by_name.tolist())
assert np.array_equal(by_object, turned), "a file object is not turned any more"
assert not np.array_equal(by_name, turned), "the behaviour has changed"
assert sorted(by_name.ravel()) == list(range(12)), "the behaviour has changed"
PY
echo "as described"
