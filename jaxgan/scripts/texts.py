"""What `replicate_runs` is told of sequences: loading, scores, pictures, texts."""

import dataclasses
import functools
import itertools
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan import reports
from jaxgan.data import dataset, sequences
from jaxgan.scores import bleu, suites
from jaxgan.scripts import cli, replicate_runs, writing

SMOKE = {"seeds": 2, "steps": 10, "samples": 100, "pictures": 1, "evaluations": 1}
SMOKE_LIKELIHOOD = 5
"""Steps of maximum likelihood in a run of seconds, at most."""

SHOWN = 12
"""Samples that the terminal and the page show in writing, of each seed."""

CHECKS = {
    "length": cli.at_least(2),
    "vocabulary": cli.at_least(2),
    "bleu": cli.NOT_NEGATIVE,
}


def smoke(asked: Any) -> Any:
    """Settings of a run of seconds."""
    fewer = min(asked.likelihood_steps, SMOKE_LIKELIHOOD)
    return dataclasses.replace(asked, **SMOKE, likelihood_steps=fewer)


def load(asked: Any) -> tuple[Any, dataset.Dataset]:
    """Loads the sequences, and says which.

    Args:
      asked: settings with those of `Sequences` and `Replicates`.

    Raises:
      UserError: if there are no such sequences, or a setting does not go with others.
    """
    cli.check(asked, CHECKS)
    name = asked.dataset
    need = f"it must be one of {', '.join(dataset.LENGTHS)}"
    cli.require(name in dataset.LENGTHS, "--dataset", name, need)
    if dataset.is_built_in(name):
        need = f"{name} is built in and reads no file"
        cli.require(asked.data_dir is None, "--data-dir", asked.data_dir, need)
        need = f"it is for --dataset {dataset.TEXT}"
        cli.require(asked.unit == "characters", "--unit", asked.unit, need)
    check_likelihood(asked)
    need = "it must be 0, or 2 or more, but no more than --samples"
    fits = asked.bleu == 0 or 2 <= asked.bleu <= asked.samples
    cli.require(fits, "--bleu", asked.bleu, need)
    if asked.bleu:
        with cli.flag("--bleu", asked.bleu):
            bleu.require()
    with cli.flag("--dataset", name):
        data = dataset.load(
            name,
            data_dir=asked.data_dir,
            seed=asked.seed,
            length=asked.length,
            vocabulary=asked.vocabulary,
            unit=asked.unit,
        )
    print(dataset.about(data))
    return asked, data


def check_likelihood(asked: Any) -> None:
    """Asks that maximum likelihood, if it begins the training, is followed by more.

    Raises:
      UserError: if it is without a policy gradient.
    """
    alone = asked.likelihood_steps and not asked.rollouts
    need = "it goes with --rollouts, such as --rollouts 8"
    cli.require(not alone, "--likelihood-steps", asked.likelihood_steps, need)


def score(
    asked: Any, data: dataset.Dataset, chosen_by: dataset.Split | None
) -> replicate_runs.Scored:
    """The suite of the sequences."""
    return suites.with_selection(
        data,
        chosen_by,
        num_samples=asked.samples,
        seed=asked.seed,
        num_bleu=asked.bleu,
    )


def knowing(
    kind: replicate_runs.Kind, asked: Any, data: dataset.Dataset
) -> replicate_runs.Kind:
    """The kind with pictures and texts of these symbols."""
    return kind._replace(
        pictures=functools.partial(writing.pictures, data.text),
        keep=functools.partial(keep, data.text, asked),
        sections=functools.partial(sections, data.text, asked),
    )


def keep(
    what: sequences.Sequences,
    asked: Any,
    folder: pathlib.Path,
    samples: Mapping[str, np.ndarray],
) -> None:
    """Writes the samples of each seed, and real ones, as `samples-TITLE.txt`.

    A line is a sample, whose line breaks are written `\\n`. Some are printed. What came
    out since the maximum-likelihood start is printed too.
    """
    for title, x in samples.items():
        texts = writing.escaped(what, x)
        path = folder / f"samples-{'-'.join(title.split())}.txt"
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    for title in ("real", "seed 0"):
        print(f"{title}:", *writing.escaped(what, samples[title])[:SHOWN], sep="\n    ")
    for sentence in since_likelihood(asked, folder):
        print(sentence)


def sections(
    what: sequences.Sequences,
    asked: Any,
    folder: pathlib.Path,
    samples: Mapping[str, np.ndarray],
) -> list[reports.Section]:
    """Samples in writing, and what came out since the maximum-likelihood start."""
    shown = [writing.escaped(what, x)[:SHOWN] for x in samples.values()]
    # There may be fewer held-out ones.
    beside = itertools.zip_longest(*shown, fillvalue="")
    rows = [[i + 1, *own] for i, own in enumerate(beside)]
    table = reports.Table(["sample", *samples], rows)
    said = " ".join(since_likelihood(asked, folder))
    return [reports.Section("In writing", said, [table])]


def since_likelihood(asked: Any, folder: pathlib.Path) -> list[str]:
    """How each score has changed since maximum likelihood ended, seed by seed.

    Args:
      asked: `likelihood_steps` and `steps`.
      folder: of the run, with `scores.json` and the evaluations of the training.

    Returns:
      A sentence for each score, of the mean over seeds of the differences and its 95 %
      interval; nothing where training had no such start, or was not evaluated there.
    """
    start = asked.likelihood_steps
    path = folder / f"scores-{start:06}.json"
    if not 0 < start < asked.steps:
        return []
    if not path.exists():
        return [
            f"note: nothing was scored at step {start}, the end of maximum likelihood; "
            "let an evaluation of --evaluations fall there to see what came after"
        ]
    before, now = (
        json.loads(own.read_text(encoding="utf-8"))["scores"]
        for own in (path, folder / "scores.json")
    )
    found = []
    for name in now:
        values = [np.array(own[name]["value"], float) for own in (before, now)]
        change = reports.interval(values[1] - values[0])
        found.append(
            f"{name} since the maximum-likelihood start: {values[0].mean():.4g} to "
            f"{values[1].mean():.4g}, paired difference {change.mean:+.4f} "
            f"({change.low:+.4f} to {change.high:+.4f})"
        )
    return found
