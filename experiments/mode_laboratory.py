"""Which remedies keep a GAN from collapse, and by how much, beside published rows?

    python experiments/mode_laboratory.py                    # the ring, ten seeds
    python experiments/mode_laboratory.py --table grid --seeds 5
    python experiments/mode_laboratory.py --table stacked2 --arms plain rpgan

Five tables, on data where collapse is known: ring and grid (PacGAN's and VEEGAN's
protocols), two or three images stacked as the channels of one (100 and 1,000 modes),
and a long tail of classes. A table is networks, a batch, a rate and a number of steps;
its arms are remedies of one GAN (packs, a relativistic loss with R1 and R2, unrolling)
and ensembles, which all spend the floating-point operations of the steps of one
relativistic GAN, over all of their members. All seeds of an arm are one population.
Arms are those of scripts/ensemble_kinds.py; `_lowered` after a name lowers its learning
rates in stages, as `rpgan` always does.

It prints ours beside the published rows, with the source of each and how its protocol
differs: other networks, other compute. Compare the order of rows before their numbers.
The run folder keeps settings, metrics, scores, pictures, mixtures and `report.html`.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Devices):
    table: str = "ring"
    """ring, grid, stacked2, stacked3 or tail, see scripts/mode_tables.py"""
    arms: tuple[str, ...] = ()
    """by their names in scripts/ensemble_kinds.py; none for those of the table"""
    seeds: int = 10
    """runs of each arm, all of them one population"""
    steps: int | None = None
    """of one relativistic GAN, whose operations every arm may spend; None for those of
    the table"""
    samples: int | None = None
    """generated samples that are scored, per seed and arm; None for those of the
    table"""
    images: str = "digits"
    """of stacks and the tail: grey images with labels, as digits, mnist, fashion_mnist,
    or a TFDS image dataset that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets of --images; None for JAXGAN_DATA_DIR,
    else the default of TFDS"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/mode_laboratory-TABLE-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped; other flags are as they were"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__)
    if SETTINGS.smoke:
        cli.compile_fast()

import time
from concurrent import futures
from typing import Any

from jaxgan import reports
from jaxgan.data import dataset
from jaxgan.data import modes as modes_lib
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import (
    ensemble_arms,
    ensemble_comparison,
    ensemble_experiments,
    ensemble_kinds,
    ensemble_reports,
    from_settings,
    mode_partitions,
    mode_tables,
    published_rows,
    run_folders,
)

SMOKE = {"seeds": 2, "steps": 40, "samples": 500}


def main(asked: Settings) -> None:
    began = time.perf_counter()
    table = check(asked)
    from_settings.devices(asked)
    if asked.resume is None:
        asked = filled(asked, table)
    own = mode_tables.settings_of(table, asked)
    data = mode_tables.load(own, asked.images)
    mode_partitions.check(own, data)
    print(f"{asked.table}: {table.about}")
    print(dataset.about(data))
    if asked.dry_run:
        experiment, arms, makes = prepare(asked, table, own, data)
        ensemble_comparison.dry_run(experiment, arms, makes)
        return
    with run_folders.opened(asked, f"mode_laboratory-{asked.table}") as folders:
        _, architecture = mode_tables.networks(table, data)
        run_folders.keep_settings(folders, asked, data, gan=architecture)
        found, record = run(asked, table, own, data, folders)
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folders.own / "scores.json", record)
        show(asked, table, data, found, record, folders)
        print(f"{record['seconds']:.0f} s in all; the run is in {folders.run}")
        print(f"Draw from the mixture: {cli.command('sample', folders.run)}")


def check(asked: Settings) -> mode_tables.Table:
    whole = ("seeds", "steps", "data_devices")
    cli.check(
        asked,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "wait": cli.POSITIVE,
            "seed": cli.SEED,
            "samples": cli.at_least(suites.SPLITS),
        },
    )
    with cli.flag("--table", asked.table):
        table = mode_tables.get(asked.table)
    mode_tables.check_images(table, asked)
    if asked.arms:
        with cli.flag("--arms", " ".join(asked.arms)):
            ensemble_kinds.check(asked.arms)
    return table


