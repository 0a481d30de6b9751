"""The game that is played: how near it is to its equilibrium, and what goes wrong.

The players minimise `l_G(theta, phi)` and `l_D(theta, phi)`, `w = (theta, phi)` are the
weights of both, `v(w) = (dl_G/dtheta, dl_D/dphi)` is the game's gradient field and
`J = dv/dw` its Jacobian. All is measured of one member and maps over a population.
"""

from jaxgan.dynamics.game import field, hessian, jacobian, transposed_jacobian
from jaxgan.dynamics.krylov import arnoldi, lanczos, ritz, symmetric_ritz
from jaxgan.dynamics.paths import Path, path
from jaxgan.dynamics.spectra import VERDICTS, Spectrum, Verdict, spectrum, verdict

__all__ = [
    "VERDICTS",
    "Path",
    "Spectrum",
    "Verdict",
    "arnoldi",
    "field",
    "hessian",
    "jacobian",
    "lanczos",
    "path",
    "ritz",
    "spectrum",
    "symmetric_ritz",
    "transposed_jacobian",
    "verdict",
]
