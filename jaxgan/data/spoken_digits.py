"""The Free Spoken Digit Dataset: 3,000 recordings of the ten digits by six speakers.

Each speaker says each digit fifty times, in English at 8,000 samples a second; takes 0
to 4 are the official test set. Licence CC BY-SA 4.0.

References:
  Jackson et al., Free Spoken Digit Dataset, 2018,
  https://github.com/Jakobovski/free-spoken-digit-dataset
"""

import io
import os
import pathlib
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import clips, folders, wav

NAME = "spoken_digits"
NUM_CLASSES = 10
TEST_TAKES = 5
"""The first takes of each digit and speaker are the test set."""

PACKED = ("audio", "label", "speaker", "index", "length", "speaker_names")
"""Arrays of the packed form: int16 `[N, T]` that begin with the recording and have
zeros behind it, the digit, the speaker's number, the take, the samples of the whole
recording, and the speakers' names; and its scalar `sample_rate`."""

PLACES = ("", NAME, "fsdd", "free-spoken-digit-dataset*")
"""Folders below the one that is given, in which the dataset is looked for."""

FORMS = ("recordings/*.wav", "*.wav", "fsdd*.npz", "*spoken-digit*.zip")
FORMS += ("*spoken-digit*.tar.gz", "*spoken-digit*.tgz", "v*.zip", "v*.tar.gz")
"""What is looked for there, the first first; archives are called as GitHub has it."""

RECORDING = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)\.wav")


class Recording(NamedTuple):
    """A recording and what it is of; they are sorted by digit, speaker and take."""

    digit: int
    speaker: str
    take: int
    wave: wav.Wave


def load(data_dir: str | os.PathLike | None, form: clips.Form) -> clips.Loaded:
    """Reads the dataset and makes clips of it.

    Args:
      data_dir: the repository or its `recordings`, its archive (`.zip` or `.tar.gz`),
        the packed `.npz`, or a folder in which one of them lies, by itself or in one
        of `PLACES`; None for `JAXGAN_DATA_DIR`.
      form: of the clips; where its `pad` is None, zeros go to the end.

    Raises:
      UserError: if there is no such dataset or it is damaged, and as `clips.make`.
    """
    path = found(data_dir)
    if path is None:
        raise errors.UserError(
            f"{NAME!r} is not at hand: data_dir is {folders.chosen(data_dir)}; give "
            "the folder of the Free Spoken Digit Dataset, of github.com/Jakobovski/"
            "free-spoken-digit-dataset, its .zip or .tar.gz, or its packed .npz."
        )
    form = form._replace(pad=form.pad or "end")
    if path.suffix == ".npz":
        recordings, cut = _unpacked(path, form)
    else:
        cut = ()
        recordings = sorted(_of_files(path), key=lambda own: own[:3])
    test = np.array([own.take < TEST_TAKES for own in recordings], bool)
    if not test.any() or test.all():
        raise errors.UserError(
            f"{path} holds {np.sum(test)} recordings of takes 0 to {TEST_TAKES - 1} "
            f"and {np.sum(~test)} of later ones, but needs both, for test and training."
        )
    names = [f"{path}: {own.digit}_{own.speaker}_{own.take}.wav" for own in recordings]
    x, rate, notes = clips.make([own.wave for own in recordings], names, form)
    label = np.array([own.digit for own in recordings], np.int32)
    speakers = sorted({own.speaker for own in recordings})
    said = f"{path}: takes 0 to {TEST_TAKES - 1} are held out; speakers "
    notes = (said + ", ".join(speakers), *cut, *notes)
    return clips.Loaded(
        *(x[~test], label[~test], x[test], label[test]),
        *(NUM_CLASSES, None, rate, notes),
    )


def found(data_dir: str | os.PathLike | None) -> pathlib.Path | None:
    """Where the dataset is: a folder of recordings, an archive or a packed file."""
    chosen = folders.chosen(data_dir)
    if chosen is None:
        return None
    top = pathlib.Path(chosen)
    if top.is_file():
        return top
    for place in PLACES:
        for folder in [top] if not place else sorted(top.glob(place)):
            for form in FORMS:
                for path in sorted(folder.glob(form)):
                    if path.suffix != ".wav":
                        return path
                    if RECORDING.fullmatch(path.name):
                        return path.parent
    return None


def _of_files(path: pathlib.Path) -> Iterator[Recording]:
    """The recordings of a folder or an archive, in any order."""
    for name, content in _contents(path):
        named = RECORDING.fullmatch(pathlib.PurePosixPath(name).name)
        if named is None:
            continue
        wave = wav.read(io.BytesIO(content), f"{path}: {name}")
        yield Recording(int(named["digit"]), named["speaker"], int(named["take"]), wave)


def _contents(path: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files ending in `.wav`.

    Raises:
      UserError: if it is no archive, or a damaged one.
    """
    try:
        if path.is_dir():
            for file in path.glob("*.wav"):
                yield file.name, file.read_bytes()
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(".wav"):
                        yield name, archive.read(name)
        else:
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and member.name.endswith(".wav"):
                        yield member.name, archive.extractfile(member).read()
    except (
        *(OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError),
        *(RuntimeError, NotImplementedError),  # a .zip that is encrypted or unknown
    ) as error:
        raise errors.UserError(
            f"{path} cannot be read ({error}); give a folder of .wav files, a .zip, a "
            ".tar.gz or a packed .npz."
        ) from error


def _unpacked(
    path: pathlib.Path, form: clips.Form
) -> tuple[list[Recording], tuple[str, ...]]:
    """The recordings of the packed form, and a sentence on how many lack their end.

    Raises:
      UserError: if it cannot be read, or holds less of them than is asked for.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            audio, label, speaker, take, length, names = (arrays[n] for n in PACKED)
            rate = int(arrays["sample_rate"])
    except (
        *(OSError, ValueError, EOFError, KeyError, IndexError),
        *(zipfile.BadZipFile, zlib.error),
    ) as e:
        raise errors.UserError(
            f"{path} cannot be read as spoken digits ({e}); it must hold the arrays "
            f"{', '.join(PACKED)} and sample_rate."
        ) from e
    stored = audio.shape[1]
    longer = form.length > stored or form.sample_rate not in (None, rate)
    if longer or form.crop != "start":
        raise errors.UserError(
            f"{path} holds the first {stored} samples of each recording at {rate} Hz; "
            f"give crop='start', a length of at most {stored} and no other "
            "sample_rate, or the recordings themselves."
        )
    cut = int(np.sum(length > stored))
    note = f"{path}: {cut:,} of the recordings were cut after {stored} samples before"
    recordings = [
        Recording(
            int(label[i]),
            bytes(names[speaker[i]]).decode(),
            int(take[i]),
            wav.Wave(audio[i, : length[i]].astype(np.float32) / wav.FULL_SCALE, rate),
        )
        for i in range(len(audio))
    ]
    return recordings, (note,)
