"""The game that is played: how near it is to its equilibrium, and what goes wrong.

The players minimise `l_G(theta, phi)` and `l_D(theta, phi)`, `w = (theta, phi)` are the
weights of both, `v(w) = (dl_G/dtheta, dl_D/dphi)` is the game's gradient field and
`J = dv/dw` its Jacobian. All is measured of one member and maps over a population.
"""

from jaxgan.dynamics.duality import (
    DualityGap,
    best_response,
    duality_gap,
    fresh,
    of_population,
    perturbed,
)
from jaxgan.dynamics.proximal import (
    proximal_duality_gap,
    sobolev,
    squared_distance,
)
from jaxgan.dynamics.values import class_accuracy, minimax, of_gan

__all__ = [
    "DualityGap",
    "best_response",
    "class_accuracy",
    "duality_gap",
    "fresh",
    "minimax",
    "of_gan",
    "of_population",
    "perturbed",
    "proximal_duality_gap",
    "sobolev",
    "squared_distance",
]
