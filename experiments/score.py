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
    vendi, likelihood and, of labelled samples, intrafd and cas, by commas; see
    jaxgan/scores/by_name.py"""
    features: str = "classifier"
    """classifier, of one trained on the dataset of the reference; inception, of the
    published network; raw, the samples themselves, flattened; or a file of another
    network, FILE.onnx or FILE.stablehlo, see jaxgan/scores/feature_files.py"""
    weights: pathlib.Path | None = None
    """file of the Inception network; None for JAXGAN_INCEPTION, else the cache, to
    which it is downloaded"""
    convolution: str = "auto"
    """form of the Inception network's convolutions: auto, or onednn, an extra for CPUs
    that is faster"""
    held_out: str | None = None
    """further real samples, which show what a perfect generator would; None for the
    other part where the reference is a part of a dataset"""
    samples: int = 10_000
    """drawn from each generator; of other samples all are scored"""
    arm: str | None = None
    """of the run, such as per_mode; None for all"""
    average: tuple[float, ...] = ()
    """of a run with --averages, relative widths of further averages of the generators'
    weights, such as 0.02 0.05 0.1: each is a column of the table"""
    average_step: int | None = None
    """after which the averages are; None for the end of the run"""
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
from jaxgan.core import precision
from jaxgan.data import dataset, samples
from jaxgan.runs import journal
from jaxgan.scores import by_name, inception
from jaxgan.scripts import scoring, scoring_inputs, scoring_pictures

WITH_CLASSES = ("classifier", "inception")
"""Features whose networks have an opinion on classes, too."""


def main(asked: Settings) -> None:
    began = time.perf_counter()
    precision.set_64_bits_aside()
    cli.check(asked, {"samples": cli.AT_LEAST_ONE, "seed": cli.SEED})
    classes = asked.features in WITH_CLASSES
    published = asked.weights is None or asked.features == "inception"
    need = "it is of --features inception"
    cli.require(published, "--weights", asked.weights, need)
    plain = asked.convolution == "auto" or asked.features == "inception"
    cli.require(plain, "--convolution", asked.convolution, need)
    with cli.flag("--convolution", asked.convolution):
        inception.check_form(asked.convolution)
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
    real, rows, number = scoring_inputs.find(asked, where, chosen)
    if asked.features in ("classifier", "raw"):
        scoring_inputs.check_shapes(asked, real, rows)
    if asked.plots:
        chosen |= scoring_pictures.drawable(real, rows, classes=classes)
    load = functools.partial(samples.dataset_of, asked.reference, **where)
    with cli.run_folder("--out", asked.out, "score") as folder:
        numbers: dict[str, Any] = {"seed": asked.seed, "cache": asked.cache}
        with cli.flag("--features", asked.features):
            network, note = scoring.feature_network(
                asked.features,
                load,
                path=asked.weights,
                convolution=asked.convolution,
                **numbers,
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


def show(asked: Settings, record: Mapping[str, Any]) -> None:
    """Prints the table, and what is to be known of it."""
    columns = {}
    for title, row in record["rows"].items():
        seeds = len(row["samples"]["names"])
        columns[title + (f", {seeds} seeds" if seeds > 1 else "")] = row["scores"]
    against = f"{asked.reference}, in the features {asked.features}"
    reports.print_sheet(columns, row["scores"], f"Scores against {against}")
    scoring.show_classes(record)
    for sentence in scoring.warnings(record):
        print(f"WARNING: {sentence}")


if __name__ == "__main__":
    cli.run(main, SETTINGS)
