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
