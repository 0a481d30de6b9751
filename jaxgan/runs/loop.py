"""The run: chunks of steps, and after each what is logged, shown, looked at, saved."""

import functools
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jaxgan import training, types
from jaxgan.core import errors, signals
from jaxgan.core.distributed import processes
from jaxgan.runs import best as best_lib
from jaxgan.runs import hooks as hooks_lib
from jaxgan.runs import journal
from jaxgan.runs import saving as saving_lib
from jaxgan.runs.saving import Saving
from jaxgan.runs.trainers import Members, Trainer


class Trained(NamedTuple):
    """A population that has been trained.

    Attributes:
      members: of it.
      history: reports of all chunks since the first step.
      best: what a rule has kept, or None without one.
    """

    members: Members
    history: list[training.Report]
    best: best_lib.Best | None = None


def train(
    trainer: Trainer,
    members: Members,
    data: types.Tree,
    *,
    title: str,
    log: pathlib.Path,
    num_steps: int,
    chunk_steps: int,
    minutes: float | None = None,
    on_pause: Callable[[int, Callable[[], Members]], None] | None = None,
    saving: Saving | None = None,
    tensorboard: pathlib.Path | None = None,
    hooks: Sequence[hooks_lib.Hook] = (),
    **fields: Any,
) -> tuple[Members, list[training.Report]]:
    """Trains a population until it has taken `num_steps` or no member is alive.

    Args:
      trainer: of the population.
      members: to train; those of a checkpoint take their place.
      data: what the program's sampler draws from.
      title: on the terminal.
      log: file to which `journal.log` adds a line after each chunk.
      num_steps: of the whole run.
      chunk_steps: steps in a chunk.
      minutes: if not None, no chunk begins after so much time.
      on_pause: called after each chunk with the step and with a function that gives the
        members, which costs a copy.
      saving: where checkpoints lie, or None for none.
      tensorboard: folder of events for TensorBoard, or None for none.
      hooks: whose `on_chunk` is called after each chunk, when it has been logged.
      **fields: for each line of the log.

    Returns:
      The members, and the reports of all chunks since the first step.

    Raises:
      Interrupted: if a signal came, see `signals`; where the run is being saved, the
        chunk was finished and saved before.
      UserError: if there are checkpoints that cannot be gone on from.
    """
    trained = train_best(
        *(trainer, members, data),
        title=title,
        log=log,
        num_steps=num_steps,
        chunk_steps=chunk_steps,
        minutes=minutes,
        on_pause=on_pause,
        saving=saving,
        tensorboard=tensorboard,
        hooks=hooks,
        rule=None,
        **fields,
    )
    return trained.members, trained.history


def train_best(
    trainer: Trainer,
    members: Members,
    data: types.Tree,
    *,
    title: str,
    log: pathlib.Path,
    num_steps: int,
    chunk_steps: int,
    minutes: float | None = None,
    on_pause: Callable[[int, Callable[[], Members]], None] | None = None,
    saving: Saving | None = None,
    tensorboard: pathlib.Path | None = None,
    hooks: Sequence[hooks_lib.Hook] = (),
    rule: best_lib.Rule | None,
    **fields: Any,
) -> Trained:
    """Trains a population as `train`, and keeps the best state of each member.

    It ends when all have taken `num_steps` or none goes on.

    Args:
      rule: by which the best state of each member is kept, and members stop; None to
        keep the last states.
      trainer, members, data, **fields: these and all others are as for `train`.

    Returns:
      The members, which with a rule have their best states, and what is known of these.

    Raises:
      Interrupted: if a signal came, see `signals`; where the run is being saved, the
        chunk was finished and saved before.
      UserError: if there are checkpoints that cannot be gone on from.
    """
    began = time.perf_counter()
    best = None if rule is None else best_lib.begin(members.state)
    members, best, history = saving_lib.resumed(members, best, saving, log, fields)
    start = history[-1].step if history else 0
    placed = training.place(trainer.program, *members, data)
    write, size = journal.log(log, **fields), len(members.keys)
    with (
        saving_lib.saver(saving, log) as save,
        journal.tensorboard(tensorboard, **fields) as board,
        signals.deferred() as stopped,
        journal.progress(
            title, num_steps=num_steps, num_members=size, start=start
        ) as show,
    ):

        def on_chunk(report: training.Report) -> None:
            if best is not None and history:
                report = best_lib.without_stopped(best, report, history[-1])
            told = (hook.on_chunk for hook in hooks)
            for receive in (write, show, board, history.append, *told):
                receive(report)

        saved, stop = time.perf_counter(), 0
        while placed.step < num_steps and not _is_over(best, history):
            placed = training.advance(
                trainer.program,
                placed,
                num_steps=min(chunk_steps, num_steps - placed.step),
                chunk_steps=chunk_steps,
                on_chunk=on_chunk,
            )
            collect = functools.cache(functools.partial(_fetch, members, placed))
            if rule is not None and best is not None:
                best = best_lib.evaluated(
                    rule, best, placed.step, collect, num_steps=num_steps
                )
            if on_pause is not None:
                on_pause(placed.step, _shown(best, collect))
            now = time.perf_counter()
            # Clocks and signals are each process's own, what follows from them is not.
            over, due, stop = processes.maximum(
                [
                    minutes is not None and now - began >= 60 * minutes,
                    saving is not None and now - saved >= saving.seconds,
                    stopped() or 0,
                ]
            )
            last = over or placed.step == num_steps or _is_over(best, history)
            if saving is not None and (last or stop or due):
                save(placed.step, collect(), best)
                saved = now
            if last or stop:
                break
    if stop:
        goodbye = saving_lib.goodbye(placed.step, num_steps, saving)
        raise errors.Interrupted(goodbye, stop, together=True)
    members = _fetch(members, placed)
    if best is None:
        return Trained(members, history)
    return Trained(best_lib.restored(best, members), history, best)


def _is_over(best: best_lib.Best | None, history: list[training.Report]) -> bool:
    """Whether no member goes on: none is alive, or none that has not stopped."""
    if not history:
        return False
    alive = history[-1].alive
    return not alive.any() if best is None else best_lib.is_over(best, alive)


def _shown(
    best: best_lib.Best | None, collect: Callable[[], Members]
) -> Callable[[], Members]:
    if best is None:
        return collect
    return lambda: best_lib.shown(best, collect())


def _fetch(members: Members, placed: training.Placed) -> Members:
    return members._replace(state=training.fetch(placed))
