"""A run of one GAN from several seeds, from its settings to its page.

What is learnt, images or something else, is a `Kind`: a script brings it, and all that
it has in common with the others, training, resuming, scoring, saving, is told here.
"""

import dataclasses
import functools
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import ensembles, reports, runs, scores, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.ensembles import transfer
from jaxgan.runs import evaluations, journal, loggers
from jaxgan.scores import suites
from jaxgan.scripts import (
    class_knowledge,
    cli,
    few_labels,
    from_settings,
    replicate_averages,
    replicate_choices,
    replicate_games,
    replicate_grids,
    replicate_reports,
    replicate_training,
    replicates,
    run_folders,
    settings,
)

EVENTS = "tensorboard/evaluations"

Scored = tuple[suites.Scoring, suites.Suite | None]
"""What scores, and what chooses, see `suites.with_selection`."""

NO_SCORES: Scored = (suites.Scoring(None, {}, "no classifier, and so no scores"), None)
"""What scores where `--classifier-images` are 0."""

Samples = Mapping[str, np.ndarray]
"""By title `[N, ...]`."""


def as_it_is(kind: "Kind", asked: Any, data: dataset.Dataset) -> "Kind":
    """What `Kind.knowing` is where a kind needs to know nothing of the data."""
    del asked, data
    return kind


def no_sections(folder: pathlib.Path, samples: Samples) -> Sequence[reports.Section]:
    """What `Kind.sections` is where the page needs no more than all have."""
    del folder, samples
    return ()


def keep_nothing(folder: pathlib.Path, samples: Samples) -> None:
    """What `Kind.keep` is where pictures say all."""
    del folder, samples


class Kind(NamedTuple):
    """What a script about one kind of data brings.

    Attributes:
      script: its name, of the run folder too.
      load: `settings -> settings, data`; the settings have the dataset's name then.
      scoring: `(settings, data, chosen_by) -> suites.Scoring, selection`, see
        `suites.with_selection`; it is called in a thread of its own, while the GANs
        compile.
      smoke: `settings -> settings` of a run of seconds.
      pictures: samples `[N, ...]` as images `[N, H, W, C]` in [-1, 1].
      keep: `(folder, samples)`: writes what is to be had of the samples beside
        pictures; the real ones are called "real".
      in_a_row: pictures in a row, where they are as wide as strips are; None for as
        many as there are classes, or rows. Rows of strips have no names.
      sections: `(folder, samples) -> reports.Section`s that the page has beside those
        of any kind.
      knowing: `(kind, settings, data) -> kind`, for a kind whose pictures, or what
        follows them here, depend on what was loaded.
    """

    script: str
    load: Callable[[Any], tuple[Any, dataset.Dataset]]
    scoring: Callable[[Any, dataset.Dataset, dataset.Split | None], Scored]
    smoke: Callable[[Any], Any]
    pictures: replicate_grids.Pictures = np.asarray
    keep: Callable[[pathlib.Path, Samples], None] = keep_nothing
    in_a_row: int | None = None
    sections: Callable[[pathlib.Path, Samples], Sequence[reports.Section]] = no_sections
    knowing: Callable[["Kind", Any, dataset.Dataset], "Kind"] = as_it_is


def main(asked: Any, kind: Kind, hooks: Sequence[runs.Hook] = ()) -> None:
    """Trains and scores all seeds in a run folder, new or resumed.

    Args:
      asked: settings of `Replicates`, `Training`, `Network` and `Devices`, and those
        of the data with what `Images` has but for `Files`.
      kind: of data.
      hooks: that are told of each chunk and of all scores of the seeds.

    Raises:
      UserError: if a setting is wrong.
    """
    began = time.perf_counter()
    check(asked)
    from_settings.devices(asked)
    if asked.smoke and asked.resume is None:
        asked = kind.smoke(asked)
    asked, data = kind.load(asked)
    kind = kind.knowing(kind, asked, data)
    data, chosen_by = replicate_choices.set_aside(asked, data)
    with cli.flag("--dataset", asked.dataset):
        suites.check(data, num_samples=asked.samples)
    made = replicate_training.make(asked, data)
    others = replicate_training.source(asked, made)
    if asked.dry_run:
        reports.print_facts(replicate_training.dry_run(made))
        return
    with run_folders.opened(asked, f"{kind.script}-{asked.dataset}") as folders:
        run_folders.keep_settings(
            folders, asked, data, growing=("steps",), gan=made.architecture
        )
        settings_of = dataclasses.asdict(asked)
        with loggers.opened(asked.log_to, folders.own, settings_of) as opened:
            record, history, shown = run(
                *(asked, kind, data, made, folders),
                chosen_by=chosen_by,
                others=others,
                hooks=[*hooks, *opened],
            )
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folders.own / "scores.json", record)
        replicate_reports.show(record)
        replicate_reports.save_page(
            folders.own,
            record,
            history,
            {title: kind.pictures(x) for title, x in shown.items()},
            columns=kind.in_a_row or len(shown["seed 0"]) // replicate_grids.ROWS,
            title=f"{reports.count(asked.seeds, 'GAN')} on {asked.dataset}",
            made_by=journal.made_by(asked),
            column_names=replicate_grids.column_names(
                data, labels=asked.labels and kind.in_a_row is None
            ),
            further=kind.sections(folders.own, shown),
        )
        kind.keep(folders.own, shown)
        print(f"{record['seconds']:.0f} s in all; the run is in {folders.run}")
        print(f"Draw from a generator: {cli.command('sample', folders.run)}")


