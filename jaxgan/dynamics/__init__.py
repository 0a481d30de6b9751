"""The game that is played: how near it is to its equilibrium, and what goes wrong.

The players minimise `l_G(theta, phi)` and `l_D(theta, phi)`, `w = (theta, phi)` are the
weights of both, `v(w) = (dl_G/dtheta, dl_D/dphi)` is the game's gradient field and
`J = dv/dw` its Jacobian. All is measured of one member and maps over a population.
"""

from jaxgan.dynamics.covariate_shift import (
    ActivationShift,
    GradientShift,
    by_activations,
    by_gradients,
)
from jaxgan.dynamics.layers import OPPONENTS
from jaxgan.dynamics.layers import order as layer_order
from jaxgan.dynamics.smoothness import AlongStep, along_step
from jaxgan.dynamics.vanishing import (
    GaussianGradients,
    Retraining,
    fresh_discriminator,
    gaussian_gradients,
)

__all__ = [
    "OPPONENTS",
    "ActivationShift",
    "AlongStep",
    "GaussianGradients",
    "GradientShift",
    "Retraining",
    "along_step",
    "by_activations",
    "by_gradients",
    "fresh_discriminator",
    "gaussian_gradients",
    "layer_order",
]
