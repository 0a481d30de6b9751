"""Does the Nash mixture of a population's generators beat the best one of them?

    python experiments/metagame.py                     # ring, about two minutes
    python experiments/metagame.py --dataset digits

Trains a population of several settings and seeds. Every generator plays every
discriminator on held-out samples: that is a matrix game, whose Nash equilibrium weighs
the generators. The game is played twice: among the members of a repeat at their end,
and among the checkpoints of one member. Arms are the Nash mixture, the uniform one, the
generator that is exploited least, and the one with the best score. The last is chosen
by --by on samples of its own, so that it knows what the others do not: the score that
it is judged by. All arms are judged on new samples, and their worst values against any
discriminator on the other half of the held-out data. Tables have means and 95 %
confidence intervals over the repeats, which share no seeds. The run folder has the
payoff matrices as pictures, in words, and all numbers in `scores.json`. Expect an
equilibrium that plays one or two generators, is less exploited than the uniform
mixture, and is not told apart from the best single generator.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Files, shared_settings.Devices):
    dataset: str = "ring"
    """ring, grid, digits, mnist, fashion_mnist, cifar10, files, or a TFDS image dataset
    that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    learning_rates: tuple[float, ...] = (3e-4, 1e-3)
    """settings: each with each weight of R1"""
    r1: tuple[float, ...] = (0.1, 1.0)
    """weights of the R1 penalty"""
    seeds: int = 3
    """of each setting, in each repeat"""
    repeats: int = 5
    """populations, of which intervals are taken"""
    checkpoints: int = 8
    """of one member of each repeat, the first setting's first seed"""
    loss: str = "non_saturating"
    """objective, by its name in jaxgan.losses; the payoff is its value"""
    steps: int = 2000
    """of the generator"""
    batch_size: int = 64
    """real samples in a player's step"""
    hidden: tuple[int, ...] = (64, 64)
    """widths of both players' hidden layers"""
    samples: int = 2500
    """generated samples that an arm is judged by"""
    by: str | None = None
    """score of the best single generator; None for sliced_wasserstein of points and
    frechet_distance of images"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/metagame-DATASET-TIME"""
    smoke: bool = False
    """a run of seconds, with numbers of its own: to see it work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import time
from collections.abc import Sequence

import jax
import numpy as np

from jaxgan import dynamics, population, reports, runs, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import from_settings, metagames
from jaxgan.sweeps import recipes, spaces, studies, trials

SMOKE = {
    **{"learning_rates": (1e-3,), "r1": (1.0,), "seeds": 2, "repeats": 2},
    **{"checkpoints": 2, "steps": 10, "samples": 100, "hidden": (8,)},
}
WHOLE = ("seeds", "repeats", "checkpoints", "steps", "batch_size", "data_devices")
LATENT = 16


def main(asked: Settings) -> None:
    began = time.perf_counter()
    check(asked)
    from_settings.devices(asked)
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE)
    with cli.flag("--loss", asked.loss):
        payoff = dynamics.payoff_of(asked.loss)
    data = from_settings.load(asked)
    from_settings.check_scores(asked, data)
    scoring = suites.of_dataset(data, num_samples=asked.samples, seed=asked.seed)
    judge = metagames.judge(data, scoring.suite, asked.by)
    if asked.dry_run:
        study, every = make_study(asked, data, scoring.suite, pathlib.Path())
        ready, members = studies.begin(study, every)
        reports.print_facts(runs.dry_run(ready.trainer, members.hparams, study.pool))
        return
    title = f"metagame-{asked.dataset}"
    with cli.run_folder("--out", asked.out, title) as folder:
        config = dataclasses.asdict(asked) | journal.environment()
        reports.write_json(folder / cli.CONFIG, config)
        gan, pools = train(asked, data, scoring.suite, folder)
        game = metagames.make(gan, data, payoff, judge, asked.samples)
        record = {}
        for of, (labels, states) in pools.items():
            key = jax.random.fold_in(randomness.key(asked.seed), len(record))
            played = [
                metagames.play(game, state, jax.random.fold_in(key, i))
                for i, state in enumerate(states)
            ]
            record[of] = metagames.report(game, played, labels, of, folder)
        record["references"] = scoring.references
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folder / "scores.json", record)
        print(f"{record['seconds']:.0f} s in all; the run is in {folder}")


def check(asked: Settings) -> None:
    cli.check(
        asked,
        dict.fromkeys(WHOLE, cli.AT_LEAST_ONE)
        | {"samples": cli.at_least(suites.SPLITS), "seed": cli.SEED},
    )
    for name in ("learning_rates", "r1"):
        values = getattr(asked, name)
        fits = len(values) == len(set(values)) > 0 and min(values) >= 0
        flag = "--" + name.replace("_", "-")
        cli.require(fits, flag, values, "give numbers that are not negative, each once")


def settings_of(asked: Settings) -> list[spaces.Setting]:
    """Each learning rate with each weight of R1."""
    return [
        {"learning_rate": rate, "penalties.r1": weight}
        for rate in asked.learning_rates
        for weight in asked.r1
    ]


def make_study(
    asked: Settings, data: dataset.Dataset, suite: suites.Suite, folder: pathlib.Path
) -> tuple[studies.Study, Sequence[trials.Trial]]:
    """The study of all repeats, and the members of its one population."""
    seeds = range(asked.seed, asked.seed + asked.repeats * asked.seeds)
    base = recipes.Recipe(
        asked.loss,
        batch_size=asked.batch_size,
        network={
            "architecture": "mlp",
            "hidden": asked.hidden,
            "latent_dim": LATENT if data.mixture is None else 2,
        },
    )
    study = studies.make(
        data,
        lambda setting: recipes.changed(base, setting),
        suite,
        asked,
        steps=asked.steps,
        samples=asked.samples,
        folder=folder,
        shared=folder,
    )
    return study, trials.make(settings_of(asked), seeds)


def train(
    asked: Settings, data: dataset.Dataset, suite: suites.Suite, folder: pathlib.Path
) -> tuple[types.GAN, dict[str, tuple[Sequence[str], list]]]:
    """Trains all repeats as one population; its pools of players, by their names."""
    settings = settings_of(asked)
    study, every = make_study(asked, data, suite, folder)
    ready, members = studies.begin(study, every)
    taken, kept = asked.seeds * np.arange(asked.repeats), []

    def keep(step, collect) -> None:
        state = jax.tree.map(np.array, population.take(collect().state, taken))
        kept.append((step, state))

    members, _ = runs.train(
        ready.trainer,
        members,
        study.pool,
        title=reports.count(len(every), "GAN"),
        log=folder / studies.LOG,
        num_steps=asked.steps,
        chunk_steps=-(-asked.steps // asked.checkpoints),
        on_pause=keep,
        tensorboard=folder / studies.EVENTS if asked.tensorboard else None,
    )
    own = np.arange(len(every)).reshape(len(settings), asked.repeats, asked.seeds)
    pools = [population.take(members.state, i.ravel()) for i in own.swapaxes(0, 1)]
    labels = [
        f"lr {setting['learning_rate']:g}, R1 {setting['penalties.r1']:g}, {seed}"
        for setting in settings
        for seed in "abcdefghijklmnopqrstuvwxyz"[: asked.seeds]
    ]
    ages = [
        population.stack([population.take(state, i) for _, state in kept])
        for i in range(asked.repeats)
    ]
    steps = [f"step {step}" for step, _ in kept]
    named = {"members": (labels, pools), "checkpoints": (steps, ages)}
    networks = recipes.networks_of(study.recipe(every[0].values), data)
    return networks, named


if __name__ == "__main__":
    cli.run(main, SETTINGS)
