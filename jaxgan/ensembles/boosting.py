"""AdaGAN: an ensemble that grows by a GAN on what the mixture before it has missed.

In round t the data are weighted so that the new generator, mixed in with the share
beta_t, brings the mixture as near to the data as any generator could. With r_i the
ratio of the mixture's density to that of the data at sample i, and p_i the share of the
sample (1 / N unless said otherwise),

    w_i = (lambda p_i - (1 - beta) p_i r_i)_+ / beta,    sum_i w_i = 1

r comes from a classifier of real samples against those of the mixture: any
discriminator, trained against samples that `replaying` keeps.

    betas = boosting.uniform_betas(5)
    components, weights = boosting.boost(fit, ratios, len(x), betas)

References:
  Tolstikhin et al., AdaGAN: Boosting Generative Models, 2017, section 3,
  https://arxiv.org/abs/1701.02386
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors, randomness

MOST_SURE = 30.0
"""Logits beyond which a classifier is not believed: r would leave float32."""

Fit = Callable[[int, np.ndarray], Any]
"""`(round, weights of the data) -> component`: trains a generator on weighted data."""

Ratios = Callable[[list, np.ndarray], ArrayLike]
"""`(components, their mixture weights) -> r`: the mixture's density by the data's."""


def data_weights(
    ratios: ArrayLike, beta: float, shares: ArrayLike | None = None
) -> np.ndarray:
    """The weights with which the next generator should draw the data.

    They are those for which the mixture `(1 - beta) model + beta w` has the least
    f-divergence from the data, for every f at once. Lambda is found exactly: with the
    samples in the order of r it is the least of

        (beta + (1 - beta) sum_(i <= I) p_i r_i) / sum_(i <= I) p_i    over I.

    Computed in float64 on the host.

    Args:
      ratios: r `[..., N]`, not negative, the model's density divided by the data's.
      beta: share of the new generator in the mixture, in (0, 1].
      shares: p `[N]`, positive, summing to 1; None for 1 / N.

    Returns:
      `[..., N]`, not negative, summing to 1. Samples that the model makes too often
      have the weight 0.

    Raises:
      UserError: if there is no sample, a ratio is negative or not finite, `beta` is
        outside of (0, 1], or shares are not those of N samples.
    """
    r = np.asarray(ratios, np.float64)
    if r.ndim < 1 or not r.shape[-1] or not (np.isfinite(r) & (r >= 0)).all():
        raise errors.UserError(
            f"ratios is {errors.shown(r)}, but must hold a finite number of at least 0 "
            "for each sample; see boosting.from_logits."
        )
    _require_betas([beta])
    p = _shares(shares, r.shape[-1])
    order = np.argsort(r, axis=-1, kind="stable")
    held, sorted_r = p[order], np.take_along_axis(r, order, -1)
    filled = beta + (1 - beta) * np.cumsum(held * sorted_r, axis=-1)
    level = np.min(filled / np.cumsum(held, axis=-1), axis=-1, keepdims=True)
    weights = p * np.maximum(level - (1 - beta) * r, 0.0) / beta
    # The sum is 1 but for rounding.
    return weights / weights.sum(axis=-1, keepdims=True)


def uniform_betas(num_rounds: int) -> np.ndarray:
    """The shares `1 / t` of rounds t = 1 ... T, which mix all generators alike.

    Raises:
      UserError: if `num_rounds` < 1.
    """
    errors.require_whole(num_rounds=num_rounds)
    if num_rounds < 1:
        raise errors.UserError(f"num_rounds={num_rounds} must be at least 1.")
    return 1 / np.arange(1, num_rounds + 1)


def mixture_weights(betas: Sequence[float] | np.ndarray) -> np.ndarray:
    """The share of each generator after T rounds, `beta_t prod_(s > t) (1 - beta_s)`.

    Args:
      betas: `[T]` in (0, 1], the first of which counts as 1.

    Returns:
      `[T]`, summing to 1.

    Raises:
      UserError: if there is none, or one is outside of (0, 1].
    """
    _require_betas(betas)
    own = np.array(betas, np.float64)
    own[0] = 1.0
    kept = np.append(np.cumprod((1 - own)[:0:-1])[::-1], 1.0)
    return own * kept


def boost(
    fit: Fit, ratios: Ratios, num_samples: int, betas: Sequence[float] | np.ndarray
) -> tuple[list, np.ndarray]:
    """Runs the rounds, one generator in each.

    Args:
      fit: trains a generator on data with weights, `[N]` in the first round and like
        the ratios then.
      ratios: the densities' ratio at the N samples, of all rounds so far together; it
        is not asked before the first round. Leading axes, such as one of seeds, are
        independent ensembles.
      num_samples: N.
      betas: `[T]` in (0, 1], see `uniform_betas`; the first counts as 1.

    Returns:
      The T components, and their weights in the mixture.

    Raises:
      UserError: as `data_weights` and `mixture_weights`.
    """
    _require_betas(betas)
    components: list = []
    weights = _shares(None, num_samples)
    for t, beta in enumerate(betas):
        if t > 0:
            found = ratios(list(components), mixture_weights(betas[:t]))
            weights = data_weights(found, beta)
        components.append(fit(t, weights))
    return components, mixture_weights(betas)


def from_logits(logits: ArrayLike) -> np.ndarray:
    """r = (1 - D) / D of a classifier `D = sigmoid(logits)` of real against model.

    It assumes that the classifier has seen as many of one as of the other. Logits
    beyond 30 count as 30, and NaN, of a classifier that diverged, as 0: no reason to
    weight a sample otherwise than the rest.
    """
    said = np.nan_to_num(np.asarray(logits, np.float64), nan=0.0)
    return np.exp(-np.clip(said, -MOST_SURE, MOST_SURE))


def replaying(gan: types.GAN, num_samples: int) -> types.GAN:
    """A GAN whose generator gives samples that it keeps, over and over.

    They are `[N, ...]` in the generator's collections, as `{"samples": x}`, so that a
    discriminator can be trained against whatever made them, each member of a
    population against its own:

        keeps = state.collections._replace(generator={"samples": x})
        step = steps.update("discriminator", gradients.discriminator(replayed, loss))

    Args:
      gan: whose discriminator it is.
      num_samples: N; they are zeros until others take their place.

    Raises:
      UserError: if `gan` is none, or `num_samples` < 1.
    """
    types.require_gan(gan)
    errors.require_whole(num_samples=num_samples)
    if num_samples < 1:
        raise errors.UserError(f"num_samples={num_samples} must be at least 1.")

    def one(key):
        params, collections = gan.init(key)
        z = gan.latent(key, 1)
        return gan.generate(params.generator, collections.generator, z)[0]

    def init(key):
        params, collections = gan.init(key)
        shape = jax.eval_shape(one, key).shape[1:]
        samples = jnp.zeros((num_samples, *shape), jnp.float32)
        return (
            params._replace(generator={}),
            collections._replace(generator={"samples": samples}),
        )

    def latent(key, n):
        key = randomness.threefry(key)
        return jax.random.randint(key, (n,), 0, num_samples, jnp.int32)

    def generate(params, collections, z, label=None, train=False):
        return collections["samples"][z], collections

    return gan._replace(init=init, latent=latent, generate=generate)


def _shares(shares: ArrayLike | None, num_samples: int) -> np.ndarray:
    if num_samples < 1:
        raise errors.UserError(f"num_samples={num_samples} must be at least 1.")
    if shares is None:
        return np.full(num_samples, 1 / num_samples)
    p = np.asarray(shares, np.float64)
    if p.shape != (num_samples,) or not (p > 0).all() or abs(p.sum() - 1) > 1e-6:
        raise errors.UserError(
            f"shares is {errors.shown(p)} that sums to {p.sum():g}; give a positive "
            f"share for each of the {num_samples} samples, which sum to 1."
        )
    return p


def _require_betas(betas) -> None:
    if not len(betas):
        raise errors.UserError("betas is empty; give the share of each round.")
    for beta in betas:
        if not 0 < beta <= 1:
            raise errors.UserError(
                f"beta={beta} must lie above 0 and be at most 1; it is the share of "
                "the new generator in the mixture."
            )
