"""Snapshots of the averages of a run, from training to the generators."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import checkpoint, ensembles, population, runs, types
from jaxgan import gan as gan_lib
from jaxgan.core import errors
from jaxgan.data import pool
from jaxgan.ensembles import kept_averages, saved_generators
from jaxgan.runs import pauses
from jaxgan.scripts import replicates
from jaxgan.steps import power_averages
from jaxgan.training import methods

ADAM = {"learning_rate": 1e-2, "b1": 0.5, "b2": 0.99}
GAN = {"architecture": "mlp", "shape": [2], "hidden": [4], "latent_dim": 2}
STEPS, CHUNK, WIDTHS = 24, 3, (0.05, 0.1, 0.2)
DATA = pool.put(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
METHOD = methods.Method("non_saturating", {"r1": 0.1}, types.Pair(ADAM, ADAM), 0.9)


def make(method):
    made = methods.make(gan_lib.build(GAN), method)
    return runs.trainer(made, 8, made.hparams, DATA, population.vmap)


@pytest.fixture(scope="module")
def trainer():
    return make(METHOD._replace(averages=WIDTHS))


def begin(trainer, number=3):
    hparams = population.broadcast(trainer.made.hparams, number)
    return runs.begin(trainer, hparams, jax.random.key(3), DATA)


def train(trainer, members, folder, num_steps=STEPS):
    """Trains, saves and takes snapshots after each chunk as a run of seeds does."""
    folder.mkdir(exist_ok=True)

    def save(step, members, path):
        kept_averages.save(path, step, members.state, members.hparams)

    steps = {"num_steps": num_steps, "chunk_steps": CHUNK}
    due = {kept_averages.NAME: (100, save)}
    found, _ = runs.train(
        *(trainer, members, DATA),
        title="test",
        log=folder / "metrics.jsonl",
        on_pause=pauses.spread(due, folder, **steps),
        saving=runs.Saving(folder / "checkpoints", {"gan": GAN}, "go on", 0.0),
        **steps,
    )
    return found


@pytest.fixture(scope="module")
def trained(trainer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    members = train(trainer, begin(trainer), folder)
    kept_averages.save(
        folder / kept_averages.NAME.format(STEPS), STEPS, members.state, members.hparams
    )
    mixture = replicates.generators(
        gan_lib.build(GAN), members, jax.random.key(0), None
    )
    replicates.save(mixture, GAN, folder)
    return folder, members


def leaves(tree):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])


def test_a_kept_average_comes_back_as_it_was(trained):
    folder, members = trained
    for i, found in enumerate(kept_averages.read(folder, WIDTHS)):
        assert (found.step, found.error) == (STEPS, 0)
        own = jax.tree.map(lambda x: x[:, i], members.state.averages)  # noqa: B023
        np.testing.assert_array_equal(leaves(found.params), leaves(own))


def test_an_average_that_was_not_kept_is_that_of_the_training(trained, tmp_path):
    folder, members = trained
    (tmp_path / "averages").mkdir()
    for path in (folder / "averages").iterdir():
        tree, about = checkpoint.load_tree(path)
        fewer = jax.tree.map(lambda x: x[:, :2], tree)
        about["exponents"] = about["exponents"][:2]
        checkpoint.save_tree(tmp_path / "averages" / path.name, fewer, about)
    (found,) = kept_averages.read(tmp_path, WIDTHS[2:])
    exact = leaves(jax.tree.map(lambda x: x[:, 2], members.state.averages))
    moved = np.linalg.norm(leaves(members.state.params.generator) - exact)
    assert 0 < found.error < 0.2
    assert np.linalg.norm(leaves(found.params) - exact) < 0.05 * moved


def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped(
    trainer, trained, tmp_path
):
    folder, members = trained
    train(trainer, begin(trainer), tmp_path / "run", num_steps=12)
    # What was saved after the last checkpoint of a killed process is made again.
    (tmp_path / "run" / "averages" / ".00000003-x.safetensors").write_bytes(b"half")
    again = train(trainer, begin(trainer), tmp_path / "run")
    np.testing.assert_array_equal(
        leaves(again.state.averages), leaves(members.state.averages)
    )
    for path in (folder / "averages").glob("0*.safetensors"):
        other = tmp_path / "run" / "averages" / path.name
        if path.stem != f"{STEPS:08}" and path.stem != f"{12:08}":
            assert other.read_bytes() == path.read_bytes(), path.name


def test_a_member_has_the_averages_that_it_has_alone(trainer, trained, tmp_path):
    folder, members = trained
    several = begin(trainer)
    others = jax.tree.map(lambda x: x[1:2], (several.hparams, several.state))
    one = runs.Members(*others, several.keys[1:2])
    alone = train(trainer, one, tmp_path / "run")
    np.testing.assert_allclose(
        leaves(alone.state.averages),
        leaves(jax.tree.map(lambda x: x[1:2], members.state.averages)),
        rtol=1e-4,
        atol=1e-6,
    )


def test_training_does_not_see_the_averages(trained, tmp_path):
    plain = begin(make(METHOD))
    assert plain.state.averages is None and plain.hparams.averages is None
    found, _ = runs.train(
        *(make(METHOD), plain, DATA),
        title="test",
        log=tmp_path / "metrics.jsonl",
        num_steps=STEPS,
        chunk_steps=STEPS,
    )
    # Another program, which rounds in another order.
    for name in ("params", "ema"):
        one, other = (leaves(getattr(own.state, name)) for own in (found, trained[1]))
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_each_generator_is_given_its_own_average(trained):
    folder, _ = trained
    (average,) = kept_averages.read(folder, [0.1])
    gan = gan_lib.build(GAN)
    paths = saved_generators.arms(folder)["generator"]
    found = saved_generators.members(paths, 20, 5, average)
    for i, own in enumerate(found):
        params = jax.tree.map(lambda x: jnp.asarray(x[i : i + 1]), average.params)  # noqa: B023
        mixture = ensembles.Mixture(jnp.ones(1), params, {})
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(5), i), 0)
        x, _ = ensembles.sample(gan, mixture, key, saved_generators.DRAWN)
        np.testing.assert_allclose(own.read(np.arange(20)), x[:20], rtol=1e-5)
        assert own.facts["relative_width"] == 0.1 and own.facts["average_step"] == STEPS
    plain = saved_generators.members(paths, 20, 5)
    assert plain[0].sha256() != found[0].sha256()


@pytest.mark.parametrize(
    ("width", "step", "said"),
    [
        (0.3, None, "width 0.3 must be above 0 and at most 0.2887"),
        (0.0, None, "width 0 must"),
        (0.1, STEPS + 1, f"after step {STEPS + 1} .* give one from 1 to {STEPS}"),
    ],
)
def test_averages_that_are_not_there_are_refused(width, step, said, trained):
    with pytest.raises(errors.UserError, match=said):
        kept_averages.read(trained[0], [width], step)


def test_runs_without_snapshots_and_files_of_others_are_refused(trained, tmp_path):
    with pytest.raises(errors.UserError, match="no snapshots .* --averages 0.05 0.10"):
        kept_averages.read(tmp_path, [0.1])
    (average,) = kept_averages.read(trained[0], [0.1])
    path = tmp_path / "mixture-generator-7.safetensors"
    path.write_bytes((trained[0] / "mixture-generator-0.safetensors").read_bytes())
    with pytest.raises(errors.UserError, match="generator-7.* not of the generators"):
        kept_averages.load(path, average)


def test_a_method_has_the_exponents_of_its_widths():
    gammas = [power_averages.exponent(width) for width in WIDTHS]
    made = methods.make(gan_lib.build(GAN), METHOD._replace(averages=WIDTHS))
    np.testing.assert_allclose(made.hparams.averages, gammas, rtol=1e-6)
