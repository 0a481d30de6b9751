"""Which of several generators made a sample: terms that keep generators apart.

A batch of fakes comes in K equal parts, one of each generator, and the discriminator
has a class logit for each, see `ensembles.shared`.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import types
from jaxgan.core import errors


def identification(fake_class_logits: Array) -> Array:
    """The cross-entropy of which generator made each fake, in nats.

    Args:
      fake_class_logits: `[B, K]` of fakes of which those of generator k are the k-th of
        K equal parts.

    Returns:
      A scalar, at least 0; `log K` for a discriminator that cannot tell.

    Raises:
      UserError: if K does not divide B.

    References:
      Hoang et al., MGAN: Training Generative Adversarial Nets with Multiple Generators,
      2018, https://arxiv.org/abs/1708.02556
    """
    size, number = fake_class_logits.shape
    if size % number:
        raise errors.UserError(
            f"a batch of {size} samples cannot be shared by {number} generators; "
            f"draw a multiple of {number}."
        )
    log_probs = jax.nn.log_softmax(fake_class_logits, axis=-1)
    parts = log_probs.reshape(number, size // number, number)
    return -jnp.mean(jnp.diagonal(parts, axis1=0, axis2=2))


def _term(name: str) -> types.Term:
    def term(real, fake, batch):
        if fake.class_logits is None:
            raise errors.UserError(
                f"the term {name!r} needs class logits of the generators; use a GAN of "
                "several, such as ensembles.shared.mgan(gan, 4)."
            )
        return identification(fake.class_logits)

    return term


generator_identification = types.Pair(
    generator=None, discriminator=_term("generator_identification")
)
"""`identification` as a term that the discriminator minimises.

When:
  For the discriminator of several generators, see `ensembles.shared`.

References:
  Hoang et al., MGAN, 2018, https://arxiv.org/abs/1708.02556
"""

generator_diversity = types.Pair(
    generator=_term("generator_diversity"), discriminator=None
)
"""`identification` as a term that the generators minimise: they help.

When:
  For the generators of `ensembles.shared`.

References:
  Hoang et al., MGAN, 2018, https://arxiv.org/abs/1708.02556
"""
