"""Ensembles of GANs: which member learns which modes, and the mixture they make.

    plan = ensembles.per_mode(modes)                      # HParams.mode_weights
    mixture = ensembles.mixture(gan, state, hparams, plan.weights, key)
    x, member = ensembles.sample(gan, mixture, key, 1000)

Other ensembles, each imported by itself: `boosting` (AdaGAN), `shared` (generators
against one discriminator: MGAN, MAD-GAN), `gman` (a generator against several),
`mix_gan` (mixtures of both with learnt weights), `neighbours` (members that exchange
players), `features` (clusters in what a discriminator sees) and `choosing` (members and
weights after training). Beside them `export` (StableHLO for programs without jaxgan),
`latents` (what generators make of given latents, truncation, projection),
`saved_generators`, what the generators that a run has kept make, and `kept_averages`,
averages of their weights whose length is chosen then.
"""

from jaxgan.ensembles.mixtures import (
    Mixture,
    Plan,
    asked_labels,
    bagged,
    load,
    mixture,
    per_mode,
    sample,
    save,
    separated,
    with_standing_statistics,
)

__all__ = [
    "Mixture",
    "Plan",
    "asked_labels",
    "bagged",
    "load",
    "mixture",
    "per_mode",
    "sample",
    "save",
    "separated",
    "with_standing_statistics",
]
