"""Tests of population-based training, by its properties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import population
from jaxgan.sweeps import pbt

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
    values = {"rate": jnp.arange(1.0, 9.0), "b1": jnp.full(8, 0.5)}
    parents = jnp.array([0, 1, 2, 3, 4, 5, 0, 1])
    bounds = {"rate": (-np.inf, np.inf), "b1": (0.45, 0.55)}
    seen = set()
    explore = jax.jit(lambda key: pbt.explore(key, values, parents, bounds, factor))
    for seed in range(20):
        found = explore(jax.random.key(seed))
        np.testing.assert_array_equal(found["rate"][:6], values["rate"][:6])
        ratio = np.asarray(found["rate"] / values["rate"][parents])[6:]
        seen |= {round(float(r), 3) for r in ratio}
        ends = [round(float(value), 3) for value in found["b1"][6:]]
        assert set(ends) <= {0.45, 0.55}
    assert seen == {round(factor, 3), round(1 / factor, 3)}


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
