"""Tests of the arms of ensemble experiments: jaxgan.scripts.ensemble_*."""

import dataclasses
import functools
import json
import pathlib
import types as types_of

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
    ensemble_lowering,
    ensemble_members,
    ensemble_ratios,
    ensemble_reclustering,
    ensemble_remedies,
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
    patch.setattr(ensemble_members, "COMPARED", 8)
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
    "mgan_lowered",
    pytest.param("neighbours", marks=pytest.mark.slow),
    pytest.param("self_conditioned", marks=pytest.mark.slow),
)
OTHERS = (
    *("per_mode_features", "mgan", "mad_gan", "mix_gan", "gman"),
    *("pac2", "unrolled"),
)


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
    (parts / "checkpoints" / arm.name / "round-2").mkdir()  # made before its first line
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


def test_a_damaged_checkpoint_of_a_finished_round_changes_neither_bits_nor_log(
    tmp_path, monkeypatch
):
    saving, until = ensemble_arms.saving, (12, 24, 36)

    def saved_often(*arguments):
        return saving(*arguments)._replace(seconds=0.0)

    monkeypatch.setattr(ensemble_arms, "saving", saved_often)
    prepared = Prepared("single", tmp_path)
    theirs, trainer, arm = prepared.adapted, prepared.trainer, prepared.arm

    def train():
        members = ensemble_arms.prepare(theirs, trainer, arm)
        return ensemble_rounds.train(theirs, trainer, arm, members, until)

    found, history = train()
    log = lines(tmp_path)
    assert [line["step"] for line in log] == [10, 12, 22, 24, 34, 36]
    for number in (0, 1):
        newest = tmp_path / "checkpoints" / arm.name / f"round-{number}"
        newest /= str(until[number])
        path = max(newest.rglob("*"), key=lambda path: path.stat().st_size)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        again, resumed = train()
        for one, other in zip(found, again, strict=True):
            same(one.state, other.state)
        assert lines(tmp_path) == log
        assert [own.step for own in resumed] == [own.step for own in history]


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
        (("rpgan_weighted",), "nothing to weight"),
        (("plain_lowered_weighted",), "plain_lowered has one generator"),
        (("snapshots_lowered",), "leave _lowered out"),
        (("rpgan_lowered",), "leave _lowered out"),
        (("mgan_weighted_lowered",), "no arm 'mgan_weighted_lowered'"),
        (("single_by_label",), "single does not train by the modes; leave _by_label"),
        (("balanced_by_label_weighted",), "nothing to weight"),
        (("per_mode_lowered_by_label",), "no arm 'per_mode_lowered_by_label'"),
    ],
)
def test_arms_that_do_not_exist_are_refused_with_the_nearest_name(names, said):
    with pytest.raises(errors.UserError, match=said) as error:
        ensemble_kinds.by_name(names, ASKED)
    assert "\n" not in str(error.value)


def test_all_arms_have_titles_of_their_own():
    many = [n for n in ensemble_kinds.ARMS if n not in ensemble_kinds.ALONE]
    paced = ensemble_kinds.PACED
    lowered = [f"{n}_lowered" for n in ensemble_kinds.ARMS if n not in paced]
    both = ("mgan_lowered_weighted",)
    weighted = [f"{name}_weighted" for name in many]
    of_labels = [f"{n}_by_label" for n in ensemble_kinds.OF_MODES]
    names = (*ensemble_kinds.ARMS, *weighted, *lowered, *of_labels, *both)
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


def test_stages_end_at_their_shares_of_the_steps_and_none_is_empty():
    assert ensemble_lowering.ends(12_000) == [6000, 8400, 10_200, 12_000]
    assert ensemble_lowering.ends(5) == [2, 3, 4, 5]
    assert ensemble_lowering.ends(1) == [1, 2, 3, 4]


def test_lowering_changes_numbers_and_no_program_and_goes_on_to_the_same_bits(
    tmp_path, monkeypatch
):
    whole = experiment(tmp_path / "whole")
    (arm,), makes = ensemble_kinds.by_name(("plain_lowered",), ASKED)
    made, traced, seen = makes["plain"](NETWORKS), [], []

    def counting(*arguments):
        traced.append(arguments)
        return made.step(*arguments)

    counted = made._replace(step=counting)
    trainer = ensemble_arms.trainer(whole, lambda networks: counted, SEEDS)
    advance = ensemble_arms.advance

    def looking(theirs, trainer, arm, members, *others):
        seen.append(members.hparams)
        if len(seen) == 3 and theirs.files.folder.name == "parts":
            raise Stopped
        return advance(theirs, trainer, arm, members, *others)

    monkeypatch.setattr(ensemble_arms, "advance", looking)

    def train(theirs):
        members = ensemble_arms.prepare(theirs, trainer, arm)
        before = len(traced)
        found = ensemble_arms.train(theirs, trainer, arm, members, 40 * trainer.flops)
        assert len(traced) == before
        return found

    told, members, _ = train(whole)
    assert told["steps"] == 40 and told["members"] == SEEDS
    rates = [h.optimizer.generator["learning_rate"] for h in seen]
    wanted = np.array([1e-2, 3e-3, 1e-3, 3e-4])[:, None] * np.ones(SEEDS)
    np.testing.assert_allclose(rates, wanted, rtol=1e-6)
    rates = [h.optimizer.discriminator["learning_rate"] for h in seen]
    np.testing.assert_allclose(rates, wanted, rtol=1e-6)
    betas = [h.optimizer.generator["b1"] for h in seen]
    np.testing.assert_array_equal(betas, np.full((4, SEEDS), np.float32(0.5)))
    parts = dataclasses.replace(whole, files=experiment(tmp_path / "parts").files)
    seen.clear()
    with pytest.raises(Stopped):
        train(parts)
    _, resumed, _ = train(parts)
    same(members.state, resumed.state)
    same(members.hparams, resumed.hparams)


