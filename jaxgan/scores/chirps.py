"""Which mode a chirp is of, by matched filters: exact, without a classifier.

The chirps of mode k, of any phase and amplitude, fill a plane, spanned by one of phase
0 and one of phase 90 degrees. The share of a waveform's energy in that plane,

    s_k = n(Q_k^T x)^2 / n(x)^2,    Q_k an orthonormal basis,

is 1 for a clean chirp of mode k, and 2 / T on average for white noise of T samples. The
planes are orthogonal but for a rest that `crosstalk` gives, so that the shares sum to
one at most, and no waveform has more than half of its energy in two of them.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.core import errors
from jaxgan.data import chirps

GOOD = 0.5
"""Share of the energy above which a waveform is a chirp of a mode, and of no other."""


def bases(law: chirps.Chirps) -> np.ndarray:
    """`Q [K, T, 2]`, the orthonormal basis of each mode's plane, float32."""
    modes = np.arange(law.modes)
    pair = np.stack(
        [chirps.waves(law, modes, np.full(law.modes, p)) for p in (0, -np.pi / 2)], -1
    )
    return np.linalg.qr(pair)[0].astype(np.float32)


def crosstalk(law: chirps.Chirps) -> float:
    """The largest share of a clean chirp's energy in the plane of another mode."""
    q = bases(law).astype(np.float64)
    overlap = np.einsum("ktp,jtq->kjpq", q, q)
    largest = np.linalg.norm(overlap, ord=2, axis=(-2, -1)) ** 2
    return float(np.max(largest - np.eye(law.modes)))


def matched(law: chirps.Chirps, x: Array) -> tuple[Array, Array]:
    """The mode of waveforms, and the share of their energy in its plane.

    Args:
      law: of the chirps.
      x: `[N, T, 1]`.

    Returns:
      `(mode [N], share [N])`: the mode -1 and the share NaN of a waveform that is not
      finite or is silent.

    Raises:
      UserError: for waveforms of another length.
    """
    if tuple(x.shape[1:]) != (law.length, 1):
        raise errors.UserError(
            f"x has samples of shape {tuple(x.shape[1:])}, but the chirps are "
            f"{(law.length, 1)}; draw chirps of that length."
        )
    x = x[..., 0]
    projected = jnp.einsum(
        "nt,ktp->nkp", x, bases(law), precision=jax.lax.Precision.HIGHEST
    )
    shares = jnp.sum(projected**2, -1) / jnp.sum(x**2, -1, keepdims=True)
    share, mode = jnp.max(shares, -1), jnp.argmax(shares, -1)
    return jnp.where(jnp.isfinite(share), mode, -1), share
