"""The field on the line between two states, where it is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import dynamics, population, types
from jaxgan.core import errors

SIZE = 2
HALF_TURN = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [-1, 0, 0, 0], [0, -1, 0, 0]], float)
MATRICES = np.stack([np.eye(4), HALF_TURN, np.eye(4) + HALF_TURN, np.eye(4)])


def gradient(rows):
    """Of the player with these rows of `v(w) = J (w - 1)`, J being the batch."""

    def of_player(hparams, state, batch, key):
        return batch.x[rows] @ (jnp.concatenate(state.params) - 1), {}, {}

    return of_player


PLAYERS = gradient(slice(SIZE, None)), gradient(slice(SIZE))


def state_at(w):
    return types.TrainState(
        step=jnp.zeros(len(w), jnp.int32),
        params=types.Pair(jnp.asarray(w[:, :SIZE]), jnp.asarray(w[:, SIZE:])),
        collections=types.Pair({}, {}),
        opt_state=types.Pair((), ()),
        ema=None,
        alive=jnp.ones(len(w), bool),
    )


def look(start, end, matrices=MATRICES, points=13):
    total = len(matrices)
    rate = {"learning_rate": 0.1}
    hparams = population.broadcast(types.HParams(types.Pair(rate, rate), {}), total)
    keys = population.keys(jax.random.key(0), total)
    batch = types.Batch(jnp.asarray(matrices))
    measure = dynamics.path(*PLAYERS, points=points)
    return measure(hparams, start, end, batch, keys)


def test_the_angle_tells_attraction_from_rotation(x64):
    start = np.tile(np.array([3.0, -1.0, 0.5, 2.0]), (4, 1))
    end = np.ones((4, 4))
    end[3] = 2 * end[3] - start[3]  # as far behind the equilibrium
    found = look(state_at(start), state_at(end))
    np.testing.assert_allclose(found.alpha, np.arange(-1, 12) / 10, atol=1e-9)
    before = np.sign(1 - found.alpha)
    inside = ~np.isclose(found.alpha, 1)
    for own, cosine in zip(found.angle, (1, 0, np.sqrt(0.5)), strict=False):
        np.testing.assert_allclose(own[inside], cosine * before[inside], atol=1e-9)
    away = np.linalg.norm(start[0] - 1)
    lengths = np.abs(1 - found.alpha) * away
    for own, factor in zip(found.norm, (1, 1, np.sqrt(2)), strict=False):
        np.testing.assert_allclose(own, factor * lengths, atol=1e-9)
    # Of the last one the field turns round half way.
    half = 1 - 2 * found.alpha
    inside = np.abs(half) > 1e-9
    cosines = np.sign(half[inside])
    np.testing.assert_allclose(found.angle[3][inside], cosines, atol=1e-9)
    np.testing.assert_allclose(found.norm[3], np.abs(half) * away, atol=1e-9)


def test_states_that_are_the_same_have_no_angle():
    here = state_at(np.zeros((4, 4)))
    found = look(here, here)
    assert np.isnan(found.angle).all() and np.isfinite(found.norm).all()


def test_states_of_different_networks_are_refused():
    here, larger = state_at(np.zeros((4, 4))), state_at(np.zeros((4, 5)))
    with pytest.raises(errors.UserError, match="start and end are of different netwo"):
        look(here, larger)
    broken = state_at(np.full((4, 4), np.inf))
    with pytest.raises(errors.UserError, match="end has weights that are not finite"):
        look(here, broken)
    with pytest.raises(errors.UserError, match="points=1 of a path"):
        dynamics.path(*PLAYERS, points=1)
