"""How good are these samples, and what would a perfect generator score?

    python experiments/score.py RUN --reference mnist:test --scores is,fd,kd,prdc
    python experiments/score.py my/images --reference cifar10:test --features inception

Scores the generators of a run of image_gan.py or mode_ensemble.py (all seeds of an arm
as one population, with mean and interval), a folder of images, a .npz or .npy file, or
a part of a dataset, against any other. A name that a dataset has is that dataset's;
write ./NAME for a folder or file that is called so. The samples are passed over once,
for all scores. The table has floors and ceilings, and beside what is scored real
samples that were held out; the folder keeps every record with its protocol. With the
project's classifier on MNIST expect a few minutes the first time, in which that is
trained, and less afterwards.
"""

import dataclasses
import pathlib

from tyro import conf

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    scored: conf.Positional[str]
    """folder of a run or a file mixture-*.safetensors in it, folder of images, .npz or
    .npy file, or NAME:train or NAME:test of a dataset"""
    reference: str
    """real samples, likewise; of a run one of its files"""
    scores: str = "is,fd,kd,prdc"
    """of is, mis, diversity, modes, fd, fdinf, kd, prdc, cdc, rke, ken, prd, ndb, nn,
    vendi and likelihood, by commas; see jaxgan/scores/by_name.py"""
    features: str = "classifier"
    """classifier, of one trained on the dataset of the reference; inception, of the
    published network; raw, the samples themselves, flattened; or a file of another
    network, FILE.onnx or FILE.stablehlo, see jaxgan/scores/feature_files.py"""
    weights: pathlib.Path | None = None
    """file of the Inception network; None for JAXGAN_INCEPTION, else the cache, to
    which it is downloaded"""
    held_out: str | None = None
    """further real samples, which show what a perfect generator would; None for the
    other part where the reference is a part of a dataset"""
    samples: int = 10_000
    """drawn from each generator; of other samples all are scored"""
    arm: str | None = None
    """of the run, such as per_mode; None for all"""
    image_size: tuple[int, int] | None = None
    """height and width to which images of files and datasets are resized"""
    value_range: tuple[float, float] | None = None
    """values of black and white of the images in files, such as -1 1; None to find out,
    which is refused where it cannot be told"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets; None for JAXGAN_DATA_DIR"""
    cache: pathlib.Path | None = None
    """folder of classifiers and of statistics of references; None for JAXGAN_CACHE,
    else ~/.cache/jaxgan"""
    plots: bool = False
    """draw the curve of precision and recall, the modes, and nearest real images"""
    seed: int = 0
    """of the samples, the classifier, subsets and orders"""
    out: pathlib.Path | None = None
    """folder of the results, new or empty; None for runs/score-TIME"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import functools
import time
from collections.abc import Mapping
from typing import Any

from jaxgan import reports
from jaxgan.core import errors, precision
from jaxgan.data import dataset, samples
from jaxgan.ensembles import saved_generators
from jaxgan.runs import journal
from jaxgan.scores import by_name
from jaxgan.scripts import scoring, scoring_pictures

HELD_OUT = "held-out real"

WITH_CLASSES = ("classifier", "inception")
"""Features whose networks have an opinion on classes, too."""


def main(asked: Settings) -> None:
    began = time.perf_counter()
    precision.set_64_bits_aside()
    cli.check(asked, {"samples": cli.AT_LEAST_ONE, "seed": cli.SEED})
    classes = asked.features in WITH_CLASSES
    published = asked.weights is None or asked.features == "inception"
    need = "they are of --features inception"
    cli.require(published, "--weights", asked.weights, need)
    with cli.flag("--features", asked.features):
        scoring.check_features(asked.features)
    names = [name.strip() for name in asked.scores.split(",")]
    with cli.flag("--scores", asked.scores):
        chosen = by_name.get(dict.fromkeys(names), classes=classes)
    where = {
        "data_dir": asked.data_dir,
        "image_size": asked.image_size,
        "value_range": asked.value_range,
        "load": functools.cache(dataset.load),
    }
    real, rows, number = find(asked, where, chosen)
    if asked.features in ("classifier", "raw"):
        check_shapes(asked, real, rows)
    if asked.plots:
        chosen |= scoring_pictures.drawable(real, rows, classes=classes)
    load = functools.partial(samples.dataset_of, asked.reference, **where)
    with cli.run_folder("--out", asked.out, "score") as folder:
        numbers: dict[str, Any] = {"seed": asked.seed, "cache": asked.cache}
        with cli.flag("--features", asked.features):
            network, note = scoring.feature_network(
                asked.features, load, path=asked.weights, **numbers
            )
        if note is not None:
            print(note)
        numbers |= scoring.law(asked.features, asked.reference, load)
        rated = scoring.rate(chosen, real, rows, network, number=number, **numbers)
        record = scoring.record(rated, real, rows, network)
        config = dataclasses.asdict(asked) | journal.environment()
        reports.write_json(folder / cli.CONFIG, config)
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folder / "scores.json", record)
        show(asked, record)
        if asked.plots:
            scoring_pictures.draw(folder, rated, real, rows)
        print(f"{record['seconds']:.0f} s in all; the records are in {folder}")


def find(
    asked: Settings, where: Mapping[str, Any], chosen: Mapping[str, by_name.Named]
) -> tuple[samples.Samples, dict[str, scoring.Row], int]:
    """The reference, all rows of the table, and the number of samples of a member.

    Raises:
      UserError: if they cannot be had, or are too few for the scores that are chosen.
    """
    with cli.flag("SCORED", asked.scored):
        fake = scored(asked, where)
    path = pathlib.Path(asked.reference).expanduser()
    with cli.flag("--reference", asked.reference):
        if is_run(asked.reference, asked):
            need = "name one of the files mixture-*.safetensors in this folder"
            cli.require(not path.is_dir(), "--reference", asked.reference, need)
            (real,) = saved_generators.members([path], asked.samples, asked.seed + 1)
        else:
            real = samples.find(asked.reference, **where)
            real = samples.choose(real, real.number, asked.seed)
    number = next(iter(fake.values())).members[0].number
    with cli.flag("--scores", asked.scores):
        by_name.check_counts(chosen, scored=number, reference=real.number)
    name = asked.held_out or samples.other_part(asked.reference)
    if name is None:
        rows = fake
    else:
        with cli.flag("--held-out", name):
            rows = held_out(asked, name, where, chosen, number) | fake
    everything = [real, *(own for row in rows.values() for own in row.members)]
    for note in dict.fromkeys(note for own in everything for note in own.notes):
        print(note)
    with cli.flag("SCORED", asked.scored):
        samples.check_alike(*everything)
    return real, rows, number


def held_out(
    asked: Settings,
    name: str,
    where: Mapping[str, Any],
    chosen: Mapping[str, by_name.Named],
    number: int,
) -> dict[str, scoring.Row]:
    """The row of further real samples; none if there are too few that nobody named."""
    found = samples.choose(samples.find(name, **where), number, asked.seed)
    try:
        by_name.check_counts(chosen, **{"held-out samples": found.number})
    except errors.UserError as error:
        if asked.held_out is not None:
            raise
        print(f"no row of {name}, as {error}")
        return {}
    return {HELD_OUT: scoring.Row([found], real=True)}


def is_run(name: str, asked: Settings) -> bool:
    """Whether a name is that of a run and not of a dataset."""
    if samples.is_dataset(name, asked.data_dir):
        return False
    return saved_generators.is_run(pathlib.Path(name).expanduser())


def check_shapes(
    asked: Settings, real: samples.Samples, rows: Mapping[str, scoring.Row]
) -> None:
    """Asks for samples of the shape of the reference.

    A classifier is trained on that, and flattened samples are other numbers in another.
    """
    for title, row in rows.items():
        for own in row.members:
            name, value = "SCORED", asked.scored
            if title == HELD_OUT and row.real:
                name, value = "--held-out", own.name
            need = (
                f"its samples have the shape {tuple(own.shape)} and those of the "
                f"reference {tuple(real.shape)}; bring them to one size by "
                "--image-size, and the axes of images into the order height, width, "
                "channels"
            )
            cli.require(tuple(own.shape) == tuple(real.shape), name, value, need)


def scored(asked: Settings, where: Mapping[str, Any]) -> dict[str, scoring.Row]:
    """What is scored: by the title of an arm, the samples of each seed."""
    path = pathlib.Path(asked.scored).expanduser()
    if not is_run(asked.scored, asked):
        cli.require(asked.arm is None, "--arm", asked.arm, "only runs have arms")
        found = samples.find(asked.scored, **where)
        found = samples.choose(found, found.number, asked.seed)
        return {"scored": scoring.Row([found])}
    arms = saved_generators.arms(path)
    if asked.arm is not None:
        cli.require(
            asked.arm in arms, "--arm", asked.arm, f"there is {', '.join(arms)}"
        )
        arms = {asked.arm: arms[asked.arm]}
    return {
        arm: scoring.Row(saved_generators.members(paths, asked.samples, asked.seed))
        for arm, paths in arms.items()
    }


def show(asked: Settings, record: Mapping[str, Any]) -> None:
    """Prints the table, and what is to be known of it."""
    columns = {}
    for title, row in record["rows"].items():
        seeds = len(row["samples"]["names"])
        columns[title + (f", {seeds} seeds" if seeds > 1 else "")] = row["scores"]
    against = f"{asked.reference}, in the features {asked.features}"
    reports.print_sheet(columns, row["scores"], f"Scores against {against}")
    for sentence in scoring.warnings(record):
        print(f"WARNING: {sentence}")


if __name__ == "__main__":
    cli.run(main, SETTINGS)
