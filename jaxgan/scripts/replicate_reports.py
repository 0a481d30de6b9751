"""What came out of one GAN from several seeds: on the terminal and on a page."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan import reports, training
from jaxgan.runs import evaluations, pages


def show(record: Mapping[str, Any]) -> None:
    """Prints how fast it was, the scores of each seed and of all, and the result.

    Args:
      record: from `runs.record`, with the suite's records as `scores`, empty without a
        suite, and those of known samples as `references`.
    """
    seeds = record["members"]
    rate = record["steps"] * seeds / record["train_seconds"]
    steps = reports.count(record["steps"], "step")
    dead = f"{record['dead_members']} of {seeds}"
    print(f"{steps}, {rate:.1f} member-steps/s; dead seeds: {dead}")
    if not record["scores"]:
        return
    over = reports.count(seeds, "seed")
    title = f"Scores: by seed, and mean and 95 % interval over {over}"
    reports.print_scores(_rows(record), _dead(record), title)
    print(result(record))


def result(record: Mapping[str, Any]) -> str:
    """What came out, in a sentence or two; none without scores."""
    if not record["scores"]:
        return ""
    over = reports.count(record["members"], "seed")
    return reports.result({f"Mean over {over}": record["scores"]}, record["references"])


def save_page(
    folder: pathlib.Path,
    record: Mapping[str, Any],
    history: Sequence[training.Report],
    samples: Mapping[str, np.ndarray],
    *,
    columns: int,
    title: str,
    made_by: Mapping[str, str],
    column_names: Sequence[str] | None,
    further: Sequence[reports.Section] = (),
) -> None:
    """Saves `report.html`, see `runs.pages`.

    Args:
      folder: of the run.
      record: as for `show`, with the `note` of the suite.
      history: of the training.
      samples: by title, from `replicate_grids`.
      columns: images of samples in a row.
      title: of the page.
      made_by: for its foot.
      column_names: of the samples, or None if the columns are no classes.
      further: sections that these data have and others have not.
    """
    pages.save(
        folder,
        title=title,
        scores=_rows(record),
        dead=_dead(record),
        histories={"seeds": ("all seeds", history)},
        samples=samples,
        columns=columns,
        column_names=column_names,
        made_by=made_by,
        notes=record["note"],
        result=result(record),
        during=[*evaluations.sections(folder), *further],
    )


def _rows(record: Mapping[str, Any]) -> dict[str, Any]:
    """Records by title: of each seed, of all, and of known samples."""
    found = record["scores"]
    if not found:
        return {}
    seeds = range(record["members"])
    rows = {f"seed {i}": reports.of_seed(found, i) for i in seeds}
    return rows | {"all seeds": found} | record["references"]


def _dead(record: Mapping[str, Any]) -> dict[str, str]:
    if not record["scores"]:
        return {}
    return {"all seeds": f"{record['dead_members']} of {record['members']}"}
