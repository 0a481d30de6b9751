"""Meta-games of populations: mixtures of generators found by playing, and judged.

game = metagames.make(gan, data, payoff, judge, num_samples)
played = [metagames.play(game, state, key) for ...]      # of each repeat
record = metagames.report(game, played, names, "members", folder)
"""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxgan import divergences, dynamics, ensembles, reports, scores, types
from jaxgan.core import errors, multiple_testing, randomness
from jaxgan.data import dataset
from jaxgan.dynamics.metagame import matrix_games
from jaxgan.scores import suites

MOST_REAL = 1024
"""Held-out samples of each half on which payoffs are measured."""

NASH = "Nash mixture"
ARMS = (
    *(NASH, "uniform mixture", "single, exploited least"),
    *("single, best score", "single, on average"),
)
WORST = "worst value"
"""Of an arm against any discriminator, on held-out samples that chose no weights."""

SLICED = "sliced_wasserstein"
"""Of points, to held-out ones: unlike the scores of modes it sees everything."""

LEVEL = 0.05
"""Of p-values that have a star."""

DIRECTIONS = 64
"""On which points are projected for it."""

SHOWN = {
    SLICED: False,
    "modes": True,
    "high_quality": True,
    "reverse_kl": False,
    "within_mode_energy": False,
    "frechet_distance": False,
    "inception_score": True,
    "precision": True,
}
"""Scores of the tables, those that the suite has, and whether more is better."""


class Judge(NamedTuple):
    """How samples are judged.

    Attributes:
      scores: `x [S, N, ...] -> numbers [S]` by name.
      by: the score by which a single generator is chosen.
      more: whether more of it is better.
    """

    scores: Callable[[jax.Array], dict[str, np.ndarray]]
    by: str
    more: bool


class Game(NamedTuple):
    """What all repeats have in common.

    Attributes:
      gan: of all players.
      matrix: plays the matrix, see `dynamics.payoff_matrix`.
      real: two halves of held-out samples.
      judge: of the arms.
      num_samples: that an arm is judged by.
      equal: the payoff of logits that are all 0.
    """

    gan: types.GAN
    matrix: Callable[..., jax.Array]
    real: tuple[types.Batch, types.Batch]
    judge: Judge
    num_samples: int
    equal: float


class Played(NamedTuple):
    """One repeat.

    Attributes:
      matrix: `[G, D]` of the first half, which chose the weights.
      solution: of that matrix.
      weights: `[G]` by arm; of the average over single ones all alike.
      scores: by arm, numbers by name.
    """

    matrix: np.ndarray
    solution: matrix_games.Solution
    weights: dict[str, np.ndarray]
    scores: dict[str, dict[str, float]]


def judge(data: dataset.Dataset, suite: suites.Suite, by: str | None) -> Judge:
    """Makes the judge of a dataset's samples.

    Args:
      data: that the generators learnt.
      suite: its scores.
      by: score that chooses a single generator; None for the usual one.

    Raises:
      UserError: if there is no such score.
    """
    usual = "frechet_distance" if data.mixture is None else SLICED
    if data.shapes is not None:
        usual = "precision"
    by = by or usual
    if by not in SHOWN:
        raise errors.UserError(f"by={by!r} is no score; {errors.choice(by, SHOWN)}")

    real = None if data.mixture is None else dataset.to_float(data.test.x)

    @jax.jit
    def sliced(x):
        def distance(own):
            last = real[-len(own) :]
            key = randomness.key(0)
            return divergences.sliced_wasserstein(own, last, key, DIRECTIONS)

        return jax.lax.map(distance, x)

    def numbers(x: jax.Array) -> dict[str, np.ndarray]:
        found = {} if real is None else {SLICED: np.asarray(sliced(x), float)}
        for name, record in suite(x).items():
            if isinstance(record, scores.Score):
                found[name] = np.asarray(record.value, float)
                continue
            for field in dataclasses.fields(record):
                value = getattr(record, field.name)
                if isinstance(value, jax.Array) and value.ndim == 1:
                    found[field.name] = np.asarray(value, float)
        if by not in found:
            raise errors.UserError(
                f"by={by!r} is no score of {data.name}; "
                f"{errors.choice(by, [name for name in SHOWN if name in found])}"
            )
        return {name: found[name] for name in SHOWN if name in found}

    return Judge(numbers, by, SHOWN[by])


