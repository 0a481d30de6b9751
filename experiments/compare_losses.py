"""Which adversarial loss is best, when each has the same budget of settings?

    python experiments/compare_losses.py                     # digits, 576 GANs
    python experiments/compare_losses.py --dataset ring

After Lucic et al., Are GANs Created Equal? (2018): eight losses, the published space of
learning rate, beta_1, critic steps and penalty weight, and the distribution of the best
score as the budget grows. Settings are drawn once and shared by all losses, so that
losses are compared pair by pair. All trials of a loss and number of critic steps train
as one compiled population; trials that are finished are on the disk, and `--resume`
goes on with the others. Networks are small MLPs: this compares losses and breaks no
record. The run folder has `report.html`, one page that opens anywhere, its pictures,
every trial as `trials.parquet` and `trials.csv`, and `scores.json`.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Files, shared_settings.Devices):
    dataset: str = "digits"
    """digits, polygons, ring, grid, mnist, fashion_mnist, cifar10, files, a stack such
    as stacked_mnist, or a TFDS image dataset that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    losses: tuple[str, ...] = (
        *("minimax", "non_saturating", "least_squares", "hinge", "wgan_clip"),
        *("wgan_gp", "dragan", "relativistic"),
    )
    """which to compare; p-values are against the first one"""
    budget: int = 24
    """settings that each loss may try, drawn from the space, the same for all losses"""
    seeds: int = 3
    """of each setting"""
    steps: int = 1200
    """of the generator, in each trial"""
    batch_size: int = 64
    """real samples in a player's step"""
    hidden: tuple[int, ...] = (64, 64)
    """widths of both players' hidden layers"""
    samples: int = 1000
    """generated samples that are scored, per trial"""
    seed: int = 0
    """of the settings, the data and the classifier"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/compare_losses-DATASET-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped, to go on with; other flags are as they were"""
    smoke: bool = False
    """a run of seconds, with settings, seeds and steps of its own: to see it work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import functools
import time
from typing import Any

import jax

from jaxgan import reports
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import from_settings, run_folders
from jaxgan.sweeps import (
    designs,
    estimates,
    page,
    plans,
    recipes,
    records,
    spaces,
    studies,
    trials,
)
from jaxgan.sweeps.analysis import comparisons

SMOKE = {"budget": 2, "seeds": 2, "steps": 5, "samples": 100, "hidden": (8,)}
LATENT = 16
PENALTY = spaces.LogUniform(0.1, 100.0)
LOSSES: dict[str, tuple[str, dict[str, spaces.Distribution]]] = {
    "minimax": ("minimax", {}),
    "non_saturating": ("non_saturating", {}),
    "least_squares": ("least_squares", {}),
    "hinge": ("hinge", {}),
    "wgan_clip": ("wasserstein", {"weight_clip": spaces.LogUniform(1e-3, 1.0)}),
    "wgan_gp": ("wasserstein", {"wgan_gp": PENALTY}),
    "dragan": ("non_saturating", {"dragan": PENALTY}),
    "relativistic": ("relativistic", {"r1": PENALTY, "r2": PENALTY}),
}
"""Each loss with the weights that it has, and where they are searched."""

SHARED = {
    "learning_rate": spaces.LogUniform(1e-5, 1e-2),
    "b1": spaces.Uniform(0.0, 1.0),
    "n_critic": spaces.Categorical((1, 5)),
}
STRUCTURAL = ("loss", "n_critic")
DECISIVE = {
    "score.frechet_distance": False,
    "score.f1": True,
    "score.reverse_kl": False,
}
"""What losses are ranked by, the first that there is, and whether more is better."""

MOST_B1 = 0.999


def main(asked: Settings) -> None:
    began = time.perf_counter()
    check(asked)
    from_settings.devices(asked)
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE)
    data = from_settings.load(asked)
    from_settings.check_scores(asked, data)
    from_settings.check_resumed(asked.resume, data)
    print(dataset.about(data))
    groups = plans.make(draw(asked), STRUCTURAL)
    if asked.dry_run:
        nowhere = pathlib.Path()
        study, _ = prepare(asked, data, run_folders.Folders(nowhere, nowhere))
        estimates.dry_run(study, groups)
        return
    print(plans.summary(groups))
    with run_folders.opened(asked, f"compare_losses-{asked.dataset}") as folders:
        run_folders.keep_settings(folders, asked, data)
        study, references = prepare(asked, data, folders)
        rows = studies.train_all(study, groups)
        records.write_tables(rows, folders.own)
        untrained = studies.untrained(study, groups[0])
        beginnings = {name: {"value": values} for name, values in untrained.items()}
        references |= {"untrained generators": beginnings}
        view = view_of(asked, rows)
        known = page.known(references, view)
        summary = page.save(
            folders.own,
            rows,
            view,
            title=f"Losses compared on {asked.dataset}",
            made_by=journal.made_by(asked),
            notes=known,
        )
        summary |= {"references": references, "seconds": time.perf_counter() - began}
        reports.write_json(folders.own / "scores.json", summary)
        columns, ranking = page.ranking(summary)
        reports.print_table(ranking, columns, f"\n{page.about(summary)}")
        print(known)
        print(f"{summary['seconds']:.0f} s in all; the run is in {folders.run}")
        print(f"Look at {folders.own / page.PAGE}")


def prepare(
    asked: Settings, data: dataset.Dataset, folders: run_folders.Folders
) -> tuple[studies.Study, dict[str, Any]]:
    """What all trials have in common, and the scores of known samples."""
    suite, references, note = suites.of_dataset(
        data, num_samples=asked.samples, seed=asked.seed
    )
    print(note or "")
    study = studies.make(
        *(data, functools.partial(recipe, asked, data), suite, asked),
        steps=asked.steps,
        samples=asked.samples,
        folder=folders.own,
        shared=folders.run,
    )
    return study, references


def check(asked: Settings) -> None:
    whole = ("budget", "seeds", "steps", "batch_size", "data_devices")
    cli.check(
        asked,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "samples": cli.at_least(suites.SPLITS),
            "seed": cli.SEED,
            "wait": cli.POSITIVE,
        },
    )
    known = f"choose among {', '.join(LOSSES)}, each once"
    fits = set(asked.losses) <= set(LOSSES)
    fits = fits and 0 < len(asked.losses) == len(set(asked.losses))
    cli.require(fits, "--losses", " ".join(asked.losses), known)


def draw(asked: Settings) -> tuple[trials.Trial, ...]:
    """Trials of all losses, whose common fields are drawn once."""
    key, number = randomness.key(asked.seed), asked.budget
    own_key = jax.random.fold_in(key, 1)
    shared = designs.draw(SHARED, number, key, "sobol")
    every = []
    for name in asked.losses:
        weights = LOSSES[name][1]
        own = [{}] * number
        if weights:
            own = designs.draw(weights, number, own_key, "sobol")
        every += [
            {"loss": name, "draw": i} | common | extra
            for i, (common, extra) in enumerate(zip(shared, own, strict=True))
        ]
    return trials.make(every, range(asked.seeds))


def recipe(asked: Settings, data: dataset.Dataset, setting: spaces.Setting):
    """What a setting means: a loss brings its penalties, and b1 stays below one."""
    own, weights = LOSSES[setting["loss"]]
    base = recipes.Recipe(
        own,
        batch_size=asked.batch_size,
        network={
            "architecture": "mlp",
            "hidden": asked.hidden,
            "latent_dim": LATENT if data.mixture is None else 2,
        },
    )
    values = {name: setting[name] for name in SHARED}
    values["b1"] = min(values["b1"], MOST_B1)
    return recipes.changed(
        base, values | {f"penalties.{name}": setting[name] for name in weights}
    )


def view_of(asked: Settings, rows: list[records.Row]) -> comparisons.View:
    """How losses are compared: on the same draws, by the first score that there is."""
    by = next(by for by in DECISIVE if any(by in row for row in rows))
    return comparisons.View(
        by,
        DECISIVE[by],
        method="setting.loss",
        pair="setting.draw",
        reference=asked.losses[0],
        space=SHARED
        | {n: own for _, more in LOSSES.values() for n, own in more.items()},
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
