"""The folder of a run: opened once, and its settings written when it begins.

with run_folders.opened(asked, "image_gan-digits") as folders:
    run_folders.keep_settings(folders, asked, data)
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from jaxgan import reports
from jaxgan.core.distributed import processes
from jaxgan.data import dataset
from jaxgan.runs import journal
from jaxgan.scripts import cli


class Folders(NamedTuple):
    """Where the files of a run lie.

    Attributes:
      own: of this process, for all that is written but checkpoints.
      run: that all processes can read, for checkpoints; in process 0 it is `own`.
      whole: of the run that this one is a part of, which is the one to go on with; None
        where it is a run of its own.
    """

    own: pathlib.Path
    run: pathlib.Path
    whole: pathlib.Path | None = None

    @property
    def resume(self) -> str:
        """The command that goes on with the run."""
        return cli.resume_command(self.whole or self.run)


@contextlib.contextmanager
def opened(asked: Any, title: str) -> Iterator[Folders]:
    """Opens the folder of a run, see `cli.run_folder` and `processes.own_folder`.

    Args:
      asked: settings with `out` and `resume`.
      title: of the run; a folder that nobody named is `runs/TITLE-TIME`.

    Raises:
      UserError: if the folder cannot be had.
    """
    folder = cli.run_folder("--out", asked.out, title, asked.resume)
    with processes.own_folder(folder) as (own, run):
        yield Folders(own, run)


def part(folders: Folders, name: str) -> Folders:
    """A folder within that of a run, for a part that is a run like others.

    Args:
      folders: of the run.
      name: of the part's, made if it is not there.
    """
    own = folders.own / name
    own.mkdir(exist_ok=True)
    return Folders(own, folders.run / name, folders.whole or folders.run)


def keep_settings(
    folders: Folders,
    asked: Any,
    data: dataset.Dataset,
    growing: tuple[str, ...] = (),
    **described: Any,
) -> None:
    """Writes `config.json`, from which the run can be resumed.

    A run that goes on keeps the one that it has, but for a part that was not begun.

    Args:
      folders: of the run.
      asked: settings, a dataclass with `resume`.
      data: that the run is of.
      growing: settings that a run may go on with larger values of, see `cli.parse`;
        those are kept anew.
      **described: what else the run is made of, such as its networks.
    """
    if asked.resume is None or not (folders.run / cli.CONFIG).exists():
        config = dataclasses.asdict(asked) | described
        config |= dataset.record(data) | journal.environment()
        reports.write_json(folders.own / cli.CONFIG, config)
    elif folders.own == folders.run and growing:
        larger = {name: getattr(asked, name) for name in growing}
        cli.keep_settings(folders.own, **larger)
