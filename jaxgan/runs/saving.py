"""Where a run is saved, and how it goes on from there."""

import contextlib
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax

from jaxgan import checkpoint, training, types
from jaxgan.core import errors, files
from jaxgan.core.distributed import processes
from jaxgan.runs import best as best_lib
from jaxgan.runs import journal, trainers


class Saving(NamedTuple):
    """Where and how often a population is saved while it trains.

    Attributes:
      folder: of its checkpoints.
      description: of its structure, as JSON; another one does not load them.
      resume: the command that goes on, for a user who has stopped the run.
      seconds: between two checkpoints, at least; the last step has one too.
      until: the last step of a part of a run whose later parts are saved elsewhere;
        lines that the log has of those stay when this part goes on.
    """

    folder: pathlib.Path
    description: Mapping[str, Any]
    resume: str
    seconds: float = 60.0
    until: float = math.inf


class WithBest(NamedTuple):
    """What a checkpoint has where the best states are kept: those of `Members`, too."""

    hparams: types.HParams
    state: types.TrainState
    keys: jax.Array
    best: best_lib.Best


def resumed(
    members: trainers.Members,
    best: best_lib.Best | None,
    saving: Saving | None,
    log: pathlib.Path,
    fields: dict[str, Any],
) -> tuple[trainers.Members, best_lib.Best | None, list[training.Report]]:
    """The members of the newest checkpoint with its past, or what there is to begin.

    Members that have taken steps already, in a part of the run that was saved
    elsewhere, begin with the past that the log has of them.

    Raises:
      UserError: if the log and the checkpoints are not of the same steps.
    """
    if saving is None:
        return members, best, []
    tree = _tree(members, best)
    found = checkpoint.restore(saving.folder, tree, saving.description)
    step = int(members.state.step[0]) if found is None else found.step
    if found is None and not saving.folder.exists():
        _require_nothing_logged(saving, step, log, fields)
    history = journal.rewind(log, step, saving.until, **fields)
    if found is None:
        return members, best, history
    for skipped in found.skipped:
        print(f"checkpoint left out: {skipped}")
    if not history or history[-1].step != step:
        reached = history[-1].step if history else 0
        raise errors.UserError(
            f"{log} ends at step {reached} and the checkpoint in {saving.folder} was "
            f"taken at step {step}; put the log back, or start a new run."
        )
    print(f"going on from step {step}")
    return trainers.Members(*found.tree[:3]), best and found.tree.best, history


def _require_nothing_logged(
    saving: Saving, step: int, log: pathlib.Path, fields: dict[str, Any]
) -> None:
    """Steps are logged when there is a folder of checkpoints, if an empty one."""
    logged = [own.step for own in journal.rewind(log, math.inf, **fields)]
    lost = [own for own in logged if step < own <= saving.until]
    if lost:
        raise errors.UserError(
            f"{log} has step {lost[-1]} and there is no folder of checkpoints "
            f"{saving.folder}; put the folder back, or start a new run."
        )


def _tree(members: trainers.Members, best: best_lib.Best | None) -> types.Tree:
    return members if best is None else WithBest(*members, best)


@contextlib.contextmanager
def saver(
    saving: Saving | None, log: pathlib.Path
) -> Iterator[Callable[[int, trainers.Members, best_lib.Best | None], None]]:
    """Yields `(step, members, best)`, which saves in the background; waits at the end.

    A process ends when another one fails, so none goes on before the last is saved.
    """
    if saving is None:
        yield lambda step, members, best: None
        return
    manager = checkpoint.open(saving.folder)

    def save(step: int, members: trainers.Members, best: best_lib.Best | None) -> None:
        # Never a checkpoint ahead of its log, whatever ends the machine.
        files.synchronise(log)
        checkpoint.save(manager, step, _tree(members, best), {}, saving.description)

    try:
        yield save
    finally:
        checkpoint.close(manager)
    processes.barrier("saved")


def goodbye(step: int, num_steps: int, saving: Saving | None) -> str:
    """The sentence with which a stopped run ends: how far it came, how it goes on."""
    if saving is None:
        return f"stopped at step {step} of {num_steps}; the run was not being saved."
    return f"stopped and saved at step {step} of {num_steps}; go on by {saving.resume}"
