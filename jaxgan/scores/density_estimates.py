"""How likely held-out real samples are under a generator, by samples of it alone.

Two estimates that fail in different ways, and the truth beside them where the density
of the data is known. Host code, member by member.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.scores import likelihood, record

LEAST = 4
"""Samples of each kind: two to choose by and two to test on."""

MOST_TESTED = 2000
"""Real samples that are tested, and as many others by which windows are chosen."""

MOST_WINDOWS = 10_000
"""Generated samples that windows are put on, and that a ratio is learnt from."""

BANDWIDTHS = np.geomspace(1e-3, 1, 19)
"""Widths of windows to choose from, in deviations of the real samples."""

RIDGE = 1e-3
"""Of the mean variance, added to that of the known distribution in each direction."""

FAILURES = {
    "parzen_log_likelihood": (
        "windows on finitely many samples blur what is narrower than the samples "
        "are apart, so that it stays below the truth even for a perfect generator, "
        "the further the more dimensions there are; there it orders models wrongly, "
        "and the centres of clusters can beat the data (Theis et al. 2016)"
    ),
    "density_ratio_log_likelihood": (
        "it is exact for the best classifier alone: one that is short of it smooths "
        "the density, and says too little of how unlikely samples are that the "
        "generator never makes, as its logits are bounded; where generated and "
        "Gaussian samples hardly overlap, as in many dimensions, any ratio separates "
        "them (Rhodes et al. 2020, https://arxiv.org/abs/2006.12204)"
    ),
}
"""What is known to go wrong, by the name of the record that says it."""

CEILING = "mean log density of the tested samples under the distribution of the data"


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ParzenScore(record.Score):
    """A `Score` by windows.

    Attributes:
      bandwidth: their standard deviation, in the units of the features.
    """

    bandwidth: jax.Array


def of_members(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int = 0,
    log_density: Callable[[ArrayLike], jax.Array] | None = None,
) -> dict[str, Any]:
    """Mean log likelihoods in nats of real samples under each generator, by name.

    Args:
      real: `[N, F]` in random order; one half, at most 2,000, chooses windows, and as
        many others are tested.
      fake: `[S, M, F]` of S generators; NaN for a dead one, whose scores are NaN.
      seed: of the samples of a known distribution, and of the classifier.
      log_density: of the distribution of the real samples, or None if it is not known.

    Returns:
      `parzen_log_likelihood`, a `ParzenScore`, and `density_ratio_log_likelihood`, see
      `ratio`, every array `[S]`. More is better; `spread` is the standard error over
      the tested samples, and the ceiling the truth where it is known. What is known to
      go wrong is in each protocol as `known_failure`.

    References:
      Theis et al., A Note on the Evaluation of Generative Models, 2016,
      https://arxiv.org/abs/1511.01844
    """
    number = min(MOST_TESTED, len(real) // 2)
    validation, test = real[:number], real[number : 2 * number]
    truth = None if log_density is None else jnp.mean(log_density(test))
    members = [own[:MOST_WINDOWS] for own in fake]
    found = {
        "parzen_log_likelihood": [parzen(own, validation, test) for own in members],
        "density_ratio_log_likelihood": [
            ratio(own, validation, test, seed) for own in members
        ],
    }
    return {
        name: _together(own, name, truth, log_density is not None)
        for name, own in found.items()
    }


def parzen(fake: np.ndarray, validation: np.ndarray, test: np.ndarray) -> ParzenScore:
    """`parzen_log_likelihood` with the bandwidth that suits the validation samples.

    Args:
      fake: `[M, F]` of one generator.
      validation: `[N, F]`, of the data, which choose among `BANDWIDTHS`.
      test: `[L, F]` of the data.
    """
    deviation = float(np.sqrt(np.mean(np.var(validation, axis=0)))) or 1.0
    candidates = jnp.asarray(BANDWIDTHS * deviation, jnp.float32)
    width = likelihood.parzen_bandwidth(fake, validation, candidates)
    own = likelihood.parzen_log_likelihood(fake, test, width)
    return ParzenScore(
        value=own.value, spread=own.spread, protocol=own.protocol, bandwidth=width
    )


def ratio(
    fake: np.ndarray, validation: np.ndarray, test: np.ndarray, seed: int = 0
) -> record.Score:
    """`density_ratio_log_likelihood` by a classifier of what is generated.

    It tells generated samples from those of a known distribution q, the Gaussian with
    the moments of generated and validation samples together, so that it covers both.
    The classifier is one of boosted trees of scikit-learn, whose log-odds estimate
    `log p(x) / q(x)`, p the density of the generator.

    Args:
      fake, validation, test: as for `parzen`.
      seed: of the samples of q and of the classifier.
    """
    if not np.isfinite(fake).all():
        dead = np.full(len(test), np.nan)
        return likelihood.density_ratio_log_likelihood(dead, dead, fake[:, 0])
    fake, test = np.float64(fake), np.float64(test)
    known = _Gaussian(np.concatenate([fake, np.float64(validation)]))
    random = np.random.default_rng(seed)
    against, others = known.sample(random, len(fake)), known.sample(random, len(fake))
    logit = _classifier(fake, against, seed)
    return likelihood.density_ratio_log_likelihood(
        logit(test), known.log_density(test), logit(others)
    )


class _Gaussian:
    """The Gaussian with the mean and covariance of some samples `[N, F]`."""

    def __init__(self, x: np.ndarray):
        self.mean = x.mean(axis=0)
        covariance = np.atleast_2d(np.cov(x, rowvar=False, ddof=0))
        ridge = RIDGE * np.trace(covariance) / len(covariance) or 1.0
        self.variances, self.directions = np.linalg.eigh(covariance)
        self.variances = np.maximum(self.variances, 0) + ridge

    def sample(self, random: np.random.Generator, n: int) -> np.ndarray:
        z = random.standard_normal((n, len(self.mean)))
        return self.mean + (z * np.sqrt(self.variances)) @ self.directions.T

    def log_density(self, x: np.ndarray) -> np.ndarray:
        along = (x - self.mean) @ self.directions
        logs = -np.square(along) / self.variances - np.log(2 * np.pi * self.variances)
        return np.sum(logs, axis=1) / 2


def _classifier(
    fake: np.ndarray, against: np.ndarray, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn import ensemble

    x = np.concatenate([fake, against])
    label = np.repeat([1, 0], [len(fake), len(against)])
    trees = ensemble.HistGradientBoostingClassifier(
        early_stopping=len(x) >= 1000, random_state=seed
    )
    return trees.fit(x, label).decision_function


def _together(
    found: Sequence[record.Score], name: str, truth: jax.Array | None, known: bool
) -> record.Score:
    """The scores of all members as one record, with the truth and what goes wrong."""
    own = jax.tree.map(lambda *x: jnp.stack(x), *found)
    added = {"known_failure": FAILURES[name]}
    if known:
        added["ceiling"] = CEILING
    ceiling = None if truth is None else jnp.broadcast_to(truth, own.value.shape)
    protocol = own.protocol + record.protocol(**added)
    return dataclasses.replace(own, ceiling=ceiling, protocol=protocol)
