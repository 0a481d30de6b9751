"""Penalties and regularisers, pure functions without a weight.

`PENALTIES` holds those of the shared signature `(critic, real, fake, key) -> scalar`.
"""

from jaxgan import errors, types
from jaxgan.penalties.gradient import per_example_gradient, r1, r2, wgan_gp

PENALTIES: dict[str, types.Penalty] = {"r1": r1, "r2": r2, "wgan_gp": wgan_gp}
"""The penalties of a critic by name."""


def get(name: str) -> types.Penalty:
    """The penalty of that name.

    Args:
      name: a key of `PENALTIES`.

    Raises:
      UserError: if there is no such penalty.
    """
    if name not in PENALTIES:
        raise errors.UserError(
            f"penalty is {name!r}, which does not exist: "
            f"choose one of {', '.join(sorted(PENALTIES))}."
        )
    return PENALTIES[name]


__all__ = ["PENALTIES", "get", "per_example_gradient", "r1", "r2", "wgan_gp"]
