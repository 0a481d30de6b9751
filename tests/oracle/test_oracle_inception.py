"""The Inception network beside that of torch-fidelity, with the same random weights."""

import hashlib

import jax
import numpy as np
import pytest

from jaxgan.scores import inception, tf_resize, torch_files, weights

pytestmark = pytest.mark.oracle

NAMES = tuple(inception.FEATURES)
SIZES = (28, 32, 64, 299)


@pytest.fixture(scope="module")
def network(fidelity, monkeypatch_module):
    """The network of torch-fidelity with random weights, nothing downloaded."""
    import torch

    module = fidelity("feature_extractor_inceptionv3")
    fresh = lambda *_, **__: None  # noqa: E731
    monkeypatch_module.setattr(module, "load_state_dict_from_url", fresh)

    class Untrained(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, state):
            assert state is None

    made = Untrained("random", list(NAMES))
    generator = torch.Generator().manual_seed(0)
    for name, x in made.state_dict().items():
        if x.ndim > 1:
            x.normal_(0, (2 / x[0].numel()) ** 0.5, generator=generator)
        elif "running_var" in name or name.endswith("bn.weight"):
            x.uniform_(0.5, 1.5, generator=generator)
        elif x.is_floating_point():
            x.normal_(0, 0.1, generator=generator)
    return made


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=["archive", "stream"])
def saved(request, network, tmp_path_factory):
    import torch

    path = tmp_path_factory.mktemp("weights") / "w.pth"
    newer = request.param == "archive"
    state = network.state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=newer)
    return path


def images(size, number=3):
    shape = (number, size, size, 3)
    return np.random.default_rng(size).integers(0, 256, shape).astype(np.uint8)


def planes(x):
    import torch

    return torch.tensor(x).permute(0, 3, 1, 2)


def test_files_of_either_form_hold_what_pytorch_saved(network, saved):
    read = torch_files.read_arrays(saved)
    for name, x in network.state_dict().items():
        np.testing.assert_array_equal(read[name], x.numpy())


@pytest.mark.parametrize("size", [*SIZES, 400])
def test_the_resize_is_the_same_to_the_last_bit(fidelity, size):
    module = fidelity("interpolate_compat_tensorflow")
    x = images(size)
    theirs = module.interpolate_bilinear_2d_like_tensorflow1x(
        planes(x).float(), size=(299, 299), align_corners=False
    )
    ours = jax.jit(tf_resize.bilinear, static_argnums=1)(x.astype(np.float32), 299)
    np.testing.assert_array_equal(ours, theirs.permute(0, 2, 3, 1).numpy())


def test_features_are_the_same(network, saved):
    import torch

    sha256 = hashlib.sha256(saved.read_bytes()).hexdigest()
    params = weights.load(saved, sha256).params
    for size in SIZES:
        x = images(size)
        with torch.no_grad():
            theirs = network(planes(x))
        ours = inception.features_all(params, x, NAMES, batch_size=len(x))
        for name, expected in zip(NAMES, theirs, strict=True):
            expected = expected.numpy()
            difference = np.linalg.norm(ours[name] - expected, axis=1)
            assert (difference <= 1e-5 * np.linalg.norm(expected, axis=1)).all()
            scale = np.abs(expected).max()
            np.testing.assert_allclose(ours[name], expected, 1e-4, 1e-5 * scale)