@pytest.mark.parametrize(("name", "number"), [("pac2", 2), ("pac4", 4)])
def test_a_packed_arm_differs_in_what_its_discriminator_judges_alone(name, number):
    own = experiment(pathlib.Path("nowhere"))
    (arm,), makes = ensemble_kinds.by_name((name,), ASKED)
    theirs, _ = ensemble_arms.adapted(own, arm)
    assert theirs.architecture == ARCHITECTURE | {"pack": number}
    # A batch is as many packs, of so many samples each.
    made = makes[arm.method](theirs.networks)
    assert theirs.batch_size == own.batch_size and made.parts == number
    assert made.hparams == makes["plain"](NETWORKS).hparams
    params, _ = jax.eval_shape(theirs.networks.init, jax.random.key(0))
    inputs = [leaf.shape[0] for leaf in jax.tree.leaves(params.discriminator)]
    plain, _ = jax.eval_shape(NETWORKS.init, jax.random.key(0))
    usual = [leaf.shape[0] for leaf in jax.tree.leaves(plain.discriminator)]
    # One kernel, the first, sees the coordinates of all samples of a pack.
    changed = [pair for pair in zip(usual, inputs, strict=True) if len({*pair}) > 1]
    assert changed == [(2, 2 * number)]


def test_a_relativistic_arm_has_the_program_of_ensembles_that_train_like_it():
    relativistic = ensemble_remedies.relativistic(METHOD)
    assert (relativistic.loss, relativistic.ema_decay) == ("relativistic", 0.999)
    assert relativistic.weights == {"r1": 0.1, "r2": 0.1}
    adam = {"learning_rate": 1e-2, "b1": 0.0, "b2": 0.99}
    assert relativistic.optimizer == types.Pair(adam, adam)
    for remedied, method in ((METHOD, "rpgan"), (relativistic, "remedied")):
        (arm,), _ = ensemble_kinds.by_name(
            ("rpgan",), ASKED._replace(remedied=remedied)
        )
        assert (arm.name, arm.method) == ("rpgan", method)


def test_balanced_arms_draw_or_mix_all_modes_alike():
    uneven = modes.from_labels(np.repeat([0, 1], [30, 15]))
    asked = ASKED._replace(modes=uneven)
    (one, many), _ = ensemble_kinds.by_name(("balanced", "per_mode_balanced"), asked)
    np.testing.assert_allclose(one.plan.mode_weights, [[0.5, 0.5]])
    np.testing.assert_allclose(many.plan.mode_weights, np.eye(2))
    np.testing.assert_allclose(many.plan.weights, [0.5, 0.5])


def test_an_arm_by_label_has_the_labels_as_its_modes_beside_others_of_clusters():
    # Two clusters that say nothing about the three labels.
    clusters = modes.from_labels(np.arange(45) // 30)
    asked = ASKED._replace(modes=clusters)
    own = experiment(pathlib.Path("nowhere"))
    own = dataclasses.replace(own, data=own.data._replace(modes=clusters))
    names = ("per_mode", "per_mode_by_label", "balanced_by_label_lowered")
    arms, _ = ensemble_kinds.by_name(names, asked)
    assert tuple(arm.name for arm in arms) == names
    (theirs, few), *by_label = (ensemble_arms.adapted(own, arm) for arm in arms)
    assert theirs.data.modes is clusters and few.plan.mode_weights.shape == (2, 2)
    for adapted, _ in by_label:
        assert adapted.data.x is own.data.x
        for row, number in zip(*adapted.data.modes, strict=True):
            assert len(set(LABEL[np.asarray(row[:number])])) == 1
    (_, many), (_, one) = by_label
    np.testing.assert_allclose(many.plan.mode_weights, np.eye(K))
    np.testing.assert_allclose(many.plan.weights, np.full(K, 1 / K), rtol=1e-6)
    np.testing.assert_allclose(one.plan.mode_weights, np.full((1, K), 1 / K), rtol=1e-6)
    assert one.driver is not None and "label" in one.title


def test_arms_by_label_leave_no_flag_of_drawing_out():
    def asked(**given):
        usual = {"pack": 1, "balance": None, "extra_data": None, "augment": ()}
        return types_of.SimpleNamespace(**{**usual, "ada_target": None, **given})

    for name in ("per_mode_by_label", "per_mode_by_label_lowered_weighted"):
        ensemble_kinds.check_drawing([name], asked(pack=2, augment=("cutout",)))
        for given in ({"balance": "cluster"}, {"extra_data": "digits"}):
            with pytest.raises(errors.UserError, match="goes without"):
                ensemble_kinds.check_drawing([name], asked(**given))
            ensemble_kinds.check_drawing(["per_mode_weighted"], asked(**given))