def run(
    asked: Any,
    kind: Kind,
    data: dataset.Dataset,
    made: replicate_training.Population,
    folders: run_folders.Folders,
    *,
    chosen_by: dataset.Split | None,
    others: transfer.Source | None,
    hooks: Sequence[runs.Hook],
) -> tuple[dict[str, Any], list[training.Report], dict[str, np.ndarray]]:
    """Trains, draws and scores all seeds; returns record, reports and samples."""
    members, (scoring, selection) = begin(asked, kind, data, made, chosen_by, others)
    suite, references, note = scoring
    print(note)
    # Conditional generators are asked for classes as often as they have learnt them.
    grid = replicate_grids.make(
        *(made.gan, data),
        labels=asked.labels,
        seed=asked.seed,
        shares=replicate_training.label_shares(made, data),
        pictures=kind.pictures,
        in_a_row=kind.in_a_row,
    )
    rule = replicate_choices.rule(
        asked, made.gan, selection, grid.generators, chosen_by
    )
    score = functools.partial(scores_of, asked, made.gan, suite)
    if suite is not None:
        first = "untrained" if others is None else "at the beginning"
        references = {first: score(grid.generators(members))} | references
    due = {"progress-{:06}.png": (asked.pictures, functools.partial(draw, asked, grid))}
    if suite is not None:
        evaluated = functools.partial(evaluate, asked, grid, score, hooks)
        due["scores-{:06}.json"] = (asked.evaluations, evaluated)
    due |= replicate_averages.due(asked)
    members, history, best = replicate_training.train(
        asked, data, made, members, due, folders, rule, hooks
    )
    record = replicate_training.record(asked, made, members, history)
    record |= replicate_choices.record(asked, best, chosen_by)
    # Kept before anything is drawn, which takes memory, and scored.
    reports.write_json(folders.own / "scores.json", record)
    runs.require_alive(members, history, folders.own / replicate_training.LOG)
    replicate_averages.finish(asked, history[-1].step, members, folders.own)
    record["game"] = replicate_games.measure(
        *(made.gan, data, members),
        labels=asked.labels,
        seed=asked.seed,
        batch_size=None if asked.minibatch == "none" else asked.batch_size,
    )
    print(replicate_games.sentence(record["game"]))
    record["classes"] = class_knowledge.measure(asked, made, data, members, folders.own)
    class_knowledge.show(record["classes"])
    runs.save_curves(history, folders.own)
    grid.draw(members, folders.own / "samples.png")
    mixture = grid.generators(members)
    average = asked.ema_decay is not None
    named = {"class_names": dataset.names_of(data)} if asked.labels else {}
    if data.sample_rate is not None:
        named["sample_rate"] = data.sample_rate
    if data.text is not None:
        named |= {"symbols": list(data.text.symbols), "joined": data.text.joined}
    replicates.save(mixture, made.architecture, folders.own, average=average, **named)
    record["scores"] = {} if suite is None else score(mixture)
    tell(hooks, record["steps"], record["scores"])
    if "kept" in record:
        said = replicate_choices.sentences(record["kept"], len(data.test.x))
        print("\n".join(said))
        note = ". ".join([*([note] if note else []), said[0]])
    record |= {"references": references, "note": note}
    return record, history, {"real": grid.real, **grid.look(members)}


