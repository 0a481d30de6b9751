"""Which adversarial loss is best, when each has the same budget of settings?

    python experiments/compare_losses.py                     # digits, 576 GANs
    python experiments/compare_losses.py --dataset ring

After Lucic et al., Are GANs Created Equal? (2018): eight losses, the published space of
learning rate, beta_1, critic steps and penalty weight, and the distribution of the best
score as the budget grows. Settings are drawn once and shared by all losses, so that
losses are compared pair by pair. All trials of a loss and number of critic steps train
as one compiled population; trials that are finished are on the disk, and `--resume`
goes on with the others. Networks are small MLPs: this compares losses and breaks no
record.
"""

import dataclasses
import pathlib

from jaxgan import cli
from jaxgan import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Devices):
    dataset: str = "digits"
    """digits, ring, grid, or a TFDS image dataset that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of the prepared TFDS datasets; None for the default of TFDS"""
    losses: tuple[str, ...] = (
        *("minimax", "non_saturating", "least_squares", "hinge", "wgan_clip"),
        *("wgan_gp", "dragan", "relativistic"),
    )
    """which to compare; p-values are against the first one"""
    settings: int = 24
    """drawn from the space, the same for all losses"""
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
import numpy as np

from jaxgan import hosts, journal, reports, setups
from jaxgan.data import dataset
from jaxgan.scores import panels
from jaxgan.studies import populations, recipes
from jaxgan.sweeps import designs, plans, records, spaces, statistics, trials

SMOKE = {"settings": 2, "seeds": 2, "steps": 5, "samples": 100, "hidden": (8,)}
LATENT, JOURNAL = 16, populations.JOURNAL
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
MOST_B1 = 0.999


def main(asked: Settings) -> None:
    began = time.perf_counter()
    check(asked)
    setups.devices(asked)
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE)
    with cli.flag("--dataset", asked.dataset):
        data = dataset.load(asked.dataset, data_dir=asked.data_dir, seed=asked.seed)
    labelled = data.train.label is not None
    cli.require(labelled, "--dataset", asked.dataset, "the scores need its labels")
    groups = plans.make(draw(asked), STRUCTURAL)
    print(plans.summary(groups))
    title = f"compare_losses-{asked.dataset}"
    with hosts.own_folder(cli.run_folder("--out", asked.out, title, asked.resume)) as (
        folder,
        shared,
    ):
        if asked.resume is None:
            config = dataclasses.asdict(asked) | journal.environment()
            reports.write_json(folder / cli.CONFIG, config)
        panel, references, note = panels.of_dataset(
            data, num_samples=asked.samples, seed=asked.seed
        )
        print(note or "")
        study = populations.make(
            data,
            functools.partial(recipe, asked, data),
            panel,
            asked,
            steps=asked.steps,
            samples=asked.samples,
            folder=folder,
            shared=shared,
        )
        populations.train_all(study, groups)
        rows = records.read(folder / JOURNAL)
        records.write_tables(rows, folder)
        summary = summarise(asked, rows)
        summary |= {"references": references, "seconds": time.perf_counter() - began}
        reports.write_json(folder / "scores.json", summary)
        show(asked, summary, folder)
        print(f"{summary['seconds']:.0f} s in all; the run is in {shared}")


