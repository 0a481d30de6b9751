"""Synthetic chirps: waveforms of known modes, found again by their mathematics.

Mode k of K sweeps up an octave, from the frequency `f_k` to `2 f_k`:

    x(t) = a w(t) cos(phi_k(t) + p),    phi_k(t) = 2 pi f_k T (2^(t/T) - 1) / log 2,

with Hann's window w, a phase p uniform in an eighth of a turn either way, and an
amplitude a uniform in `LOUD`. The instantaneous frequency is `f_k 2^(t/T)`; `f_k` are
spaced evenly in pitch, from `LOWEST` to `HIGHEST`, so that two modes never share a
frequency at the same time and are orthogonal but for a rest, see `scores.chirps`.
"""

from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import wav

LOUD = (0.4, 0.9)
"""Amplitudes, of full scale."""

PHASE = np.pi / 4
"""The largest phase, in radians."""

LOWEST, HIGHEST = 0.004, 0.08
"""First frequencies of the lowest and the highest mode, in cycles per sample; the
second one ends at 0.16, below the 0.5 above which there are none."""

LEAST_LENGTH = 1024
"""Samples, fewer than which do not tell ten modes from one another."""


class Chirps(NamedTuple):
    """A distribution of chirps.

    Attributes:
      modes: K, all as frequent.
      length: T, samples of each.
      sample_rate: samples a second, by which frequencies are called Hz.
    """

    modes: int = 10
    length: int = 4096
    sample_rate: int = 8000


def check(law: Chirps) -> None:
    """Asks for chirps whose modes can be told.

    Raises:
      UserError: otherwise.
    """
    if law.length < LEAST_LENGTH:
        raise errors.UserError(
            f"length={law.length} must be at least {LEAST_LENGTH} for chirps, whose "
            "modes could not be told from one another."
        )


def frequencies(law: Chirps) -> np.ndarray:
    """`f_k [K]` in Hz, at which the modes begin; they end an octave higher."""
    return law.sample_rate * np.geomspace(LOWEST, HIGHEST, law.modes)


def waves(law: Chirps, mode: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Chirps `[..., T]` float64 of amplitude 1, of modes and phases `[...]`."""
    # In the middle of samples, so that the window begins and ends alike.
    t = (np.arange(law.length) + 0.5) / law.length
    cycles = frequencies(law) / law.sample_rate * law.length
    turned = 2 * np.pi * (2**t - 1) / np.log(2)
    window = np.sin(np.pi * t) ** 2
    return window * np.cos(cycles[mode][..., None] * turned + phase[..., None])


def sample(
    law: Chirps, seed: int | np.random.SeedSequence, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws chirps.

    Args:
      law: of the chirps.
      seed: of the draw.
      n: number of chirps.

    Returns:
      `[n, T, 1]` int16, and their modes `[n]` int32.

    Raises:
      UserError: as `check`.
    """
    check(law)
    rng = np.random.default_rng(seed)
    mode = rng.integers(law.modes, size=n)
    phase = rng.uniform(-PHASE, PHASE, n)
    amplitude = rng.uniform(*LOUD, n)
    x = amplitude[:, None] * waves(law, mode, phase)
    return wav.to_int16(x)[..., None], mode.astype(np.int32)
