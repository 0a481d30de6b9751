"""Sounds as a kind of data: their settings, spectrograms to see and WAV to hear."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from jaxgan.data import clips, dataset, spoken_digits, wav
from jaxgan.scores import spectrograms
from jaxgan.scripts import cli, replicate_runs, settings


def load(asked: Any) -> tuple[Any, dataset.Dataset]:
    """Loads the sounds, and says which and why where that was left open.

    Args:
      asked: settings with those of `settings.Sounds`, and `seed`.

    Returns:
      The settings with the name of the dataset, and the dataset.

    Raises:
      UserError: if there are no such sounds, they cannot be made clips of, or labels
        are asked for and absent.
    """
    name = asked.dataset or usual(asked)
    known = name in dataset.OF_SOUND
    need = f"it must be one of {', '.join(dataset.OF_SOUND)}"
    cli.require(known, "--dataset", name, need)
    need = f"{name} is drawn and reads no folder"
    built_in = dataset.is_built_in(name) and asked.data_dir is not None
    cli.require(not built_in, "--data-dir", asked.data_dir, need)
    need = f"it must be at least {spectrograms.FRAME}, as a spectrogram needs"
    cli.require(asked.length >= spectrograms.FRAME, "--length", asked.length, need)
    form = {field: getattr(asked, field) for field in clips.Form._fields}
    if name == dataset.CHIRPS:
        check_unused(form)
    with cli.flag("--dataset", name):
        data = dataset.load(
            name,
            seed=asked.seed,
            data_dir=asked.data_dir,
            imbalance=asked.imbalance,
            form=clips.Form(**form),
        )
    labelled = not asked.labels or data.train.label is not None
    need = f"the recordings of {name} have no labels, of two classes at least"
    cli.require(labelled, "--labels", True, need)
    print(dataset.about(data))
    return dataclasses.replace(asked, dataset=name), data


def usual(asked: Any) -> str:
    """The dataset where none is asked for."""
    there = dataset.is_at_hand(spoken_digits.NAME, asked.data_dir)
    need = "spoken_digits are not there; say what is there by --dataset sounds"
    cli.require(there or asked.data_dir is None, "--data-dir", asked.data_dir, need)
    name = spoken_digits.NAME if there else dataset.CHIRPS
    why = "are at hand" if there else "are not at hand (their place is --data-dir)"
    print(f"dataset {name}, because spoken_digits {why}")
    return name


def check_unused(form: dict[str, Any]) -> None:
    """Asks for no flag that says nothing of chirps."""
    for name in ("crop", "pad", "normalise"):
        usual = getattr(settings.Sounds, name)
        need = "it is for recordings, and chirps are drawn as long and loud as they are"
        cli.require(form[name] == usual, f"--{name}", form[name], need)


def knowing(
    kind: replicate_runs.Kind, asked: Any, data: dataset.Dataset
) -> replicate_runs.Kind:
    """The kind with the sample rate of the data."""
    del asked
    rate = data.sample_rate
    return kind._replace(
        pictures=functools.partial(spectrograms.pictures, sample_rate=rate),
        keep=functools.partial(keep, sample_rate=rate),
    )


def keep(
    folder: pathlib.Path, samples: replicate_runs.Samples, *, sample_rate: int
) -> None:
    """Writes a WAV file for each seed and one of real clips, in the sheet's order.

    Args:
      folder: of the run.
      samples: by title `[N, T, 1]` in [-1, 1]; a dead seed's are not finite, and it
        has no file.
      sample_rate: in Hz.
    """
    for title, x in samples.items():
        if np.isfinite(x).all():
            path = folder / f"{title.replace(' ', '-')}.wav"
            wav.write(path, clips.in_a_row(x, sample_rate), sample_rate)
