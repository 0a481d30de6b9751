"""Power-function averages, and those that are combined of their snapshots."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import averages, post_hoc, power_averages

STEPS, SNAPSHOTS, KEPT = 1200, 30, (0.05, 0.10)
WIDTHS = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2)


@pytest.mark.parametrize("width", [0.01, 0.05, 0.1, 0.2, 0.2886])
def test_the_width_of_an_exponent_is_that_of_its_profile(width):
    gamma = power_averages.exponent(width)
    np.testing.assert_allclose(
        power_averages.relative_width(gamma), width, rtol=1e-5, atol=1e-7
    )
    # The standard deviation under (gamma + 1) tau^gamma on [0, 1], by quadrature.
    tau = (np.arange(200_000) + 0.5) / 200_000
    density = (gamma + 1) * tau**gamma
    mean, square = np.mean(density * tau), np.mean(density * tau**2)
    np.testing.assert_allclose(np.sqrt(square - mean**2), width, rtol=1e-4)


def test_the_published_exponents_come_out():
    # Karras et al. 2024: sigma_rel of 0.05 and 0.10 are gamma of 16.97 and 6.94.
    found = [power_averages.exponent(width) for width in KEPT]
    np.testing.assert_allclose(found, [16.97, 6.94], atol=0.005)
    assert power_averages.exponent(power_averages.WIDEST) < 1e-6


@pytest.mark.parametrize("width", [0.0, -0.1, 1e-300, 0.2887, float("nan")])
def test_widths_that_no_average_has_are_refused(width):
    with pytest.raises(errors.UserError, match=r"must be from 1e-06 to 0\.28867,"):
        power_averages.exponent(width)


@pytest.mark.parametrize("width", [1e-6, 0.28867])
def test_widths_that_the_refusal_names_are_taken(width):
    gamma = power_averages.exponent(width)
    expected = (gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3))
    np.testing.assert_allclose(width**2, expected, rtol=1e-6)


def accumulated(walk, exponents):
    """The averages after each step, `[T, A, ...]`, by their recursion in float64."""
    average, found = np.zeros((len(exponents), *walk.shape[1:])), []
    for t, theta in enumerate(walk, 1):
        beta = (1 - 1 / t) ** (np.array(exponents) + 1)
        beta = beta.reshape(-1, *[1] * theta.ndim)
        average = beta * average + (1 - beta) * theta
        found.append(average)
    return np.stack(found)


@pytest.fixture(scope="module")
def walk():
    steps = np.random.default_rng(0).normal(size=(STEPS, 50))
    return np.cumsum(steps, axis=0)


def snapshots(walk):
    """Those of the kept widths, evenly spread: profiles, and averages `[n, 50]`."""
    powers = [power_averages.exponent(width) for width in KEPT]
    times = [STEPS * (i + 1) // SNAPSHOTS for i in range(SNAPSHOTS)]
    kept = [post_hoc.Profile(t, gamma) for t in times for gamma in powers]
    values = accumulated(walk, powers)[np.array(times) - 1]
    return kept, values.reshape(len(kept), -1)


def test_a_step_moves_the_averages_by_the_published_rule(walk):
    powers = [power_averages.exponent(width) for width in KEPT]
    walk = walk[:200]

    def step(hparams, state, batch, key):
        assert state.averages is None  # training does not see them
        params = types.Pair({"w": jnp.asarray(walk, "f4")[state.step]}, {})
        return state._replace(params=params), {}

    own = power_averages.power_averaged(step)
    hparams = types.HParams(None, {}, averages=jnp.asarray(powers))
    first = {"w": jnp.full(50, 1e3)}
    state = types.TrainState(
        *(jnp.zeros((), int), types.Pair(first, {}), None, None, None, True),
        averages=power_averages.beginning(first, hparams.averages),
    )

    def body(state, _):
        state, _ = own(hparams, state, None, None)
        return state._replace(step=state.step + 1), state.averages["w"]

    _, found = jax.lax.scan(body, state, None, 200)
    # What they begin with, far off here, is forgotten at once.
    np.testing.assert_allclose(found, accumulated(walk, powers), rtol=1e-4, atol=1e-4)


def test_profiles_are_the_weights_of_the_recursion():
    gamma = power_averages.exponent(0.1)
    found = post_hoc.profiles([post_hoc.Profile(40, gamma)], np.arange(1, 51))[:, 0]
    # The average of indicators of single steps is the weight of each.
    expected = accumulated(np.eye(50)[:40], [gamma])[-1, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-12)


@pytest.mark.parametrize("width", WIDTHS)
def test_combinations_are_the_averages_accumulated_directly(width, walk):
    kept, values = snapshots(walk)
    gamma = power_averages.exponent(width)
    found = post_hoc.coefficients(kept, post_hoc.Profile(STEPS, gamma))
    expected = accumulated(walk, [gamma])[-1, 0]
    # Of a walk the average itself is off its own noise by far more than this.
    off = np.linalg.norm(found.coefficients @ values - expected)
    moved = np.linalg.norm(walk[-1] - expected)
    assert off < 0.02 * moved
    np.testing.assert_allclose(found.coefficients.sum(), 1, rtol=1e-9)
    assert found.error < 0.03


def test_the_error_is_that_of_independent_noise_over_its_average(walk):
    kept, _ = snapshots(walk)
    gamma = power_averages.exponent(0.02)
    target = post_hoc.Profile(STEPS, gamma)
    found = post_hoc.coefficients(kept, target)
    noise = np.random.default_rng(1).normal(size=(STEPS, 4000))
    weights = post_hoc.profiles([*kept, target], np.arange(1, STEPS + 1))
    averages = weights.T @ noise
    off = found.coefficients @ averages[:-1] - averages[-1]
    ratio = np.std(off) / np.std(averages[-1])
    np.testing.assert_allclose(ratio, found.error, rtol=0.05)


@pytest.mark.parametrize("place", [0, 1, 30, 59])
def test_an_average_that_was_kept_is_itself(place, walk):
    kept, _ = snapshots(walk)
    found = post_hoc.coefficients(kept, kept[place])
    np.testing.assert_array_equal(found.coefficients, np.arange(60) == place)
    # And so it is where it has to be found.
    near = kept[place]._replace(exponent=kept[place].exponent * (1 + 1e-9))
    found = post_hoc.coefficients(kept, near)
    np.testing.assert_allclose(found.coefficients, np.arange(60) == place, atol=1e-4)
    assert found.error < 1e-6


@pytest.mark.parametrize(("width", "step"), [(0.01, 1200), (0.1, 777), (0.28, 3)])
def test_the_average_of_a_constant_is_the_constant(width, step, walk):
    kept, _ = snapshots(walk)
    target = post_hoc.Profile(step, power_averages.exponent(width))
    found = post_hoc.coefficients(kept, target).coefficients
    tree = {"w": jnp.full((60, 3), 0.7)}
    np.testing.assert_allclose(post_hoc.combined(tree, found)["w"], 0.7, rtol=1e-5)


def test_blocks_of_steps_change_nothing(walk, monkeypatch):
    kept, _ = snapshots(walk)
    target = post_hoc.Profile(STEPS, power_averages.exponent(0.07))
    whole = post_hoc.coefficients(kept, target)
    monkeypatch.setattr(post_hoc, "BLOCK", 97)
    parts = post_hoc.coefficients(kept, target)
    np.testing.assert_allclose(whole.coefficients, parts.coefficients, atol=1e-6)


@pytest.mark.parametrize(
    ("kept", "step", "said"),
    [
        ([], 1, "no snapshots to combine"),
        ([post_hoc.Profile(9, 1.0)], 10, "after step 10 .* up to 9; give one from 1"),
        ([post_hoc.Profile(9, 1.0)], 0, "after step 0"),
    ],
)
def test_averages_of_unknown_steps_are_refused(kept, step, said):
    with pytest.raises(errors.UserError, match=said):
        post_hoc.coefficients(kept, post_hoc.Profile(step, 2.0))


def test_a_step_needs_exponents_and_a_state_with_averages():
    state = types.TrainState(*[None] * 6)
    own = power_averages.power_averaged(lambda *given: given)
    with pytest.raises(errors.UserError, match="hparams.averages is None now or was"):
        own(types.HParams(None, {}, averages=jnp.ones(2)), state, None, None)


def test_averages_that_the_step_does_not_move_are_noticed():
    params = [types.Pair({"w": jnp.full(2, value)}, {}) for value in (0.0, 1.0)]
    before, after = (
        types.TrainState(None, own, None, None, None, None, averages={"w": params})
        for own in params
    )
    hparams = types.HParams(None, {}, averages=jnp.ones(1))
    with pytest.raises(errors.UserError, match="keeps no power-function averages"):
        averages.require(hparams, before, after)
    averages.require(hparams, before, before)
