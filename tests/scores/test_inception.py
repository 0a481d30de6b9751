"""The Inception network: its shapes, its pools, its independence of the batch."""

import jax
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.scores import inception, inception_blocks


@pytest.fixture(scope="module")
def shallow():
    return inception.init(jax.random.key(0), ("64",))


def images(number, size=9, channels=3):
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (number, size, size, channels)).astype(np.uint8)


def test_features_have_their_widths_and_the_network_its_size():
    params = jax.eval_shape(inception.init, jax.random.key(0))
    names = tuple(reversed(inception.FEATURES))
    out = jax.eval_shape(
        lambda params, x: inception.features(params, x, names), params, images(2)
    )
    assert set(out) == set(names)
    for name, value in out.items():
        assert value.shape == (2, inception.FEATURES[name])
    sizes = {"kernel": 0, "bias": 0}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        sizes[path[-1].key] += np.prod(leaf.shape)
    # Convolutions of the published network and its head; a bias for each of the
    # 17,216 channels and 1008 logits.
    assert sizes == {"kernel": 23_815_520, "bias": 17_216 + 1008}


def windows(x, fill):
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=fill)
    height, width = x.shape[1:3]
    return np.stack(
        [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    )


def test_pools_leave_the_padding_out():
    x = np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32) - 5
    mean = np.nanmean(windows(x, np.nan), axis=0)
    np.testing.assert_allclose(inception_blocks.average_pool(x), mean, rtol=1e-5)
    largest = windows(x, -np.inf).max(axis=0)
    np.testing.assert_array_equal(inception_blocks.max_pool(x, stride=1), largest)
    np.testing.assert_array_equal(
        inception_blocks.max_pool(x), largest[:, 1:-1:2, 1:-1:2]
    )


def relu(x):
    return np.maximum(x, 0)


