"""Tests of jaxgan.scores.classification, on digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import linear_model

from jaxgan import scores
from jaxgan.core import errors

NAMES = ("real_x", "real_labels", "held_out_x", "held_out_labels", "fake_x")


@pytest.fixture(scope="module")
def digits():
    """Two halves of most digits, as if the one were generated, and others."""
    from sklearn import datasets, model_selection

    data = datasets.load_digits()
    x = (data.images / 8 - 1).astype(np.float32)[..., None]
    split = {"test_size": 0.2, "stratify": data.target, "random_state": 0}
    x, held_out, labels, held_out_labels = model_selection.train_test_split(
        x, data.target, **split
    )
    return {
        "real_x": x[::2][:700],
        "real_labels": labels[::2][:700],
        "held_out_x": held_out,
        "held_out_labels": held_out_labels,
        "fake_x": x[1::2][:700],
        "fake_labels": labels[1::2][:700],
    }


def score(digits, **changed):
    given = {"num_epochs": 25, "architecture": "fully_connected", "max_shift": 0}
    return scores.classification_accuracy_score(
        **digits | given | {"num_classes": 10, "key": jax.random.key(0)} | changed
    )


@pytest.fixture(scope="module")
def found(digits):
    return score(digits)


def near(value, expected, num_tested, num_errors=4):
    error = np.sqrt(max(expected * (1 - expected), 0.02) / num_tested)
    return abs(float(value) - expected) < num_errors * error


def test_real_data_in_the_place_of_generated_reaches_the_ceiling(digits, found):
    oracle = linear_model.LogisticRegression(max_iter=1000).fit(
        digits["real_x"].reshape(700, -1), digits["real_labels"]
    )
    held_out = digits["held_out_x"].reshape(-1, 64)
    expected = oracle.score(held_out, digits["held_out_labels"])
    for own in found:
        assert own.ceiling >= expected - 0.02 and own.ceiling <= 1
        assert near(own.value, float(own.ceiling), 360)


def test_both_directions_of_the_same_samples_are_the_ceiling(digits):
    same = {"fake_x": digits["real_x"], "fake_labels": digits["real_labels"]}
    forth, back = score(digits | same)
    assert forth.value == forth.ceiling
    assert back.value > 0.99


def test_random_labels_are_recognised_by_chance(digits, found):
    random = np.random.default_rng(0).integers(0, 10, 700)
    forth, back = score(digits, fake_labels=random)
    assert near(forth.value, 0.1, 360) and near(back.value, 0.1, 700)
    np.testing.assert_allclose([forth.floor, back.floor], 0.1, rtol=1e-6)
    assert forth.ceiling == found.train_on_fake.ceiling


def test_one_image_per_class_passes_one_test_and_fails_the_other(digits):
    images = np.stack(
        [digits["real_x"][np.argmax(digits["real_labels"] == k)] for k in range(10)]
    )
    copies = {"fake_x": np.tile(images, (70, 1, 1, 1)), "fake_labels": np.arange(700)}
    copies["fake_labels"] = copies["fake_labels"] % 10
    forth, back = score(digits | copies)
    assert back.value > 0.99
    assert forth.value < forth.ceiling - 0.1


def test_what_the_generator_lacks_is_missed_by_the_classifier(digits):
    kept = digits["fake_labels"] < 5
    half = {name: digits[name][kept] for name in ("fake_x", "fake_labels")}
    forth, back = score(digits | half)
    assert 0.4 < forth.value <= np.mean(digits["held_out_labels"] < 5)
    assert back.value > 0.9


def test_the_standard_error_is_that_of_a_share(digits, found):
    for own, num_tested in ((found.train_on_fake, 360), (found.test_on_fake, 700)):
        right = np.arange(num_tested) < round(float(own.value) * num_tested)
        np.testing.assert_allclose(own.value, right.mean(), atol=1e-6)
        expected = right.std() / np.sqrt(num_tested)
        np.testing.assert_allclose(own.spread, expected, rtol=1e-3)


def test_the_protocol_says_what_was_done(found):
    entries = dict(found.train_on_fake.protocol)
    assert entries["direction"] == "train_on_fake"
    sizes = [entries[f"num_{name}"] for name in ("real", "fake", "held_out")]
    assert sizes == [700, 700, 360]
    assert entries["epochs_on_fake"] == 25
    assert dict(found.test_on_fake.protocol)["direction"] == "test_on_fake"
    assert scores.to_dict(found.train_on_fake)["protocol"] == entries


def test_members_are_scored_as_they_would_be_alone(digits):
    members = np.stack([digits["fake_x"], -digits["fake_x"]])

    def of(fake_x):
        return score(digits, fake_x=fake_x, num_epochs=3)

    together = jax.vmap(of)(jnp.asarray(members))
    for i in range(2):
        for found, alone in zip(together, of(members[i]), strict=True):
            np.testing.assert_allclose(found.value[i], alone.value, atol=0.006)
    assert together.test_on_fake.value[1] < together.test_on_fake.value[0]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"fake_labels": np.arange(699) % 10}, "fake_labels must have shape"),
        ({"fake_labels": np.arange(700)}, "fake_labels must lie between 0 and"),
        ({"real_labels": np.zeros(700)}, "real_labels must be integers"),
        ({"fake_x": np.zeros((700, 9, 8, 1), np.float32)}, "fake_x has samples of"),
        ({"fake_x": np.full((700, 8, 8, 1), np.nan, np.float32)}, "fake_x must hold"),
        ({"held_out_x": np.zeros((0, 8, 8, 1), np.float32)}, "held_out_x must hold"),
        ({"num_classes": 1}, "num_classes=1"),
        ({"architecture": "resnet"}, "architecture"),
        ({"num_epochs": 0}, "num_epochs"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(digits, change, message):
    with pytest.raises(errors.UserError, match=message):
        score(digits, **change)
