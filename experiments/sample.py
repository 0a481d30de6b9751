"""Draws from a trained mixture of generators, and looks at what they have learnt.

    python experiments/sample.py RUN --n 64 --out grid.png
    python experiments/sample.py RUN --look spherical --out ways.webp
    python experiments/sample.py RUN --look projection --real mnist:test --out near.png

RUN is the folder of a run of mode_ensemble.py, image_gan.py or sound_gan.py, or one of
the files mixture-*.safetensors in it, which is all that is needed. Images become a
grid, points a scatter, sounds spectrograms (and a recording with `--out sounds.wav`),
and what moves a film where `--out` ends in .gif or .webp; `--out samples.npy` keeps the
numbers instead, and .npz also latents, members and distances.
"""

import dataclasses
import pathlib

from tyro import conf

from jaxgan.scripts import cli, look_settings


@dataclasses.dataclass(frozen=True)
class Settings(look_settings.Look):
    run: conf.Positional[pathlib.Path]
    """folder of the run, or the file of a mixture"""
    out: pathlib.Path = pathlib.Path("grid.png")
    """picture to write, replaced if it exists; its ending says the format, .gif and
    .webp being films of what moves, and .npy the samples themselves, in the units of
    the data"""
    arm: str | None = None
    """whose mixture, by its name in --arms of mode_ensemble.py; None for per_mode, or
    for the one that the run has"""
    run_seed: int = 0
    """which of the arm's seeds"""
    average: float | None = None
    """of a run with --averages, relative width of the average of the generator's
    weights, such as 0.05; None for the weights in the file"""
    average_step: int | None = None
    """after which the average is; None for the end of the run"""
    label: str | None = None
    """class of all samples, by its name or, where classes have none, by its number, if
    the generators are conditional; None for all classes"""
    stablehlo: pathlib.Path | None = None
    """file to write the generators to as a program for CPU, CUDA and TPU, see
    jaxgan/ensembles/export.py; needs the extra export"""
    batch: int | None = None
    """samples that the program of --stablehlo makes at a time, which older JAX can run
    too; None to leave it free, for the JAX that is installed here and later ones"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

from jaxgan import ensembles
from jaxgan.core import precision, randomness
from jaxgan.ensembles import export, kept_averages
from jaxgan.scripts import class_names, looks, sheets, writing


def main(settings: Settings) -> None:
    precision.set_64_bits_aside()
    looks.check(settings)
    mixture_file = find(settings)
    cli.require(
        settings.out.parent.is_dir(), "--out", settings.out, "its folder does not exist"
    )
    with cli.flag("--out", settings.out):
        sheets.check(settings.out, moves=looks.LOOKS[settings.look].moves)
    check_export(settings)
    networks, mixture, notes = load(settings, mixture_file)
    names = notes.get("class_names")
    mixture = class_names.with_label(settings.label, mixture, names)
    key = randomness.key(settings.seed)
    sheet = looks.show(networks, mixture, notes, settings, key)
    sheet = sheet._replace(
        sample_rate=notes.get("sample_rate"), text=writing.noted(notes)
    )
    of_class = class_names.of_class(settings.label, names)
    title = f"{notes.get('title', mixture_file.stem)}{of_class}"
    with cli.flag("--out", settings.out):
        sheets.save(settings.out, sheet, title)
    if settings.stablehlo is not None:
        with cli.flag("--stablehlo", settings.stablehlo):
            program = export.stablehlo(networks, mixture, batch=settings.batch)
            export.save(settings.stablehlo, program)
        size, readers = len(program) / 1e6, export.readers(settings.batch)
        print(f"{settings.stablehlo}: the generators, {size:.1f} MB; {readers}")
    said = f"; {sheet.said}" if sheet.said else ""
    print(f"{settings.out}: {', '.join(sheet.panels)}{of_class}{said}")


def check_export(settings: Settings) -> None:
    if settings.stablehlo is not None:
        there = settings.stablehlo.parent.is_dir()
        need = "its folder does not exist"
        cli.require(there, "--stablehlo", settings.stablehlo, need)
    if settings.batch is not None:
        there = settings.stablehlo is not None
        cli.require(there, "--batch", settings.batch, "it goes with --stablehlo FILE")
        need = "it must be at least 1"
        cli.require(settings.batch >= 1, "--batch", settings.batch, need)


def load(settings: Settings, path: pathlib.Path) -> tuple:
    """The generators of a file, by the average of their weights that is asked for."""
    width, at = settings.average, settings.average_step
    need = "it goes with --average"
    cli.require(width is not None or at is None, "--average-step", at, need)
    if width is None:
        return ensembles.load(path)
    with cli.flag("--average", width if at is None else f"{width} --average-step {at}"):
        (average,) = kept_averages.read(path.parent, [width], at)
        found = kept_averages.load(path, average)
    print(kept_averages.sentence(average))
    return found


def find(settings: Settings) -> pathlib.Path:
    """The file of the mixture asked for."""
    if settings.run.is_file():
        need = "it goes with the folder of a run; the file is of one arm and seed"
        cli.require(settings.arm is None, "--arm", settings.arm, need)
        cli.require(settings.run_seed == 0, "--run-seed", settings.run_seed, need)
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


if __name__ == "__main__":
    cli.run(main, SETTINGS)
