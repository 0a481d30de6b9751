"""The weights of the Inception network: verified before they are opened, kept once."""

import hashlib
import io
import urllib.error
import urllib.request

import jax
import numpy as np
import pytest
import test_torch_files as torch_format

from jaxgan.core import errors, files
from jaxgan.scores import inception, torch_files, weights


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """No network, and nobody's own folders."""

    def refused(url, timeout):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refused)
    for name in (weights.PATH_VARIABLE, files.CACHE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def network_arrays(rng):
    """A state dictionary of the right shapes, mostly of zeros."""
    shapes = jax.eval_shape(inception.init, jax.random.key(0))
    arrays = {}
    for names, keys in weights._sources():
        node = shapes
        for key in keys:
            node = node[key]
        size = node["kernel"].shape
        widths = {"entry": size[-1]}
        for name in names:
            widths[name] = width_of(name, size[-1], len(names))
        assert sum(widths[name] for name in names) == size[-1]
        for name in names:
            width = widths[name]
            arrays[f"{name}.conv.weight"] = np.zeros(
                (width, size[2], *size[:2]), np.float32
            )
            for what in ("weight", "bias", "running_mean"):
                arrays[f"{name}.bn.{what}"] = np.zeros(width, np.float32)
            arrays[f"{name}.bn.running_var"] = np.ones(width, np.float32)
    arrays["fc.weight"] = rng.normal(size=(1008, 2048)).astype(np.float32)
    arrays["fc.bias"] = rng.normal(size=1008).astype(np.float32)
    return arrays


def width_of(name, total, parts):
    if parts == 1:
        return total
    from jaxgan.scores import inception_blocks

    block, layer = name.split(".")
    branches = inception_blocks.BLOCKS[block]
    return next(
        x.width for x in inception_blocks.shared_entries(branches) if x.name == layer
    )


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    made = network_arrays(rng)
    for name in ("Conv2d_1a_3x3", "Mixed_6b.branch7x7_1", "Mixed_7c.branch_pool"):
        kernel = made[f"{name}.conv.weight"]
        kernel[:] = rng.normal(size=kernel.shape)
        for what in ("weight", "bias", "running_mean"):
            made[f"{name}.bn.{what}"][:] = rng.normal(size=len(kernel))
        made[f"{name}.bn.running_var"][:] = rng.uniform(0, 0.01, len(kernel))
    return made


@pytest.fixture(scope="module")
def saved(tmp_path_factory, arrays):
    """A file as PyTorch writes it, and its sha256."""
    path = tmp_path_factory.mktemp("weights") / "w.pth"
    contents = (x.tobytes() for x in arrays.values())
    torch_format.archive(path, torch_format.described(arrays), contents)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_batch_norms_become_part_of_the_convolutions(arrays):
    tree = weights.convert(arrays)
    for name, keys, columns in (
        ("Conv2d_1a_3x3", ("Conv2d_1a_3x3",), slice(None)),
        ("Mixed_6b.branch7x7_1", ("Mixed_6b", "entry"), slice(192, 192 + 128)),
        ("Mixed_7c.branch_pool", ("Mixed_7c", "branch_pool"), slice(None)),
    ):
        node = tree
        for key in keys:
            node = node[key]
        get = {k: arrays[f"{name}.{k}"].astype(np.float64) for k in PARTS}
        # The response at one pixel, convolution first and batch norm then.
        window = np.random.default_rng(1).normal(size=get["conv.weight"].shape[1:])
        response = np.sum(get["conv.weight"] * window, axis=(1, 2, 3))
        response -= get["bn.running_mean"]
        response /= np.sqrt(get["bn.running_var"] + 1e-3)
        response = response * get["bn.weight"] + get["bn.bias"]
        kernel, bias = node["kernel"][..., columns], node["bias"][columns]
        folded = np.einsum("chw,hwco->o", window, kernel) + bias
        scale = np.abs(response).max()
        np.testing.assert_allclose(folded, response, atol=1e-5 * scale)
    np.testing.assert_array_equal(tree["kernel"], arrays["fc.weight"].T)


PARTS = (
    "conv.weight",
    "bn.weight",
    "bn.bias",
    "bn.running_mean",
    "bn.running_var",
)


def same(one, other):
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(x, y) for x, y in leaves)


