import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors


def draw(seed, n, f=8, shift=0.0):
    x = np.random.default_rng(seed).normal(size=(n, f)) + shift
    return x.astype(np.float32)


def unbiased_mmd2(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def pairs(a):
        gram = kernel(a, a)
        return (gram.sum() - np.trace(gram)) / (len(a) * (len(a) - 1))

    return pairs(x) + pairs(y) - 2 * kernel(x, y).mean()


def test_a_subset_of_all_samples_is_the_unbiased_estimate():
    x, y = draw(0, 50), draw(1, 50, shift=0.3)
    score = scores.kernel_distance(x, y, jax.random.key(0), 3, 50)
    np.testing.assert_allclose(score.value, unbiased_mmd2(x, y), atol=2e-6)
    np.testing.assert_allclose(score.spread, 0, atol=2e-6)


def test_subsets_are_drawn_without_replacement_and_differ():
    x = np.repeat(np.arange(1, 5, dtype=np.float32), 1)[:, None] ** 4
    scored = scores.kernel_distance(x, x, jax.random.key(0), 200, 2)
    # Pairs (a, b) and (c, d) of different samples are all that can be drawn.
    pairs = [(a, b) for a in x for b in x if a != b]
    values = [unbiased_mmd2(np.stack(p), np.stack(q)) for p in pairs for q in pairs]
    error = np.std(values) / np.sqrt(200)
    assert abs(scored.value - np.mean(values)) < 5 * error
    assert scored.spread > 0


def test_the_expectation_for_equal_laws_is_zero():
    x, y = draw(0, 200 * 40), draw(1, 200 * 30)
    keys = jax.random.split(jax.random.key(0), 200)
    values = jax.vmap(lambda *a: scores.kernel_distance(*a, 4, 25).value)(
        x.reshape(200, 40, 8), y.reshape(200, 30, 8), keys
    )
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(200)


def test_a_dead_members_distance_is_nan():
    x, y = draw(0, 30), draw(1, 30)
    y[0] = np.nan
    assert np.isnan(scores.kernel_distance(x, y, jax.random.key(0), 2, 30).value)


def test_features_far_from_the_origin_are_refused_and_others_lose_no_digits():
    x, y = draw(0, 50), draw(1, 50, shift=0.3)
    for constant in (0.0, 3.0, 5.0):
        one, other = (a + np.float32(constant) for a in (x, y))
        found = scores.kernel_distance(one, other, jax.random.key(0), 1, 50).value
        np.testing.assert_allclose(found, unbiased_mmd2(one, other), rtol=2e-5)
    for constant in (20.0, 1e4, -1e6):
        with pytest.raises(errors.UserError, match="measures from the origin"):
            scores.kernel_distance(x + constant, y + constant, jax.random.key(0), 1, 50)
    # Alike as they are, features of length one have no spread to be far away by.
    same = np.ones((50, 8), np.float32)
    assert scores.kernel_distance(same, same, jax.random.key(0), 1, 50).value == 0


@pytest.mark.parametrize(
    ("x", "y", "subset", "said"),
    [
        (draw(0, 9), draw(0, 30), 10, "real_features .* at least 10 samples"),
        (draw(0, 30), draw(0, 9), 10, "fake_features .* at least 10 samples"),
        (draw(0, 30), draw(0, 30, 5), 10, "8 and 5 features"),
        (draw(0, 30), draw(0, 30), 1, "subset_size=1"),
    ],
)
def test_what_has_no_kernel_distance_is_named(x, y, subset, said):
    with pytest.raises(errors.UserError, match=said):
        scores.kernel_distance(x, y, jax.random.key(0), 2, subset)


def test_vendi_scores_of_the_authors_examples():
    points = np.array([0.0, 0, 10, 10, 20, 20])
    gram = np.exp(-np.abs(points[:, None] - points))
    # Published with the digits behind the fourth cut off: exactly, it is 3 less 4e-9.
    np.testing.assert_allclose(scores.vendi_score(gram).value, 3, atol=1e-5)
    gram = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(scores.vendi_score(gram).value, 2.1573, atol=1e-4)


@pytest.mark.parametrize("n", [1, 4, 30])
def test_vendi_score_is_one_for_copies_and_n_for_strangers(n):
    copies, strangers = (
        scores.vendi_score(jnp.ones((n, n))),
        scores.vendi_score(jnp.eye(n)),
    )
    np.testing.assert_allclose(copies.value, 1, rtol=1e-4)
    np.testing.assert_allclose(strangers.value, n, rtol=1e-4)
    assert strangers.ceiling == n


@pytest.mark.parametrize(
    "gram", [[[1.0, 0.5], [0.1, 1.0]], [[2.0, 0.0], [0.0, 2.0]], [[1.0, 0.0]]]
)
def test_what_is_no_similarity_is_refused(gram):
    with pytest.raises(errors.UserError, match="similarities"):
        scores.vendi_score(jnp.array(gram))


def test_subsets_that_share_no_sample_are_parts_of_a_permutation():
    real, fake, key = draw(0, 33), draw(1, 41), jax.random.key(2)
    score = scores.kernel_distance(real, fake, key, num_subsets=None, subset_size=10)
    orders = [
        np.asarray(jax.random.permutation(own, x))
        for own, x in zip(jax.random.split(key), (real, fake), strict=True)
    ]
    parts = [
        unbiased_mmd2(*(x[10 * i : 10 * i + 10] for x in orders)) for i in range(3)
    ]
    np.testing.assert_allclose(score.value, np.mean(parts), atol=1e-5)
    error = np.std(parts, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(score.spread, error, rtol=1e-3)
    assert dict(score.protocol)["num_subsets"] == 3
    assert "standard error" in dict(score.protocol)["spread"]


def test_their_standard_error_is_the_deviation_of_the_score():
    x = np.random.default_rng(0).normal(size=(2, 200, 200, 3)).astype(np.float32)
    found = jax.jit(
        jax.vmap(
            lambda r, f: scores.kernel_distance(
                r, f, jax.random.key(0), num_subsets=None, subset_size=20
            )
        )
    )(*x)
    stated = np.sqrt(np.mean(np.square(found.spread)))
    # Of 200 draws, a deviation is known to 5 %.
    np.testing.assert_allclose(np.std(found.value), stated, rtol=0.2)
