"""What the literature sets against collapse in one GAN, as methods of arms.

References:
  Lin et al., PacGAN: The Power of Two Samples in Generative Adversarial Networks, 2018,
  https://arxiv.org/abs/1712.04086
  Metz et al., Unrolled Generative Adversarial Networks, 2017,
  https://arxiv.org/abs/1611.02163
  Huang et al., The GAN is dead; long live the GAN! A Modern GAN Baseline, 2024,
  https://arxiv.org/abs/2501.05441
"""

import dataclasses
import functools

from jaxgan import gan, gradients, losses, steps, types
from jaxgan.scripts import ensemble_arms
from jaxgan.training import methods

PACKS = {"pac2": 2, "pac4": 4}
"""Samples that the discriminator of an arm judges together."""

LOSSES = {
    "classic": "minimax",
    **dict.fromkeys(("plain", "unrolled", *PACKS), "non_saturating"),
    "rpgan": "relativistic",
}
"""Of methods that have one of their own, whatever that of the others is."""

UNROLLED, EPS_ROOT = 5, 1e-8
"""Steps that a discriminator is unrolled, and what is added under Adam's root there."""

RESTING, AVERAGING = {"b1": 0.0, "b2": 0.99}, 0.999
"""Of a relativistic GAN: betas of Adam, and the decay of the generator's average."""


def plain(classic: methods.Method) -> methods.Method:
    """The non-saturating GAN as first published, with neither penalty nor average.

    Args:
      classic: has its optimiser.
    """
    return methods.Method(
        "non_saturating", {}, classic.optimizer, layer_norms=classic.layer_norms
    )


def relativistic(remedied: methods.Method) -> methods.Method:
    """The relativistic pairing loss with R1 and R2, of R3GAN.

    Args:
      remedied: has the weight of R1, which both penalties get, the learning rates, and
        what is augmented.
    """
    gamma = remedied.weights["r1"]
    return remedied._replace(
        loss="relativistic",
        weights={"r1": gamma, "r2": gamma},
        optimizer=types.Pair(*({**own, **RESTING} for own in remedied.optimizer)),
        ema_decay=AVERAGING,
        warm_up=True,
    )


def unrolled(
    method: methods.Method, networks: types.GAN
) -> tuple[types.Gradient, types.Gradient]:
    """The gradients of a discriminator, and of a generator that looks ahead of it."""
    loss = losses.get(method.loss)
    own = gradients.discriminator(networks, loss)
    adam = functools.partial(steps.adam, eps_root=EPS_ROOT)
    ahead = steps.update("discriminator", own, adam)
    return own, gradients.unrolled(networks, loss, ahead, UNROLLED)


def packing(number: int) -> ensemble_arms.Adapt:
    """Builds the `adapt` of a discriminator that judges so many samples together."""

    def adapt(experiment, arm):
        architecture = experiment.architecture | {"pack": number}
        packed = dataclasses.replace(
            experiment, networks=gan.build(architecture), architecture=architecture
        )
        return packed, arm

    return adapt