def test_a_file_is_converted_once(saved, monkeypatch):
    path, sha256 = saved
    first = weights.load(path, sha256)
    kept = path.with_suffix(".safetensors")
    assert first.sha256 == sha256 and kept.exists()
    monkeypatch.setattr(torch_files, "read_arrays", pytest.fail)
    monkeypatch.setenv(weights.PATH_VARIABLE, str(path))
    for again in (weights.load(sha256=sha256), weights.load(kept, sha256)):
        assert again.sha256 == sha256 and same(again.params, first.params)
    with pytest.raises(errors.UserError, match=f"converted from.*{sha256}"):
        weights.load(kept)
    content = bytearray(kept.read_bytes())
    content[-1000] ^= 255
    kept.with_name("bent.safetensors").write_bytes(content)
    with pytest.raises(errors.UserError, match="damaged"):
        weights.load(kept.with_name("bent.safetensors"), sha256)


def test_another_hash_is_refused_before_the_file_is_opened(tmp_path, monkeypatch):
    path = tmp_path / "w.pth"
    path.write_bytes(b"not these")
    monkeypatch.setattr(torch_files, "read_arrays", pytest.fail)
    with pytest.raises(errors.UserError, match="sha256.*not opened.*https") as caught:
        weights.load(path)
    assert weights.SHA256 in str(caught.value)


def test_without_network_and_file_it_is_said_where_to_get_it(tmp_path):
    with pytest.raises(errors.UserError) as caught:
        weights.load()
    for part in (weights.URL, weights.PATH_VARIABLE, "no network"):
        assert part in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.pth"))
    with pytest.raises(errors.UserError, match="cannot be read.*https"):
        weights.load(tmp_path / "missing.pth")


def sends(monkeypatch, content):
    asked = []

    def answer(url, timeout):
        asked.append(url)
        return io.BytesIO(content)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return asked


def test_what_is_downloaded_is_verified_before_it_is_kept(tmp_path, monkeypatch):
    asked = sends(monkeypatch, b"something else")
    with pytest.raises(errors.UserError, match="sha256"):
        weights.load()
    assert asked == [weights.URL]
    assert not list((tmp_path / "cache" / "jaxgan").iterdir())


def test_the_download_happens_once(saved, tmp_path, monkeypatch):
    path, sha256 = saved
    asked = sends(monkeypatch, path.read_bytes())
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "own"))
    first = weights.load(sha256=sha256)
    second = weights.load(sha256=sha256)
    assert len(asked) == 1 and same(first.params, second.params)
    assert (tmp_path / "own" / weights.NAME).exists()
    # The converted file alone will do.
    (tmp_path / "own" / weights.NAME).unlink()
    assert same(weights.load(sha256=sha256).params, first.params) and len(asked) == 1


def test_another_network_is_refused(arrays):
    less = {k: v for k, v in arrays.items() if k != "Mixed_6a.branch3x3.bn.bias"}
    with pytest.raises(errors.UserError, match="no Mixed_6a.branch3x3.bn.bias"):
        weights.convert(less)
    head = arrays | {"fc.weight": np.zeros((1000, 2048)), "fc.bias": np.zeros(1000)}
    with pytest.raises(errors.UserError, match="another network"):
        weights.convert(head)
    for width in (1, 3):
        thin = arrays | {"Mixed_6a.branch3x3.bn.weight": np.ones(width)}
        with pytest.raises(errors.UserError, match="network for Mixed_6a.branch3x3"):
            weights.convert(thin)
    dead = arrays | {"fc.bias": np.full(1008, np.nan)}
    with pytest.raises(errors.UserError, match="not finite"):
        weights.convert(dead)
