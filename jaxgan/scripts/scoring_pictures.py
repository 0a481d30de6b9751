"""Pictures of scores: precision and recall, modes, and the nearest real images."""

import pathlib
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from jaxgan import reports, scores
from jaxgan.data import dataset, samples
from jaxgan.scores import by_name
from jaxgan.scripts import scoring

SHOWN, NEAREST = 8, 3
"""Samples whose nearest real ones are drawn, and how many of these."""

PICTURES = {
    "prd": "the curve of precision and recall",
    "modes": "the modes",
    "nn": "the nearest real images",
}
"""By the name of a score the picture that it gives."""


def drawable(
    real: samples.Samples, rows: Mapping[str, scoring.Row], *, classes: bool
) -> dict[str, by_name.Named]:
    """The scores that the pictures show; those that cannot be had are told."""
    there = [real.number, *(row.members[0].number for row in rows.values())]
    found = {}
    for name, picture in PICTURES.items():
        score = by_name.SCORES[name]
        if score.classes and not classes:
            continue
        if min(there) < score.least:
            print(
                f"--plots: without {picture}, which needs at least {score.least} "
                f"samples of each kind, where there are {min(there)}"
            )
            continue
        found[name] = score
    return found


def draw(
    folder: pathlib.Path,
    rated: scoring.Rated,
    real: samples.Samples,
    rows: Mapping[str, scoring.Row],
) -> None:
    """Draws the curve of precision and recall, the modes, and the nearest real images.

    Each if its score is there, see `PICTURES`.
    """
    records = rated.records.values()
    _draw_precision_recall(folder / "precision-recall.png", rated)
    if all("mode_coverage" in own for own in records):
        _draw_modes(folder / "modes.png", rated, real)
    if all("nearest_distance" in own for own in records) and len(real.shape) == 3:
        _draw_neighbours(folder / "neighbours.png", rated, real, rows)


def _draw_precision_recall(path: pathlib.Path, rated: scoring.Rated) -> None:
    """The mean curve of the members of each row that are alive."""
    curves = {}
    for title, found in rated.records.items():
        if "prd" not in found:
            continue
        prd = found["prd"]
        recall, precision = np.asarray(prd.recall), np.asarray(prd.precision)
        alive = np.isfinite(recall).all(axis=1)
        if alive.any():
            curves[title] = recall[alive].mean(axis=0), precision.T
    if curves:
        reports.save_curves(path, curves, "precision", "recall")


def _draw_modes(
    path: pathlib.Path, rated: scoring.Rated, real: samples.Samples
) -> None:
    """The modes, where the network of the features is a classifier."""
    if rated.reference.probs is None:
        return
    modes, _ = scores.confident_class(rated.reference.probs)
    counts = np.bincount(modes, minlength=rated.reference.probs.shape[-1])
    histograms = {
        title: own["mode_coverage"].histogram for title, own in rated.records.items()
    }
    # Of the reference's classes; those of a published network are others.
    names = real.class_names
    names = names if names is not None and len(names) == len(counts) else None
    reports.save_coverage(path, histograms, counts, names)


def _draw_neighbours(
    path: pathlib.Path,
    rated: scoring.Rated,
    real: samples.Samples,
    rows: Mapping[str, scoring.Row],
) -> None:
    """Of the first member of each row whose images are like the reference's."""
    grids = {}
    for title, row in rows.items():
        shown = min(SHOWN, row.members[0].number)
        x = row.members[0].read(np.arange(shown))
        if x.shape[1:] != tuple(real.shape):
            continue
        index = scores.nearest_neighbours(
            rated.kept[title].features[0, :shown],
            rated.reference.features,
            min(NEAREST, real.number),
        ).index
        near = np.stack([real.read(nearest) for nearest in np.asarray(index)])
        x, near = dataset.to_float(x)[:, None], dataset.to_float(near)
        white = jnp.ones_like(x)
        grids[title] = jnp.concatenate([x, white, near], axis=1)
    if grids:
        columns = next(iter(grids.values())).shape[1]
        reports.save_image_grid(
            path,
            {title: x.reshape(-1, *real.shape) for title, x in grids.items()},
            columns=columns,
            title=f"Scored, and the nearest in {real.name}",
            right="nearest",
        )
