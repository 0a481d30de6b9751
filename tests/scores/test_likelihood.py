import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxgan import scores
from jaxgan.core import errors


def draw(n, seed, f=3):
    return np.random.default_rng(seed).normal(size=(n, f))


@pytest.mark.parametrize("chunk", [1, 7, 256])
def test_the_parzen_estimate_is_a_mixture_of_gaussians(chunk):
    samples, test = draw(20, 0), draw(11, 1)
    logs = [
        special.logsumexp(stats.norm.logpdf(x, samples, 0.4).sum(1)) - np.log(20)
        for x in test
    ]
    found = scores.parzen_log_likelihood(samples, test, 0.4, chunk)
    np.testing.assert_allclose(found.value, np.mean(logs), rtol=1e-5)
    np.testing.assert_allclose(found.spread, np.std(logs) / np.sqrt(11), rtol=1e-4)


def test_the_bandwidth_is_the_likeliest_candidate():
    samples, validation = draw(300, 0), draw(200, 1)
    candidates = np.array([0.01, 0.5, 20.0])
    best = scores.parzen_bandwidth(samples, validation, candidates)
    means = [
        scores.parzen_log_likelihood(samples, validation, c).value for c in candidates
    ]
    assert best == candidates[np.argmax(means)] == 0.5


def test_members_are_scored_together_and_a_dead_one_is_nan():
    samples = np.stack([draw(20, 0), np.full((20, 3), np.nan)])
    test = draw(5, 1)
    found = jax.vmap(lambda s: scores.parzen_log_likelihood(s, test, 0.4).value)(
        samples
    )
    alone = scores.parzen_log_likelihood(samples[0], test, 0.4).value
    np.testing.assert_allclose(found[0], alone, rtol=1e-6)
    assert np.isnan(found[1])


def test_the_best_discriminator_gives_the_density_of_the_data():
    p, q = stats.norm(0.3, 0.8), stats.norm(0, 1)
    random = np.random.default_rng(0)
    test, others = p.rvs(500, random), q.rvs(200_000, random)

    def logit(x, offset):
        return p.logpdf(x) - q.logpdf(x) + offset

    for offset in (0.0, 3.0):  # a ratio that does not integrate to one is brought to it
        found = scores.density_ratio_log_likelihood(
            logit(test, offset), q.logpdf(test), logit(others, offset)
        )
        np.testing.assert_allclose(found.value, p.logpdf(test).mean(), atol=0.02)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: scores.parzen_log_likelihood(draw(3, 0), draw(3, 0, 2), 1), "3 and 2"),
        (lambda: scores.parzen_bandwidth(draw(3, 0), draw(3, 0), []), "at least one"),
        (
            lambda: scores.density_ratio_log_likelihood(
                jnp.zeros(3), jnp.zeros(2), jnp.zeros(2)
            ),
            "shapes",
        ),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()
