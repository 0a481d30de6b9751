"""Tests of the arms of ensemble experiments: jaxgan.scripts.ensemble_*."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ensembles, gan, population, runs, types
from jaxgan.core import errors
from jaxgan.data import dataset, modes, pool
from jaxgan.scripts import (
    ensemble_arms,
    ensemble_comparison,
    ensemble_experiments,
    ensemble_kinds,
    ensemble_members,
    ensemble_ratios,
    ensemble_reclustering,
    ensemble_rounds,
)
from jaxgan.training import methods

SEEDS, K, STEPS = 2, 3, 20
ARCHITECTURE = {"architecture": "mlp", "shape": [2], "latent_dim": 2, "hidden": [4]}
LABEL = np.arange(45) % K
X = np.random.default_rng(0).normal(size=(45, 2)) + 4 * np.eye(3)[LABEL][:, :2]
SPLIT = dataset.Split(X.astype(np.float32), LABEL.astype(np.int32))
DATA = dataset.Dataset("points", SPLIT, SPLIT, K)
MODES = modes.from_labels(LABEL)
ADAM = {"learning_rate": 1e-2, "b1": 0.5}
METHOD = methods.Method("non_saturating", {"r1": 0.1}, types.Pair(ADAM, ADAM), 0.9)
ASKED = ensemble_kinds.Asked(METHOD, METHOD, DATA, MODES, "cluster", STEPS)
NETWORKS = gan.build(ARCHITECTURE)


def experiment(folder):
    files = ensemble_experiments.RunFiles(
        folder=folder, checkpoints=folder / "checkpoints", resume="again"
    )
    return ensemble_experiments.Experiment(
        networks=NETWORKS,
        architecture=ARCHITECTURE,
        data=pool.put(SPLIT.x, MODES),
        standardised=True,
        batch_size=5,
        seeds=SEEDS,
        seed=0,
        mappers=[population.vmap],
        files=files,
    )


@pytest.fixture(scope="module")
def few_rounds():
    patch = pytest.MonkeyPatch()
    patch.setattr(ensemble_members, "EXCHANGES", 3)
    patch.setattr(ensemble_reclustering, "ROUNDS", 3)
    yield
    patch.undo()


class Prepared:
    """An arm with its trainer, whose programs are shared by all runs of it."""

    def __init__(self, name, folder):
        whole = experiment(folder)
        (arm,), makes = ensemble_kinds.by_name((name,), ASKED)
        theirs, self.arm = ensemble_arms.adapted(whole, arm)
        size = SEEDS * len(self.arm.plan.mode_weights)
        self.trainer = ensemble_arms.trainer(theirs, makes[arm.method], size)
        self.adapted = theirs
        self.flops = ensemble_comparison.operations(whole, {}, makes, K * STEPS)

    def run(self, folder):
        theirs = dataclasses.replace(self.adapted, files=experiment(folder).files)
        members = ensemble_arms.prepare(theirs, self.trainer, self.arm)
        found = ensemble_arms.train(theirs, self.trainer, self.arm, members, self.flops)
        return theirs, *found


class Stopped(Exception):
    pass


def lines(folder):
    text = (folder / ensemble_arms.LOG).read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k != "seconds"} for line in text
    ]


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


ROUNDS = (
    "adagan",
    "snapshots_weighted",
    pytest.param("neighbours", marks=pytest.mark.slow),
    pytest.param("self_conditioned", marks=pytest.mark.slow),
)
OTHERS = ("per_mode_features", "mgan", "mad_gan", "mix_gan", "gman")


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUNDS)
def test_an_arm_in_rounds_goes_on_from_any_round_to_the_same_bits(
    name, tmp_path, few_rounds, monkeypatch
):
    # All runs have one program of classifiers.
    judge = functools.cache(lambda: make_judge(prepared.adapted, METHOD))
    make_judge = ensemble_ratios.judge
    monkeypatch.setattr(ensemble_ratios, "judge", lambda *arguments: judge())
    prepared = Prepared(name, tmp_path)
    _, told, members, arm = prepared.run(tmp_path / "whole")
    advance, calls = ensemble_arms.advance, []

    def stopping(*arguments):
        calls.append(arguments[-1][0])
        if len(calls) == 3:
            raise Stopped
        return advance(*arguments)

    monkeypatch.setattr(ensemble_arms, "advance", stopping)
    parts = tmp_path / "parts"
    with pytest.raises(Stopped):
        prepared.run(parts)
    # What the third round had logged when it was killed, before it was saved.
    last = json.loads((parts / ensemble_arms.LOG).read_text().splitlines()[-1])
    with (parts / ensemble_arms.LOG).open("a") as log:
        log.write(json.dumps(last | {"step": last["step"] + 1}) + "\n")
    _, again, resumed, arm_again = prepared.run(parts)
    assert calls[:3] == [0, 1, 2] and calls[3] == 2  # finished rounds are not trained
    same(members.state, resumed.state)
    same(members.hparams, resumed.hparams)
    same((arm.plan.weights, arm.classes), (arm_again.plan.weights, arm_again.classes))
    assert lines(tmp_path / "whole") == lines(parts)
    assert told["teraflops"] == again["teraflops"]
    # A step in each round is rounded.
    assert told["teraflops"] == pytest.approx(prepared.flops / 1e12, rel=0.15)
    x = ensemble_arms.sample(prepared.adapted, arm, members, 20)
    assert x.shape == (SEEDS, 20, 2) and np.isfinite(x).all()
    assert np.isclose(np.sum(np.atleast_2d(arm.plan.weights), axis=1), 1).all()


def test_rounds_are_evenly_spread_and_none_is_empty():
    assert ensemble_rounds.ends(100, 4) == [25, 50, 75, 100]
    assert ensemble_rounds.ends(100, 5, first=0.5) == [60, 70, 80, 90, 100]
    assert ensemble_rounds.ends(2, 4) == [1, 2, 3, 4]


def test_members_of_rounds_lie_side_by_side_by_seed():
    def round_(value):
        state = {"w": jnp.array([10.0, 20.0]) + value}
        return runs.Members({"h": jnp.arange(2)}, state, jnp.arange(2))

    found = ensemble_rounds.side_by_side([round_(0), round_(1), round_(2)])
    np.testing.assert_array_equal(found.state["w"], [10, 11, 12, 20, 21, 22])
    np.testing.assert_array_equal(found.hparams["h"], [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("per_mod",), "'per_mod'.*did you mean 'per_mode'"),
        ((), "no arm"),
        (("single", "single"), "'single' comes twice"),
        (("minimax_weighted",), "nothing to weight"),
    ],
)
def test_arms_that_do_not_exist_are_refused_with_the_nearest_name(names, said):
    with pytest.raises(errors.UserError, match=said) as error:
        ensemble_kinds.by_name(names, ASKED)
    assert "\n" not in str(error.value)


def test_all_arms_have_titles_of_their_own():
    many = [n for n in ensemble_kinds.ARMS if n not in ensemble_kinds.ALONE]
    names = (*ensemble_kinds.ARMS, *(f"{name}_weighted" for name in many))
    arms, makes = ensemble_kinds.by_name(names, ASKED)
    assert tuple(arm.name for arm in arms) == names
    assert len({arm.title for arm in arms}) == len(arms)
    assert {arm.method for arm in arms} <= set(makes)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_arm_spends_the_same_operations_and_makes_a_mixture(
    name, tmp_path, few_rounds
):
    prepared = Prepared(name, tmp_path)
    theirs, told, members, arm = prepared.run(tmp_path)
    budget = prepared.flops / 1e12
    assert told["teraflops"] == pytest.approx(budget, rel=0.05)
    x = ensemble_arms.save_and_sample(theirs, arm, members, 30)
    assert x.shape == (SEEDS, 30, 2) and np.isfinite(x).all()
    for seed in range(SEEDS):
        path = tmp_path / f"mixture-{name}-{seed}.safetensors"
        networks, saved, _ = ensembles.load(path)
        key = jax.random.fold_in(jax.random.key(1), seed)
        again, _ = ensembles.sample(networks, saved, key, 30)
        np.testing.assert_array_equal(x[seed], again)
