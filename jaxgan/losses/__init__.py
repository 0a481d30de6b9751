"""Losses of the two players, pure functions of logits, minimised.

`LOSSES` holds the adversarial losses by name.
"""

from jaxgan import errors, types
from jaxgan.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    relativistic_average,
    wasserstein,
)

LOSSES: dict[str, types.Loss] = {
    "minimax": minimax(),
    "non_saturating": non_saturating(),
    "least_squares": least_squares(),
    "wasserstein": wasserstein(),
    "hinge": hinge(),
    "relativistic": relativistic(),
    "relativistic_average": relativistic_average(),
}
"""The adversarial losses by name."""


def get(name: str) -> types.Loss:
    """The adversarial loss of that name.

    Args:
      name: a key of `LOSSES`.

    Raises:
      UserError: if there is no such loss.
    """
    if name not in LOSSES:
        raise errors.UserError(
            f"loss is {name!r}, which does not exist: "
            f"choose one of {', '.join(sorted(LOSSES))}."
        )
    return LOSSES[name]


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
