"""Snapshots of the averages of a run, from training to the generators."""

import shutil

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
        kept_averages.save(path, step, members.state, members.hparams, members.keys)

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
    last = folder / kept_averages.NAME.format(STEPS)
    own = members.state, members.hparams, members.keys
    kept_averages.save(last, STEPS, *own)
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
        (0.3, None, "width 0.3 must be from 1e-06 to 0.28867"),
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


def of_another_seed(path, members, folder):
    keys = jax.random.split(jax.random.key(4), 3)
    kept_averages.save(path, int(path.stem), members.state, members.hparams, keys)


def of_another_rate(path, members, folder):
    faster = jax.tree.map(lambda x: 2 * x, members.hparams.optimizer)
    hparams = members.hparams._replace(optimizer=faster)
    kept_averages.save(path, int(path.stem), members.state, hparams, members.keys)


def of_fewer_members(path, members, folder):
    tree, about = checkpoint.load_tree(path)
    fewer = jax.tree.map(lambda x: x[:2], tree)
    checkpoint.save_tree(path, fewer, about)


def of_another_step(path, members, folder):
    path.write_bytes(path.with_stem(f"{2 * CHUNK:08}").read_bytes())


def generator(path, members, folder):
    path.write_bytes((folder / "mixture-generator-0.safetensors").read_bytes())


def truncated(path, members, folder):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("place", [CHUNK, 12, STEPS])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (of_another_seed, "of another run; put the files of one run"),
        (of_another_rate, "of another run; put the files of one run"),
        (of_fewer_members, "of other averages than .* or of another run"),
        (of_another_step, "is of another step than its name says"),
        (generator, "holds no averages"),
        (truncated, "not a file that jaxgan saved, or is damaged"),
    ],
)
def test_a_snapshot_that_is_not_of_the_run_is_refused(
    spoil, said, place, trained, tmp_path
):
    folder, members = trained
    shutil.copytree(folder, tmp_path / "run")
    spoil(tmp_path / f"run/averages/{place:08}.safetensors", members, folder)
    with pytest.raises(errors.UserError, match=said):
        kept_averages.read(tmp_path / "run", WIDTHS)


def test_an_average_without_a_snapshot_is_further_off_and_says_so(trained, tmp_path):
    shutil.copytree(trained[0] / "averages", tmp_path / "averages")
    (tmp_path / f"averages/{12:08}.safetensors").unlink()
    (whole,), (found,) = (
        kept_averages.read(folder, [0.07], 12) for folder in (trained[0], tmp_path)
    )
    assert whole.error < found.error
    assert kept_averages.sentence(whole).endswith(f"{whole.error:.1%}")
    assert kept_averages.sentence(found).startswith("average 0.07 after step 12: ")
    assert kept_averages.sentence(found).endswith("snapshot is of step 9")
    (tmp_path / f"averages/{STEPS:08}.safetensors").unlink()
    (found,) = kept_averages.read(tmp_path, WIDTHS[:1])
    assert found.step == STEPS - CHUNK and found.error == 0


def test_averages_of_one_generator_are_none_of_a_mixture(trained, tmp_path):
    (average,) = kept_averages.read(trained[0], [0.1])
    _, one, _ = ensembles.load(trained[0] / "mixture-generator-0.safetensors")
    two = jax.tree.map(lambda x: jnp.concatenate([x, x]), one)
    path = tmp_path / "mixture-generator-0.safetensors"
    ensembles.save(path, two._replace(weights=jnp.full(2, 0.5)), GAN)
    with pytest.raises(errors.UserError, match="not of the generators of which"):
        kept_averages.load(path, average)


def test_samples_of_other_snapshots_are_other_samples(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "run")
    (tmp_path / f"run/averages/{12:08}.safetensors").unlink()
    found = [
        saved_generators.members(
            saved_generators.arms(folder)["generator"],
            *(20, 5, kept_averages.read(folder, [0.07])[0]),
        )[0].sha256()
        for folder in (trained[0], trained[0], tmp_path / "run")
    ]
    assert found[0] == found[1] != found[2]


def test_a_method_has_the_exponents_of_its_widths():
    gammas = [power_averages.exponent(width) for width in WIDTHS]
    made = methods.make(gan_lib.build(GAN), METHOD._replace(averages=WIDTHS))
    np.testing.assert_allclose(made.hparams.averages, gammas, rtol=1e-6)
