"""Samples of the generators that a run has kept."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ensembles, gan
from jaxgan.core import errors
from jaxgan.data import samples
from jaxgan.ensembles import saved_generators

ARCHITECTURE = {"architecture": "mlp", "shape": [4, 4, 1], "latent_dim": 2}


@functools.cache
def init(described):
    return jax.jit(gan.build(json.loads(described)).init)


def save(path, seed, bounded=True, scale=1.0, weight=1.0, latent_dim=2):
    described = {**ARCHITECTURE, "bounded": bounded, "latent_dim": latent_dim}
    params, collections = init(json.dumps(described))(jax.random.key(seed))[:2]
    pairs = jax.tree.map(lambda x: scale * x[None], (params, collections))
    mixture = ensembles.Mixture(
        jnp.full(1, weight), pairs[0].generator, pairs[1].generator
    )
    ensembles.save(path, mixture, described, title=f"seed {seed}")


@pytest.fixture
def run(tmp_path):
    for arm in ("one", "two_words"):
        for seed in (0, 1, 10):
            save(tmp_path / f"mixture-{arm}-{seed}.safetensors", seed)
    return tmp_path


def test_files_are_told_apart_by_arm_and_ordered_by_seed(run):
    found = saved_generators.arms(run)
    assert list(found) == ["one", "two_words"]
    names = [path.name for path in found["one"]]
    assert names == [f"mixture-one-{seed}.safetensors" for seed in (0, 1, 10)]
    (path,) = saved_generators.arms(run / names[1])["one"]
    assert path.name == names[1]
    assert saved_generators.is_run(run) and saved_generators.is_run(path)
    assert not saved_generators.is_run(run / "nowhere")


def test_samples_do_not_depend_on_how_they_are_read(run, monkeypatch):
    monkeypatch.setattr(saved_generators, "DRAWN", 16)
    one, other, _ = saved_generators.members(
        saved_generators.arms(run)["one"], 40, seed=0
    )
    assert (one.number, one.shape) == (40, (4, 4, 1))
    whole = one.read(np.arange(40))
    for size in (1, 7, 40):
        read = np.concatenate(list(samples.batches(one, size)))
        np.testing.assert_array_equal(read, whole)
    assert not np.array_equal(other.read(np.arange(40)), whole)
    # 16 at a time, each time others.
    assert len(np.unique(whole.reshape(40, -1), axis=0)) == 40
    again = saved_generators.members(saved_generators.arms(run)["one"], 40, seed=1)[0]
    assert not np.array_equal(again.read(np.arange(40)), whole)
    assert again.sha256() != one.sha256()


def test_samples_of_conditional_generators_have_the_labels_asked_for(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(saved_generators, "DRAWN", 16)
    described = {**ARCHITECTURE, "num_classes": 3}
    params, collections = init(json.dumps(described))(jax.random.key(0))[:2]
    pairs = jax.tree.map(lambda x: x[None], (params, collections))
    mixture = ensembles.Mixture(
        *(jnp.ones(1), pairs[0].generator, pairs[1].generator),
        classes=jnp.array([[0.5, 0, 0.5]]),
    )
    path = tmp_path / "mixture-one-0.safetensors"
    ensembles.save(path, mixture, described, class_names=["cat", "dog", "owl"])
    (found,) = saved_generators.members([path], 40, seed=3)
    assert found.class_names == ("cat", "dog", "owl") and found.num_classes == 3
    assert found.label.shape == (40,) and set(found.label) == {0, 2}
    key = jax.random.fold_in(jax.random.key(3), 0)
    for chunk in (0, 1):
        own = jax.random.fold_in(key, chunk)
        expected = ensembles.asked_labels(mixture, own, 16)
        np.testing.assert_array_equal(found.label[16 * chunk :][:16], expected)


def test_a_dead_generator_makes_nothing_finite(tmp_path):
    path = tmp_path / "mixture-one-0.safetensors"
    save(path, 0, weight=np.nan)
    (found,) = saved_generators.members([path], 5, seed=0)
    assert np.isnan(found.read(np.arange(5))).all()


def test_images_out_of_range_are_refused(tmp_path):
    path = tmp_path / "mixture-one-0.safetensors"
    save(path, 0, bounded=False, scale=50.0)
    (found,) = saved_generators.members([path], 5, seed=0)
    with pytest.raises(errors.UserError, match=r"one-0.* scored in \[-1, 1\]"):
        found.read(np.arange(5))


def test_networks_that_differ_are_not_one_population(tmp_path):
    paths = [tmp_path / f"mixture-one-{seed}.safetensors" for seed in (0, 1)]
    save(paths[0], 0)
    save(paths[1], 1, latent_dim=3)
    with pytest.raises(errors.UserError, match="one-1.* other networks"):
        saved_generators.members(paths, 5, seed=0)


def test_names_that_say_no_seed_are_refused(tmp_path):
    save(tmp_path / "mixture-mine.safetensors", 0)
    with pytest.raises(errors.UserError, match="mixture-ARM-SEED"):
        saved_generators.arms(tmp_path)
