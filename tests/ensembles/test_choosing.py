"""Tests of jaxgan.ensembles.choosing."""

import itertools

import numpy as np
import pytest
from scipy import optimize
from scipy.spatial import distance

from jaxgan.core import errors
from jaxgan.ensembles import choosing

RNG = np.random.default_rng(0)


def test_the_matrix_gives_the_squared_energy_distance_of_every_mixture():
    # Of finite populations that are sampled whole, with each weight an exact share.
    x, y = (
        RNG.normal(size=(3, 40, 2)) + RNG.normal(size=(3, 1, 2)),
        RNG.normal(size=(50, 2)),
    )
    matrix = choosing.discrepancies(x, y)
    w = np.array([0.5, 0.2, 0.3])
    within = [distance.pdist(own).mean() for own in (*x, y)]
    across = 2 * sum(w[a] * distance.cdist(x[a], y).mean() for a in range(3))
    own = sum(
        w[a] * w[b] * (within[a] if a == b else distance.cdist(x[a], x[b]).mean())
        for a, b in itertools.product(range(3), repeat=2)
    )
    np.testing.assert_allclose(w @ matrix @ w, across - own - within[3], rtol=1e-9)
    np.testing.assert_allclose(matrix, matrix.T)


def test_samples_of_the_data_are_at_no_distance_on_average():
    own = [
        choosing.discrepancies(RNG.normal(size=(1, 60, 3)), RNG.normal(size=(60, 3)))
        for _ in range(40)
    ]
    values = np.ravel(own)
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(40)


def random_matrix(seed, number=6):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(number, 3)) + 0.5
    return root @ root.T + 0.01 * np.eye(number)


@pytest.mark.parametrize("seed", range(5))
def test_the_least_weights_meet_the_conditions_of_an_optimum(seed):
    matrix = random_matrix(seed)
    w = choosing.least(matrix)
    assert w.min() >= 0 and w.sum() == pytest.approx(1)
    slope = matrix @ w
    # Karush, Kuhn, Tucker: alike where there is weight, no less elsewhere.
    used = w > 1e-9
    np.testing.assert_allclose(slope[used], slope[used][0], rtol=1e-6)
    assert (slope[~used] >= slope[used][0] - 1e-9).all()
    solved = optimize.minimize(
        lambda v: v @ matrix @ v,
        np.full(6, 1 / 6),
        bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1},
        options={"ftol": 1e-14},
    )
    assert w @ matrix @ w <= solved.fun + 1e-8


def test_two_halves_of_the_data_are_weighted_by_their_shares():
    held_out = RNG.normal(size=(400, 2)) + 9 * (np.arange(400) < 100)[:, None]
    members = RNG.normal(size=(2, 200, 2)) + np.array([9, 0])[:, None, None]
    w = choosing.least(choosing.discrepancies(members, held_out))
    np.testing.assert_allclose(w, [0.25, 0.75], atol=0.03)


def test_members_that_make_nonsense_get_no_weight():
    members = RNG.normal(size=(3, 30, 2))
    members[1, 4, 0] = np.nan
    matrix = choosing.discrepancies(members, RNG.normal(size=(30, 2)))
    assert np.isinf(matrix[1]).all() and np.isinf(matrix[:, 1]).all()
    w = choosing.least(matrix)
    assert w[1] == 0 and w.sum() == pytest.approx(1)


def test_greedy_picks_find_the_best_mixture_of_halves():
    points = np.array([[0.0, 0], [2, 0], [0, 2], [5, 5]])
    target = np.array([1.0, 1.0])

    def score(w):
        return np.linalg.norm(w @ points - target)

    w = choosing.greedy(score, 4, 2)
    tried = [
        (np.eye(4)[a] + np.eye(4)[b]) / 2
        for a, b in itertools.combinations_with_replacement(range(4), 2)
    ]
    first = min(range(4), key=lambda i: score(np.eye(4)[i]))
    best = min((v for v in tried if v[first] > 0), key=score)
    assert score(w) == min(score(best), score(np.eye(4)[first]))


def test_more_picks_never_score_worse():
    matrix = random_matrix(7)
    found = [
        (w := choosing.greedy(lambda v: v @ matrix @ v, 6, picks)) @ matrix @ w
        for picks in range(1, 12)
    ]
    assert (np.diff(found) <= 1e-12).all()
    least = choosing.least(matrix)
    assert found[-1] >= least @ matrix @ least - 1e-9


def test_the_pareto_front_is_what_nobody_beats():
    scores = np.array([[1, 5], [2, 2], [3, 3], [5, 1], [2, 2], [np.nan, 0]])
    np.testing.assert_array_equal(
        choosing.pareto(scores), [True, True, False, True, True, False]
    )


def test_weights_by_score_follow_the_softmax():
    w = choosing.by_score([1.0, 2.0, np.nan, 1.0], 0.5)
    np.testing.assert_allclose(w[1] / w[0], np.exp(-2))
    assert w[2] == 0 and w[0] == w[3] and w.sum() == pytest.approx(1)
    cold = choosing.by_score([1.0, 2.0], 1e-3)
    np.testing.assert_allclose(cold, [1, 0], atol=1e-12)


def test_evolved_weights_never_score_worse_and_come_near_the_best():
    matrix = random_matrix(2)

    def score(w):
        return w @ matrix @ w

    even, least = np.full(6, 1 / 6), choosing.least(matrix)
    found = choosing.evolved(score, even, 3000, seed=0, scale=0.05)
    assert found.min() >= 0 and found.sum() == pytest.approx(1)
    assert score(found) <= score(even)
    assert score(found) - score(least) < 0.02 * (score(even) - score(least))
    again = choosing.evolved(score, even, 3000, seed=0, scale=0.05)
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: choosing.discrepancies(np.ones((2, 3)), np.ones((3, 1))), "samples"),
        (lambda: choosing.least(np.ones((2, 3))), "matrix"),
        (lambda: choosing.least(np.full((2, 2), np.inf)), "no member"),
        (lambda: choosing.greedy(np.sum, 0, 1), "num_members=0"),
        (lambda: choosing.pareto(np.ones(3)), "scores"),
        (lambda: choosing.by_score([1.0], 0.0), "temperature=0.0"),
        (lambda: choosing.by_score([np.nan], 1.0), "scores"),
    ],
)
def test_what_cannot_be_chosen_from_is_said_in_a_sentence(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()
