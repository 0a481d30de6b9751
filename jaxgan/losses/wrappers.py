"""Changes to any adversarial loss: a `Loss` goes in and a `Loss` comes out."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.losses import checks


def label_smoothing(loss: types.Loss, real_target: float = 0.9) -> types.Loss:
    """Tells the discriminator that real samples are real with a probability below 1.

    One-sided: fakes keep their label, and the generator its loss. Where the
    discriminator's loss is `mean R(real) + mean F(fake)`, it becomes
    `mean [a R(real) + (1 - a) F(real)] + mean F(fake)` with `a = real_target`, up to a
    constant that only `least_squares` has.

    Args:
      loss: a loss that scores logits against labels. Losses of differences of logits
        (`wasserstein`, the relativistic ones) have no labels to smooth.
      real_target: a in (0.5, 1].

    Returns:
      A `Loss`.

    Raises:
      UserError: if `real_target` is outside its range, or smoothing would leave the
        loss without a minimum.

    When:
      Around another loss, against an overconfident discriminator.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, section 3.4,
      https://arxiv.org/abs/1606.03498
    """
    if not 0.5 < real_target <= 1:
        raise errors.UserError(
            f"real_target is {real_target}: pass a probability above 0.5 and at most "
            "1, such as 0.9."
        )

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        undecided = jnp.zeros_like(real_logits)
        # F(real) - R(real): the terms of the undecided logits cancel.
        as_fake = loss.discriminator(undecided, real_logits)
        as_real = loss.discriminator(real_logits, undecided)
        swap = (1 - real_target) * (as_fake - as_real)
        return loss.discriminator(real_logits, fake_logits) + swap

    if real_target < 1:
        _check_bounded(discriminator)
    return types.Loss(discriminator, loss.generator)


def top_k(loss: types.Loss, k: int) -> types.Loss:
    """Trains the generator on the k generated samples that look most real.

    Args:
      loss: any loss on logits.
      k: how many of a batch to keep, at least 1. The paper starts from the whole batch
        and lowers k to three quarters or half of it; k is a shape, so a new value is a
        new program.

    Returns:
      A `Loss` whose generator sees the k largest fake logits and, for losses that look
      at them, the real logits of the same rows.

    Raises:
      UserError: if k is below 1 or, when called, above the batch.

    When:
      Around another loss, to leave the worst generated samples out.

    References:
      Sinha et al., Top-k Training of GANs: Improving GAN Performance by Throwing Away
      Bad Samples, 2020, https://arxiv.org/abs/2002.06224
    """
    if k < 1:
        raise errors.UserError(f"k is {k}: keep at least one sample of the batch.")

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.pairs(real_logits=real_logits, fake_logits=fake_logits)
        if k > fake_logits.shape[0]:
            raise errors.UserError(
                f"k is {k}, but fake_logits has shape {fake_logits.shape}: keep at "
                "most the whole batch."
            )
        kept, rows = jax.lax.top_k(fake_logits, k)
        return loss.generator(real_logits[rows], kept)

    return types.Loss(loss.discriminator, generator)


def _check_bounded(discriminator) -> None:
    # Without labels, 1 - a of the real term turns into a pull on all logits at once.
    with jax.ensure_compile_time_eval():
        far, farther = (
            float(discriminator(logits, logits))
            for logits in (jnp.full((1,), -1e3), jnp.full((1,), -2e3))
        )
    if farther < far - 1:
        raise errors.UserError(
            "loss compares logits with one another and has no labels to smooth: use "
            "one with labels, such as losses.LOSSES['non_saturating']."
        )
