"""Recordings as clips of one length: resampled, cropped, padded and normalised.

Clips are int16 `[N, T, 1]`, the waveform times 32768, and are scaled to [-1, 1] in the
training step, as images are.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import wav

CROPS = ("start", "middle", "loudest")
PADS = ("end", "middle", "refuse")
NORMALISATIONS = ("peak", "none")

USUAL_RATE = 8000
"""Hz, of what has no rate of its own."""

PAUSE = 0.1
"""Seconds of silence between clips that follow one another."""

PEAK = 0.95
"""The largest absolute value of a clip that is normalised: tanh reaches it."""


class Form(NamedTuple):
    """What is made of recordings.

    Attributes:
      length: T, samples of a clip.
      sample_rate: to which recordings are resampled, or None for the one they have.
      crop: which part of a longer recording is kept: its "start", its "middle" or its
        "loudest" part, the one of the greatest energy.
      pad: where zeros go in a shorter one: to its "end" or, with the recording in the
        "middle", to both; "refuse" takes none that is shorter, and None is what suits
        the dataset.
      normalise: "peak" brings the largest absolute value of each clip to `PEAK`, "none"
        leaves the clips as loud as they are.
    """

    length: int = 4096
    sample_rate: int | None = None
    crop: str = "start"
    pad: str | None = None
    normalise: str = "peak"


class Loaded(NamedTuple):
    """Recordings as clips.

    Attributes:
      train_x: `[N, T, 1]` int16.
      train_label: `[N]` int32, below K, or None.
      test_x: `[M, T, 1]` int16.
      test_label: `[M]` int32, or None.
      num_classes: K, or None without labels.
      class_names: K names; None without labels, or if they are just numbers.
      sample_rate: in Hz.
      notes: sentences for the user.
    """

    train_x: np.ndarray
    train_label: np.ndarray | None
    test_x: np.ndarray
    test_label: np.ndarray | None
    num_classes: int | None
    class_names: tuple[str, ...] | None
    sample_rate: int
    notes: tuple[str, ...]


def check(form: Form) -> None:
    """Asks for a form that there is.

    Raises:
      UserError: for a number out of range or an unknown name.
    """
    errors.require_whole(length=form.length)
    if form.length < 1:
        raise errors.UserError(f"length={form.length} must be at least 1.")
    if form.sample_rate is not None:
        errors.require_whole(sample_rate=form.sample_rate)
        if form.sample_rate < 1:
            raise errors.UserError(
                f"sample_rate={form.sample_rate} must be at least 1."
            )
    for name, known in (
        ("crop", CROPS),
        ("pad", (None, *PADS)),
        ("normalise", NORMALISATIONS),
    ):
        value = getattr(form, name)
        if value not in known:
            shown = ", ".join(repr(own) for own in known)
            raise errors.UserError(f"{name}={value!r} must be one of {shown}.")


def common_rate(
    rates: Iterable[int], names: Sequence[str], asked: int | None = None
) -> int:
    """The sample rate of clips made of recordings that have these.

    Raises:
      UserError: if recordings differ and none is asked for.
    """
    rates = list(rates)
    if asked is not None:
        return asked
    other = next((i for i, own in enumerate(rates) if own != rates[0]), None)
    if other is not None:
        raise errors.UserError(
            f"sample_rate is not given, but {names[0]} has {rates[0]} samples a second "
            f"and {names[other]} has {rates[other]}; give sample_rate={rates[0]} to "
            "have all resampled."
        )
    return rates[0]


def make(recordings: Sequence[wav.Wave], names: Sequence[str], form: Form) -> tuple:
    """Makes clips of recordings.

    Args:
      recordings: N of them.
      names: of each, for messages.
      form: of the clips; `pad` is not None.

    Returns:
      The clips `[N, T, 1]` int16, their sample rate, and sentences on how many were
      resampled, cropped and padded.

    Raises:
      UserError: if recordings differ in sample rate and none is asked for, one is
        shorter than a clip and `pad` is "refuse", or one is silent and to be
        normalised.
    """
    check(form)
    rate = common_rate((own.sample_rate for own in recordings), names, form.sample_rate)
    x = [resampled(own.x, own.sample_rate, rate) for own in recordings]
    clips = np.empty((len(x), form.length, 1), np.int16)
    for i, (own, name) in enumerate(zip(x, names, strict=True)):
        fitted = cropped(padded(own, form, name), form)
        clips[i, :, 0] = wav.to_int16(normalised(fitted, form, name))
    lengths = np.array([len(own) for own in x])
    changed = sum(own.sample_rate != rate for own in recordings)
    seconds = form.length / rate
    said = (
        f"clips of {form.length} samples at {rate} Hz ({seconds:.3f} s), normalisation "
        f"{form.normalise}: of {len(x):,} recordings {changed:,} resampled, "
        f"{np.sum(lengths > form.length):,} cropped ({form.crop}), "
        f"{np.sum(lengths < form.length):,} padded ({form.pad})"
    )
    return clips, rate, (said,)


def resampled(x: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """A recording `[N]` at another sample rate, by a polyphase filter.

    Args:
      x: at `rate` samples a second.
      rate: whole.
      wanted: whole; frequencies above half of it are filtered out.

    Returns:
      `[ceil(N wanted / rate)]`, or `x` itself at the same rate.
    """
    if rate == wanted:
        return x
    from scipy import signal

    shared = math.gcd(rate, wanted)
    return signal.resample_poly(x, wanted // shared, rate // shared)


def padded(x: np.ndarray, form: Form, name: str) -> np.ndarray:
    """A recording `[N]` with zeros, of `form.length` samples at least.

    Raises:
      UserError: if it is shorter, and is not to be padded.
    """
    missing = form.length - len(x)
    if missing <= 0:
        return x
    if form.pad == "refuse":
        raise errors.UserError(
            f"{name} has {len(x)} samples, fewer than length={form.length}; give "
            "pad='end' or 'middle' for zeros, a smaller length, or leave it out."
        )
    before = missing // 2 if form.pad == "middle" else 0
    return np.pad(x, (before, missing - before))


def cropped(x: np.ndarray, form: Form) -> np.ndarray:
    """The part of a recording `[N]` that is kept, `[form.length]`."""
    spare = len(x) - form.length
    start = {"start": 0, "middle": spare // 2}.get(form.crop)
    if start is None:
        energy = np.concatenate([[0.0], np.cumsum(np.square(x, dtype=np.float64))])
        start = int(np.argmax(energy[form.length :] - energy[: spare + 1]))
    return x[start : start + form.length]


def normalised(x: np.ndarray, form: Form, name: str) -> np.ndarray:
    """A clip as loud as is asked for.

    Raises:
      UserError: if it is silent, and is to have a peak.
    """
    if form.normalise == "none":
        return x
    peak = np.max(np.abs(x))
    if peak == 0:
        raise errors.UserError(
            f"{name} is silent in the part that is kept and has no peak to be "
            "normalised; leave it out, choose another crop, or give normalise='none'."
        )
    return x * (PEAK / peak)


def in_a_row(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """Clips `[N, T, 1]` one after the other, each with `PAUSE` behind it, `[M]`."""
    pause = round(PAUSE * sample_rate)
    return np.pad(np.asarray(x)[..., 0], ((0, 0), (0, pause))).reshape(-1)
