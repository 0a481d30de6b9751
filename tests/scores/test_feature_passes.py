"""Tests of jaxgan.scores.feature_passes and of what keeps its results."""

import jax
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import (
    class_moments,
    feature_networks,
    feature_passes,
    inception,
    marginals,
    moments,
    statistics_cache,
    weights,
)

N, SHAPE, F, K = 70, (4, 4, 1), 5, 3
MIX = np.random.default_rng(9).normal(size=(16, F)).astype(np.float32)


class Counted:
    """A feature network of images that counts its batches."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        assert x.dtype == np.uint8
        self.calls += 1
        features = (x.reshape(len(x), -1) / 255.0).astype(np.float32) @ MIX
        return features, 4 * features[:, :K]


def network(apply=None):
    return feature_networks.FeatureNetwork(
        apply or Counted(), scores.protocol(name="test"), lambda shape: None
    )


def images():
    shape = (N, *SHAPE)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def parts(x, size):
    return (x[start : start + size] for start in range(0, len(x), size))


EVERYTHING = feature_passes.Needs(splits=4, moments=True, classes=True, rows=True)


def collect(x, size=32, needs=EVERYTHING, apply=None, number=N):
    return feature_passes.collect(parts(x, size), network(apply), needs, number)


def finalized(kept):
    return (
        *moments.finalize(kept.moments),
        marginals.inception_score(kept.marginals),
        class_moments.within_class_diversity(kept.classes),
        kept.features,
        kept.probs,
    )


@pytest.mark.parametrize("size", [1, 7, 64])
def test_what_is_kept_does_not_depend_on_the_batches(size):
    whole, found = (finalized(collect(images(), n)) for n in (N, size))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(whole), strict=True):
        # A spread is of numbers of about 1.
        scale = max(1, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * scale)


def test_one_pass_serves_all_scores():
    apply = Counted()
    kept = collect(images(), 32, apply=apply)
    assert apply.calls == 3
    features, logits = Counted()(images())
    np.testing.assert_allclose(kept.features, features, rtol=1e-6)
    np.testing.assert_allclose(kept.probs, jax.nn.softmax(logits), rtol=1e-5)
    value = marginals.inception_score(kept.marginals).value
    expected = scores.inception_score(kept.probs, 4).value
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_only_what_is_asked_for_is_kept():
    kept = collect(images(), needs=feature_passes.Needs(moments=True))
    assert kept.moments.count == N
    assert kept._replace(moments=None) == feature_passes.Kept()


def test_generated_images_are_rounded_to_bytes():
    x = images()
    shaken = x / 127.5 - 1 + np.random.default_rng(1).uniform(-0.003, 0.003, x.shape)
    found = collect(shaken.astype(np.float32))
    np.testing.assert_allclose(found.features, collect(x).features, rtol=1e-6)


def test_samples_that_are_not_finite_have_features_that_are_nan():
    x = (images() / 127.5 - 1).astype(np.float32)
    x[5, 0, 0, 0] = np.nan
    kept = collect(x)
    assert np.isnan(kept.features[5]).all() and np.isnan(kept.probs[5]).all()
    assert np.isfinite(np.delete(kept.features, 5, axis=0)).all()
    assert np.isnan(marginals.inception_score(kept.marginals).value)


@pytest.mark.parametrize("number", [N - 1, N + 1])
def test_samples_that_come_or_go_meanwhile_are_noticed(number):
    with pytest.raises(errors.UserError, match=f"{N} samples where {number}"):
        collect(images(), number=number)


def test_scores_of_classes_need_classes():
    def apply(x):
        return x.reshape(len(x), -1).astype(np.float32), None

    with pytest.raises(errors.UserError, match="know none"):
        collect(images(), apply=apply)


@pytest.mark.slow
def test_memory_is_that_of_a_batch():
    # A pass that keeps moments only holds no batch after the next one has come.
    import gc
    import weakref

    known, most = [], 0

    class Batch(np.ndarray):
        pass

    def batches():
        nonlocal most
        for _ in range(6):
            batch = images()[:10].view(Batch)
            known.append(weakref.ref(batch))
            yield batch
            gc.collect()
            most = max(most, sum(own() is not None for own in known))

    needs = feature_passes.Needs(splits=4, moments=True, classes=True)
    feature_passes.collect(batches(), network(), needs, 60)
    assert most <= 2


def cached(folder, content="a", apply=None, needs=EVERYTHING):
    return statistics_cache.load_or_collect(
        lambda: collect(images(), apply=apply, needs=needs),
        content_sha256=content,
        fingerprint=scores.protocol(name="test", nested=scores.protocol(a=1)),
        needs=needs,
        cache=folder,
    )


def test_statistics_are_collected_once_and_come_back_the_same(tmp_path):
    apply = Counted()
    first = cached(tmp_path, apply=apply)
    calls = apply.calls
    again = cached(tmp_path, apply=apply)
    assert (first.cached, again.cached, apply.calls) == (False, True, calls)
    leaves = jax.tree.leaves(first.kept), jax.tree.leaves(again.kept)
    for a, b in zip(*leaves, strict=True):
        np.testing.assert_array_equal(a, b)
    assert jax.tree.structure(first.kept) == jax.tree.structure(again.kept)


def test_statistics_of_other_samples_or_needs_are_not_taken(tmp_path):
    cached(tmp_path)
    assert not cached(tmp_path, content="b").cached
    assert not cached(tmp_path, needs=feature_passes.Needs(moments=True)).cached
    assert cached(tmp_path, needs=feature_passes.Needs(moments=True)).cached


def test_damaged_statistics_are_noticed_and_collected_again(tmp_path):
    first = cached(tmp_path)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    again = cached(tmp_path)
    assert not again.cached and "damaged" in again.note and str(path) in again.note
    np.testing.assert_array_equal(again.kept.features, first.kept.features)
    assert cached(tmp_path).cached


@pytest.mark.slow
def test_the_inception_network_passes_over_images_of_any_size_and_one_channel():
    found = weights.Weights(inception.init(jax.random.key(0)), "random")
    network = feature_networks.of_inception(found)
    network.check((28, 28, 1))
    with pytest.raises(errors.UserError, match="one or three channels"):
        network.check((28, 28, 2))
    x = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 1)).astype(np.uint8)
    needs = feature_passes.Needs(splits=2, moments=True, rows=True)
    kept = feature_passes.collect(parts(x, 4), network, needs, 6)
    assert kept.features.shape == (6, 2048) and kept.probs.shape == (6, 1008)
    np.testing.assert_allclose(kept.probs.sum(axis=1), 1, rtol=1e-5)
    mean, _ = moments.finalize(kept.moments)
    np.testing.assert_allclose(mean, kept.features.mean(axis=0), rtol=1e-5, atol=1e-6)
    expected = inception.features_all(found.params, x, ("2048",))["2048"]
    np.testing.assert_allclose(kept.features, expected, rtol=1e-5, atol=1e-6)
    assert dict(network.fingerprint)["weights_sha256"] == "random"


def test_samples_of_one_size_and_another_shape_are_not_compared():
    raw, rows = feature_networks.raw(), feature_passes.Needs(rows=True)
    x = np.zeros((6, 8, 8, 3), np.uint8)
    swapped = x.transpose(0, 3, 1, 2)
    with pytest.raises(errors.UserError, match="axes into one order"):
        feature_passes.collect([x, swapped], raw, rows, 12)
    with pytest.raises(errors.UserError, match="bring them to one size"):
        feature_networks.check_alike(raw, (4, 4, 1), (2, 8, 2))
    feature_networks.check_alike(network(), (4, 4, 1), (8, 8, 1))  # it may resize


@pytest.mark.parametrize(
    ("merge", "one", "other", "said"),
    [
        (moments.merge, moments.empty(1), moments.empty(4), "their mean"),
        (marginals.merge, marginals.empty(3, 1), marginals.empty(3, 5), "their count"),
        (marginals.merge, marginals.empty(1, 2), marginals.empty(3, 2), "their probs"),
        (
            class_moments.merge,
            class_moments.empty(2, 1),
            class_moments.empty(2, 7),
            "their mean",
        ),
    ],
)
def test_sums_of_other_features_are_not_merged(merge, one, other, said):
    # Of a single feature, class or part they would be repeated for all.
    with pytest.raises(errors.UserError, match=said):
        merge(one, other)
