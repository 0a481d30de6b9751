"""The meta-game of an experiment, on generators that make one number each."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import dynamics, scores, types
from jaxgan.core import errors, randomness
from jaxgan.data import dataset
from jaxgan.scripts import metagames

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
    modes, distance, worst = metagames.compared(values, "other", columns)
    assert modes.startswith("2 ") and modes.endswith("*")
    assert distance.startswith("0") and not distance.endswith("*")
    assert worst.startswith("-0.2") and worst.endswith("*")


def test_a_score_that_is_none_is_said_in_a_sentence(game):
    data = dataset.Dataset(
        "zeros", dataset.Split(jnp.zeros((4, 1))), dataset.Split(jnp.zeros((4, 1)))
    )
    with pytest.raises(errors.UserError, match="by='nonsense' is no score"):
        metagames.judge(data, off_centre, "nonsense")
    judge = metagames.judge(data, off_centre, "modes")
    with pytest.raises(errors.UserError, match="by='modes' is no score of zeros"):
        judge.scores(jnp.zeros((1, 4, 1)))
