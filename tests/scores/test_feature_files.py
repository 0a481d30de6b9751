"""Tests of jaxgan.scores.feature_files: features of networks that a file has."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from jaxgan.core import errors
from jaxgan.scores import feature_files

WEIGHTS = np.random.default_rng(0).normal(size=(4 * 5 * 3, 7)).astype(np.float32)
IMAGES = np.random.default_rng(1).integers(0, 256, (70, 4, 5, 3), dtype=np.uint8)


def program(x):
    return x.reshape(x.shape[0], -1).astype(jnp.float32) / 255 @ WEIGHTS


def save(path, shape, dtype=np.uint8, own=program):
    exported = export.export(jax.jit(own))(jax.ShapeDtypeStruct(shape, dtype))
    path.write_bytes(exported.serialize())
    return path


@pytest.fixture
def free(tmp_path):
    (batch,) = export.symbolic_shape("b")
    return save(tmp_path / "free.stablehlo", (batch, 4, 5, 3))


def expected(x):
    return x.reshape(len(x), -1) / np.float32(255) @ WEIGHTS


def test_features_are_those_of_the_program_whatever_its_batch(free, tmp_path):
    fixed = save(tmp_path / "fixed.stablehlo", (32, 4, 5, 3))
    for path in (free, fixed):
        features, logits = feature_files.load(path).apply(IMAGES)
        np.testing.assert_allclose(features, expected(IMAGES), rtol=1e-5, atol=1e-5)
        assert logits is None


def test_floats_are_given_in_the_unit_interval_and_channels_where_they_are_taken(
    tmp_path,
):
    path = tmp_path / "first.stablehlo"
    save(path, (16, 3, 4, 5), np.float32, lambda x: x.mean((2, 3)))
    features, _ = feature_files.load(path).apply(IMAGES)
    np.testing.assert_allclose(features, IMAGES.mean((1, 2)) / 255, rtol=1e-5)
    # A grey image is one whose three channels are alike.
    grey, _ = feature_files.load(path).apply(IMAGES[..., :1])
    own = np.repeat(IMAGES[..., :1].mean((1, 2)) / 255, 3, axis=1)
    np.testing.assert_allclose(grey, own, rtol=1e-5)


def test_the_protocol_has_the_hash_of_the_file(free):
    protocol = dict(feature_files.load(free).fingerprint)
    assert protocol["weights_sha256"] == hashlib.sha256(free.read_bytes()).hexdigest()
    assert "uint8" in protocol["input"]


@pytest.mark.parametrize("shape", [(8, 8, 3), (4, 5, 4), (60,)])
def test_samples_that_a_file_does_not_take_are_refused(shape, free):
    with pytest.raises(errors.UserError, match="takes"):
        feature_files.load(free).check(shape)
    feature_files.load(free).check((4, 5, 3))
    feature_files.load(free).check((4, 5, 1))


def test_files_that_are_no_feature_networks_are_refused(tmp_path):
    broken = tmp_path / "broken.stablehlo"
    broken.write_bytes(b"no program")
    flat = save(tmp_path / "flat.stablehlo", (3, 4), np.float32, lambda x: x)
    for path, words in ((broken, "cannot be read"), (flat, "2 axes")):
        with pytest.raises(errors.UserError, match=words):
            feature_files.load(path)
    with pytest.raises(errors.UserError, match="must end in"):
        feature_files.load(tmp_path / "network.safetensors")
    with pytest.raises(errors.UserError, match="cannot be read"):
        feature_files.load(tmp_path / "absent.stablehlo")


@pytest.mark.parametrize(
    ("own", "shape", "dtype", "words"),
    [
        (program, (9, 4, 5, 3), np.int32, "takes int32"),
        (lambda x: x.mean(), (9, 4, 5, 3), np.float32, "one row of features for each"),
        (lambda x: x.mean((1, 2)).T, (9, 4, 5, 3), np.float32, "one row"),
    ],
)
def test_programs_of_other_numbers_or_axes_are_refused(
    own, shape, dtype, words, tmp_path
):
    path = save(tmp_path / "other.stablehlo", shape, dtype, own)
    with pytest.raises(errors.UserError, match=words):
        feature_files.load(path).apply(IMAGES)


def test_a_program_may_name_its_input_and_its_outputs(tmp_path):
    path = tmp_path / "named.stablehlo"

    def of_named(*, images):
        return {"features": program(images), "more": images.mean()}

    shape = jax.ShapeDtypeStruct((9, 4, 5, 3), np.uint8)
    path.write_bytes(export.export(jax.jit(of_named))(images=shape).serialize())
    features, _ = feature_files.load(path).apply(IMAGES[:5])
    np.testing.assert_allclose(features, expected(IMAGES[:5]), rtol=1e-5, atol=1e-5)


def test_what_a_program_says_of_images_that_it_cannot_take_is_one_sentence(tmp_path):
    path = tmp_path / "elsewhere.stablehlo"
    shape = jax.ShapeDtypeStruct((9, 4, 5, 3), np.uint8)
    exported = export.export(jax.jit(program), platforms=["tpu"])(shape)
    path.write_bytes(exported.serialize())
    with pytest.raises(errors.UserError, match="elsewhere.stablehlo fails .*tpu"):
        feature_files.load(path).apply(IMAGES)


def test_features_that_are_not_finite_are_refused(tmp_path):
    path = save(tmp_path / "log.stablehlo", (9, 4, 5, 3), own=lambda x: -1 / (x * 0.0))
    with pytest.raises(errors.UserError, match="not finite"):
        feature_files.load(path).apply(IMAGES)
