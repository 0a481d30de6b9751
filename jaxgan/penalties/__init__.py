"""Penalties and regularisers, pure functions without a weight.

`PENALTIES` holds those of the critic that need nothing but the shared arguments
`(critic, real, fake, key)`; the builders `consistency` and `balanced_consistency` give
more of them. The others say what they need in their signatures; `adaptive` is a module,
of an augmentation whose probability each member carries.
"""

from jaxgan import types
from jaxgan.core import errors
from jaxgan.penalties import adaptive
from jaxgan.penalties.augmentation import Augment, augmented, instance_noise
from jaxgan.penalties.consistency import (
    LeCamAverages,
    balanced_consistency,
    consistency,
    latent_consistency,
    lecam,
    update_averages,
)
from jaxgan.penalties.differences import (
    approximate_r1,
    approximate_r2,
    with_sigma,
)
from jaxgan.penalties.generator import (
    PathLength,
    mode_seeking,
    path_length,
    pulling_away,
)
from jaxgan.penalties.gradient import (
    dragan,
    lipschitz_max,
    per_example_gradient,
    r1,
    r2,
    wgan_gp,
    wgan_lp,
)
from jaxgan.penalties.weights import orthogonal, weight_clip

PENALTIES: dict[str, types.Penalty] = {
    "r1": r1,
    "r2": r2,
    "wgan_gp": wgan_gp,
    "wgan_lp": wgan_lp,
    "dragan": dragan,
    "lipschitz_max": lipschitz_max,
    "approximate_r1": approximate_r1,
    "approximate_r2": approximate_r2,
}
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
            f"penalty is {errors.shown(name)}, which does not exist: "
            f"{errors.choice(name, sorted(PENALTIES))}"
        )
    return PENALTIES[name]


__all__ = [
    "PENALTIES",
    "Augment",
    "LeCamAverages",
    "PathLength",
    "adaptive",
    "approximate_r1",
    "approximate_r2",
    "augmented",
    "balanced_consistency",
    "consistency",
    "dragan",
    "get",
    "instance_noise",
    "latent_consistency",
    "lecam",
    "lipschitz_max",
    "mode_seeking",
    "orthogonal",
    "path_length",
    "per_example_gradient",
    "pulling_away",
    "r1",
    "r2",
    "update_averages",
    "weight_clip",
    "wgan_gp",
    "wgan_lp",
    "with_sigma",
]
