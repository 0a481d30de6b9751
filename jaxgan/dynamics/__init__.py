"""The game that is played: how near it is to its equilibrium, and what goes wrong.

The players minimise `l_G(theta, phi)` and `l_D(theta, phi)`, `w = (theta, phi)` are the
weights of both, `v(w) = (dl_G/dtheta, dl_D/dphi)` is the game's gradient field and
`J = dv/dw` its Jacobian. All is measured of one member and maps over a population.

`landscape` has products with J, eigenvalues and what they say, `duality` what a player
gains by moving alone, `metagame` the members of a population against one another,
`pathologies` covariate shift and vanishing gradients, `values` the value of the game.
"""

from jaxgan.dynamics.duality.gap import DualityGap, duality_gap, of_population
from jaxgan.dynamics.duality.proximal import (
    proximal_duality_gap,
    sobolev,
    squared_distance,
)
from jaxgan.dynamics.duality.responses import best_response, fresh, perturbed
from jaxgan.dynamics.landscape.game import field, hessian, jacobian, transposed_jacobian
from jaxgan.dynamics.landscape.krylov import arnoldi, lanczos, ritz, symmetric_ritz
from jaxgan.dynamics.landscape.paths import Path, path
from jaxgan.dynamics.landscape.spectra import Spectrum, spectrum
from jaxgan.dynamics.landscape.verdicts import VERDICTS, Verdict, verdict
from jaxgan.dynamics.metagame.double_oracle import double_oracle, matrix_oracles
from jaxgan.dynamics.metagame.matrix_games import (
    exploitabilities,
    exploitability,
    solve,
)
from jaxgan.dynamics.metagame.network_oracles import against, gan_oracles
from jaxgan.dynamics.metagame.payoffs import (
    Side,
    nash_mixture,
    payoff_matrix,
    payoff_of,
    sides,
)
from jaxgan.dynamics.metagame.replicator_dynamics import replicator
from jaxgan.dynamics.metagame.words import in_words
from jaxgan.dynamics.pathologies.covariate_shift import (
    ActivationShift,
    GradientShift,
    by_activations,
    by_gradients,
)
from jaxgan.dynamics.pathologies.layers import OPPONENTS
from jaxgan.dynamics.pathologies.layers import order as layer_order
from jaxgan.dynamics.pathologies.smoothness import AlongStep, along_step
from jaxgan.dynamics.pathologies.vanishing import (
    GaussianGradients,
    Retraining,
    fresh_discriminator,
    gaussian_gradients,
)
from jaxgan.dynamics.values import (
    Payoff,
    Value,
    class_accuracy,
    game_value,
    value_metrics,
)

__all__ = [
    "ActivationShift",
    "AlongStep",
    "DualityGap",
    "GaussianGradients",
    "GradientShift",
    "OPPONENTS",
    "Path",
    "Payoff",
    "Retraining",
    "Side",
    "Spectrum",
    "VERDICTS",
    "Value",
    "Verdict",
    "against",
    "along_step",
    "arnoldi",
    "best_response",
    "by_activations",
    "by_gradients",
    "class_accuracy",
    "double_oracle",
    "duality_gap",
    "exploitabilities",
    "exploitability",
    "field",
    "fresh",
    "fresh_discriminator",
    "game_value",
    "gan_oracles",
    "gaussian_gradients",
    "hessian",
    "in_words",
    "jacobian",
    "lanczos",
    "layer_order",
    "matrix_oracles",
    "nash_mixture",
    "of_population",
    "path",
    "payoff_matrix",
    "payoff_of",
    "perturbed",
    "proximal_duality_gap",
    "replicator",
    "ritz",
    "sides",
    "sobolev",
    "solve",
    "spectrum",
    "squared_distance",
    "symmetric_ritz",
    "transposed_jacobian",
    "value_metrics",
    "verdict",
]
