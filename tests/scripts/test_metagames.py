"""The meta-game of an experiment, on generators that make one number each."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import dynamics, scores, types
from jaxgan.core import errors, randomness
from jaxgan.data import dataset
from jaxgan.scripts import metagames

ARMS = metagames.ARMS
PLACES, SLOPES = [-1.0, 3.0, 5.0], [-1.0, 1.0, 0.5]


def generate(params, collections, z, label=None, train=False):
    return jnp.broadcast_to(params["at"], (len(z), 1)), collections


def discriminate(params, collections, x, label=None, train=False):
    return types.DiscriminatorOutput(params["slope"] * x[:, 0], x), collections


def init(key):
    return types.Pair({"at": jnp.zeros(())}, {"slope": jnp.zeros(())}), types.Pair(
        {}, {}
    )


POINTS = types.GAN(init, lambda key, n: jnp.zeros((n, 1)), generate, discriminate)


def off_centre(x):
    """How far the mean of the samples is from 0."""
    return {
        "frechet_distance": scores.Score(
            value=jnp.abs(jnp.mean(x, axis=(1, 2))), protocol=()
        )
    }


@pytest.fixture(scope="module")
def game():
    data = dataset.Dataset(
        "zeros", dataset.Split(jnp.zeros((4, 1))), dataset.Split(jnp.zeros((8, 1)))
    )
    judge = metagames.judge(data, off_centre, None)
    payoff = dynamics.payoff_of("wasserstein")
    return metagames.make(POINTS, data, payoff, judge, 4000)


@pytest.fixture(scope="module")
def played(game):
    params = types.Pair({"at": jnp.array(PLACES)}, {"slope": jnp.array(SLOPES)})
    state = types.TrainState(
        step=jnp.zeros(3, jnp.int32),
        params=params,
        collections=types.Pair({}, {}),
        opt_state=types.Pair(None, None),
        ema=None,
        alive=jnp.ones(3, bool),
    )
    return metagames.play(game, state, randomness.key(0))


def test_nash_mixes_generators_of_both_sides_and_beats_each_alone(played):
    # V = -slope * place, so that the mean place should be 0.
    np.testing.assert_allclose(played.matrix, -np.outer(PLACES, SLOPES), rtol=1e-6)
    assert played.solution.value == pytest.approx(0, abs=1e-9)
    nash = played.weights[metagames.NASH]
    assert nash @ PLACES == pytest.approx(0, abs=1e-6)
    by = {arm: own["frechet_distance"] for arm, own in played.scores.items()}
    assert by[metagames.NASH] < 0.2
    assert by["single, best score"] == by["single, exploited least"] == 1
    assert by["single, on average"] == pytest.approx(3)
    worst = {arm: own[metagames.WORST] for arm, own in played.scores.items()}
    assert worst[metagames.NASH] == pytest.approx(0, abs=1e-5)
    assert worst["single, exploited least"] == 1
    assert worst["uniform mixture"] == pytest.approx(7 / 3, rel=1e-5)


def test_the_report_says_by_how_much_and_keeps_the_picture(
    game, played, tmp_path, capsys
):
    names = ["left", "right", "far"]
    record = metagames.report(game, [played] * 2, names, "members", tmp_path)
    assert (tmp_path / "payoffs-members.png").exists()
    printed = capsys.readouterr().out
    assert "single, best score" in printed and "First repeat: The game" in printed
    assert len(record["repeats"]) == 2
    assert record["scores"][metagames.NASH]["frechet_distance"][0] < 0.2


def test_gains_are_positive_where_nash_is_better_and_starred_where_they_are_told():
    columns = ["modes", "frechet_distance", metagames.WORST]
    values = {
        metagames.NASH: {
            "modes": [8, 8.1, 7.9],
            "frechet_distance": [0.0, 1.0, 0.5],
            metagames.WORST: [-1.0, -1.1, -1.2],
        },
        "other": {
            "modes": [6, 6.1, 5.9],
            "frechet_distance": [1.0, 0.0, 0.5],
            metagames.WORST: [-1.2, -1.3, -1.4],
        },
    }
    ((arm, modes, distance, worst),) = metagames.compared(values, columns)
    assert arm == "other"
    assert modes.startswith("2 ") and modes.endswith("*")
    assert distance.startswith("0") and not distance.endswith("*")
    assert worst.startswith("-0.2") and worst.endswith("*")


def test_a_table_without_differences_has_a_star_as_seldom_as_one_test_would():
    """Uncorrected, 1 - 0.95^24 = 71 % would have one, if the 24 were independent."""
    rng, columns = np.random.default_rng(0), list("abcdef")
    starred = 0
    for _ in range(100):
        values = {arm: {name: rng.normal(size=5) for name in columns} for arm in ARMS}
        table = metagames.compared(values, columns)
        starred += any(cell.endswith("*") for row in table for cell in row[1:])
    # Beyond 12 of 100 at a rate of 0.05 is a chance of 0.0015.
    assert starred <= 12


def test_gains_of_one_repeat_or_without_spread_are_starred_only_if_they_can_be():
    values = {
        metagames.NASH: {"modes": [8.0] * 3, "high_quality": [0.5, np.nan, np.nan]},
        "other": {"modes": [8.0] * 3, "high_quality": [0.1] * 3},
        "worse": {"modes": [6.0] * 3, "high_quality": [np.nan] * 3},
    }
    table = metagames.compared(values, ["modes", "high_quality"])
    assert [[cell.endswith("*") for cell in row[1:]] for row in table] == [
        [False, False],
        [True, False],
    ]


def test_a_score_that_is_none_is_said_in_a_sentence(game):
    data = dataset.Dataset(
        "zeros", dataset.Split(jnp.zeros((4, 1))), dataset.Split(jnp.zeros((4, 1)))
    )
    with pytest.raises(errors.UserError, match="by='nonsense' is no score"):
        metagames.judge(data, off_centre, "nonsense")
    judge = metagames.judge(data, off_centre, "modes")
    with pytest.raises(errors.UserError, match="by='modes' is no score of zeros"):
        judge.scores(jnp.zeros((1, 4, 1)))
