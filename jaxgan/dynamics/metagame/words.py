"""A payoff matrix in words: who is strong, who beats whom, what is played."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.dynamics.metagame import matrix_games

SHARE = 0.005
"""Weights from which a strategy is named."""


def in_words(
    matrix: ArrayLike,
    solution: matrix_games.Solution,
    generators: Sequence[str],
    discriminators: Sequence[str],
    equal: float | None = None,
) -> list[str]:
    """Sentences on a matrix game of GANs.

    Args:
      matrix: `[G, D]`, what generators pay to discriminators.
      solution: of that game.
      generators: `G` names.
      discriminators: `D` names.
      equal: the payoff at which neither side wins, such as `-log 4`, or None if there
        is none.

    Raises:
      UserError: if it is no matrix, or there is not a name for each strategy.
    """
    payoffs = matrix_games.as_matrix(matrix)
    if payoffs.shape != (len(generators), len(discriminators)):
        raise errors.UserError(
            f"matrix has shape {payoffs.shape}, but there are {len(generators)} "
            f"generators' and {len(discriminators)} discriminators' names; give a name "
            "for each."
        )
    own = f"The game is worth {solution.value:.3f} to the discriminators"
    if equal is not None:
        own += f", {solution.value - equal:+.3f} beside {equal:.3f}, where neither wins"
    sentences = [f"{own}."]
    if equal is not None:
        told = np.mean(payoffs > equal)
        sentences.append(f"The discriminator wins {told:.0%} of the pairs.")
    worst, least = payoffs.max(axis=1), payoffs.min(axis=0)
    by, of = payoffs.argmax(axis=1), payoffs.argmin(axis=0)
    sentences += [
        _strength(worst, generators, discriminators, by, "generator"),
        _strength(-least, discriminators, generators, of, "discriminator"),
        _dominance(payoffs, generators),
        f"In equilibrium {_played(solution.row, generators)} play"
        f"{_s(solution.row)} against {_played(solution.column, discriminators)}.",
    ]
    return sentences


def _strength(loses, names, opponents, hardest, what) -> str:
    """Who loses least, and who most, to the opponent that is the worst for it."""
    sign = 1 if what == "generator" else -1
    best, worst = int(np.argmin(loses)), int(np.argmax(loses))
    said = f"The strongest {what} is {names[best]}, which "
    verb = ("pays at most", "pays") if sign > 0 else ("gets at least", "gets")
    said += f"{verb[0]} {sign * loses[best]:.3f} ({opponents[hardest[best]]})"
    if worst != best:
        said += f", the weakest {names[worst]}, which {verb[1]} "
        said += f"{sign * loses[worst]:.3f} ({opponents[hardest[worst]]})"
    return f"{said}."


def _dominance(payoffs, names) -> str:
    best = np.flatnonzero((payoffs <= payoffs.min(axis=0)).all(axis=1))
    if len(best):
        return f"{names[best[0]]} is the best generator against every discriminator."
    number = len(set(payoffs.argmin(axis=0).tolist()))
    return (
        f"No generator is the best against every discriminator; {number} are the best "
        "against some."
    )


def _played(weights, names) -> str:
    # Rounded, so that strategies of one weight keep their order.
    order = np.argsort(-np.round(weights, 6), kind="stable")
    order = [int(i) for i in order if weights[i] >= SHARE]
    return ", ".join(f"{names[i]} ({weights[i]:.2f})" for i in order)


def _s(weights) -> str:
    return "s" if np.sum(weights >= SHARE) == 1 else ""
