"""Tests of jaxgan.scores.classifier_cache, on digits."""

import jax
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import classifier, classifier_cache


@pytest.fixture(scope="module")
def digits():
    from sklearn import datasets, model_selection

    data = datasets.load_digits()
    x = (data.images / 8 - 1).astype(np.float32)[..., None]
    x, held_out, labels, held_out_labels = model_selection.train_test_split(
        x, data.target, test_size=0.2, stratify=data.target, random_state=0
    )
    return x, labels, held_out, held_out_labels


def obtain(digits, cache, seed=0, **settings):
    settings = {"architecture": "fully_connected", "num_epochs": 2, **settings}
    return classifier_cache.load_or_train(
        *digits, num_classes=10, key=jax.random.key(seed), cache=cache, **settings
    )


@pytest.fixture(scope="module")
def first(digits, tmp_path_factory):
    """A folder and what was trained into it."""
    folder = tmp_path_factory.mktemp("cache") / "below" / "folder"
    return folder, obtain(digits, folder)


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("trained")

    monkeypatch.setattr(classifier.training, "train", refuse)


def same(a, b):
    leaves = zip(jax.tree.leaves(a.params), jax.tree.leaves(b.params), strict=True)
    return all(np.array_equal(x, y) for x, y in leaves)


def test_the_same_is_trained_once(digits, first, no_training):
    folder, trained = first
    again = obtain(digits, folder)
    assert again.cached and not trained.cached
    assert again.note is trained.note is None
    assert same(again.classifier, trained.classifier)
    fields = ("held_out_accuracy", "data_sha256")
    assert all(getattr(again, name) == getattr(trained, name) for name in fields)
    for classified, expected in zip(
        classifier.classify_all(again.classifier, digits[2]),
        classifier.classify_all(trained.classifier, digits[2]),
        strict=True,
    ):
        np.testing.assert_array_equal(classified, expected)
    assert classifier.fingerprint(again.classifier) == classifier.fingerprint(
        trained.classifier
    )


def test_what_is_kept_is_what_training_gives(digits, first):
    folder, trained = first
    alone = obtain(digits, None)
    assert same(alone.classifier, trained.classifier)
    assert alone.held_out_accuracy == trained.held_out_accuracy
    _, _, held_out, labels = digits
    own = classifier.accuracy(trained.classifier, held_out, labels)
    assert trained.held_out_accuracy == float(own) > 0.8
    assert len(list(folder.iterdir())) == 1


def other_pixel(x, labels, held_out, held_out_labels):
    changed = x.copy()
    changed[7, 3, 3] *= 0.5
    return changed, labels, held_out, held_out_labels


def other_label(x, labels, held_out, held_out_labels):
    changed = labels.copy()
    changed[7] = (changed[7] + 1) % 10
    return x, changed, held_out, held_out_labels


def less_held_out(x, labels, held_out, held_out_labels):
    return x, labels, held_out[1:], held_out_labels[1:]


def unchanged(*digits):
    return digits


@pytest.mark.parametrize(
    "change, settings",
    [
        (other_pixel, {}),
        (other_label, {}),
        (less_held_out, {}),
        (unchanged, {"seed": 1}),
        (unchanged, {"learning_rate": 1e-3}),
        (unchanged, {"batch_size": 128}),
        (unchanged, {"architecture": "convolutional"}),
    ],
)
def test_a_change_of_anything_is_trained_anew(
    digits, first, no_training, change, settings
):
    folder, _ = first
    with pytest.raises(AssertionError, match="trained"):
        obtain(change(*digits), folder, **settings)


def test_a_default_that_is_named_is_the_same(digits, first, no_training):
    assert obtain(digits, first[0], max_shift=None, batch_size=64).cached


@pytest.mark.parametrize("module", [classifier.networks, classifier.training])
def test_other_code_is_trained_anew(digits, first, monkeypatch, no_training, module):
    own = classifier_cache._source
    monkeypatch.setattr(
        classifier_cache,
        "_source",
        lambda given: own(given) + "#" * (given is module),
    )
    with pytest.raises(AssertionError, match="trained"):
        obtain(digits, first[0])


def flip(content, position):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def other_accuracy(content):
    start = content.index(b'held_out_accuracy\\": 0.') + len(
        b'held_out_accuracy\\": 0.'
    )
    digit = b"1" if content[start : start + 1] != b"1" else b"2"
    return content[:start] + digit + content[start + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: flip(content, len(content) - 100),
        lambda content: flip(content, len(content) // 2),
        lambda content: flip(content, 3),
        lambda content: content[:-10],
        lambda content: b"",
        other_accuracy,
    ],
    ids=["last weights", "weights", "size", "cut", "empty", "accuracy"],
)
def test_a_damaged_file_is_noticed_said_and_replaced(digits, first, tmp_path, damage):
    folder, trained = first
    (path,) = folder.iterdir()
    content = path.read_bytes()
    damaged = tmp_path / path.name
    damaged.write_bytes(damage(content))
    again = obtain(digits, tmp_path)
    assert not again.cached and again.note.count(".") == 2
    assert "damaged" in again.note and str(damaged) in again.note
    assert same(again.classifier, trained.classifier)
    assert damaged.read_bytes() == content
    assert obtain(digits, tmp_path).note is None


def test_a_file_under_the_name_of_another_is_not_used(digits, first, tmp_path):
    (path,) = first[0].iterdir()
    obtain(digits, tmp_path, seed=1)
    (other,) = tmp_path.iterdir()
    other.write_bytes(path.read_bytes())
    again = obtain(digits, tmp_path, seed=1)
    assert "damaged" in again.note and not same(again.classifier, first[1].classifier)


def test_a_classifier_that_cannot_be_kept_is_used_and_said(
    digits, first, tmp_path, monkeypatch
):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(classifier_cache.file_cache.trees, "save_tree", full)
    trained = obtain(digits, tmp_path)
    assert "No space left" in trained.note
    assert same(trained.classifier, first[1].classifier)


def test_the_default_folder_is_beside_the_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path))
    assert classifier_cache.default_folder() == tmp_path / "classifiers"


def test_arguments_that_do_not_fit_are_refused(digits, tmp_path):
    x, labels, held_out, held_out_labels = digits
    (tmp_path / "file").touch()
    for given, cache, message in [
        ((x, labels, held_out[:, :, 1:], held_out_labels), None, "held_out_x"),
        ((x, labels, held_out, held_out_labels[1:]), None, "held_out_labels"),
        ((x, labels, held_out, held_out_labels + 5), None, "held_out_labels"),
        ((x, labels, held_out * 9, held_out_labels), None, None),
        (digits, tmp_path / "file", "cache=.*no folder"),
    ]:
        with pytest.raises(errors.UserError, match=message):
            obtain(given, cache)
    with pytest.raises(TypeError, match="depth"):
        obtain(digits, tmp_path, depth=3)


def test_scores_do_not_depend_on_the_cache(digits, first):
    again = obtain(digits, first[0]).classifier
    probs = [
        jax.nn.softmax(classifier.classify_all(own, digits[2])[1])
        for own in (again, first[1].classifier)
    ]
    found = [scores.inception_score(own).value for own in probs]
    assert found[0] == found[1]
