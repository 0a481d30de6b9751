"""Tests of population-based training, by its properties."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies
from scipy import stats

from jaxgan import population
from jaxgan.sweeps import spaces
from jaxgan.sweeps.search.pbt import rule as pbt

exploit = jax.jit(pbt.exploit, static_argnums=2)


@pytest.mark.parametrize(("total", "share"), [(1, 0.2), (2, 0.2), (9, 0.25), (8, 0.5)])
def test_the_worst_go_on_from_the_best_and_the_best_from_itself(total, share):
    random = np.random.default_rng(0)
    for draw in range(50):
        scores = random.integers(0, 9, total).astype(np.float32)
        scores[random.random(total) < 0.2] = np.inf
        scores[random.random(total) < draw / 40] = np.nan
        parents = np.asarray(exploit(jax.random.key(draw), scores, share))
        moved, dead = parents != np.arange(total), np.isnan(scores)
        if dead.all():
            assert not moved.any()
            continue
        number = min(max(1, int(share * total)), total // 2)
        best = np.argmin(np.where(dead, np.inf, scores)[~dead])
        assert not moved[np.flatnonzero(~dead)[best]]
        # Nobody goes on from the dead, and all who are dead go on from another.
        assert not dead[parents].any() and moved[dead].all()
        assert moved.sum() <= max(number, dead.sum())
        if total > 1 and not dead.any():
            assert moved.sum() == number
        living = moved & ~dead
        assert (scores[parents][living] <= scores[living]).all()
        # A winner is among as many best, and is not taken over itself.
        least = np.sort(scores[~dead])[: max(number, 1)][-1]
        assert (scores[parents[moved]] <= least).all()
        assert not moved[parents[moved]].any()


def test_winners_are_drawn_alike():
    scores = jnp.arange(10.0)
    keys = jax.random.split(jax.random.key(0), 2000)
    parents = jax.vmap(lambda key: pbt.exploit(key, scores, 0.2))(keys)
    np.testing.assert_array_equal(parents[:, :8], np.tile(np.arange(8), (2000, 1)))
    share = np.asarray(parents[:, 8:] == 0).mean()
    assert abs(share - 0.5) < 5 * 0.5 / 4000**0.5


@pytest.mark.parametrize("factor", [1.2, 2.0])
def test_numbers_of_those_that_moved_are_the_winners_times_the_factor(factor):
    values = {"rate": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], "b1": [0.5] * 8}
    parents = jnp.array([0, 1, 2, 3, 4, 5, 0, 1])
    space = {"rate": spaces.LogUniform(1e-3, 1e3), "b1": spaces.Uniform(0.45, 0.55)}
    seen = set()
    for seed in range(20):
        found = pbt.explore(jax.random.key(seed), values, parents, space, factor)
        assert found["rate"][:6] == values["rate"][:6]
        seen |= {found["rate"][i] / values["rate"][parents[i]] for i in (6, 7)}
        assert set(found["b1"][6:]) <= {0.45, 0.55}
    assert seen == {factor, 1 / factor}


ONE_OF_TWO = np.array([0, 0])
"""The second of two members goes on from the first."""


def moves(distribution, value, times=60, factor=1.2):
    """What becomes of a winner's value when it is taken over, again and again."""
    seen = [value]
    for seed in range(times):
        values = {"x": [seen[-1], -1]}
        space = {"x": distribution}
        key = jax.random.key(seed)
        stays, moved = pbt.explore(key, values, ONE_OF_TWO, space, factor)["x"]
        assert stays == seen[-1]
        seen.append(moved)
    return seen


def test_choices_stay_choices_and_move_to_their_neighbours():
    choices = (0.5, 0.3, 0.9, 0.0)
    ordered = [0.0, 0.3, 0.5, 0.9]
    seen = moves(spaces.Categorical(choices), 0.9)
    assert set(seen) == set(choices)
    places = [ordered.index(value) for value in seen]
    assert np.abs(np.diff(places)).max() == 1
    conditional = spaces.Conditional(spaces.Categorical(choices), "loss", ("hinge",))
    assert moves(conditional, 0.9) == seen
    # A run of an earlier version may have left its choices.
    assert set(moves(spaces.Categorical(choices), 0.36, 1)[1:]) <= {0.0, 0.5}
    assert moves(spaces.Categorical((0.5,)), 0.5, 3) == [0.5] * 4


def test_whole_numbers_stay_whole_and_can_leave_zero():
    seen = moves(spaces.Integers(0, 3), 0)
    assert set(seen) == set(range(4)) and all(type(one) is int for one in seen)
    assert moves(spaces.Integers(1, 1000), 500, 1)[1] in (400, 600)


@pytest.mark.parametrize(
    "distribution", [spaces.Uniform(0.0, 0.9), spaces.Normal(0.0, 1.0)]
)
def test_zero_is_drawn_anew(distribution):
    drawn = {moves(distribution, 0.0, 1)[1] for _ in range(2)}
    assert len(drawn) == 1 and drawn != {0.0}
    keys = [jax.random.key(seed) for seed in range(300)]
    values, space = {"x": [0.0, 0.0]}, {"x": distribution}
    found = [pbt.explore(key, values, ONE_OF_TWO, space)["x"][1] for key in keys]
    normal = isinstance(distribution, spaces.Normal)
    law = stats.norm() if normal else stats.uniform(0, 0.9)
    assert stats.kstest(found, law.cdf).pvalue > 1e-3


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(
    strategies.sampled_from(
        [
            spaces.Uniform(-0.5, 0.9),
            spaces.LogUniform(1e-5, 1e-2),
            spaces.Integers(-3, 7),
            spaces.Categorical((1, 2.5, 10)),
        ]
    ),
    strategies.floats(0, 1),
    strategies.floats(1.01, 3),
)
def test_a_number_never_leaves_its_space_and_is_a_python_number(kind, share, factor):
    start = spaces.quantile(kind, share)
    for value in moves(kind, start, 6, factor):
        assert type(value) in (int, float)
        if isinstance(kind, spaces.Categorical):
            assert value in kind.choices
        else:
            assert kind.low <= value <= kind.high


def test_a_decimal_stays_the_one_that_was_written():
    values = {"b1": [0.9, 0.3]}
    space = {"b1": spaces.Uniform(0.0, 0.99)}
    found = pbt.explore(jax.random.key(0), values, np.array([0, 1]), space)
    assert found == values  # and not 0.8999999761581421


def test_weights_and_optimiser_of_a_loser_are_its_winners_and_keys_stay():
    keys = population.keys(jax.random.key(0), 4)
    state = {"weights": jnp.arange(8.0).reshape(4, 2), "moments": jnp.arange(4.0)}
    parents = pbt.exploit(jax.random.key(1), jnp.array([3.0, 1.0, 2.0, 9.0]), 0.25)
    assert parents.tolist() == [0, 1, 2, 1]
    after = population.take(state, parents)
    for name, leaf in after.items():
        np.testing.assert_array_equal(leaf[3], state[name][1])
        np.testing.assert_array_equal(leaf[:3], state[name][:3])
    drawn = jax.vmap(jax.random.normal)(keys)
    assert drawn[3] != drawn[1]
