"""Tests of jaxgan.runs.best: the best states are kept, and members stop."""

import jax
import numpy as np
import pytest

from jaxgan import checkpoint, population, runs, types
from jaxgan import gan as gan_lib
from jaxgan.data import pool
from jaxgan.ensembles import saved_discriminators
from jaxgan.runs import best as best_lib
from jaxgan.training import methods

ADAM = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99}
GAN = {"architecture": "mlp", "shape": [2], "hidden": [4], "latent_dim": 2}
STEPS, CHUNK = 12, 3
DATA = pool.put(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
COSTS = {
    3: [5.0, 1.0, np.nan],
    6: [4.0, 2.0, np.nan],
    9: [6.0, 0.5, np.nan],
    12: [3.0, 0.1, np.nan],
}
"""By step, of three members: the second would be best at the end, had it gone on."""


@pytest.fixture(scope="module")
def trainer():
    method = methods.Method("non_saturating", {"r1": 0.1}, types.Pair(ADAM, ADAM), 0.9)
    made = methods.make(gan_lib.build(GAN), method)
    return runs.trainer(made, 8, made.hparams, DATA, population.vmap)


def rule(patience=1, costs=COSTS):
    def read(members):
        steps = np.asarray(members.state.step)
        # Members that have stopped are shown as they were at their best.
        return np.array(costs[int(steps.max())])

    return runs.Rule(read, evaluations=4, patience=patience)


def train(trainer, folder, num_steps=STEPS, **options):
    hparams = population.broadcast(trainer.made.hparams, 3)
    return runs.train_best(
        trainer,
        runs.begin(trainer, hparams, jax.random.key(3), DATA),
        DATA,
        title="test",
        log=folder / "metrics.jsonl",
        num_steps=num_steps,
        chunk_steps=CHUNK,
        saving=runs.Saving(folder / "checkpoints", {"gan": GAN}, "go on", 0.0),
        **options,
    )


def member(members, i):
    return jax.tree.leaves(population.take(members.state, i))


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def chosen(trainer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chosen")
    return train(trainer, folder, rule=rule()), folder


def consider(patience, *costs):
    one = types.TrainState(np.zeros(2, int), *[None] * 4, alive=np.ones(2, bool))
    best = best_lib.begin(one)
    for step, own in enumerate(costs, 1):
        state = one._replace(step=np.full(2, step))
        own = np.asarray(own, float)
        best = best_lib.consider(best, state, own, step, rule(patience))
    return best


def test_the_least_cost_is_kept_and_ties_keep_the_first():
    best = consider(None, [3, np.nan], [1, 5], [1, 5], [2, np.nan])
    assert best.step.tolist() == best.state.step.tolist() == [2, 2]
    assert best.cost.tolist() == [1, 5] and best.since.tolist() == [2, 2]
    assert best.stopped.tolist() == [best_lib.NEVER] * 2


def test_patience_counts_evaluations_in_a_row_without_a_better_one():
    best = consider(2, [3, 3], [4, 4], [2, 4], [4, 1], [4, 1], [0, 0])
    # The first is better again in time, the second after it has stopped.
    assert best.stopped.tolist() == [5, 3]
    assert best.step.tolist() == [3, 1] and best.cost.tolist() == [2, 3]


def test_members_without_a_number_stop_as_well():
    best = consider(2, [np.nan, 1], [np.nan, 0], [np.nan, -1])
    assert best.stopped.tolist() == [2, best_lib.NEVER]
    assert best.step.tolist() == [0, 3]
    assert best_lib.is_over(best, np.array([True, False]))
    assert not best_lib.is_over(best, np.array([True, True]))


def test_an_infinite_cost_is_never_the_best():
    state = types.TrainState(np.full(3, 5), *[None] * 4, alive=np.ones(3, bool))
    asked = runs.Rule(lambda members: np.array([np.inf, 2.0, -np.inf]), 1)
    best = best_lib.evaluated(
        *(asked, best_lib.begin(state), 5, lambda: runs.Members(None, state, None)),
        num_steps=5,
    )
    assert best.step.tolist() == [0, 5, 0] and best.cost.tolist() == [np.inf, 2, np.inf]


@pytest.mark.parametrize("chunk", [1, 3, 4, 7, 100])
def test_evaluations_are_as_many_as_asked_for_unless_chunks_are_longer(chunk):
    asked, seen = runs.Rule(np.asarray, 5), []
    best = consider(None)
    for step in [*range(chunk, 100, chunk), 100]:
        if best_lib.is_due(asked, best, step, num_steps=100):
            seen.append(step)
            best = best._replace(evaluated=np.asarray(step))
    assert len(seen) == min(5, -(-100 // chunk)) and seen[-1] == 100
    assert all(step - chunk < 20 * i <= step for i, step in enumerate(seen, 1)) or (
        chunk > 20
    )


def test_each_member_ends_with_the_state_that_was_best(trainer, chosen, tmp_path):
    members, history, best = chosen[0]
    # By COSTS with a patience of one; the last has no number and so no best state.
    assert best.step.tolist() == [6, 3, 0]
    assert best.stopped.tolist() == [9, 6, 3]
    assert history[-1].step == 9
    for i, step in enumerate([6, 3, 9]):
        (tmp_path / str(i)).mkdir()
        own = train(trainer, tmp_path / str(i), num_steps=step, rule=None)
        assert_same(member(members, i), member(own.members, i))


def test_stopping_members_change_no_other_members_bits(trainer, tmp_path):
    costs = {step: [own[0], own[1], -step] for step, own in COSTS.items()}
    with_rule = train(trainer, tmp_path, rule=rule(costs=costs))
    (tmp_path / "plain").mkdir()
    plain = train(trainer, tmp_path / "plain", rule=None)
    assert with_rule.best.stopped.tolist() == [9, 6, best_lib.NEVER]
    assert_same(member(with_rule.members, 2), member(plain.members, 2))
    for own, other in zip(with_rule.history, plain.history, strict=True):
        for name, values in own.metrics.items():
            np.testing.assert_array_equal(values[2], other.metrics[name][2])
    # What a member showed when it stopped is what it shows from then on.
    first, last = with_rule.history[1].metrics, with_rule.history[-1].metrics
    assert all(last[name][1] == first[name][1] for name in last)


def test_a_run_that_died_goes_on_to_the_same_best(trainer, chosen, tmp_path):
    def die(step, collect):
        del collect
        if step == 9:
            raise MemoryError

    with pytest.raises(MemoryError):
        train(trainer, tmp_path, rule=rule(), on_pause=die)
    assert max(checkpoint.steps(tmp_path / "checkpoints")) == 6
    again = train(trainer, tmp_path, rule=rule())
    for own, other in ((again.members.state, chosen[0].members.state),):
        assert_same(jax.tree.leaves(own), jax.tree.leaves(other))
    assert_same(jax.tree.leaves(again.best), jax.tree.leaves(chosen[0].best))


def test_discriminators_are_read_from_the_best_states(chosen):
    trained, folder = chosen
    kept = saved_discriminators.load(folder / "checkpoints")
    own = trained.members.state
    assert_same(jax.tree.leaves(kept.state.params), jax.tree.leaves(own.params))
    np.testing.assert_array_equal(kept.state.step, own.step)