def make(
    gan: types.GAN,
    data: dataset.Dataset,
    payoff: dynamics.Payoff,
    judge: Judge,
    num_samples: int,
) -> Game:
    """Makes what the repeats of a meta-game have in common.

    Args:
      gan: of all players, unconditional.
      data: whose held-out samples they play on.
      payoff: of the game.
      judge: of the arms.
      num_samples: that each arm is judged by.
    """
    half = min(len(data.test.x) // 2, MOST_REAL)
    x = dataset.to_float(data.test.x[: 2 * half])
    real = types.Batch(x[:half]), types.Batch(x[half:])
    nothing = jnp.zeros(2)
    equal = float(payoff(nothing, nothing))
    matrix = dynamics.payoff_matrix(gan, payoff)
    return Game(gan, matrix, real, judge, num_samples, equal)


def play(game: Game, state: types.TrainState, key: jax.Array) -> Played:
    """Plays a pool against itself, and judges what the arms make of its generators.

    Args:
      game: what the repeats have in common.
      state: of the players; one that died plays as it was last.
      key: consumed.

    Raises:
      UserError: if a player is not finite.
    """
    keys = jax.random.split(key, 5)
    sides = dynamics.sides(state)
    chosen, fresh = (
        np.asarray(game.matrix(sides, real, own))
        for real, own in zip(game.real, keys[:2], strict=True)
    )
    solution = dynamics.solve(chosen)
    number = len(chosen)
    single = _draw(game, sides.generator, np.eye(number), keys[2])
    values = game.judge.scores(single)[game.judge.by]
    values = -values if game.judge.more else values
    best = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
    least = int(np.argmin(chosen.max(axis=1)))
    even = np.full(number, 1 / number)
    eye = np.eye(number)
    weights = dict(zip(ARMS, (solution.row, even, eye[least], eye[best]), strict=False))
    drawn = _draw(game, sides.generator, np.stack(list(weights.values())), keys[3])
    found = _rows(game.judge.scores(drawn), weights)
    for arm, own in weights.items():
        found[arm][WORST] = float(np.max(own @ fresh))
    of_each = game.judge.scores(_draw(game, sides.generator, eye, keys[4]))
    found[ARMS[-1]] = {name: float(np.mean(own)) for name, own in of_each.items()}
    found[ARMS[-1]][WORST] = float(fresh.max(axis=1).mean())
    return Played(chosen, solution, weights, found)


def _draw(game, generators, weights, key) -> jax.Array:
    """Samples `[A, N, ...]` of mixtures `[A, G]`."""
    drawn = []
    for i, own in enumerate(weights):
        sample_key, own_key = jax.random.split(jax.random.fold_in(key, i))
        mixture = dynamics.nash_mixture(game.gan, generators, own, own_key)
        x, _ = ensembles.sample(game.gan, mixture, sample_key, game.num_samples)
        drawn.append(x)
    return jnp.stack(drawn)


def _rows(numbers, arms) -> dict[str, dict[str, float]]:
    return {
        arm: {name: float(values[i]) for name, values in numbers.items()}
        for i, arm in enumerate(arms)
    }


def report(
    game: Game,
    played: Sequence[Played],
    names: Sequence[str],
    of: str,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Prints what came out, saves the picture of the first repeat, gives the record.

    Args:
      game: what the repeats have in common.
      played: the repeats.
      names: of the players.
      of: what they are, such as "members".
      folder: where `payoffs-OF.png` goes.
    """
    columns = list(played[0].scores[NASH])
    values = {
        arm: {name: [own.scores[arm][name] for own in played] for name in columns}
        for arm in ARMS
    }
    rows = [
        [arm, *(reports.interval(values[arm][name]) for name in columns)]
        for arm in ARMS
    ]
    number = reports.count(len(played), "repeat")
    reports.print_table(rows, ["", *columns], f"\nThe {of} of {number}, judged anew")
    title = (
        f"What the {NASH} of the {of} has gained; * where p < {LEVEL} in a paired t "
        "test over the repeats, corrected for all cells of the table (Holm)"
    )
    reports.print_table(compared(values, columns), ["over", *columns], title)
    first = played[0]
    words = dynamics.in_words(first.matrix, first.solution, names, names, game.equal)
    own = np.mean([np.diag(one.matrix).mean() for one in played])
    others = np.mean([_off_diagonal(one.matrix).mean() for one in played])
    words.append(
        f"In all repeats a discriminator gets {own:.3f} of its own generator and "
        f"{others:.3f} of others."
    )
    played_by = [np.sum(one.solution.row > 0.005) for one in played]
    words.append(f"Nash plays {np.mean(played_by):.1f} of {len(names)} generators.")
    print("First repeat: " + "\n  ".join(words))
    reports.save_payoffs(
        folder / f"payoffs-{of}.png",
        first.matrix,
        first.solution[1:],
        (names, names),
        equal=game.equal,
        title=f"Who beats whom among the {of}",
    )
    return {
        "names": list(names),
        "scores": values,
        "words": words,
        "repeats": [
            {
                "matrix": one.matrix,
                "value": one.solution.value,
                "weights": one.weights,
                "discriminators": one.solution.column,
                "exploitability": _exploited(one),
            }
            for one in played
        ],
    }


def compared(
    values: Mapping[str, Mapping[str, ArrayLike]], columns: Sequence[str]
) -> list[list[str]]:
    """How much better the Nash mixture is than each other arm, repeat by repeat.

    A star marks a difference, in either direction, whose p-value in the paired t test
    is below `LEVEL` after Holm's correction for all cells: where there are none at all,
    a table has any star with no more than that probability.

    Args:
      values: of each arm the scores `[R]` of the repeats, by name.
      columns: names of the scores.

    Returns:
      A row for each other arm: its name, then the means of the gains with their 95 %
      intervals, which are of each cell alone.
    """
    arms = [arm for arm in values if arm != NASH]
    gains = [_gain(values, arm, name) for arm in arms for name in columns]
    p_values = multiple_testing.holm([_p_value(gain) for gain in gains])
    cells = [
        reports.cell(reports.interval(gain)) + (" *" if p < LEVEL else "")
        for gain, p in zip(gains, p_values, strict=True)
    ]
    width = len(columns)
    return [[arm, *cells[i * width : (i + 1) * width]] for i, arm in enumerate(arms)]


def _gain(values, arm, name) -> np.ndarray:
    gain = np.subtract(values[NASH][name], values[arm][name])
    return gain if SHOWN.get(name, False) else -gain


def _p_value(gain: np.ndarray) -> float:
    """Two-sided, of Student's t test that the mean is 0; 1 where nothing can be told.

    NaN is left out, as of intervals.
    """
    from scipy import special

    own = gain[~np.isnan(gain)]
    if len(own) < 2 or not np.isfinite(own).all() or not own.any():
        return 1.0
    error = own.std(ddof=1) / math.sqrt(len(own))
    t = abs(own.mean()) / error if error else math.inf
    return float(2 * special.stdtr(len(own) - 1, -t))


def _exploited(one: Played) -> dict[str, Any]:
    found = dynamics.exploitabilities(one.matrix, one.solution)
    return {name: pair._asdict() for name, pair in found._asdict().items()}


def _off_diagonal(matrix: np.ndarray) -> np.ndarray:
    return matrix[~np.eye(len(matrix), dtype=bool)] if len(matrix) > 1 else matrix
