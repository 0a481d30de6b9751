"""Trials as the members of one population: begun, trained, scored, and their rows.

A trial's key is `key(seed)`, its batches and steps follow from it, and so do the
latents that it is scored with. Its program is one of `programs`.
"""

import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import population, reports, runs, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset, pool
from jaxgan.runs import health
from jaxgan.scores import objectives, suites
from jaxgan.scripts import cli, settings
from jaxgan.sweeps import (
    plans,
    probed,
    programs,
    recipes,
    records,
    samples,
    spaces,
    trials,
)

SCORED_AT_ONCE = 16
"""Members whose samples lie on the device together; one program scores them all."""

CHUNKS, SHORTEST_CHUNK = 10, 25
JOURNAL, LOG, CHECKPOINTS = "trials.jsonl", "metrics.jsonl", "checkpoints"
EVENTS = "tensorboard"


class Study(NamedTuple):
    """What all trials have in common.

    Attributes:
      data: that they learn.
      recipe: what a setting means.
      suite: that scores samples `[S, N, ...]`, see `suites.of_dataset`.
      devices: that they run on.
      steps: of the generator, in a whole trial.
      samples: that are scored, of each trial.
      folder: of this process, for the journal and the log.
      shared: of the run, for the checkpoints.
      pool: the training data on the device.
      ready: `(recipe, num_members) -> programs.Ready`, which makes each program once.
      protocols: of the scores by their names, of those that were taken so far.
      probe: what is asked of discriminators, see `probed`, or None.
    """

    data: dataset.Dataset
    recipe: Callable[[spaces.Setting], recipes.Recipe]
    suite: suites.Suite
    devices: settings.Devices
    steps: int
    samples: int
    folder: pathlib.Path
    shared: pathlib.Path
    pool: types.Tree
    ready: Callable[[recipes.Recipe, int], programs.Ready]
    protocols: dict[str, dict[str, Any]]
    probe: probed.Probe | None = None


def make(
    data: dataset.Dataset,
    recipe: Callable[[spaces.Setting], recipes.Recipe],
    suite: suites.Suite,
    devices: settings.Devices,
    *,
    steps: int,
    samples: int,
    folder: pathlib.Path,
    shared: pathlib.Path,
    probe: probed.Probe | None = None,
) -> Study:
    """Makes a study; see `Study` for the arguments."""
    placed, made = pool.put(data.train.x, recipes.classes(data)), {}

    def ready(own: recipes.Recipe, num_members: int) -> programs.Ready:
        key = trials.canonical([recipes.structure(own), num_members])
        if key not in made:
            made[key] = programs.make(
                own,
                num_members,
                data,
                placed,
                devices,
                samples=samples,
                chunk_steps=chunk_steps(study),
            )
            if probe is not None:
                probed.check(probe, made[key].networks)
        return made[key]

    files = folder, shared
    study = Study(
        *(data, recipe, suite, devices, steps, samples, *files, placed, ready, {}),
        probe,
    )
    return study


