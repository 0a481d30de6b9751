"""Draws from a trained mixture of generators and saves a picture, or the samples.

    python experiments/sample.py RUN --n 64 --out grid.png

RUN is the folder of a run of mode_ensemble.py or image_gan.py, or one of the files
mixture-*.safetensors in it, which is all that is needed. Images become a grid,
points a scatter; `--out samples.npy` keeps the numbers instead.
"""

import dataclasses
import pathlib

from tyro import conf

from jaxgan import cli


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
    """whose mixture: single, independent, per_mode or minimax of mode_ensemble.py; None
    for per_mode, or for the one that the run has"""
    run_seed: int = 0
    """which of the arm's seeds"""
    label: int | None = None
    """of all samples, where the generators are conditional; None for all labels"""
    seed: int = 0
    """of the samples"""
    stablehlo: pathlib.Path | None = None
    """file to write the generators to as a program for CPU, CUDA and TPU, see
    jaxgan/export.py; needs the extra export"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import math

import jax
import numpy as np

from jaxgan import ensembles, export, files, reports


def main(settings: Settings) -> None:
    cli.require(settings.n >= 1, "--n", settings.n, "it must be at least 1")
    mixture_file = find(settings)
    cli.require(
        settings.out.parent.is_dir(), "--out", settings.out, "its folder does not exist"
    )
    if settings.stablehlo is not None:
        there = settings.stablehlo.parent.is_dir()
        need = "its folder does not exist"
        cli.require(there, "--stablehlo", settings.stablehlo, need)
    networks, mixture, notes = ensembles.load(mixture_file)
    mixture = with_label(settings.label, mixture)
    key = jax.random.key(settings.seed)
    x, member = ensembles.sample(networks, mixture, key, settings.n)
    number = reports.count(settings.n, "sample")
    title = f"{notes.get('title', mixture_file.stem)}: {number}"
    with cli.flag("--out", settings.out):
        if settings.out.suffix == ".npy":
            files.write_whole(settings.out, lambda name: np.save(name, np.asarray(x)))
        elif x.ndim == 4:
            columns = math.ceil(math.sqrt(settings.n))
            reports.save_image_grid(settings.out, {title: x}, columns=columns)
        else:
            reports.save_scatter(settings.out, {title: x}, x)
    if settings.stablehlo is not None:
        with cli.flag("--stablehlo", settings.stablehlo):
            program = export.stablehlo(networks, mixture)
            export.save(settings.stablehlo, program)
        print(f"{settings.stablehlo}: the generators, {len(program) / 1e6:.1f} MB")
    share = np.bincount(member, minlength=len(mixture.weights)) / settings.n
    print(f"{settings.out}: {number}; by member {np.round(share, 3)}")


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


def with_label(label: int | None, mixture: ensembles.Mixture) -> ensembles.Mixture:
    """The mixture, asked for that label alone."""
    if label is None:
        return mixture
    conditional = mixture.classes is not None
    cli.require(conditional, "--label", label, "the generators are unconditional")
    number = mixture.classes.shape[1]
    need = f"it must lie between 0 and {number - 1}"
    cli.require(0 <= label < number, "--label", label, need)
    only = np.zeros(mixture.classes.shape, np.float32)
    only[:, label] = 1
    return mixture._replace(classes=jax.numpy.asarray(only))


if __name__ == "__main__":
    cli.run(main, SETTINGS)
