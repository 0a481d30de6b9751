"""Does a command always end, also where the machine is busy?

    python experiments/soak.py --command "experiments/mode_ensemble.py --samples 360
        --steps 20 --out {folder}" --runs 20 --limit 900

Runs a script so many times beside processes that keep a core busy, each time into a
new folder that takes the place of `{folder}`, and counts the runs that end well within
the limit. Programs that wait for themselves stand still by chance, and mostly on a busy
machine; such a run has used no processor time for long. It is asked to end twice, by
SIGTERM, and killed if it does not.
"""

import dataclasses
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from jaxgan.core import errors
from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    command: str
    """script and flags, for this Python; `{folder}` is a new one for each run"""
    runs: int = 20
    """of the command, one after another"""
    limit: float = 900.0
    """seconds that a run may take"""
    busy: int = 1
    """processes that only keep a core busy meanwhile"""


CHECKS = {
    "runs": cli.AT_LEAST_ONE,
    "limit": cli.POSITIVE,
    "busy": cli.NOT_NEGATIVE,
}
PATIENCE = 5.0, 60.0
"""Seconds that a run over its limit is given after a first and a second SIGTERM."""


def main(settings: Settings) -> None:
    cli.check(settings, CHECKS)
    command = words(settings.command)
    load = [sys.executable, "-c", "while True: pass"]
    idle = [subprocess.Popen(load) for _ in range(settings.busy)]
    try:
        ended = sum(
            ends(command, settings.limit, f"run {number + 1}")
            for number in range(settings.runs)
        )
    finally:
        for process in idle:
            process.kill()
    said = f"{ended} of {settings.runs} runs ended well within {settings.limit:g} s"
    if ended < settings.runs:
        raise errors.UserError(f"{said}; see above what became of the others.")
    print(said)


def words(command: str) -> list[str]:
    """The words of a command line, as a shell reads them."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise errors.UserError(
            f"--command {command}: it cannot be read ({error}); quote as for a shell."
        ) from None


def ends(command: Sequence[str], limit: float, name: str) -> bool:
    """Whether the command ends well within the limit; says how it went."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        arguments = [word.replace("{folder}", f"{folder}/run") for word in command]
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=said, stderr=subprocess.STDOUT
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            how = stopped(process)
            print(f"{name}: not ended after {limit:g} s, {how}", flush=True)
            return False
        seconds = time.monotonic() - began
        print(f"{name}: status {status} after {seconds:.0f} s", flush=True)
        if status:
            said.seek(0)
            print(said.read().decode(errors="replace")[-2000:])
        return status == 0


def stopped(process: subprocess.Popen) -> str:
    """Ends a process, and says what it took."""
    for number, patience in enumerate(PATIENCE):
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(patience)
            return f"and status {status} after {number + 1} SIGTERM"
        except subprocess.TimeoutExpired:
            pass
    process.kill()
    return f"killed, status {process.wait()}, as two SIGTERM did not end it"


if __name__ == "__main__":
    cli.run(main, cli.parse(Settings, __doc__))
