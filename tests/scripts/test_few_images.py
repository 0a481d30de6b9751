"""A part of the images for each seed, and the verdict on what was made of them."""

import types

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scripts import few_images


def asked(**changed):
    return types.SimpleNamespace(**{"share": 0.25, "seeds": 3, "seed": 0} | changed)


def images(number):
    x = np.zeros((number, 2, 2, 1), np.uint8)
    return dataset.Dataset("own", dataset.Split(x), dataset.Split(x))


def test_each_seed_has_images_of_its_own_without_replacement():
    drawn = few_images.draw(asked(), images(80))
    assert drawn.table.shape == (3, 20) and drawn.counts.tolist() == [20] * 3
    for row in drawn.table:
        assert len(set(row)) == 20 and 0 <= row.min() and row.max() < 80
    assert len({row.tobytes() for row in drawn.table}) == 3
    more = few_images.draw(asked(seeds=5), images(80))
    np.testing.assert_array_equal(more.table[:3], drawn.table)
    other = few_images.draw(asked(seed=1), images(80))
    assert (other.table != drawn.table).any()


def test_too_few_images_are_refused():
    with pytest.raises(errors.UserError, match="--share 0.1: of 80 images"):
        few_images.draw(asked(share=0.1), images(80))


def test_stacks_are_refused_as_their_classifier_is_of_single_images():
    digits = dataset.load("stacked_digits", num_tuples=40)
    with pytest.raises(errors.UserError, match="--dataset stacked_digits: .*single"):
        few_images.draw(asked(), digits)


@pytest.mark.parametrize(
    ("values", "times", "apart", "reached"),
    [
        ([5.0, 5.1, 4.9], 2.0, True, True),
        ([9.0, 9.1, 8.9], 10 / 9, True, False),
        ([2.0, 9.0, 4.0], 2.0, False, False),
    ],
)
def test_the_bar_needs_both_the_ratio_and_intervals_apart(
    values, times, apart, reached, capsys
):
    def arm(title, values):
        scores = {"frechet_distance": {"value": values}}
        return {"title": title, "scores": scores, "probability": [0.25]}

    found = {"none": arm("plain", [10.0, 10.1, 9.9]), "ada": arm("ADA", values)}
    judged = few_images.compared(found)
    assert set(judged) == {"ada"}
    own = judged["ada"]
    np.testing.assert_allclose(own["times_lower"], times)
    assert (own["intervals_apart"], own["reached"]) == (apart, reached)
    few_images.show(found)
    printed = capsys.readouterr().out
    assert f"ADA: Frechet distance {times:.2f} times" in printed and "0.25" in printed
