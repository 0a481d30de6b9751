"""What is made while a population trains: pictures and scores, evenly spread."""

import pathlib
from collections.abc import Callable, Mapping

from jaxgan.runs.trainers import Members

Make = Callable[[int, Members, pathlib.Path], None]
"""Makes a file of a step and of the members as they are to be shown there."""


def spread(
    due: Mapping[str, tuple[int, Make]],
    folder: pathlib.Path,
    *,
    num_steps: int,
    chunk_steps: int,
) -> Callable[[int, Callable[[], Members]], None]:
    """Builds what `train` takes as `on_pause`.

    Args:
      due: per name, how many times, and what makes the file; the name has a place for
        the step, such as `progress-{:06}.png`.
      folder: of the files.
      num_steps, chunk_steps: of the training; a file is made after the chunk in which
        its time comes, and none at the end. Chunks may begin anywhere, as in a run that
        goes on to more steps.
    """
    at, last = {}, 0
    for name, (times, _) in due.items():
        shares = [(i + 1) / (times + 1) for i in range(times)]
        chunks = {-(-share * num_steps // chunk_steps) for share in shares}
        at[name] = [chunk * chunk_steps for chunk in chunks]

    def on_pause(step: int, collect: Callable[[], Members]) -> None:
        nonlocal last
        before, last = max(last, step - chunk_steps), step
        for name, (_, make) in due.items():
            if any(before < own <= step for own in at[name]):
                make(step, collect(), folder / name.format(step))

    return on_pause
