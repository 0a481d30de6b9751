"""Losses of the two players, pure functions of what the discriminator says, minimised.

`LOSSES` holds the adversarial losses on logits by name, and `f_gan` makes more of them.
`ebgan` acts on energies and `mmd_gan` on features in the place of logits; the losses on
class logits and `feature_matching` are terms that a caller adds.
"""

from jaxgan import types
from jaxgan.core import errors
from jaxgan.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    relativistic_average,
    seqgan,
    wasserstein,
)
from jaxgan.losses.classes import (
    ac_gan,
    auxiliary_classifier,
    class_evidence,
    cross_entropy,
    info_gan,
    info_gan_continuous,
    pseudo_labels,
    semi_supervised,
    tac_gan,
)
from jaxgan.losses.energy import Began, began, ebgan
from jaxgan.losses.f_gan import f_gan
from jaxgan.losses.features import feature_matching, matched_features, mmd_gan
from jaxgan.losses.game import minimax_value, optimal_value
from jaxgan.losses.generators import generator_diversity, generator_identification
from jaxgan.losses.wrappers import label_smoothing, top_k

geometric = hinge
"""Geometric GAN (Lim and Ye 2017), the paper that the hinge loss comes from."""

LOSSES: dict[str, types.Loss] = {
    "minimax": minimax(),
    "non_saturating": non_saturating(),
    "least_squares": least_squares(),
    "wasserstein": wasserstein(),
    "hinge": hinge(),
    "geometric": geometric(),
    "relativistic": relativistic(),
    "relativistic_average": relativistic_average(),
    "seqgan": seqgan(),
}
"""The adversarial losses by name."""


TERMS: dict[str, types.Pair] = {
    "ac_gan": auxiliary_classifier,
    "feature_matching": matched_features,
    "generator_diversity": generator_diversity,
    "generator_identification": generator_identification,
}
"""Terms by name, for `gradients.discriminator` and `gradients.generator`: a `Pair` of
`types.Term`, None for a player that has none."""


def get(name: str) -> types.Loss:
    """The adversarial loss of that name.

    Args:
      name: a key of `LOSSES`.

    Raises:
      UserError: if there is no such loss.
    """
    if name not in LOSSES:
        raise errors.UserError(
            f"loss is {errors.shown(name)}, which does not exist: "
            f"{errors.choice(name, sorted(LOSSES))}"
        )
    return LOSSES[name]


__all__ = [
    "LOSSES",
    "TERMS",
    "Began",
    "ac_gan",
    "auxiliary_classifier",
    "began",
    "class_evidence",
    "cross_entropy",
    "ebgan",
    "f_gan",
    "feature_matching",
    "generator_diversity",
    "generator_identification",
    "geometric",
    "get",
    "hinge",
    "info_gan",
    "info_gan_continuous",
    "label_smoothing",
    "least_squares",
    "matched_features",
    "minimax",
    "minimax_value",
    "mmd_gan",
    "non_saturating",
    "optimal_value",
    "pseudo_labels",
    "relativistic",
    "relativistic_average",
    "semi_supervised",
    "seqgan",
    "tac_gan",
    "top_k",
    "wasserstein",
]
