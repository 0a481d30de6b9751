"""Which settings of a GAN are best, as far as a budget shows?

    python experiments/sweep.py experiments/sweeps/digits.toml
    python experiments/sweep.py --search successive_halving \\
        --space "b1 = {uniform = [0.0, 0.9]}" "loss = ['hinge', 'minimax']"

Any field of `jaxgan.sweeps.recipes.Recipe` may vary; how a space is written is said in
`jaxgan/sweeps/specification.py`. Settings of one structure train as one compiled
population. The plan is printed before it runs, and every finished trial is on the disk;
`--resume` goes on where the run was stopped. `trials.parquet` and `trials.csv` have a
row for each trial and rung.
"""

import dataclasses
import pathlib

from tyro import conf

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings
from jaxgan.sweeps import specification


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Search, shared_settings.Files, shared_settings.Devices):
    file: conf.Positional[pathlib.Path | None] = None
    """TOML file with any of these settings, a base and a space; flags come before it"""
    space: tuple[str, ...] = ()
    """fields that vary, each as a line of TOML"""
    base: tuple[str, ...] = ()
    """fields that all trials have, each as a line of TOML"""
    dataset: str = "digits"
    """digits, polygons, ring, grid, mnist, fashion_mnist, cifar10, files, a stack such
    as stacked_mnist, or a TFDS image dataset"""
    data_dir: pathlib.Path | None = None
    """folder of the archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR"""
    steps: int = 1200
    """of the generator, in a whole trial"""
    samples: int = 1000
    """generated samples that are scored, per trial"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/sweep-DATASET-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped, to go on with; other flags are as they were"""
    smoke: bool = False
    """a run of seconds, with steps and samples of its own: to see it work"""


def from_file(asked: Settings) -> Settings:
    """The settings with those of the file as defaults."""
    if asked.file is None:
        return asked
    found = specification.settings(specification.read(asked.file), Settings)
    return dataclasses.replace(Settings(), **found, file=asked.file)


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__, from_file)
    if SETTINGS.smoke:
        cli.compile_fast()

import functools
import time
from typing import Any

from jaxgan import reports
from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.runs import journal
from jaxgan.scores import objectives, suites
from jaxgan.scripts import from_settings, run_folders
from jaxgan.sweeps import estimates, page, probed, recipes, records, spaces, studies
from jaxgan.sweeps.analysis import comparisons, summaries
from jaxgan.sweeps.search import by_name

SMOKE = {"steps": 9, "samples": 100}
SHOWN = 10


def main(asked: Settings) -> None:
    began = time.perf_counter()
    check(asked)
    from_settings.devices(asked)
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE)
    base, space = describe(asked)
    data = from_settings.load(asked, videos=True)
    from_settings.check_scores(asked, data)
    from_settings.check_resumed(asked.resume, data)
    print(dataset.about(data))
    suite, references, note = suites.of_dataset(
        data, num_samples=asked.samples, seed=asked.seed
    )
    print(note or "")
    with cli.flag("--by", asked.by):
        inverted = suites.inversion(data) is not None
        asks = asked.probe_labels is not None
        names = objectives.names(references, inverted=inverted, probed=asks)
        by = objectives.chosen(asked.by, names)
    prepared = functools.partial(prepare, asked, data, base, space, suite, by)
    if asked.dry_run:
        nowhere = pathlib.Path()
        prepared(run_folders.Folders(nowhere, nowhere))
        return
    with run_folders.opened(asked, f"sweep-{asked.dataset}") as folders:
        search = prepared(folders)
        search.begin()
        run_folders.keep_settings(folders, asked, data, **search.limit._asdict())
        rows = search.run()
        records.write_tables(rows, folders.own)
        title, made_by = f"A sweep on {asked.dataset}", journal.made_by(asked)
        view = view_of(space, by)
        summary = page.save(folders.own, rows, view, title=title, made_by=made_by)
        seconds = time.perf_counter() - began
        summary |= {"references": references, "seconds": seconds}
        reports.write_json(folders.own / "scores.json", summary)
        show(rows, view)
        print(f"{seconds:.0f} s in all; the run is in {folders.run}")
        print(f"Look at {folders.own / page.PAGE}")


