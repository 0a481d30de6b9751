"""Losses of the two players, pure functions of logits, minimised."""

from jaxgan.losses.adversarial import (
    LOSSES,
    get,
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    relativistic_average,
    wasserstein,
)

__all__ = [
    "LOSSES",
    "get",
    "hinge",
    "least_squares",
    "minimax",
    "non_saturating",
    "relativistic",
    "relativistic_average",
    "wasserstein",
]