def filled(asked: Settings, table: mode_tables.Table) -> Settings:
    """The settings with those of the table where none were given, as they are kept."""
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE)
    return dataclasses.replace(
        asked,
        arms=asked.arms or table.arms,
        steps=asked.steps or table.steps,
        samples=asked.samples or table.samples,
    )


def prepare(
    asked: Settings,
    table: mode_tables.Table,
    own: mode_tables.Asked,
    data: dataset.Dataset,
    folders: run_folders.Folders | None = None,
) -> tuple[
    ensemble_experiments.Experiment,
    tuple[ensemble_arms.Arm, ...],
    ensemble_kinds.Makes,
]:
    """What the arms have in common, the arms, and their methods."""
    modes = mode_partitions.find(own, data)
    purity = modes_lib.purity(modes, data.train.label)
    number = reports.count(len(modes.counts), "mode")
    print(f"{number} from {table.modes}, purity {purity:.3f}")
    made = own, data, modes, *mode_tables.networks(table, data), folders
    arms, makes = ensemble_kinds.by_name(
        asked.arms,
        ensemble_kinds.Asked(
            *mode_tables.known(table),
            data=data,
            modes=modes,
            part=mode_partitions.PARTS[table.modes],
            steps=-(-asked.steps // len(modes.counts)),
        ),
    )
    return ensemble_experiments.make(*made), arms, makes


def run(
    asked: Settings,
    table: mode_tables.Table,
    own: mode_tables.Asked,
    data: dataset.Dataset,
    folders: run_folders.Folders,
) -> tuple[ensemble_comparison.Comparison, dict[str, Any]]:
    """Trains and scores all arms; returns what came out, and the record of the run."""
    # One core trains the classifier that scores and compiles the arms, while the other
    # one clusters and begins to train.
    background = futures.ThreadPoolExecutor(1)
    try:
        scoring = background.submit(
            suites.of_dataset, data, num_samples=own.samples, seed=own.seed
        )
        experiment, arms, makes = prepare(asked, table, own, data, folders)
        begun = ensemble_comparison.begin(experiment, arms, makes, background)
        suite, references, note = scoring.result()
        if note is not None:
            print(note)
        found = ensemble_comparison.compare(
            experiment,
            begun,
            suite,
            flops=ensemble_comparison.operations(experiment, begun, makes, asked.steps),
            samples=own.samples,
            experts=next((n for n in asked.arms if n.startswith("per_mode")), ""),
            part=mode_partitions.PARTS[table.modes],
        )
    finally:
        background.shutdown(wait=False, cancel_futures=True)
    record = {
        "table": asked.table,
        "arms": found.records,
        "references": found.known | references,
        "published": published_rows.as_records(table.published),
    }
    return found, record


def show(
    asked: Settings,
    table: mode_tables.Table,
    data: dataset.Dataset,
    found: ensemble_comparison.Comparison,
    record: dict[str, Any],
    folders: run_folders.Folders,
) -> None:
    """Prints the scores and the published rows, and saves the pictures and the page."""
    arms, references = record["arms"], record["references"]
    title, notes = published_rows.TITLE, published_rows.notes(table.published)
    beside = published_rows.beside(arms, table.published, data.num_classes)
    ensemble_reports.show(arms, references, asked.seeds)
    reports.print_table(beside.rows, beside.columns, title)
    print(*notes, sep="\n")
    ensemble_reports.save(
        folders.own,
        arms,
        references,
        data,
        found.samples,
        title=f"Mode laboratory: {asked.table}",
        made_by=journal.made_by(asked),
        beside=[reports.Section(title, " ".join(notes), [beside])],
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
