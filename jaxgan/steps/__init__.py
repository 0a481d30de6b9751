"""Steps and their combinators: everything that trains is a `Step`.

A step is `(hparams, state, batch, key) -> (state, metrics)`. The combinators here take
steps and return steps, so that a training rule is read from the inside out:

    d = update("discriminator", gradients.discriminator(gan, loss, penalties))
    g = update("generator", gradients.generator(gan, loss))
    step = quarantine(averaged(alternating(d, g, n_critic=5)))

Rules that mix the players' gradients (`consensus`, `symplectic`, `competitive`) take
the two gradients instead and are steps as well. In their equations the players minimise
`l_G(theta, phi)` and `l_D(theta, phi)`, `w = (theta, phi)` are the weights of both,
`v(w) = (dl_G/dtheta, dl_D/dphi)` is the game's gradient field, `J = dv/dw` its Jacobian
and eta the learning rate; they hold word for word with `optax.sgd`, and with any other
optimiser the rule's direction goes through the optimiser in place of the gradient.

An optimiser is an optax factory, called inside the traced step with the member's own
numbers, `optimizer(**hparams.optimizer.generator)`: that is what lets learning rates
and betas differ between the members of one compiled program, and between the players
(two time scales). Arguments that a factory compares in Python must be bound beforehand
with `functools.partial`.

`OPTIMIZERS` has them by name.

Reading order: `adaptive`, `core`, `order`, `averages`, `power_averages`, `post_hoc`,
`schedules`, `optimizers`, `families`, `freezing`, `extrapolation`, `rotation`,
`competition`; `rules` has all steps by name.
"""

from jaxgan.steps.adaptive import adam
from jaxgan.steps.averages import averaged, constant, lookahead, warmed_up
from jaxgan.steps.competition import competitive
from jaxgan.steps.core import (
    PLAYERS,
    Optimizer,
    Optimizers,
    first_weights,
    initialise,
    is_finite,
    quarantine,
    update,
)
from jaxgan.steps.extrapolation import (
    extragradient,
    extragradient_from_the_past,
    lola,
)
from jaxgan.steps.families import OPTIMIZERS, Family, clipped
from jaxgan.steps.freezing import frozen, holding, still
from jaxgan.steps.optimizers import negative_momentum, optimistic, remembering
from jaxgan.steps.order import alternating, repeat, simultaneous
from jaxgan.steps.power_averages import power_averaged
from jaxgan.steps.rotation import consensus, symplectic
from jaxgan.steps.rules import RULES, Rule
from jaxgan.steps.schedules import SHAPES, scheduled

__all__ = [
    "OPTIMIZERS",
    "PLAYERS",
    "RULES",
    "SHAPES",
    "Family",
    "Optimizer",
    "Optimizers",
    "Rule",
    "adam",
    "alternating",
    "averaged",
    "clipped",
    "competitive",
    "consensus",
    "constant",
    "extragradient",
    "extragradient_from_the_past",
    "first_weights",
    "frozen",
    "holding",
    "initialise",
    "is_finite",
    "lola",
    "lookahead",
    "negative_momentum",
    "optimistic",
    "power_averaged",
    "quarantine",
    "remembering",
    "repeat",
    "scheduled",
    "simultaneous",
    "still",
    "symplectic",
    "update",
    "warmed_up",
]
