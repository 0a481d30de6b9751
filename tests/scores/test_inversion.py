"""Descent that keeps its nearest point, and projection of samples into latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.scores import descent, inversion

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(2, 3, 9)).astype(np.float32)
LATENTS = RNG.normal(size=(64, 3)).astype(np.float32)
LABEL = np.arange(64, dtype=np.int32) % 2
REAL = RNG.normal(size=(5, 3, 3, 1)).astype(np.float32)


def linear(z, label):
    chosen = jnp.asarray(MIX)[jnp.zeros(len(z), int) if label is None else label]
    return jnp.einsum("bd,bdf->bf", z, chosen).reshape(-1, 3, 3, 1)


@jax.jit
def inverted(real):
    return inversion.invert(linear, LATENTS, LABEL, real, 4, 400)


@pytest.fixture(scope="module")
def found():
    return jax.tree.map(np.asarray, inverted(REAL))


def misses(x, y):
    return np.sqrt(np.square(x - y).reshape(len(x), -1).mean(1))


def test_a_linear_generator_comes_as_near_as_least_squares(found):
    for row, x in enumerate(REAL):
        label = found.label[row, 0]
        z, *_ = np.linalg.lstsq(MIX[label].T, x.ravel(), rcond=None)
        least = np.sqrt(np.mean((z @ MIX[label] - x.ravel()) ** 2))
        np.testing.assert_allclose(found.distance[row, 0], least, rtol=1e-3)
        np.testing.assert_allclose(found.z[row, 0], z, atol=2e-2)


def test_a_distance_is_that_of_the_latent_beside_it_and_the_nearest_comes_first(found):
    for start in range(4):
        x = np.asarray(linear(found.z[:, start], found.label[:, start]))
        own = found.distance[:, start]
        np.testing.assert_allclose(misses(x, REAL), own, rtol=1e-4)
    assert (np.diff(found.distance, axis=1) >= 0).all()
    assert (found.distance <= found.begin).all()


def test_a_point_that_was_found_stays_found_where_the_way_on_is_not_finite():
    def length(at):  # without a derivative at 0
        return jnp.sqrt(jnp.sum(at**2, axis=-1))

    start = jnp.array([[0.0, 0.0], [3.0, 4.0]])
    best, least = descent.nearest(lambda at, _: length(at), length, start, 20, 0.5)
    np.testing.assert_array_equal(best[0], start[0])
    assert least[0] == 0 and least[1] < 5
    np.testing.assert_allclose(length(best), least)


def test_descents_begin_at_the_nearest_samples(found):
    made = np.einsum("nd,ndf->nf", LATENTS, MIX[LABEL])
    each = np.sqrt(((made[None] - REAL.reshape(5, 1, 9)) ** 2).mean(-1))
    nearest = np.sort(each, axis=1)[:, :4]
    np.testing.assert_allclose(np.sort(found.begin, axis=1), nearest, rtol=1e-4)


def test_samples_of_the_generator_itself_are_found():
    made = np.asarray(linear(LATENTS[::13] * 0.9, LABEL[::13]))
    assert np.asarray(inverted(made).distance)[:, 0].max() < 1e-3


@pytest.mark.parametrize(
    ("real", "starts", "said"),
    [
        (np.zeros((2, 4, 4, 1), np.float32), 4, r"\(4, 4, 1\).*\(3, 3, 1\)"),
        (REAL, 0, "starts=0"),
        (REAL, 65, "starts=65.*64"),
    ],
)
def test_samples_of_another_size_and_too_many_starts_are_refused(real, starts, said):
    with pytest.raises(errors.UserError, match=said):
        inversion.invert(linear, LATENTS, LABEL, real, starts)


def test_of_a_way_down_the_nearest_point_counts_and_not_the_last():
    start = jnp.asarray([[1.0], [3.0]])

    def squared(at):
        return jnp.sum(at**2, axis=-1)

    def descend(rate):
        return descent.nearest(lambda at, _: squared(at), squared, start, 40, rate)

    # At the first rate each step goes too far.
    for rate in (50.0, 0.5):
        at, least = jax.jit(descend, static_argnums=0)(rate)
        np.testing.assert_allclose(squared(at), least, rtol=1e-6)
        assert (least <= squared(start)).all()
    assert (least < 1e-2).all()


def test_points_that_are_not_allowed_are_passed_but_not_kept():
    def allowed(at):
        return jnp.where(at[..., 0] >= 1, jnp.abs(at[..., 0]), jnp.inf)

    at, least = jax.jit(
        lambda start: descent.nearest(
            lambda at, _: jnp.sum(at**2, axis=-1), allowed, start, 100, 0.1
        )
    )(jnp.full((1, 1), 2.0))
    assert 1 <= at[0, 0] < 1.1 and least[0] == at[0, 0]
