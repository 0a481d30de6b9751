"""Losses on class logits, for labelled data and for codes that should be recovered.

They stand beside an adversarial loss, to which the caller adds them with a weight.
Labels are integers in [0, K); any other makes the loss NaN.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.losses import checks


def ac_gan(
    real_class_logits: Array,
    real_labels: Array,
    fake_class_logits: Array,
    fake_labels: Array,
) -> types.Pair:
    """The auxiliary classifier: both players want every sample to show its label.

    discriminator: `CE(real) + CE(fake)`; generator: `CE(fake)`, where CE is the mean
    cross-entropy in nats.

    Args:
      real_class_logits: `[B, K]` of the classifier on real samples.
      real_labels: `[B]`.
      fake_class_logits: `[B, K]` of the classifier on generated samples.
      fake_labels: `[B]`, the labels they were generated for.

    Returns:
      A `Pair` of scalars, one per player.

    When:
      For labelled data.

    References:
      Odena et al., Conditional Image Synthesis With Auxiliary Classifier GANs, 2016,
      https://arxiv.org/abs/1610.09585
    """
    checks.labelled(real_class_logits=real_class_logits, real_labels=real_labels)
    checks.labelled(fake_class_logits=fake_class_logits, fake_labels=fake_labels)
    real = cross_entropy(real_class_logits, real_labels)
    fake = cross_entropy(fake_class_logits, fake_labels)
    return types.Pair(generator=fake, discriminator=real + fake)


def _auxiliary(player: str) -> types.Term:
    def term(real, fake, batch):
        if real.class_logits is None or batch.label is None:
            raise errors.UserError(
                "the term 'ac_gan' needs class logits and labels; use a GAN with "
                "discriminator_conditioning='auxiliary' and draw batches with labels."
            )
        both = ac_gan(real.class_logits, batch.label, fake.class_logits, batch.label)
        return getattr(both, player)

    return term


auxiliary_classifier = types.Pair(*map(_auxiliary, types.Pair._fields))
"""`ac_gan` as a pair of terms."""


def tac_gan(
    real_class_logits: Array,
    real_labels: Array,
    fake_class_logits: Array,
    fake_twin_logits: Array,
    fake_labels: Array,
) -> types.Pair:
    """Twin classifiers, the second of which gives back the diversity AC-GAN loses.

    discriminator: `CE(real) + CE_twin(fake)`; generator: `CE(fake) - CE_twin(fake)`.
    The first classifier learns from real samples, its twin from generated ones, as in
    the authors' code; at their optima the generator's term is a difference of
    divergences that vanishes when every class is matched.

    Args:
      real_class_logits: `[B, K]` of the first classifier on real samples.
      real_labels: `[B]`.
      fake_class_logits: `[B, K]` of the first classifier on generated samples.
      fake_twin_logits: `[B, K]` of the twin on generated samples.
      fake_labels: `[B]`, the labels they were generated for.

    Returns:
      A `Pair` of scalars, one per player.

    When:
      For labelled data whose classes overlap.

    References:
      Gong et al., Twin Auxiliary Classifiers GAN, 2019,
      https://arxiv.org/abs/1907.02690
    """
    checks.labelled(real_class_logits=real_class_logits, real_labels=real_labels)
    checks.labelled(fake_class_logits=fake_class_logits, fake_labels=fake_labels)
    checks.labelled(fake_twin_logits=fake_twin_logits, fake_labels=fake_labels)
    real = cross_entropy(real_class_logits, real_labels)
    fake = cross_entropy(fake_class_logits, fake_labels)
    twin = cross_entropy(fake_twin_logits, fake_labels)
    return types.Pair(generator=fake - twin, discriminator=real + twin)


def info_gan(code_logits: Array, codes: Array, prior: ArrayLike | None = None) -> Array:
    """Minus the lower bound `E log q(c | x) + H(c)` on the information I(c; x).

    Minimised by the generator and by the network that recovers the code. It lies
    between `-H(c)`, every code recovered, and infinity; it is 0 for a guess by the
    prior.

    Args:
      code_logits: `[B, K]`, the logits of q for generated samples.
      codes: `[B]`, the categorical codes they were generated from.
      prior: `[K]` probabilities the codes were drawn with, or None for uniform.

    Returns:
      A scalar, in nats.

    When:
      For codes that come to mean something.

    References:
      Chen et al., InfoGAN, 2016, https://arxiv.org/abs/1606.03657
    """
    checks.labelled(code_logits=code_logits, codes=codes)
    num_codes = code_logits.shape[1]
    if prior is None:
        entropy = math.log(num_codes)
    elif jnp.shape(prior) != (num_codes,):
        raise errors.UserError(
            f"prior has shape {jnp.shape(prior)}, but code_logits has shape "
            f"{code_logits.shape}: pass one probability per code, shape "
            f"({num_codes},)."
        )
    else:
        entropy = jnp.sum(jax.scipy.special.entr(jnp.asarray(prior)))
    return cross_entropy(code_logits, codes) - entropy


def info_gan_continuous(
    code_mean: Array,
    code_log_std: Array,
    codes: Array,
    entropy: ArrayLike | None = None,
) -> Array:
    """`info_gan` for continuous codes, with q a Gaussian of diagonal covariance.

    Args:
      code_mean: `[B, F]`, the means of q for generated samples.
      code_log_std: `[B, F]`, the logarithms of its standard deviations.
      codes: `[B, F]`, the codes the samples were generated from.
      entropy: H(c) in nats, of all F codes together, or None for codes drawn uniformly
        from [-1, 1], for which it is `F log 2`.

    Returns:
      A scalar, in nats.

    References:
      Chen et al., InfoGAN, 2016, https://arxiv.org/abs/1606.03657
    """
    arrays = {"code_mean": code_mean, "code_log_std": code_log_std, "codes": codes}
    checks.pairs(**arrays)
    checks.rows(2, **arrays)
    if entropy is None:
        entropy = codes.shape[1] * math.log(2)
    scaled = (codes - code_mean) * jnp.exp(-code_log_std)
    log_q = -jnp.square(scaled) / 2 - code_log_std - math.log(2 * math.pi) / 2
    return -jnp.mean(jnp.sum(log_q, axis=1)) - entropy


def cross_entropy(class_logits: Array, labels: Array) -> Array:
    """The mean of `-log softmax(class_logits)[label]`, in nats.

    Args:
      class_logits: `[B, K]`.
      labels: `[B]` integers in [0, K); with any other the mean is NaN.

    Returns:
      A scalar.
    """
    checks.labelled(class_logits=class_logits, labels=labels)
    log_probs = jax.nn.log_softmax(class_logits, axis=-1)
    # A negative index would count from the end; beyond it, "fill" answers with NaN.
    index = jnp.where(labels < 0, class_logits.shape[1], labels)
    chosen = jnp.take_along_axis(
        log_probs, index[:, None], axis=1, mode="fill", fill_value=jnp.nan
    )
    return -jnp.mean(chosen)


def semi_supervised(
    labelled_class_logits: Array,
    labels: Array,
    real_class_logits: Array,
    fake_class_logits: Array,
    *,
    unlabelled_weight: ArrayLike = 0.5,
) -> Array:
    """The discriminator's loss when it classifies into K classes and one for fakes.

    `CE(labelled) + w (mean softplus(-real) + mean softplus(fake))`, where real and fake
    are `class_evidence` of the class logits: the logit of the class for fakes is fixed
    at 0, which loses no generality. The authors' code has w = 1/2, their equation 1.
    The generator is trained on `feature_matching`, or on the evidence by any `Loss`.

    Args:
      labelled_class_logits: `[B, K]` of real samples with labels.
      labels: `[B]`.
      real_class_logits: `[N, K]` of real samples without labels.
      fake_class_logits: `[N', K]` of generated samples.
      unlabelled_weight: w.

    Returns:
      A scalar.

    When:
      Where few samples have labels.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, section 5,
      https://arxiv.org/abs/1606.03498
    """
    checks.labelled(labelled_class_logits=labelled_class_logits, labels=labels)
    checks.rows(
        2,
        labelled_class_logits=labelled_class_logits,
        real_class_logits=real_class_logits,
        fake_class_logits=fake_class_logits,
    )
    real = jnp.mean(jax.nn.softplus(-class_evidence(real_class_logits)))
    fake = jnp.mean(jax.nn.softplus(class_evidence(fake_class_logits)))
    supervised = cross_entropy(labelled_class_logits, labels)
    return supervised + unlabelled_weight * (real + fake)


def pseudo_labels(
    class_logits: Array, teacher_logits: Array, threshold: float = 0.95
) -> Array:
    """The cross-entropy with classes that a teacher is sure of, in nats.

    `mean 1[max q > t] CE(class_logits, argmax q)`, with `q = softmax(teacher_logits)`;
    the mean is over all samples, sure or not. It has no gradient by the teacher.

    Args:
      class_logits: `[B, K]` of samples without labels, such as changed ones.
      teacher_logits: `[B, K]` of the same samples as they are.
      threshold: t, in [0, 1).

    Returns:
      A scalar.

    References:
      Lee, Pseudo-Label, 2013, ICML workshop on challenges in representation learning
      Sohn et al., FixMatch: Simplifying Semi-Supervised Learning with Consistency and
      Confidence, 2020, https://arxiv.org/abs/2001.07685
    """
    checks.pairs(class_logits=class_logits, teacher_logits=teacher_logits)
    checks.rows(2, class_logits=class_logits, teacher_logits=teacher_logits)
    probs = jax.nn.softmax(teacher_logits)
    log_probs = jax.nn.log_softmax(class_logits)
    taught = jax.nn.one_hot(jnp.argmax(probs, axis=1), probs.shape[1])
    sure = jnp.max(probs, axis=1) > threshold
    return -jnp.mean(sure * jnp.sum(taught * log_probs, axis=1))


def class_evidence(class_logits: Array) -> Array:
    """The logit of being real that K class logits imply: their log-sum-exp.

    `D(x) = Z / (Z + 1)` with `Z = sum_k exp(l_k)`, so that `logit D = log Z`.

    Args:
      class_logits: `[..., K]`.

    Returns:
      `[...]` logits, large for real.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, section 5,
      https://arxiv.org/abs/1606.03498
    """
    return jax.nn.logsumexp(class_logits, axis=-1)