def check(asked: Settings) -> None:
    whole = ("settings", "seeds", "steps", "batch_size", "data_devices")
    cli.check(
        asked,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "samples": cli.at_least(panels.SPLITS),
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
    key = jax.random.key(asked.seed)
    shared = designs.draw(SHARED, asked.settings, key, "sobol")
    every = []
    for name in asked.losses:
        weights = LOSSES[name][1]
        own = [{}] * asked.settings
        if weights:
            own = designs.draw(
                weights, asked.settings, jax.random.fold_in(key, 1), "sobol"
            )
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


def summarise(asked: Settings, rows: list[records.Row]) -> dict[str, Any]:
    """Per loss, over settings and seeds, and each against the first."""
    by = "score.frechet_distance"
    if not any(by in row for row in rows):
        by = "score.reverse_kl"
    tables, means = {}, {}
    for name in asked.losses:
        own = [row for row in rows if row["setting.loss"] == name]
        table = np.full((asked.settings, asked.seeds), np.nan)
        for row in own:
            died = row["status"] == "died"
            value = np.nan if died else row[by]
            table[row["setting.draw"], row["seed"]] = value
        budgets = sorted({1, 5, asked.settings} & set(range(1, asked.settings + 1)))
        # A setting in which a seed died is worse than any number.
        means[name] = table.mean(axis=1)
        tables[name] = {
            "best": [statistics.best_of(means[name], k)._asdict() for k in budgets],
            "trials": len(own),
            "died": sum(row["status"] == "died" for row in own),
            "seconds": sum(row["seconds"] for row in own),
        }
        alive = means[name][~np.isnan(means[name])]
        if alive.size:
            place = int(np.nanargmin(means[name]))
            interval = reports.interval(table[place])
            chosen = next(r for r in own if r["setting.draw"] == place)
            tables[name] |= {"best_setting": interval._asdict(), "chosen": chosen}
    compared = {}
    if len(asked.losses) > 1:
        found = statistics.compare(means, asked.losses[0])
        compared = {name: pair._asdict() for name, pair in found.items()}
    curves = {
        name: [statistics.best_of(own, k).median for k in range(1, len(own) + 1)]
        for name, own in means.items()
    }
    return {"by": by, "losses": tables, "compared": compared, "curves": curves}


def show(asked: Settings, summary: dict[str, Any], folder: pathlib.Path) -> None:
    """Prints the table and saves the picture of the best of k."""
    first = asked.losses[0]
    losses, rows = summary["losses"], []
    ordered = sorted(losses, key=lambda name: losses[name]["best"][-1]["median"])
    for name in ordered:
        own, pair = losses[name], summary["compared"].get(name)
        best = own.get("best_setting")
        rows.append(
            [
                name,
                f"{best['mean']:.3g} ± {(best['high'] - best['low']) / 2:.2g}"
                if best
                else "none lived",
                *(
                    f"{k['median']:.3g} [{k['low']:.3g}, {k['high']:.3g}]"
                    for k in own["best"]
                ),
                f"{own['died']} of {own['trials']}",
                f"{own['seconds']:.0f}",
                f"{pair['better']:.2f} (p {pair['p']:.2g})" if pair else "",
            ]
        )
    budgets = [f"best of {k['budget']}" for k in losses[first]["best"]]
    columns = ["", "best setting", *budgets, "died", "s", f"better than {first}"]
    measured = summary["by"].removeprefix("score.")
    title = (
        f"{measured} (less is better): mean of the best setting over {asked.seeds} "
        "seeds with its 95 % interval; median and 95 % range of the best of k "
        "settings; share of settings better, p after Holm"
    )
    print()
    reports.print_table(rows, columns, title)
    curves = {
        name: (range(1, len(own) + 1), [np.array([k]) for k in own])
        for name, own in summary["curves"].items()
    }
    reports.save_curves(
        folder / "best-of-k.png",
        curves,
        xlabel="settings tried",
        ylabel=measured,
        title="Median of the best score, as the budget of settings grows",
    )
    for name, own in summary["references"].items():
        score = own.get(measured)
        if score is not None:
            print(f"{name}: {np.ravel(score['value'])[0]:.3g}")
    report(asked, title, columns, rows, folder)


def report(
    asked: Settings,
    title: str,
    columns: list[str],
    ranking: list[list[Any]],
    folder: pathlib.Path,
) -> None:
    """Saves `report.html`: the ranking, the curves and every trial."""
    every = records.read(folder / JOURNAL)
    names = list(dict.fromkeys(name for row in every for name in row))
    shown = [n for n in names if n not in ("trial", "setting", "group", "seconds")]
    cells = [[row.get(name) for name in shown] for row in every]
    said = "Median of the best score as the budget of settings grows, a line per loss."
    reports.save_html(
        folder / "report.html",
        f"Losses compared on {asked.dataset}",
        [
            reports.Section("Ranking", title + ".", [reports.Table(columns, ranking)]),
            reports.Section(
                "Best of k", said, [reports.Picture(folder / "best-of-k.png", said)]
            ),
            reports.Section(
                "Trials",
                "Every setting with every seed; the same as trials.csv.",
                [reports.Table([n.partition(".")[2] or n for n in shown], cells)],
            ),
        ],
        {
            "command": f"python experiments/compare_losses.py with {cli.CONFIG}",
            **{k: str(v) for k, v in dataclasses.asdict(asked).items()},
            **{k: str(v) for k, v in journal.environment().items()},
        },
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
