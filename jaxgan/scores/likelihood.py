"""What a GAN has learnt of the density: Parzen windows, and density ratios."""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import offsets
from jaxgan.scores import checks, record


def parzen_log_likelihood(
    samples: ArrayLike, test: ArrayLike, bandwidth: ArrayLike, chunk: int = 256
) -> record.Score:
    """Mean log density of test samples under Gaussian windows on generated ones.

    `mean_x log (1/M) sum_s N(x; s, bandwidth^2 I)`, in nats. In many dimensions it says
    little: a model of the training set's centroids can beat the truth (Theis 2016).
    Choose the bandwidth by `parzen_bandwidth` on other samples than the test's.

    Args:
      samples: `[M, F]` of the generator; NaN for a dead one, whose likelihood is NaN.
      test: `[N, F]` of the data.
      bandwidth: positive, standard deviation of the windows.
      chunk: test samples that are in work at once.

    Returns:
      The score; more is better. `spread` is the standard error over the test samples.

    Raises:
      UserError: if shapes do not fit.

    When:
      To compare with old papers; says little in many dimensions.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014,
      https://arxiv.org/abs/1406.2661
      Theis et al., A Note on the Evaluation of Generative Models, 2016,
      https://arxiv.org/abs/1511.01844
    """
    samples, test = _pair(samples, test)
    logs = _log_densities(samples, test, jnp.asarray(bandwidth), chunk)
    return record.Score(
        value=jnp.mean(logs),
        spread=jnp.std(logs) / jnp.sqrt(len(logs)),
        protocol=record.protocol(
            score="parzen_log_likelihood",
            num_samples=len(samples),
            num_test=len(test),
            num_dimensions=test.shape[1],
            unit="nats",
        ),
    )


def parzen_bandwidth(
    samples: ArrayLike, validation: ArrayLike, candidates: ArrayLike, chunk: int = 256
) -> Array:
    """The candidate `[]` under which the validation samples are likeliest.

    Args:
      samples: `[M, F]` of the generator.
      validation: `[N, F]` of the data, not those to be tested.
      candidates: `[J]`, positive.
      chunk: validation samples that are in work at once.

    Raises:
      UserError: if shapes do not fit.
    """
    samples, validation = _pair(samples, validation)
    candidates = jnp.asarray(candidates)
    if candidates.ndim != 1 or not candidates.size:
        raise errors.UserError(
            f"candidates has shape {candidates.shape}; it must hold at least one."
        )
    means = _mean_log_densities(samples, validation, candidates, chunk)
    return candidates[jnp.argmax(means)]


def density_ratio_log_likelihood(
    test_logits: ArrayLike, test_log_q: ArrayLike, q_logits: ArrayLike
) -> record.Score:
    """Mean log density that a discriminator gives to test samples, where q is known.

    At its optimum against q, `log p(x) = D(x) + log q(x)`, D the logit. Short of the
    optimum that is no density; dividing by its integral, `E_q exp D`, makes it one.

    Args:
      test_logits: `[N]`, D of real test samples.
      test_log_q: `[N]`, log q of them, in nats.
      q_logits: `[M]`, D of samples of q.

    Returns:
      The score; more is better. `spread` is the standard error over the test samples.

    Raises:
      UserError: if shapes do not fit.

    When:
      To see what the discriminator has learnt.

    References:
      Sugiyama et al., Density Ratio Estimation in Machine Learning, 2012
    """
    logits, log_q, others = map(jnp.asarray, (test_logits, test_log_q, q_logits))
    if logits.ndim != 1 or logits.shape != log_q.shape or others.ndim != 1:
        raise errors.UserError(
            f"test_logits, test_log_q and q_logits have shapes {logits.shape}, "
            f"{log_q.shape} and {others.shape}; they must be [N], [N] and [M]."
        )
    log_integral = jax.nn.logsumexp(others) - jnp.log(len(others))
    logs = logits + log_q - log_integral
    return record.Score(
        value=jnp.mean(logs),
        spread=jnp.std(logs) / jnp.sqrt(len(logs)),
        protocol=record.protocol(
            score="density_ratio_log_likelihood",
            num_test=len(logits),
            num_normalising=len(others),
            unit="nats",
        ),
    )


# Compiled as a whole: by itself a map over a local function is compiled anew, and kept,
# at each call.
@functools.partial(jax.jit, static_argnums=3)
def _log_densities(samples: Array, test: Array, bandwidth: Array, chunk: int) -> Array:
    width = samples.shape[1]
    constant = jnp.log(len(samples)) + width * jnp.log(bandwidth * jnp.sqrt(2 * jnp.pi))

    def of_sample(x):
        squares = jnp.sum(jnp.square((samples - x) / bandwidth), axis=1)
        return jax.nn.logsumexp(-squares / 2) - constant

    return jax.lax.map(of_sample, test, batch_size=min(chunk, len(test)))


@functools.partial(jax.jit, static_argnums=3)
def _mean_log_densities(
    samples: Array, test: Array, bandwidths: Array, chunk: int
) -> Array:
    def mean(bandwidth):
        return jnp.mean(_log_densities(samples, test, bandwidth, chunk))

    return jax.lax.map(mean, bandwidths)


def _pair(samples, test):
    samples, test = offsets.centred(samples, test)
    samples = checks.features("samples", samples)
    test = checks.features("test", test)
    if samples.shape[1] != test.shape[1]:
        raise errors.UserError(
            f"samples and test have {samples.shape[1]} and {test.shape[1]} dimensions; "
            "they must have as many."
        )
    return samples, test
