import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.scores import class_ensembles

# Each is wrong of one other sample; the mean is right of all.
LABELS = np.array([0, 1, 2])
SURE, WRONG = 0.8, 0.45


def opinion(mistaken):
    probs = np.full((3, 3), (1 - SURE) / 2)
    probs[np.arange(3), LABELS] = SURE
    other = (LABELS[mistaken] + 1) % 3
    probs[mistaken] = 0.15
    probs[mistaken, LABELS[mistaken]], probs[mistaken, other] = 0.4, WRONG
    return probs


PROBS = np.stack([opinion(i) for i in range(3)])


def test_errors_are_shares_of_wrong_classes_and_means_of_probabilities_correct_them():
    np.testing.assert_allclose(
        class_ensembles.error_rate(PROBS, LABELS).value, 1 / 3, rtol=1e-6
    )
    together = class_ensembles.ensemble_error_rate(PROBS, LABELS)
    assert together.value == 0
    assert dict(together.protocol)["num_classifiers"] == 3


def test_the_ensemble_is_of_probabilities_and_no_vote():
    # Two are barely wrong and one is surely right.
    probs = np.array([[[0.48, 0.52]], [[0.48, 0.52]], [[0.9, 0.1]]])
    assert class_ensembles.ensemble_error_rate(probs, [0]).value == 0
    assert class_ensembles.ensemble_error_rate(probs, [1]).value == 1


def test_a_dead_classifier_has_no_error_and_is_left_out():
    probs = np.concatenate([PROBS, np.full((1, 3, 3), np.nan)])
    alone = class_ensembles.error_rate(probs, LABELS).value
    assert np.isnan(alone[3]) and np.isfinite(alone[:3]).all()
    together = class_ensembles.ensemble_error_rate(probs, LABELS)
    assert together.value == 0 and dict(together.protocol)["num_classifiers"] == 3
    assert np.isnan(class_ensembles.ensemble_error_rate(probs[3:], LABELS).value)


def test_bad_input_is_named():
    with pytest.raises(errors.UserError, match="probs has shape"):
        class_ensembles.error_rate(PROBS, LABELS[:2])
