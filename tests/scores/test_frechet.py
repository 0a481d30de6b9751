import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg, stats

from jaxgan import scores
from jaxgan.core import errors

frechet = jax.jit(scores.frechet_distance, static_argnames="features")


def by_definition(real, fake):
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    c1, c2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root = linalg.sqrtm(c1 @ c2).real
    gap = real.mean(0) - fake.mean(0)
    return gap @ gap + np.trace(c1 + c2 - 2 * root)


def draw(seed, n, f=5):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(f, f)) * (1 + seed)
    return jnp.asarray(rng.normal(size=(n, f)) @ mixing + 0.3 * seed, jnp.float32)


def test_equals_the_definition_with_ddof_1():
    real, fake = draw(0, 12), draw(1, 20)
    score = frechet(real, fake)
    np.testing.assert_allclose(score.value, by_definition(real, fake), rtol=1e-4)
    assert dict(score.protocol)["ddof"] == 1


def test_is_zero_for_the_same_samples_in_another_order():
    real = draw(0, 50)
    assert abs(frechet(real, real[::-1]).value) < 1e-3


def test_a_shift_adds_its_square():
    real = draw(0, 50)
    shifted = frechet(real, real + jnp.asarray([3.0, 4.0, 0, 0, 0])).value
    np.testing.assert_allclose(shifted, 25, rtol=1e-3)


def test_is_finite_with_fewer_samples_than_features():
    value = frechet(draw(0, 4, f=16), draw(1, 3, f=16)).value
    assert jnp.isfinite(value) and value > 0


def test_the_floor_is_what_a_perfect_generator_shows():
    num_real, num_fake = 1000, 400
    scale = jnp.asarray([3.0, 1.0, 1.0, 0.5, 0.1, 0.0])

    def perfect(key):
        real_key, fake_key = jax.random.split(key)
        real = scale * jax.random.normal(real_key, (num_real, 6)) + 2
        fake = scale * jax.random.normal(fake_key, (num_fake, 6)) + 2
        return scores.frechet_distance(real, fake).value, real

    values, reals = jax.jit(jax.vmap(perfect))(jax.random.split(jax.random.key(0), 200))
    floor = scores.frechet_floor(reals[0], num_fake)
    error = values.std() / np.sqrt(len(values))
    # 10 % for the next order and for the covariance being estimated.
    assert abs(values.mean() - floor) < 5 * error + 0.1 * floor


def test_floors_are_of_independent_samples_and_not_of_a_split_by_class():
    # Ten classes far apart: chance in their shares is most of both floors.
    random, k, n, m = np.random.default_rng(0), 10, 1000, 200
    centres = 5 * random.normal(size=(k, 3))

    def held_out(labels):
        x = centres[labels] + random.normal(size=(len(labels), 3))
        modes = np.asarray(labels), np.ones(len(labels), bool)
        real = np.arange(n) % k
        reals = (centres[real] + random.normal(size=(n, 3))).astype(np.float32)
        coverage = scores.mode_coverage(*modes, np.bincount(real))
        distance = scores.frechet_distance(reals, x.astype(np.float32)).value
        floors = coverage.floor, scores.frechet_floor(reals, m)
        return np.divide([coverage.reverse_kl, distance], floors)

    by_class = np.mean([held_out(np.arange(m) % k) for _ in range(5)], axis=0)
    by_chance = np.mean([held_out(random.integers(0, k, m)) for _ in range(25)], axis=0)
    assert by_class[0] < 1e-5 and by_class[1] < 0.4
    assert (0.6 < by_chance).all() and (by_chance < 1.4).all()


def test_the_floor_in_one_dimension():
    # (m1 - m2)^2 + (s1 - s2)^2 with variances s^2 / n and s^2 / 2n.
    x = jnp.asarray(np.random.default_rng(0).normal(size=(100, 1)) * 3)
    expected = 1.5 * np.var(x, ddof=1) * (1 / 100 + 1 / 50)
    np.testing.assert_allclose(scores.frechet_floor(x, 50), expected, rtol=1e-5)


def test_a_dead_generator_is_nan_and_leaves_the_others_alone():
    real, fake = draw(0, 30), draw(1, 30)
    dead = jnp.full_like(fake, jnp.nan)
    both = jax.jit(jax.vmap(scores.frechet_distance, (None, 0)))
    value = both(real, jnp.stack([dead, fake])).value
    assert jnp.isnan(value[0])
    np.testing.assert_allclose(value[1], frechet(real, fake).value, rtol=1e-4)
    assert jnp.isnan(frechet(real, dead).value)


def test_the_protocol_names_the_features_and_the_counts():
    score = scores.frechet_distance(
        draw(0, 30), draw(1, 20), scores.protocol(weights_sha256="ab"), floor=0.5
    )
    entries = dict(score.protocol)
    assert entries["features"] == (("weights_sha256", "ab"),)
    assert (entries["num_real"], entries["num_fake"]) == (30, 20)
    assert score.floor == 0.5 and hash(score.protocol)


def test_features_that_do_not_fit_are_refused():
    with pytest.raises(errors.UserError, match="5 and 4 features"):
        scores.frechet_distance(jnp.ones((9, 5)), jnp.ones((9, 4)))
    with pytest.raises(errors.UserError, match="fake_features .* at least 2"):
        scores.frechet_distance(jnp.ones((9, 5)), jnp.ones((1, 5)))
    with pytest.raises(errors.UserError, match="num_fake"):
        scores.frechet_floor(jnp.ones((9, 5)), 1)


def test_the_extrapolation_is_the_intercept_of_distances_against_one_over_m():
    real, fake, key = draw(0, 300), draw(1, 200), jax.random.key(3)
    score = scores.frechet_distance_infinity(real, fake, key, num_points=5)
    shuffled = jax.random.permutation(key, fake)
    sizes = np.array([20, 65, 110, 155, 200])
    y = [by_definition(real, shuffled[:size]) for size in sizes]
    fit = stats.linregress(1 / sizes, y)
    np.testing.assert_allclose(score.value, fit.intercept, rtol=1e-3)
    np.testing.assert_allclose(score.spread, fit.intercept_stderr, rtol=1e-2)
    assert dict(score.protocol)["sizes"] == tuple(sizes)


def test_the_extrapolation_takes_away_most_of_the_bias():
    laws = np.random.default_rng(0).normal(size=(20, 400, 5)).astype(np.float32)
    real = np.random.default_rng(1).normal(size=(20_000, 5)).astype(np.float32)
    keys = jax.random.split(jax.random.key(0), 20)
    ends = jax.jit(
        jax.vmap(lambda x, k: scores.frechet_distance_infinity(real, x, k).value)
    )(laws, keys)
    plain = jax.jit(jax.vmap(lambda x: scores.frechet_distance(real, x).value))(laws)
    # The expectation for equal laws is 0, and the plain distance is never below it.
    assert abs(np.mean(ends)) < 4 * np.std(ends) / np.sqrt(20) + 0.1 * np.mean(plain)
    assert abs(np.mean(ends)) < np.mean(plain) / 2


@pytest.mark.parametrize(
    ("num_fake", "num_points", "said"),
    [(19, 3, "at least 20"), (30, 2, "num_points=2"), (20, 40, "ask for 19")],
)
def test_too_little_to_extrapolate_from_is_said(num_fake, num_points, said):
    with pytest.raises(errors.UserError, match=said):
        scores.frechet_distance_infinity(
            draw(0, 30), draw(1, num_fake), jax.random.key(0), num_points
        )
