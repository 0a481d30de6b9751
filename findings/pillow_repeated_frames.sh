#!/usr/bin/env bash
# Pillow 13.0.0 leaves out frames when it writes GIF, WebP and APNG, and a video without motion becomes a picture
#
# Input:     eight frames of one colour each, grey levels 0, 50, 50, 50, 100, 100, 200, 0, at 100 ms; and eight equal ones.
# Expected:  a file with eight frames, as AVIF and TIFF give, or at least one whose frames can be counted back.
# Behaviour: a frame like the one before it is not written; its time is added to that one. A reader that stacks frames to
#            `[T, H, W, C]` gets clips of different lengths, and those of a generator that has collapsed to a still are the
#            shortest. Eight equal frames become one, and in WebP and PNG their 800 ms are lost as well (0, or none).
# Seen:      GIF 5, WEBP 5, PNG 5, AVIF 8, TIFF 8; equal frames: GIF 1 of 800 ms, WEBP 1 of 0 ms, PNG 1 without a duration
# Source:    https://pillow.readthedocs.io/en/stable/handbook/image-file-formats.html#gif-saving
# jaxgan:    writes no animations yet; those to come must keep every frame.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0
"$folder/venv/bin/python" - <<'PY'
import io

from PIL import Image, ImageSequence


def written(levels, kind):
    """The grey levels and durations of the frames that a file of this kind holds."""
    first, *others = (Image.new("RGB", (16, 16), (level,) * 3) for level in levels)
    file = io.BytesIO()
    options = {"WEBP": {"lossless": True}}.get(kind, {})
    timed = {} if kind == "TIFF" else {"duration": 100}
    first.save(file, kind, save_all=True, append_images=others, **timed, **options)
    with Image.open(file) as found:
        return [
            (frame.convert("L").getpixel((0, 0)), found.info.get("duration"))
            for frame in ImageSequence.Iterator(found)
        ]


levels = [0, 50, 50, 50, 100, 100, 200, 0]
for kind, expected in {"GIF": 5, "WEBP": 5, "PNG": 5, "AVIF": 8, "TIFF": 8}.items():
    frames = written(levels, kind)
    print(f"{kind}: {len(frames)} of 8 frames: {frames}")
    assert len(frames) == expected, "the behaviour has changed"
for kind, duration in {"GIF": 800, "WEBP": 0, "PNG": None}.items():
    frames = written([7] * 8, kind)
    print(f"{kind} of eight equal frames: {frames}")
    assert frames == [(7, duration)], "the behaviour has changed"
PY
echo "as described"
