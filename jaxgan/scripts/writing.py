"""Sequences of symbols in writing: as lines of a file, and as pictures."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.data import sequences

LINE, MOST_LINES, IN_A_ROW = 36, 4, 2
"""Letters in a line of a picture, lines in it at most, and pictures in a row."""

ESCAPES = {
    ord(own): repr(own)[1:-1] for own in "\\\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
}
"""How the backslash and all that ends a line are written."""


def noted(notes: Mapping[str, Any]) -> sequences.Sequences | None:
    """What the symbols are, by the notes of a saved mixture; None of other samples."""
    if "symbols" not in notes:
        return None
    return sequences.Sequences(tuple(notes["symbols"]), notes["joined"])


def pictures(what: sequences.Sequences, x: np.ndarray) -> np.ndarray:
    """Sequences `[N, T, V]` in writing, as images `[N, H, W, 1]` in [-1, 1]."""
    texts = sequences.written(what, sequences.tokens(x))
    lines = [_lines(text) for text in texts]
    height = min(max(map(len, lines)), MOST_LINES)
    return np.stack([_drawn(own[:height], height) for own in lines])


def escaped(what: sequences.Sequences, x: np.ndarray) -> list[str]:
    """Sequences in writing, a line each."""
    texts = sequences.written(what, sequences.tokens(x))
    return [text.translate(ESCAPES) for text in texts]


def _lines(text: str) -> Sequence[str]:
    """A text in lines of a picture; its own line breaks are kept."""
    every = [textwrap.wrap(own, LINE) or [""] for own in text.split("\n")]
    return [line for own in every for line in own]


def _drawn(lines: Sequence[str], height: int) -> np.ndarray:
    """Lines as an image `[H, W, 1]` in [-1, 1], white on black."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default_imagefont()
    # The font has the letters of Latin-1.
    known = [own.encode("latin-1", "replace").decode("latin-1") for own in lines]
    high, wide = 12, 6
    image = Image.new("L", (LINE * wide + 2, height * high + 2))
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(known):
        draw.text((1, 1 + i * high), line, fill=255, font=font)
    return np.asarray(image, np.float32)[..., None] / 127.5 - 1