def prepare(
    asked: Settings,
    data: dataset.Dataset,
    base: recipes.Recipe,
    space: spaces.Space,
    suite: suites.Suite,
    by: str,
    folders: run_folders.Folders,
) -> by_name.ReadySearch:
    """Makes the search, and prints its plan: what it trains and how long that takes."""
    study = studies.make(
        *(data, functools.partial(recipes.changed, base), suite, asked),
        steps=asked.steps,
        samples=asked.samples,
        folder=folders.own,
        shared=folders.run,
        probe=probed.make(data, asked.probe_labels),
    )
    limit = by_name.kept_limit(asked.resume)
    search = by_name.make(study, asked, space, by, limit)
    lines, expected = estimates.lines(study, search.groups), None
    if asked.resume is None:
        tried = estimates.probe(study, search.groups[0])
        expected = estimates.seconds(study, lines, tried, search.share, search.scorings)
    estimates.show(lines, expected)
    if search.note:
        print(search.note)
    return search


def view_of(space: spaces.Space, by: str) -> comparisons.View:
    """How trials are compared; losses as methods, where they differ."""
    return comparisons.View(
        f"score.{by}",
        by in objectives.MORE_IS_BETTER,
        "setting.loss" if "loss" in space else None,
        space=space,
    )


def check(asked: Settings) -> None:
    whole = ("settings", "seeds", "steps", "levels", "rounds", "places", "batch")
    whole += ("members", "allow_groups", "data_devices", "probe_labels")
    cli.check(
        asked,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "eta": cli.at_least(2),
            "samples": cli.at_least(suites.SPLITS),
            "seed": cli.SEED,
            "wait": cli.POSITIVE,
        },
    )
    if asked.resume is None:  # older runs may have what did nothing
        by_name.check(asked)
    fits = asked.steps >= asked.rounds or asked.smoke
    need = f"each of the {asked.rounds} rounds needs a step"
    driven = asked.search in by_name.DRIVEN
    cli.require(fits or not driven, "--steps", asked.steps, need)
    need = f"--search {asked.search} logs no metrics; give --no-tensorboard"
    cli.require(not (asked.tensorboard and driven), "--tensorboard", True, need)


def describe(asked: Settings) -> tuple[recipes.Recipe, spaces.Space]:
    """The base and the space; what is wrong in the file is said with its line."""
    base = specification.fields(asked.base, "--base")
    space = specification.fields(asked.space, "--space")
    need = 'give the fields that vary, such as \'loss = ["hinge", "minimax"]\''
    cli.require(bool(space), "--space", "", need)
    with located(asked, "base", base):
        recipe = recipes.changed(recipes.Recipe(), base)
    with located(asked, "space", space):
        made = specification.space(space)
        spaces.check(made, recipes.known(recipe, made))
        recipes.check(recipe, made)
    return recipe, made


def located(asked: Settings, table: str, fields: dict[str, Any]):
    """Names the file, line and field in front of what is wrong with one of them."""
    return specification.located(
        asked.file if asked.resume is None else None, table, fields
    )


def show(rows: list[records.Row], view: comparisons.View) -> None:
    """Prints the best settings, and those without a score, which are last."""
    whole = summaries.at_full_length(rows)
    ranked = summaries.of_settings(whole, view.by, more_is_better=view.more_is_better)
    sign, by = -1 if view.more_is_better else 1, view.by.removeprefix("score.")
    dead = [setting for setting in ranked if setting.dead == setting.seeds]
    best = [setting for setting in ranked if setting.dead < setting.seeds][:SHOWN]
    table = [
        [
            place,
            "no score" if setting.dead == setting.seeds else sign * setting.mean,
            f"{setting.dead} of {setting.seeds}",
            *(setting.values.get(name) for name in view.space),
        ]
        for place, setting in enumerate(ranked, 1)
        if setting in best or setting in dead[:SHOWN]
    ]
    ended = {row["trial"] for row in whole}
    stopped = {row["setting"] for row in rows if row["trial"] not in ended}
    stopped -= {row["setting"] for row in whole}  # of which a seed died
    title = (
        f"The best {len(best)} of {len(ranked)} settings by {by}; {len(dead)} died or "
        f"have no score, {len(stopped)} were stopped early"
    )
    print()
    reports.print_table(table, ["", by, "seeds without", *view.space], title)
    if not best:
        raise errors.UserError(
            f"no setting has a {by}, as all died or it could not be computed; lower "
            "the learning rates, or add a penalty."
        )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
