"""Ensembles of GANs: which member learns which modes, and the mixture they make.

    plan = ensembles.per_mode(modes)                      # HParams.mode_weights
    mixture = ensembles.mixture(gan, state, hparams, plan.weights, key)
    x, member = ensembles.sample(gan, mixture, key, 1000)

Beside them `export` (StableHLO for programs without jaxgan) and `saved_generators`,
what the generators that a run has kept make; these are imported by themselves.
"""

from jaxgan.ensembles.mixtures import (
    Mixture,
    Plan,
    bagged,
    load,
    mixture,
    per_mode,
    sample,
    save,
    with_standing_statistics,
)

__all__ = [
    "Mixture",
    "Plan",
    "bagged",
    "load",
    "mixture",
    "per_mode",
    "sample",
    "save",
    "with_standing_statistics",
]