def chunk_steps(study: Study) -> int:
    """Steps between two lines of the log."""
    return max(SHORTEST_CHUNK, -(-study.steps // CHUNKS))


def begin(
    study: Study, members: Sequence[trials.Trial], places: int | None = None
) -> tuple[programs.Ready, runs.Members]:
    """Makes a population of trials of one structure, at their first step.

    Args:
      study: that they belong to.
      members: the trials, at least one.
      places: members of the population, at least as many; the last trial fills those
        that are left, and the copies are to be dropped. None for as many as trials.

    Raises:
      UserError: if a setting makes no GAN.
    """
    padded = [*members]
    padded += [padded[-1]] * ((places or len(members)) - len(members))
    own = [study.recipe(trial.values) for trial in padded]
    ready = study.ready(own[0], len(own))
    hparams = recipes.numbers(own, study.pool.modes)
    keys = randomness.keys(jnp.array([trial.seed for trial in padded]))
    state = population.init(ready.made.initialise, hparams, keys)
    return ready, runs.Members(hparams, state, keys)


def train(study: Study, group: plans.Group) -> list[records.Row]:
    """Trains and scores the trials of a group as one population, from start to end.

    It is logged and saved meanwhile, and goes on where it was stopped. A few samples of
    each trial are kept, see `sweeps.samples`. A trial that lives has `collapsed` if its
    metrics say so, see `health.findings`, or if its samples have at most one of several
    modes.

    Raises:
      Interrupted: as `runs.train`.
    """
    began = time.perf_counter()
    ready, members = begin(study, group.trials, group.places)
    members, history = runs.train(
        ready.trainer,
        members,
        study.pool,
        title=f"{title(group.structure)}, {reports.count(len(group.trials), 'trial')}",
        log=study.folder / LOG,
        num_steps=study.steps,
        chunk_steps=chunk_steps(study),
        saving=runs.Saving(
            study.shared / CHECKPOINTS / group.name,
            {"trials": [trial.name for trial in group.trials]},
            cli.resume_command(study.shared),
        ),
        tensorboard=study.folder / EVENTS if study.devices.tensorboard else None,
        group=group.name,
    )
    kept: list[np.ndarray] = []
    measured = score(study, ready, members, kept.append)
    names = [trial.name for trial in group.trials]
    samples.save(study.folder, group.name, names, np.concatenate(kept)[: len(names)])
    seconds = (time.perf_counter() - began) / len(group.trials)
    return _rows(group, members, history, measured, seconds)


def train_all(study: Study, groups: Sequence[plans.Group]) -> list[records.Row]:
    """Trains the trials that have no row yet, a group at a time, and gives all rows.

    Rows that are there stay as they are; a group that was stopped within is trained as
    a whole, as its checkpoint is.
    """
    journal = study.folder / JOURNAL
    finished = records.read(journal)
    done = {row["trial"] for row in finished}
    left = {group.name for group in plans.remaining(groups, finished)}
    for group in groups:
        if group.name in left:
            rows = [row for row in train(study, group) if row["trial"] not in done]
            append(study, rows)
    return records.read(journal)


def append(study: Study, rows: Sequence[records.Row]) -> None:
    """Adds rows to the study's journal, each with how its scores came about.

    The column `protocol` is JSON: for each score, by its name, its `scores.protocol`.
    """
    protocol = trials.canonical(study.protocols)
    journal = study.folder / JOURNAL
    records.append(journal, [row | {"protocol": protocol} for row in rows])


def score(
    study: Study,
    ready: programs.Ready,
    members: runs.Members,
    keep: Callable[[np.ndarray], Any] | None = None,
) -> dict[str, np.ndarray]:
    """Scores of each member `[P]` by name; those of one that died are NaN.

    What is a `Score` gives its value, under its name; any other record gives each of
    its numbers, under theirs. `floor`s and `spread`s are left to the protocol.

    Args:
      study: that the members belong to.
      ready: their structure.
      members: P of them.
      keep: given, a block of members at a time, `samples.few` of each; the last block
        is filled up with copies, which are to be dropped.
    """
    total, found = len(members.keys), []
    for first in range(0, total, SCORED_AT_ONCE):
        block = np.minimum(np.arange(first, first + SCORED_AT_ONCE), total - 1)
        own = population.take((members.state, members.hparams, members.keys), block)
        x = ready.draw(*own)
        seen = study.suite(x)
        if ready.invert is not None:
            seen |= ready.invert(*own, seen["precision"].value)
        if study.probe is not None:
            seen |= probed.measure(study.probe, ready.networks, own[0], own[2])
        study.protocols.update({name: dict(of.protocol) for name, of in seen.items()})
        found.append(jax.device_get(objectives.measured(seen)))
        if keep is not None:
            keep(samples.few(x))
    alive = np.asarray(members.state.alive)
    return {
        name: np.where(
            alive,
            np.concatenate([f[name] for f in found])[:total].astype(float),
            np.nan,
        )
        for name in found[0]
    }


def untrained(study: Study, group: plans.Group) -> dict[str, np.ndarray]:
    """Scores `[S]` by name of generators as they are initialised, for each seed one.

    Args:
      study: that the group belongs to.
      group: of whose trials the first of each seed is scored.
    """
    ready, members = begin(study, group.trials, group.places)
    seeds = [trial.seed for trial in group.trials]
    first = np.array([seeds.index(seed) for seed in dict.fromkeys(seeds)])
    return score(study, ready, population.take(members, first))


def row(trial: trials.Trial, measured: dict[str, Any], **more: Any) -> records.Row:
    """A trial's row: what it is, its setting, its scores, and what else is known."""
    group, measured = more.pop("group"), dict(measured)
    collapsed = measured.pop("collapsed", np.nan)
    if not np.isnan(collapsed):
        more.setdefault("collapsed", bool(collapsed))
    return {
        "trial": trial.name,
        "setting": trial.setting,
        "seed": trial.seed,
        "group": group,
        **{f"setting.{name}": value for name, value in trial.values.items()},
        **{f"score.{name}": float(value) for name, value in measured.items()},
        **more,
    }


def _rows(
    group: plans.Group,
    members: runs.Members,
    history: Sequence[training.Report],
    measured: dict[str, np.ndarray],
    seconds: float,
) -> list[records.Row]:
    """The rows of a group that was trained to its end."""
    collapsed = health.findings(history)["collapsed"]
    if "collapsed" in measured:
        collapsed |= measured["collapsed"] == 1
    alive = np.asarray(members.state.alive)
    return [
        row(
            trial,
            {name: values[i] for name, values in measured.items()},
            group=group.name,
            status="finished" if alive[i] else "died",
            collapsed=bool(collapsed[i] and alive[i]),
            steps=history[-1].step,
            seconds=seconds,
        )
        for i, trial in enumerate(group.trials)
    ]


def title(structure: dict[str, Any]) -> str:
    """A group's structure in a few words."""
    return " ".join(map(str, structure.values())) or "one program"
