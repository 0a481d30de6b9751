import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors


def labelled(n, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    x = random.normal(size=(n, 4)) + 5 * labels[:, None]
    return x.astype(np.float32), labels


def test_it_is_the_mean_of_the_distances_within_each_class():
    (real, own), (fake, asked) = labelled(90), labelled(60, seed=1)
    values = [
        scores.frechet_distance(real[own == c], fake[asked == c]).value
        for c in range(3)
    ]
    found = scores.intra_class_frechet(real, own, fake, asked)
    np.testing.assert_allclose(found.value, np.mean(values), rtol=1e-5)
    np.testing.assert_allclose(found.spread, np.std(values), rtol=1e-4)


def test_classes_that_are_exchanged_are_seen():
    real, own = labelled(90)
    exchanged = np.array([1, 2, 0])[own]
    assert scores.intra_class_frechet(real, own, real, own).value < 1e-2
    assert scores.frechet_distance(real, real).value < 1e-2
    assert scores.intra_class_frechet(real, own, real, exchanged).value > 50


def test_a_class_without_samples_is_named():
    real, own = labelled(90)
    with pytest.raises(errors.UserError, match="class 2 has 30 real and 0 generated"):
        scores.intra_class_frechet(real, own, real[own < 2], own[own < 2])
    with pytest.raises(errors.UserError, match="real_labels has shape"):
        scores.intra_class_frechet(real, own[:5], real, own)


def test_each_class_stands_beside_the_mean_and_an_absent_one_is_nan():
    (real, own), (fake, asked) = labelled(90), labelled(60, seed=1)
    own, asked = own + 1, asked + 1
    found = scores.intra_class_frechet(real, own, fake, asked, floor=[np.nan, 1, 2, 6])
    expected = [
        scores.frechet_distance(real[own == c], fake[asked == c]).value
        for c in (1, 2, 3)
    ]
    np.testing.assert_allclose(found.by_class[1:], expected, rtol=1e-5)
    assert np.isnan(found.by_class[0]) and found.floor == 3
    np.testing.assert_array_equal(found.num_real_by_class, [0, 30, 30, 30])
    np.testing.assert_array_equal(found.num_fake_by_class, [0, 20, 20, 20])


@pytest.mark.parametrize(("number", "warned"), [(12, True), (15, False)])
def test_it_warns_where_a_class_has_no_more_samples_than_features(number, warned):
    (real, own), (fake, asked) = labelled(number), labelled(90, seed=1)
    for pair in ((real, own, fake, asked), (fake, asked, real, own)):
        assert scores.intra_class_frechet(*pair).warning == warned


def test_the_floor_of_a_class_is_the_distance_of_its_halves():
    half, _ = labelled(30)
    # A shift alone: the covariances are equal, so that its square is all there is.
    shift = np.float32([3, 0, 4, 0])
    x = np.concatenate([half, half + shift, half, half])
    found = scores.intra_class_floor(x, np.repeat([0, 2], 60))
    np.testing.assert_allclose(found, [25, np.nan, 0], rtol=1e-4, atol=1e-3)
    with pytest.raises(errors.UserError, match="class 2 has 3 real .* at least four"):
        scores.intra_class_floor(x[:8], np.array([0] * 5 + [2] * 3))
