"""What a state is in its game, by eigenvalues: Nash, stable, or neither.

With `v(w) = (dl_G/dtheta, dl_D/dphi)` and `J = dv/dw` a stationary point, `v = 0`, is a
differential Nash equilibrium if both players' own Hessians, the diagonal blocks of J,
are positive definite; with a negative eigenvalue of its block a player gains by moving
alone. It is locally stable under `dw/dt = -v(w)` if all eigenvalues of J have positive
real parts. One does not follow from the other: GANs come to rest at points that are
stable and no Nash equilibria.

References:
  Ratliff et al., On the Characterization of Local Nash Equilibria in Continuous Games,
  2016, https://arxiv.org/abs/1411.2168
  Berard et al., A Closer Look at the Optimization Landscapes of Generative Adversarial
  Networks, 2020, https://arxiv.org/abs/1906.04848
"""

from typing import NamedTuple

import numpy as np

from jaxgan import types
from jaxgan.core import errors
from jaxgan.dynamics.landscape import spectra

ROUNDING = 1e-5
"""Of the game's largest eigenvalue: what float32 leaves of zero."""

VERDICTS = ("not stationary", "nash", "stable", "neither", "unknown")


class Verdict(NamedTuple):
    """What each member's state is, see `verdict`.

    Attributes:
      stationary: `[P]` bool.
      nash: `[P]` bool, of the Hessians alone.
      stable: `[P]` bool, of J alone.
      strict: `[P]` bool, whether the verdict rests on no eigenvalue that is zero within
        the tolerance.
      negative: per player `[P]`, eigenvalues of its Hessian that were found to be
        negative, of the `count` least; so there are at least as many.
      words: one of `VERDICTS` for each member.
    """

    stationary: np.ndarray
    nash: np.ndarray
    stable: np.ndarray
    strict: np.ndarray
    negative: types.Pair
    words: list[str]


def verdict(
    found: spectra.Spectrum, *, stationary: float = 1e-3, tolerance: float = 1e-3
) -> Verdict:
    """Says of each member where it is.

    An eigenvalue counts as negative if it is below `-t`, where t is `tolerance` times
    the largest modulus that was found of the same matrix, and at least 1e-5 times the
    largest of all, which is what rounding leaves. The words are

    * "not stationary" if `|v| > stationary`;
    * "nash" if neither player's Hessian has a negative eigenvalue;
    * "stable" if one has, and no eigenvalue of J has a negative real part;
    * "neither" if one has;
    * "unknown" if derivatives are not finite.

    Networks have directions along which nothing changes, whose eigenvalues are zero, so
    that theirs are hardly ever `strict`, with all eigenvalues that count above t. Only
    a strict "nash" is a differential Nash equilibrium; another one meets the conditions
    that are necessary for a local one. An eigenvalue of a Hessian that is found to be
    negative is one; that none was found is only as sure as the residuals are small.

    Args:
      found: from `spectrum`.
      stationary: largest `|v|` of a stationary point, in the units of the loss by those
        of the weights.
      tolerance: share of the largest eigenvalue, from 0 to 1.

    Raises:
      UserError: if a number is out of range.
    """
    if not stationary >= 0 or not 0 <= tolerance <= 1:
        raise errors.UserError(
            f"stationary={stationary} must not be negative, and tolerance={tolerance} "
            "must be from 0 to 1."
        )
    every = found[:3]
    # Those of the game with the largest moduli need not be at its ends.
    largest = np.abs(found.largest.values).max(axis=-1)
    sizes = [_size(found.generator), _size(found.discriminator)]
    sizes.append(np.maximum(_size(found.game), largest))
    floor = ROUNDING * np.max(sizes, axis=0)
    limits = [np.maximum(tolerance * size, floor) for size in sizes]
    least = [own.bottom.values[:, 0].real for own in every]
    g, d, j = (low >= -limit for low, limit in zip(least, limits, strict=True))
    above = [low > limit for low, limit in zip(least, limits, strict=True)]
    still, nash, stable = found.field_norm <= stationary, g & d, j
    known = np.isfinite(found.field_norm) & np.isfinite(least).all(axis=0)
    strict = np.where(nash, above[0] & above[1], stable & above[2])
    negative = [
        np.sum(own.bottom.values.real < -limit[:, None], axis=1)
        for own, limit in zip(every, limits, strict=True)
    ]
    words = np.select(
        [~known, ~still, nash, stable], ["unknown", *VERDICTS[:3]], "neither"
    )
    pair = types.Pair(*negative[:2])
    return Verdict(still, nash, stable, strict, pair, words.tolist())


def _size(own: spectra.Ends) -> np.ndarray:
    both = np.concatenate([own.top.values, own.bottom.values], axis=-1)
    return np.abs(both).max(axis=-1)
