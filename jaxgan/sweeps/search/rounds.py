"""Populations that train in rounds, with a decision after each of them.

A *round* trains and scores members and decides what follows; what it has to remember is
its *search state*, plain data that is saved with the members. So a search that was
stopped at any moment goes on from its last checkpoint to the same rows, bit for bit;
rows that are on the disk already are not written again. Where one population trains as
a whole, `of_population` makes the round of a *decision*, a function of the scores.
"""

import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import checkpoint, runs, training, types
from jaxgan.core import errors, signals
from jaxgan.scripts import cli
from jaxgan.sweeps import programs, records, samples, studies

SearchState = dict[str, Any]

SECONDS = 20.0
"""Between two checkpoints, at least."""

STORED = "memo"
"""The search state's name in a checkpoint, which those of before have too."""


class RoundResult(NamedTuple):
    """What follows from a round.

    Attributes:
      members: that go on.
      search_state: to remember.
      rows: of the table.
      over: whether this was the last round.
      said: of the search, in a few words.
    """

    members: types.Tree
    search_state: SearchState
    rows: list[records.Row]
    over: bool
    said: str


Round = Callable[[Any, SearchState], RoundResult]
"""`(members, state) -> RoundResult`: trains, scores, keeps samples and decides.
Members are `runs.Members`, or a tree of several populations."""

Decision = Callable[
    [runs.Members, SearchState, dict[str, np.ndarray], float],
    tuple[RoundResult, list[int]],
]
"""`(members, state, scores [P] by name, seconds of the round) -> RoundResult, and
the places of the rows' trials in the population`."""


def drive(
    study: studies.Study,
    members: types.Tree,
    search_state: SearchState,
    advance: Round,
    *,
    name: str,
    description: dict[str, Any],
) -> types.Tree:
    """Goes through round after round until the last one.

    Args:
      study: that it belongs to; rows go to its journal.
      members: at their beginning; those of a checkpoint take their place.
      search_state: likewise.
      advance: a round.
      name: of the population, a folder of checkpoints.
      description: of the search, as JSON; another one does not load its checkpoints.

    Raises:
      Interrupted: if a signal came, see `signals`; the round was finished and saved
        before.
      UserError: if there are checkpoints that cannot be gone on from.
    """
    folder = study.shared / studies.CHECKPOINTS / name
    members, search_state, number, over = _restored(
        folder, members, search_state, name, description
    )
    journal = records.read(study.folder / studies.JOURNAL)
    there = {_trial_at_rung(row) for row in journal}
    manager, saved = checkpoint.open(folder), time.perf_counter()
    try:
        with signals.deferred() as stopped:
            while not over:
                members, search_state, rows, over, said = advance(members, search_state)
                number += 1
                # Through JSON at once, as where a run goes on.
                search_state = json.loads(json.dumps(search_state))
                studies.append(
                    study, [row for row in rows if _trial_at_rung(row) not in there]
                )
                print(f"{name}: round {number}, {said}", file=sys.stderr)
                stop, now = stopped() or 0, time.perf_counter()
                if over or stop or now - saved >= SECONDS:
                    extra = {STORED: search_state, "over": over}
                    _save(manager, number, members, extra, description)
                    saved = now
                if stop:
                    raise errors.Interrupted(
                        f"stopped and saved after round {number}; go on by "
                        f"{cli.resume_command(study.shared)}",
                        stop,
                    )
    finally:
        checkpoint.close(manager)
    return members


def _restored(
    folder: pathlib.Path,
    members: types.Tree,
    search_state: SearchState,
    name: str,
    description: dict[str, Any],
) -> tuple[types.Tree, SearchState, int, bool]:
    """Members and state of the newest checkpoint, the rounds so far, and if all are."""
    found = checkpoint.restore(folder, members, description)
    if found is None:
        return members, search_state, 0, False
    for skipped in found.skipped:
        print(f"checkpoint left out: {skipped}")
    print(f"{name}: going on after round {found.step}")
    return found.tree, found.extra[STORED], found.step, found.extra["over"]


def _save(manager, number, members, extra, description) -> None:
    # As in training, a copy on the host that nobody writes into.
    checkpoint.save(manager, number, on_host(members), extra, description)


def _trial_at_rung(row: records.Row) -> tuple[str, int]:
    """What a search has one row of: a trial at a rung."""
    return row["trial"], row.get("rung", 0)


def of_population(
    study: studies.Study,
    ready: programs.Ready,
    decide: Decision,
    *,
    name: str,
    round_steps: int,
) -> Round:
    """The round of one population whose members all train and are scored.

    Args:
      study: that it belongs to.
      ready: the program.
      decide: what follows from the scores. Samples are kept of the trials whose last
        row it gives.
      name: of the group, for the samples.
      round_steps: steps in a round.
    """

    def advance(members: runs.Members, search_state: SearchState) -> RoundResult:
        began = time.perf_counter()
        members = train_round(study, ready, members, round_steps)
        x: list[np.ndarray] = []
        measured = studies.score(study, ready, members, x.append)
        took = time.perf_counter() - began
        after, places = decide(members, search_state, measured, took)
        _keep_samples(study, name, after.rows, np.concatenate(x)[places])
        return after

    return advance


def train_round(
    study: studies.Study,
    ready: programs.Ready,
    members: runs.Members,
    num_steps: int,
) -> runs.Members:
    """The members after some more steps."""
    state = training.train(
        ready.trainer.program,
        *members,
        study.pool,
        num_steps=num_steps,
        chunk_steps=studies.chunk_steps(study),
    )
    return members._replace(state=state)


def on_host(members: types.Tree) -> types.Tree:
    """A copy as NumPy arrays; typed keys stay as they are."""

    def copied(leaf):
        is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return leaf if is_key else np.array(leaf)

    return jax.tree.map(copied, members)


def _keep_samples(study, name, rows, x: np.ndarray) -> None:
    """Keeps samples of the trials whose last row this is."""
    last = [i for i, row in enumerate(rows) if row["status"] != "going"]
    if last:
        names = [rows[i]["trial"] for i in last]
        samples.save(study.folder, name, names, x[last])
