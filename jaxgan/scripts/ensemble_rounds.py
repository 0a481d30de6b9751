"""Arms that train in rounds, between which something is done with the members.

A round is saved in a folder of its own. What is done between rounds follows from the
members alone, so that a run that is resumed goes on from the last round that was
finished, or from within it, and ends in the same bits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxgan import checkpoint, runs, training, types
from jaxgan.scripts import ensemble_arms, ensemble_experiments

Between = Callable[
    [int, runs.Members, ensemble_experiments.Experiment],
    tuple[runs.Members, ensemble_experiments.Experiment],
]
"""`(round, members, experiment)` at the end of a round, as the next one begins with."""


def unchanged(
    number: int, members: runs.Members, experiment: ensemble_experiments.Experiment
) -> tuple[runs.Members, ensemble_experiments.Experiment]:
    """Goes on as if there were no rounds."""
    return members, experiment


def ends(num_steps: int, num_rounds: int, first: float = 0.0) -> Sequence[int]:
    """The step at the end of each of R rounds, evenly spread, at least one in each.

    Args:
      num_steps: of all rounds.
      num_rounds: R.
      first: share of the steps that is added to the first round beforehand.
    """
    shares = first + (1 - first) * (np.arange(num_rounds) + 1) / num_rounds
    own = np.round(shares * num_steps).astype(int)
    return [max(int(end), r + 1) for r, end in enumerate(own)]


def train(
    experiment: ensemble_experiments.Experiment,
    trainer: runs.Trainer,
    arm: ensemble_arms.Arm,
    members: runs.Members,
    until: Sequence[int],
    between: Between = unchanged,
) -> tuple[list[runs.Members], list[training.Report]]:
    """Trains the rounds of an arm.

    Args:
      experiment: of the arm.
      trainer: of its method.
      arm: to train.
      members: of the first round.
      until: step at the end of each round.
      between: is called after each round but the last.

    Returns:
      The members at the end of each round, and the reports of all chunks.
    """
    found, history = [], []
    for number, end in enumerate(until):
        part = number, len(until)
        finished = None
        if number < len(until) - 1:
            finished = _finished(experiment, arm, members, part, end)
        if finished is None:
            members, history = ensemble_arms.advance(
                experiment, trainer, arm, members, end, part
            )
        else:
            members = finished
        found.append(members)
        if number < len(until) - 1:
            members, experiment = between(number, members, experiment)
    return found, history


def side_by_side(rounds: Sequence[runs.Members]) -> runs.Members:
    """The members of R rounds, those of a seed side by side: `[S]` become `[S R]`.

    Keys are those of the last round.
    """

    def together(*leaves):
        stacked = np.stack([np.asarray(leaf) for leaf in leaves], axis=1)
        return stacked.reshape(-1, *stacked.shape[2:])

    own = [(members.hparams, members.state) for members in rounds]
    hparams, state = jax.tree.map(together, *own)
    return runs.Members(hparams, state, rounds[-1].keys)


def with_state(members: runs.Members, state: types.TrainState) -> runs.Members:
    """The same members with another state, in the host's memory."""
    return members._replace(state=jax.device_get(state))


def _finished(
    experiment: ensemble_experiments.Experiment,
    arm: ensemble_arms.Arm,
    members: runs.Members,
    part: tuple[int, int],
    end: int,
) -> Any:
    """The members of a round that was finished and saved, or None."""
    saved = ensemble_arms.saving(experiment, arm, part, end)
    found = checkpoint.restore(saved.folder, members, saved.description)
    return None if found is None or found.step != end else found.tree