def begin(
    asked: Any,
    kind: Kind,
    data: dataset.Dataset,
    made: replicate_training.Population,
    chosen_by: dataset.Split | None,
    others: transfer.Source | None,
) -> tuple[runs.Members, Scored]:
    """All seeds at their first step, and what scores them."""
    if not asked.classifier_images:
        return replicate_training.begin(asked, made, others), NO_SCORES
    with futures.ThreadPoolExecutor(1) as background:
        # One core trains the classifier that scores while the other one compiles.
        scoring = background.submit(kind.scoring, asked, data, chosen_by)
        members = replicate_training.begin(asked, made, others)
        return members, scoring.result()


def scores_of(
    asked: Any, gan: types.GAN, suite: suites.Suite, mixture: ensembles.Mixture
) -> dict[str, Any]:
    """The records of what all generators make, always of the same latents."""
    key = jax.random.fold_in(randomness.key(asked.seed), 1)
    found = suite(replicates.sample(gan, mixture, key, asked.samples))
    return {name: scores.to_dict(own) for name, own in found.items()}


def evaluate(
    asked: Any,
    grid: replicate_grids.Grid,
    score: Callable[[ensembles.Mixture], dict[str, Any]],
    hooks: Sequence[runs.Hook],
    step: int,
    members: runs.Members,
    path: pathlib.Path,
) -> None:
    """Scores all seeds while they train."""
    found = score(grid.generators(members))
    reports.write_json(path, {"scores": found})
    tell(hooks, step, found)
    show_events(asked, step, path, scores=evaluations.values(found))


def tell(hooks: Sequence[runs.Hook], step: int, records: Mapping[str, Any]) -> None:
    """Tells hooks the scores of all seeds at a step."""
    for hook in hooks:
        hook.on_scores(step, evaluations.values(records))


def draw(
    asked: Any,
    grid: replicate_grids.Grid,
    step: int,
    members: runs.Members,
    path: pathlib.Path,
) -> None:
    """Draws all seeds while they train."""
    grid.draw(members, path)
    show_events(asked, step, path, picture=path)


def show_events(asked: Any, step: int, path: pathlib.Path, **seen: Any) -> None:
    """Shows in TensorBoard what was seen in training, where that is asked for."""
    if asked.tensorboard:
        journal.add_evaluation(path.parent / EVENTS, step, **seen)


def check(asked: Any) -> None:
    """Checks the settings that need neither data nor networks.

    Raises:
      UserError: if one is wrong.
    """
    whole = ("seeds", "steps")
    cli.check(
        asked,
        settings.CHECKS
        | dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "minutes": cli.POSITIVE,
            "samples": cli.at_least(suites.SPLITS),
            "pictures": cli.NOT_NEGATIVE,
            "evaluations": cli.NOT_NEGATIVE,
            "classifier_images": cli.NOT_NEGATIVE,
            "patience": cli.AT_LEAST_ONE,
            "seed": cli.SEED,
        },
    )
    if few_labels.asked_for(asked):
        cli.check(asked, {"labels_per_class": cli.AT_LEAST_ONE})
    need = f"--keep {asked.keep} needs the scores that it leaves out"
    scored = bool(asked.classifier_images) or asked.keep == "last"
    cli.require(scored, "--classifier-images", asked.classifier_images, need)
    # Of a run that goes on it may have been given when it did nothing.
    scored = bool(asked.classifier_images) or asked.resume is not None
    need = "--classifier-images 0 leaves out the scores that it is for"
    cli.require(
        scored or not asked.evaluations, "--evaluations", asked.evaluations, need
    )
    with cli.flag("--log-to", " ".join(asked.log_to)):
        loggers.check(asked.log_to)
    replicate_choices.check(asked)
    replicate_averages.check(asked)


def by_classifier(
    asked: Any, data: dataset.Dataset, chosen_by: dataset.Split | None
) -> Scored:
    """The suite of the dataset, with a classifier as `asked.classifier_images` say."""
    return suites.with_selection(
        data,
        chosen_by,
        num_samples=asked.samples,
        seed=asked.seed,
        num_images=asked.classifier_images,
    )


def smoke(asked: Any, *, most_classifier_images: int, **fewer: Any) -> Any:
    """Settings of a run of seconds.

    Args:
      asked: settings.
      most_classifier_images: that the classifier sees.
      **fewer: what the others are.
    """
    images = min(asked.classifier_images, most_classifier_images)
    return dataclasses.replace(asked, **fewer, classifier_images=images)
