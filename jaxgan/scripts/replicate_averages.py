"""Averages that a run of several seeds keeps, to choose their length afterwards."""

import dataclasses
import pathlib
from typing import Any

from jaxgan import runs
from jaxgan.ensembles import kept_averages
from jaxgan.runs import pauses
from jaxgan.scripts import cli
from jaxgan.steps import power_averages


def check(asked: Any) -> None:
    """Checks `averages` and `snapshots`.

    Raises:
      UserError: if a width is none, or a setting does not go with another one.
    """
    usual = {field.name: field.default for field in dataclasses.fields(asked)}
    cli.check(asked, {"snapshots": cli.AT_LEAST_ONE})
    as_usual = asked.snapshots == usual["snapshots"]
    need = "it goes with --averages"
    cli.require(bool(asked.averages) or as_usual, "--snapshots", asked.snapshots, need)
    shown = " ".join(f"{width:g}" for width in asked.averages)
    with cli.flag("--averages", shown):
        for width in asked.averages:
            power_averages.check_width(width)
    once = len(set(asked.averages)) == len(asked.averages)
    cli.require(once, "--averages", shown, "name each width once")
    need = (
        f"they are of the last weights, so that they do not go with --keep {asked.keep}"
    )
    last = not asked.averages or asked.keep == "last"
    cli.require(last, "--averages", shown, need)


def due(asked: Any) -> dict[str, tuple[int, pauses.Make]]:
    """The snapshots in training, see `runs.spread`; none without `averages`."""
    return {kept_averages.NAME: (asked.snapshots, save)} if asked.averages else {}


def save(step: int, members: runs.Members, path: pathlib.Path) -> None:
    """Saves one snapshot, of which a run that goes on makes the same bits again."""
    kept_averages.save(path, step, members.state, members.hparams, members.keys)


def finish(asked: Any, step: int, members: runs.Members, folder: pathlib.Path) -> None:
    """Saves the last snapshot, and says how to go on.

    Args:
      asked: settings with `averages`.
      step: that was reached.
      members: there.
      folder: of the run.
    """
    if not asked.averages:
        return
    save(step, members, folder / kept_averages.NAME.format(step))
    command = cli.command("score", folder)
    print(
        f"averages of other lengths: {command} --average 0.02 0.05 0.1 0.2 --reference "
        "NAME:test"
    )
