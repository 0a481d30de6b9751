"""The script that draws samples: classes by name, and what it refuses."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxgan import ensembles, gan
from jaxgan.core import errors
from jaxgan.scripts import class_names

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "sample.py"
NETWORK = {
    "architecture": "mlp",
    "shape": [4, 4, 1],
    "latent_dim": 2,
    "bounded": True,
    "num_classes": 3,
}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("sample_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["sample_script"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["sample_script"]


@pytest.fixture(scope="module")
def mixture():
    params, collections = jax.jit(gan.build(NETWORK).init)(jax.random.key(0))
    own = [jax.tree.map(lambda x: x[None], t.generator) for t in (params, collections)]
    shares = np.array([[0.7, 0.0, 0.3]], np.float32)  # nothing of the second class
    return ensembles.Mixture(np.ones(1, np.float32), *own, classes=shares)


@pytest.mark.parametrize(
    ("label", "names", "number"),
    [
        ("2", None, 2),
        ("cat", ["ant", "bee", "cat"], 2),
        ("2", ["ant", "bee", "cat"], 2),
        ("1", ["1", "2", "10"], 0),
        ("10", ["1", "2", "10"], 2),
    ],
)
def test_a_class_is_asked_for_by_its_name(label, names, number, mixture):
    found = class_names.with_label(label, mixture, names)
    np.testing.assert_array_equal(found.classes, np.eye(3)[[number]])


@pytest.mark.parametrize(
    ("label", "names", "said"),
    [
        ("3", None, "the classes are 0, 1, 2"),
        ("-1", None, "the classes are 0, 1, 2"),
        ("cta", ["ant", "bee", "cat"], "ant, bee, cat; did you mean cat"),
        ("0", ["1", "2", "10"], "the classes are 1, 2, 10"),
        ("1", None, "no images of it to train on"),
        ("bee", ["ant", "bee", "cat"], "no images of it to train on"),
    ],
)
def test_other_classes_and_those_never_trained_are_refused(label, names, said, mixture):
    with pytest.raises(errors.UserError, match=f"--label {label}: .*{said}"):
        class_names.with_label(label, mixture, names)


def test_the_names_are_in_the_file_of_a_generator(script, mixture, tmp_path, capsys):
    path = tmp_path / "mixture-generator-0.safetensors"
    ensembles.save(path, mixture, NETWORK, class_names=("ant", "bee", "cat"))
    out = tmp_path / "x.npy"
    script.main(script.Settings(path, n=3, out=out, label="cat"))
    assert np.load(out).shape == (3, 4, 4, 1)
    with pytest.raises(errors.UserError, match="the classes are ant, bee, cat"):
        script.main(script.Settings(path, n=3, out=out, label="dog"))
    capsys.readouterr()
    script.main(script.Settings(path, n=3, out=out, label="2"))
    assert "3 samples of class cat;" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--arm", "per_mode"), "--arm per_mode: it goes with the folder"),
        (("--run-seed", "1"), "--run-seed 1: it goes with the folder"),
    ],
)
def test_a_file_takes_nothing_that_chooses_a_file(
    words, said, mixture, tmp_path, refused
):
    path = tmp_path / "mixture-generator-0.safetensors"
    ensembles.save(path, mixture, NETWORK)
    assert refused("sample", path, *words).startswith(f"error: {said}")


def test_a_projection_of_images_of_another_size_is_one_sentence(
    mixture, tmp_path, refused, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ensembles.save(tmp_path / "mixture-generator-0.safetensors", mixture, NETWORK)
    np.save("real.npy", np.zeros((3, 8, 8, 1), np.uint8))
    error = refused("sample", ".", "--look", "projection", "--real", "real.npy")
    assert error.startswith("error: --real real.npy: ") and error.count("\n") == 1
    assert "(8, 8, 1)" in error and "--image-size 4 4" in error
    assert not (tmp_path / "grid.png").exists()


@pytest.mark.slow
def test_samples_are_the_same_where_jax_has_64_bits_and_other_keys(tmp_path):
    description = NETWORK | {"num_classes": None}
    networks = gan.build(description)
    params, collections = jax.jit(networks.init)(jax.random.key(0))
    mixture = ensembles.Mixture(
        np.ones(1, np.float32),
        jax.tree.map(lambda x: x[None], params.generator),
        jax.tree.map(lambda x: x[None], collections.generator),
    )
    file = tmp_path / "mixture.safetensors"
    ensembles.save(file, mixture, description)
    drawn = []
    for name, changed in enumerate(
        ({}, {"JAX_ENABLE_X64": "1", "JAX_DEFAULT_PRNG_IMPL": "rbg"})
    ):
        out = tmp_path / f"{name}.npy"
        command = [sys.executable, SCRIPT, file, "--n", "3", "--out", out]
        subprocess.run(command, check=True, timeout=120, env=os.environ | changed)
        drawn.append(np.load(out))
    np.testing.assert_array_equal(*drawn)
    assert drawn[0].dtype == np.float32
