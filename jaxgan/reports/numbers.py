"""How numbers are written: as many digits as say something, with units and plurals."""

import math

import numpy as np

from jaxgan.reports.intervals import Interval

LARGE, SMALL = 1e6, 1e-4
"""From where on, and below which, numbers that are not whole have an exponent."""

GROUPED = 10_000
"""From here on digits come in groups of three."""

BYTES = ("bytes", "kB", "MB", "GB", "TB", "PB")
"""Each a thousand of the one before."""


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; whole ones and hundreds have all."""
    if isinstance(value, int | np.integer):
        return whole(value)
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < LARGE:
        return whole(int(value))
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if not SMALL <= abs(value) < LARGE:
        return f"{_trimmed(mantissa)}e{int(exponent)}"
    return _trimmed(_fixed(value, max(0, digits - 1 - int(exponent))))


def whole(value: int) -> str:
    """A whole number with all its digits, long ones in groups of three."""
    return f"{value:,}" if abs(value) >= GROUPED else str(value)


def interval(own: Interval, digits: int = 3) -> str:
    """A mean with its interval, both to the second digit of the half width.

    The half width follows the mean; where the interval is cut off at what is possible,
    and so not symmetric, its ends do.
    """
    if math.isnan(own.high):
        return number(own.mean, digits)
    half, other = own.high - own.mean, own.mean - own.low
    if not math.isclose(half, other, rel_tol=1e-6, abs_tol=1e-9 * abs(own.mean)):
        return _with_ends(own, digits)
    if half <= 1e-9 * abs(own.mean):
        return f"{number(own.mean, digits)} ± 0"
    if half < SMALL / 10 and abs(own.mean) < SMALL:
        exponent = _exponent(max(half, abs(own.mean)))
        places = max(0, 1 + exponent - _exponent(half))
        scaled = [f"{x / 10.0**exponent:.{places}f}" for x in (own.mean, half)]
        return f"({scaled[0]} ± {scaled[1]})e{exponent}"
    places = 1 - _exponent(half)
    return f"{_fixed(own.mean, places)} ± {_fixed(half, places)}"


def size(value: float) -> str:
    """A number of bytes in the unit that suits it."""
    step = 0
    while abs(value) >= 999.5 and step < len(BYTES) - 1:
        value, step = value / 1000, step + 1
    if step == 0:
        return count(round(value), "byte")
    return f"{number(value)} {BYTES[step]}"


def count(value: int, one: str, many: str | None = None) -> str:
    """A number of things: `1 program`, `2 programs`, `2 classes`.

    Args:
      value: how many.
      one: what one of them is called.
      many: what several are called; None for the regular plural with an s.
    """
    return f"{whole(value)} {one if value == 1 else many or one + 's'}"


def _with_ends(own: Interval, digits: int) -> str:
    ends = (own.mean, own.low, own.high)
    if max(map(abs, ends)) < SMALL:
        mean, low, high = (number(x, digits) for x in ends)
    else:
        places = min(9, 1 - _exponent((own.high - own.low) / 2))
        mean, low, high = (_trimmed(_fixed(x, places)) for x in ends)
    return f"{mean} ({low} to {high})"


def _exponent(value: float) -> int:
    """Of the first digit, once there are two."""
    return int(f"{value:.1e}".split("e")[1])


def _fixed(value: float, places: int) -> str:
    value = round(value, places)
    grouped = "," if abs(value) >= GROUPED else ""
    return f"{value + 0.0:{grouped}.{max(0, places)}f}"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
