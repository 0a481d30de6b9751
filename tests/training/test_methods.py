"""Tests of training.methods, steps.rules, runs and scripts.replicates of jaxgan."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ensembles, gan, population, runs, steps, training, types
from jaxgan.core import errors
from jaxgan.data import pool
from jaxgan.penalties import adaptive
from jaxgan.scripts import replicates
from jaxgan.steps import rules
from jaxgan.training import methods

POINTS = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
# In the plain form, as some rules need forward-mode derivatives.
GAN = gan.mlp((2,), hidden=(4,), latent_dim=2, convolution="lax")
BOTH = types.Pair(*2 * ({"learning_rate": 1e-2, "b1": 0.5},))
SGD = types.Pair(*2 * ({"learning_rate": 1e-2},))


DATA = pool.put(POINTS)


def trainer_of(method):
    made = methods.make(GAN, method)
    return runs.trainer(made, 5, made.hparams, DATA, population.vmap)


@pytest.fixture(scope="module")
def plain():
    """A trainer whose program is compiled once for the tests that any would do for."""
    return trainer_of(methods.Method("hinge", {}, BOTH, ema_decay=0.9))


def train(trainer, num_steps, tmp_path, **options):
    hparams = population.broadcast(trainer.made.hparams, 2)
    members = runs.begin(trainer, hparams, jax.random.key(0), DATA)
    return runs.train(
        trainer,
        members,
        DATA,
        title="test",
        log=tmp_path / "metrics.jsonl",
        num_steps=num_steps,
        chunk_steps=2,
        **options,
    )


@pytest.mark.parametrize("rule", steps.RULES)
def test_every_rule_moves_both_players(rule):
    made = methods.make(GAN, methods.Method("non_saturating", {}, BOTH, rule=rule))
    key = jax.random.key(0)
    before = made.initialise(made.hparams, key)
    batch = types.Batch(jnp.asarray(POINTS[: 2 * made.parts]))
    after, metrics = jax.jit(made.step)(made.hparams, before, batch, key)
    assert bool(after.alive) and all(map(np.isfinite, metrics.values()))
    for old, new in zip(before.params, after.params, strict=True):
        moved = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), old, new)
        assert max(map(float, jax.tree.leaves(moved))) > 0


def test_a_rule_says_how_many_batches_it_takes():
    takes = {"alternating": 3, "lookahead": 3 * rules.LOOKAHEAD}
    for name, parts in takes.items():
        method = methods.Method("hinge", {}, BOTH, rule=name, n_critic=3)
        assert methods.make(GAN, method).parts == parts


def test_a_batch_has_a_pack_for_each_sample():
    packed = gan.mlp((2,), hidden=(4,), latent_dim=2, pack=2)
    method = methods.Method("hinge", {"r1": 1.0}, BOTH, n_critic=3)
    made = methods.make(packed, method)
    assert made.parts == 3 * 2
    key = jax.random.key(0)
    state = jax.eval_shape(made.initialise, made.hparams, key)
    batch = types.Batch(jnp.zeros((5 * made.parts, 2)))
    after, metrics = jax.eval_shape(made.step, made.hparams, state, batch, key)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert metrics["r1"].shape == ()
    with pytest.raises(errors.UserError, match="cannot be cut into packs of 2"):
        odd = types.Batch(jnp.zeros((3 * 5, 2)))
        jax.eval_shape(made.step, made.hparams, state, odd, key)


IMAGES = np.random.default_rng(1).uniform(-1, 1, (12, 4, 4, 1)).astype(np.float32)
AUGMENTED = methods.Method(
    "hinge",
    {"consistency": 10.0},
    BOTH,
    augment=("translation", "ada_contrast"),
    ada_target=0.1,
    ada_images=40.0,
    consistency=("cutout",),
)


@pytest.mark.parametrize("rule", steps.RULES)
def test_every_rule_takes_augmented_gradients(rule):
    networks = gan.mlp((4, 4, 1), hidden=(2,), latent_dim=2, pack=2, convolution="lax")
    made = methods.make(networks, AUGMENTED._replace(rule=rule))
    key = jax.random.key(0)
    state = jax.eval_shape(made.initialise, made.hparams, key)
    batch = types.Batch(jnp.zeros((3 * made.parts, 4, 4, 1)))
    after, metrics = jax.eval_shape(made.step, made.hparams, state, batch, key)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert {"augmentation_probability", "real_sign", "consistency"} <= set(metrics)


def test_a_probability_of_augmentation_is_saved_and_resumed(tmp_path):
    networks = gan.mlp((4, 4, 1), hidden=(4,), latent_dim=2)
    made = methods.make(networks, AUGMENTED)
    data = pool.put(IMAGES)
    trainer = runs.trainer(made, 5, made.hparams, data, population.vmap)
    hparams = population.broadcast(made.hparams, 2)
    begun = runs.begin(trainer, hparams, jax.random.key(0), data)

    def go_on(folder, num_steps):
        saving = runs.Saving(tmp_path / folder, {}, "go on", 0.0)
        options = {"num_steps": num_steps, "chunk_steps": 2, "saving": saving}
        log = tmp_path / f"{folder}.jsonl"
        return runs.train(trainer, begun, data, title="", log=log, **options)

    (tmp_path / "part").mkdir()
    whole, history = go_on("whole", 10)
    go_on("part", 6)
    part, _ = go_on("part", 10)
    for one, other in zip(
        jax.tree.leaves(whole.state), jax.tree.leaves(part.state), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    own = whole.state.collections.discriminator[adaptive.COLLECTION]
    # Ten batches of five, of which the last two have not moved it yet.
    np.testing.assert_array_equal(own["batches"], [2, 2])
    assert {round(float(value), 4) for value in own["value"]} <= {0.0, 0.5, 1.0}
    assert history[-1].metrics["augmentation_probability"].shape == (2,)
    assert history[-1].metrics["consistency"].min() >= 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"loss": "nonsense"}, "nonsense"),
        ({"rule": "nonsense"}, "nonsense"),
        ({"rule": "lola", "n_critic": 2}, "n_critic=2"),
        ({"n_critic": 0}, "n_critic=0"),
        ({"weights": {"r3": 1.0}}, "r3"),
        ({"weights": {"consensus": 1.0}}, "consensus"),
        ({"weights": {"symplectic": 1.0}, "rule": "consensus"}, "symplectic"),
    ],
)
def test_what_does_not_exist_is_named(changed, said):
    method = methods.Method("hinge", {}, BOTH)._replace(**changed)
    with pytest.raises(errors.UserError, match=said):
        methods.make(GAN, method)


def test_a_rules_own_weight_is_the_published_one_unless_given():
    for weights, expected in (({}, 10.0), ({"consensus": 3.0}, 3.0)):
        method = methods.Method("hinge", weights, BOTH, rule="consensus")
        assert methods.make(GAN, method).hparams.penalties == {"consensus": expected}


def test_pauses_change_nothing(tmp_path):
    method = methods.Method("hinge", {"r1": 0.1}, BOTH, ema_decay=0.9, warm_up=True)
    seen = []
    (tmp_path / "a").mkdir()
    trainer = trainer_of(method)
    members, history = train(trainer, 5, tmp_path)
    paused, _ = train(
        trainer,
        5,
        tmp_path / "a",
        on_pause=lambda step, collect: seen.append(step),
    )
    assert seen == [2, 4, 5] == [report.step for report in history]
    for one, other in zip(
        jax.tree.leaves(members.state), jax.tree.leaves(paused.state), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == seen
    record = runs.record(trainer, members, history, num_seeds=2, batch_size=5)
    assert record["real_samples"] == 25 and record["members"] == 2
    assert record["parameters"] == 2 * 4 + 4 + 4 * 2 + 2 + 2 * 4 + 4 + 4 + 1


def test_no_chunk_begins_after_the_time_is_over(plain, tmp_path):
    _, history = train(plain, 100, tmp_path, minutes=1e-9)
    assert [report.step for report in history] == [2]


# Generator m answers m + z, and its statistic follows the mean of what it made.
def generate(params, collections, z, label=None, train=False):
    x = params["value"] + 0.1 * z
    if label is not None:
        x = x + 100 * label[:, None]
    mean = 0.9 * collections["mean"] + 0.1 * x.mean()
    return x, {"mean": mean} if train else collections


COUNTING = types.GAN(
    init=None,
    latent=lambda key, n: jax.random.normal(key, (n, 1)),
    generate=generate,
    discriminate=None,
)
STALE = ensembles.Mixture(
    jnp.array([1.0, 0.0, 1.0]),
    {"value": jnp.arange(3.0)},
    {"mean": jnp.full(3, 50.0)},
)


def test_standing_statistics_are_of_each_generators_own_samples():
    fresh = ensembles.with_standing_statistics(COUNTING, STALE, jax.random.key(0))
    # 0.9^100 of the stale 50 is left, and 0.1 / sqrt(64 * 19) of the noise.
    np.testing.assert_allclose(fresh.collections["mean"], [0, 1, 2], atol=0.02)
    np.testing.assert_array_equal(fresh.params["value"], STALE.params["value"])


def test_labels_are_drawn_from_the_classes():
    classes = jnp.array([[0.0, 1.0, 0.0]] * 3)
    x, member = ensembles.sample(
        COUNTING,
        STALE._replace(weights=jnp.array([0.5, 0.0, 0.5]), classes=classes),
        jax.random.key(0),
        200,
    )
    np.testing.assert_allclose(x[:, 0] - member, 100, atol=1)


def test_a_dead_generator_shows_nothing_and_the_others_the_same_latents():
    z = jnp.array([[1.0], [2.0]])
    x = replicates.generate_alike(COUNTING, STALE, z)
    expected = [[[0.1], [0.2]], [[np.nan]] * 2, [[2.1], [2.2]]]
    np.testing.assert_allclose(x, expected, rtol=1e-6)


def test_generators_are_saved_one_by_one(plain, tmp_path):
    description = {"architecture": "mlp", "shape": [2], "latent_dim": 2, "hidden": [4]}
    members, _ = train(plain, 2, tmp_path)
    dead = members.state._replace(alive=jnp.array([True, False]))
    members = members._replace(state=dead)
    mixture = replicates.generators(GAN, members, jax.random.key(1), None)
    replicates.save(mixture, description, tmp_path)
    x = replicates.sample(GAN, mixture, jax.random.key(2), 70)
    assert x.shape == (2, 70, 2)
    assert np.isfinite(x[0]).all() and np.isnan(x[1]).all()
    built, alone, notes = ensembles.load(tmp_path / "mixture-generator-0.safetensors")
    again, _ = ensembles.sample(
        built, alone, jax.random.fold_in(jax.random.key(2), 0), 70
    )
    np.testing.assert_allclose(again, x[0], rtol=1e-6)
    assert notes["title"] == "seed 0"


def test_a_method_has_its_optimiser_and_its_schedules():
    def moved(schedules):
        method = methods.Method("hinge", {}, SGD, 0.5, optimizer_family="sgd")
        made = methods.make(GAN, method._replace(schedules=schedules))
        before = made.initialise(made.hparams, jax.random.key(0))
        before = before._replace(step=jnp.int32(1))
        batch = types.Batch(POINTS[:8])
        after, _ = made.step(made.hparams, before, batch, jax.random.key(1))
        # The discriminator, which moves first.
        weights = after.params.discriminator, before.params.discriminator
        return jax.tree.leaves(jax.tree.map(jnp.subtract, *weights))

    halving = {"learning_rate.linear.steps": 2.0}
    whole, half = jax.jit(lambda: (moved({}), moved(halving)))()
    assert max(float(np.abs(leaf).max()) for leaf in whole) > 1e-3
    for a, b in zip(whole, half, strict=True):
        np.testing.assert_allclose(b, np.asarray(a) / 2, atol=1e-7)


def test_a_batch_is_cut_into_the_parts_that_are_accumulated():
    made = methods.make(GAN, methods.Method("hinge", {}, SGD, accumulate=3))
    state = jax.eval_shape(made.initialise, made.hparams, jax.random.key(0))
    for number, fits in ((6, True), (8, False)):
        batch, key = types.Batch(POINTS[:number]), jax.random.key(1)
        if fits:
            jax.eval_shape(made.step, made.hparams, state, batch, key)
            continue
        with pytest.raises(errors.UserError, match="cannot be cut into 3 equal"):
            jax.eval_shape(made.step, made.hparams, state, batch, key)


FLAT = types.Pair(*2 * ({"learning_rate": 1e-3, "b1": 0.0},))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"optimizer_family": "lion", "optimizer": BOTH}, None),
        ({"optimizer_family": "sgd", "optimizer": BOTH}, "'b1', which is no number"),
        ({"schedules": {"learning_rate.cosine.steps": 0.0}}, "must be .*positive"),
        ({"optimizer_family": "schedule_free", "optimizer": FLAT}, "b1=0.0, but"),
        (
            {
                "optimizer_family": "schedule_free",
                "optimizer": BOTH,
                "schedules": {"b1.linear.steps": 9.0},
            },
            "does not suit the optimiser schedule_free",
        ),
        ({"optimizer": FLAT}, None),
        ({"accumulate": 0}, "accumulate=0 parts of a batch must be at least 1"),
        ({"schedules": {"b2.cosine.steps": 1.0}}, "which is no number of the method"),
        ({"augment": ("ada",), "ada_target": 0.6, "accumulate": 2}, "goes without"),
    ],
)
def test_what_does_not_go_together_in_optimisation_is_refused(changed, said):
    method = methods.Method("hinge", {}, BOTH)._replace(**changed)
    if said is None:
        methods.make(GAN, method)
        return
    with pytest.raises(errors.UserError, match=said):
        methods.make(GAN, method)


def traced(method):
    made = methods.make(GAN, method)
    key = jax.random.key(0)
    state = jax.eval_shape(made.initialise, made.hparams, key)
    batch = types.Batch(jnp.asarray(POINTS[: 2 * made.parts]))
    return jax.eval_shape(made.step, made.hparams, state, batch, key)[1]


def test_approximate_penalties_take_their_sigma_from_the_numbers():
    weights = {"approximate_r1": 0.1, "approximate_r2": 0.1, "approximate_sigma": 0.05}
    for own in (weights, {"approximate_r1": 0.1, "consensus": 1.0}):
        rule = "consensus" if "consensus" in own else "alternating"
        metrics = traced(methods.Method("hinge", own, BOTH, rule=rule))
        assert "approximate_r1" in metrics and "approximate_sigma" not in metrics
    lazy = traced(methods.Method("hinge", weights, BOTH, penalty_every=4))
    assert "approximate_r2" in lazy


@pytest.mark.parametrize(
    ("weights", "fields", "says"),
    [
        ({"approximate_r1": 1.0, "approximate_sigma": 0.0}, {}, "above zero"),
        ({"r1": 1.0, "approximate_sigma": 0.1}, {}, "approximate_sigma is a number of"),
        ({"approximate_r1": 1.0}, {"augment": ("brightness",)}, "use r1"),
        ({}, {"penalty_every": 4}, "penalty_every=4 with the penalties"),
        ({"r1": 1.0}, {"penalty_every": 0}, "penalty_every=0"),
        ({"r1": 1.0}, {"penalty_every": 2.0}, "penalty_every=2.0"),
    ],
)
def test_penalties_that_do_not_fit_are_refused(weights, fields, says):
    method = methods.Method("hinge", weights, BOTH)._replace(**fields)
    with pytest.raises(errors.UserError, match=says):
        methods.make(GAN, method)


@pytest.mark.slow
def test_a_resumed_run_takes_lazy_penalties_in_the_same_steps():
    method = methods.Method("hinge", {"r1": 1.0}, BOTH, penalty_every=3)
    made, data = methods.make(GAN, method), pool.put(POINTS)
    trainer = runs.trainer(made, 5, made.hparams, data, population.vmap)
    hparams = population.broadcast(made.hparams, 2)
    ends = []
    for lengths in ((8,), (1, 4, 3)):
        members = runs.begin(trainer, hparams, jax.random.key(0), data)
        state = members.state
        for length in lengths:
            state = training.train(
                trainer.program, hparams, state, members.keys, data, num_steps=length
            )
        ends.append(state)
    jax.tree.map(np.testing.assert_array_equal, *ends)
