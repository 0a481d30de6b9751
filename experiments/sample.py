"""Draws from a trained mixture of generators and saves a picture, or the samples.

    python experiments/sample.py RUN --n 64 --out grid.png

RUN is the folder of a run of mode_ensemble.py or image_gan.py, or one of the files
mixture-*.safetensors in it, which is all that is needed. Images become a grid,
points a scatter; `--out samples.npy` keeps the numbers instead.
"""

import dataclasses
import pathlib

from tyro import conf

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    run: conf.Positional[pathlib.Path]
    """folder of the run, or the file of a mixture"""
    n: int = 64
    """number of samples"""
    out: pathlib.Path = pathlib.Path("grid.png")
    """picture to write, replaced if it exists; its ending says the format, and .npy is
    the samples themselves, in the units of the data"""
    arm: str | None = None
    """whose mixture, by its name in --arms of mode_ensemble.py; None for per_mode, or
    for the one that the run has"""
    run_seed: int = 0
    """which of the arm's seeds"""
    label: str | None = None
    """class of all samples, by its name or, where classes have none, by its number, if
    the generators are conditional; None for all classes"""
    seed: int = 0
    """of the samples"""
    stablehlo: pathlib.Path | None = None
    """file to write the generators to as a program for CPU, CUDA and TPU, see
    jaxgan/ensembles/export.py; needs the extra export"""
    batch: int | None = None
    """samples that the program of --stablehlo makes at a time, which older JAX can run
    too; None to leave it free, for the JAX that is installed here and later ones"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import difflib
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxgan import ensembles, reports
from jaxgan.core import files, precision, randomness
from jaxgan.ensembles import export

MOST_NAMED = 20


def main(settings: Settings) -> None:
    precision.set_64_bits_aside()
    cli.require(settings.n >= 1, "--n", settings.n, "it must be at least 1")
    mixture_file = find(settings)
    cli.require(
        settings.out.parent.is_dir(), "--out", settings.out, "its folder does not exist"
    )
    if settings.stablehlo is not None:
        there = settings.stablehlo.parent.is_dir()
        need = "its folder does not exist"
        cli.require(there, "--stablehlo", settings.stablehlo, need)
    if settings.batch is not None:
        there = settings.stablehlo is not None
        cli.require(there, "--batch", settings.batch, "it goes with --stablehlo FILE")
        need = "it must be at least 1"
        cli.require(settings.batch >= 1, "--batch", settings.batch, need)
    networks, mixture, notes = ensembles.load(mixture_file)
    names = notes.get("class_names")
    mixture = with_label(settings.label, mixture, names)
    key = randomness.key(settings.seed)
    x, member = ensembles.sample(networks, mixture, key, settings.n)
    number = reports.count(settings.n, "sample") + of_class(settings.label, names)
    title = f"{notes.get('title', mixture_file.stem)}: {number}"
    with cli.flag("--out", settings.out):
        if settings.out.suffix == ".npy":
            save_numbers(settings.out, np.asarray(x))
        elif x.ndim == 4:
            columns = math.ceil(math.sqrt(settings.n))
            reports.save_image_grid(settings.out, {title: x}, columns=columns)
        else:
            reports.save_scatter(settings.out, {title: x}, x)
    if settings.stablehlo is not None:
        with cli.flag("--stablehlo", settings.stablehlo):
            program = export.stablehlo(networks, mixture, batch=settings.batch)
            export.save(settings.stablehlo, program)
        size, readers = len(program) / 1e6, export.readers(settings.batch)
        print(f"{settings.stablehlo}: the generators, {size:.1f} MB; {readers}")
    share = np.bincount(member, minlength=len(mixture.weights)) / settings.n
    print(f"{settings.out}: {number}; by member {np.round(share, 3)}")


def save_numbers(path: pathlib.Path, x: np.ndarray) -> None:
    def verify(name: str) -> None:
        same = np.array_equal(np.load(name), x, equal_nan=True)
        files.require_faithful(same, path)

    files.write_whole(path, lambda name: np.save(name, x), verify)


def find(settings: Settings) -> pathlib.Path:
    """The file of the mixture asked for."""
    if settings.run.is_file():
        return settings.run
    there = sorted(settings.run.glob("mixture-*.safetensors"))
    cli.require(
        bool(there), "RUN", settings.run, "it is not the folder of a finished run"
    )
    names = [p.stem.removeprefix("mixture-") for p in there]
    arms = {name.rpartition("-")[0] for name in names}
    arm = settings.arm or (arms.pop() if len(arms) == 1 else "per_mode")
    path = settings.run / f"mixture-{arm}-{settings.run_seed}.safetensors"
    asked = f"{arm} --run-seed {settings.run_seed}"
    cli.require(path in there, "--arm", asked, f"the run has {', '.join(names)}")
    return path


def with_label(
    label: str | None, mixture: ensembles.Mixture, names: Sequence[str] | None = None
) -> ensembles.Mixture:
    """The mixture, asked for one class alone.

    Args:
      label: name or number of the class, or None for all.
      mixture: of generators that know `K` classes, or none.
      names: `K` names, or None where classes are just numbers.
    """
    if label is None:
        return mixture
    conditional = mixture.classes is not None
    cli.require(conditional, "--label", label, "the generators are unconditional")
    shares = np.asarray(mixture.classes)
    number = number_of(label, names or range(shares.shape[1]))
    trained = bool((shares[:, number] > 0).any())
    need = "there were no images of it to train on, so choose another class"
    cli.require(trained, "--label", label, need)
    only = np.zeros(shares.shape, np.float32)
    only[:, number] = 1
    return mixture._replace(classes=jax.numpy.asarray(only))


def of_class(label: str | None, names: Sequence[str] | None = None) -> str:
    """Words for the class of all samples, by its name if it has one; none for all."""
    if label is None:
        return ""
    return f" of class {names[number_of(label, names)] if names else label}"


def number_of(label: str, names: Sequence[Any]) -> int:
    """Which class a label is of: a name or, if no name is a number, a number."""
    names = [str(name) for name in names]
    numbers = [str(number) for number in range(len(names))]
    if label not in names and not any(name.isdecimal() for name in names):
        known = numbers
    else:
        known = names
    shown = ", ".join(names[:MOST_NAMED]) + (", ..." if names[MOST_NAMED:] else "")
    need = f"the classes are {shown}"
    near = difflib.get_close_matches(label, names, n=1)
    need += f"; did you mean {near[0]}" if near else ""
    cli.require(label in known, "--label", label, need)
    return known.index(label)


if __name__ == "__main__":
    cli.run(main, SETTINGS)