def convolved(x, params):
    kernel, bias = np.asarray(params["kernel"], np.float64), params["bias"]
    height, width = kernel.shape[:2]
    around = [(0, 0), (height // 2,) * 2, (width // 2,) * 2, (0, 0)]
    padded = np.pad(x, around)
    rows, columns = x.shape[1:3]
    total = sum(
        padded[:, i : i + rows, j : j + columns] @ kernel[i, j]
        for i in range(height)
        for j in range(width)
    )
    return relu(total + np.asarray(bias, np.float64))


def test_the_last_block_pools_by_the_maximum_and_others_by_the_mean():
    """The pool before its convolution, as described, in float64."""
    x = np.random.default_rng(0).normal(size=(1, 3, 4, 5))
    for name, layer_name in (("Mixed_7b", "average"), ("Mixed_7c", "max")):
        block = inception_blocks.Block(inception_blocks.BLOCKS[name])
        params = jax.jit(block.init)(jax.random.key(1), x.astype(np.float32))["params"]
        out = np.asarray(block.apply({"params": params}, x.astype(np.float32)))
        entry = params["entry"]
        if layer_name == "max":
            assert entry["kernel"].shape[-1] == 320 + 384 + 448
            pooled = windows(x, -np.inf).max(axis=0)
            last = convolved(pooled, params["branch_pool"])
        else:
            assert entry["kernel"].shape[-1] == 320 + 384 + 448 + 192
            pooled = np.nanmean(windows(x, np.nan), axis=0)
            last = convolved(pooled, {k: v[..., -192:] for k, v in entry.items()})
        np.testing.assert_allclose(out[..., -192:], last, rtol=1e-4, atol=1e-5)
        first = {k: v[..., :320] for k, v in entry.items()}
        np.testing.assert_allclose(
            out[..., :320], convolved(x, first), rtol=1e-4, atol=1e-5
        )
        middle = convolved(x, {k: v[..., 320:704] for k, v in entry.items()})
        sides = [convolved(middle, params[f"branch3x3_2{s}"]) for s in "ab"]
        np.testing.assert_allclose(
            out[..., 320:1088], np.concatenate(sides, -1), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize(
    "layer",
    [
        inception_blocks.Layer("one", 4),
        inception_blocks.Layer("wide", 4, (1, 7)),
        inception_blocks.Layer("halving", 4, (3, 3), 2, False),
        inception_blocks.Layer("paired", 4, (3, 3), paired=True),
    ],
    ids=lambda layer: layer.name,
)
def test_a_convolution_of_any_kind_adds_its_bias(layer):
    convolution = inception_blocks.Convolution(layer)
    x = np.random.default_rng(0).normal(size=(2, 9, 9, 3)).astype(np.float32)
    params = convolution.init(jax.random.key(0), x)["params"]
    bias = np.float32([1, -2, 3, 0.5])
    plain, shifted = (
        convolution.apply({"params": params | {"bias": own}}, x)
        for own in (0 * bias, bias)
    )
    gap = np.broadcast_to(bias, plain.shape)
    np.testing.assert_allclose(shifted - plain, gap, rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_the_batch_size(shallow):
    x = images(5)
    found = [
        inception.features_all(shallow, x, ("64",), batch_size=size)["64"]
        for size in (2, 5)
    ]
    assert found[0].shape == (5, 64)
    scale = np.abs(found[1]).max()
    np.testing.assert_allclose(found[0], found[1], atol=1e-6 * scale)
    assert np.abs(np.diff(found[1], axis=0)).max() > 1e-3 * scale


def test_one_channel_is_three_equal_ones(shallow):
    grey = images(2, channels=1)
    one, three = (
        inception.features_all(shallow, x, ("64",), batch_size=2)["64"]
        for x in (grey, np.repeat(grey, 3, axis=-1))
    )
    np.testing.assert_allclose(one, three, rtol=1e-5)


@pytest.mark.parametrize(
    "x, names, match",
    [
        (images(2), ("pool3",), "pool3.*2048"),
        (images(2), (), "names"),
        (images(2)[0], ("64",), "shape"),
        (images(2, channels=2), ("64",), "shape"),
        (images(2).astype(np.float32), ("64",), "uint8"),
        (images(2)[:0], ("64",), "at least 1"),
    ],
)
def test_what_are_no_images_is_said(shallow, x, names, match):
    with pytest.raises(errors.UserError, match=match):
        inception.features_all(shallow, x, names)


def test_batches_have_at_least_one_image(shallow):
    with pytest.raises(errors.UserError, match="batch_size=0"):
        inception.features_all(shallow, images(2), ("64",), batch_size=0)


def test_the_fingerprint_names_the_feature_and_the_file():
    entries = dict(inception.fingerprint("2048", "abc"))
    assert entries["feature"] == "2048" and entries["weights_sha256"] == "abc"


@pytest.mark.slow
def test_all_features_come_from_one_call_and_agree_with_each_alone():
    params = inception.init(jax.random.key(0))
    x = images(3, size=32)
    names = tuple(inception.FEATURES)
    together = inception.features_all(params, x, names, batch_size=3)
    for name in ("192", "768", "2048"):
        alone = inception.features_all(params, x, (name,), batch_size=3)[name]
        scale = np.abs(alone).max()
        np.testing.assert_allclose(together[name], alone, atol=1e-5 * scale)
    logits = together["2048"].astype(np.float64) @ np.asarray(params["kernel"])
    scale = np.abs(logits).max()
    np.testing.assert_allclose(together["logits_unbiased"], logits, atol=1e-5 * scale)
    biased = logits + np.asarray(params["bias"])
    np.testing.assert_allclose(together["logits"], biased, atol=1e-5 * scale)


@pytest.mark.parametrize("stride, width", [(1, 7), (1, 8), (2, 8), (2, 9), (2, 10)])
def test_a_convolution_in_pairs_is_the_convolution(stride, width):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, width, 3)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 3, 4)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    expected = np.einsum("bhwcij,ijco->bhwo", windows[:, ::stride, ::stride], kernel)
    found = inception_blocks._in_pairs(x, kernel, stride)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
