"""Scores of samples, whatever these are: networks by name, passes, records, pictures.

What `experiments/score.py` asks for, with samples in the place of names.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgan import reports, scores
from jaxgan.core import errors
from jaxgan.data import dataset, samples
from jaxgan.scores import (
    by_name,
    feature_networks,
    feature_passes,
    statistics_cache,
    suites,
    weights,
)

SHOWN, NEAREST = 8, 3
"""Samples whose nearest real ones are drawn, and how many of these."""


class Row(NamedTuple):
    """Samples of several members, scored together.

    Attributes:
      members: the samples of each, as many of all, in a random order, as those of
        `samples.choose` and of generators are: some scores are of parts of them.
      real: whether they are real, so that what is kept of them can be kept on disk.
    """

    members: Sequence[samples.Samples]
    real: bool = False


class Rated(NamedTuple):
    """Scores, and what they are of.

    Attributes:
      reference: what was kept of the reference.
      kept: by row, what was kept of the members, `[S, ...]`.
      records: by row, the records, every array `[S, ...]`.
    """

    reference: feature_passes.Kept
    kept: dict[str, feature_passes.Kept]
    records: dict[str, by_name.Records]


def feature_network(
    kind: str,
    load: Callable[[], dataset.Dataset],
    *,
    path: pathlib.Path | None = None,
    seed: int = 0,
    cache: pathlib.Path | None = None,
) -> tuple[feature_networks.FeatureNetwork, str | None]:
    """A feature network by its name, and a sentence about it or None.

    Args:
      kind: "raw", "inception" or "classifier".
      load: gives the dataset that a classifier is trained on; called for it only.
      path: of the weights of the Inception network, see `weights.load`.
      seed: of the classifier.
      cache: folder; None for `weights.cache_folder()`.

    Raises:
      UserError: for another name, weights that cannot be had, and data without labels.
    """
    if kind == "raw":
        return feature_networks.raw(), None
    if kind == "inception":
        return feature_networks.published(path), None
    if kind != "classifier":
        raise errors.UserError(
            f"there are no features {kind!r}; choose classifier, inception or raw."
        )
    data = load()
    if not suites.is_labelled(data):
        raise errors.UserError(
            "there are no labels to train a classifier on; take the features inception "
            "or raw, or a reference with labels."
        )
    folder = (cache or weights.cache_folder()) / "classifiers"
    trained, note = suites.train_classifier(data, seed=seed, cache=folder)
    network = feature_networks.of_classifier(
        trained.classifier, trained.held_out_accuracy
    )
    return network, note


def rate(
    chosen: Mapping[str, by_name.Named],
    real: samples.Samples,
    rows: Mapping[str, Row],
    network: feature_networks.FeatureNetwork,
    *,
    number: int,
    seed: int = 0,
    cache: pathlib.Path | None = None,
) -> Rated:
    """Passes over all samples once and scores them.

    Args:
      chosen: from `by_name.get`.
      real: the reference.
      rows: what is scored, by title.
      network: of all features.
      number: samples of each member that is scored; real samples may be more or fewer,
        and are scored in splits of the same size.
      seed: of subsets, orders and clusters.
      cache: folder; None for `weights.cache_folder()`.

    Raises:
      UserError: for samples that the network cannot take, and that cannot be read.
    """
    everything = [real, *(own for row in rows.values() for own in row.members)]
    for own in everything:
        try:
            network.check(own.shape)
            feature_networks.check_alike(network, own.shape, real.shape)
        except errors.UserError as error:
            raise errors.UserError(f"{own.name}: {error}") from None
    kept, records = {}, {}
    needs = by_name.needs(chosen, by_name.real_splits(real.number, number))
    reference = _collect(real, network, needs, cache)
    for title, (members, is_real) in rows.items():
        size = members[0].number
        needs = by_name.needs(chosen, by_name.real_splits(size, number))
        keep = cache if is_real else None
        parts = [_collect(own, network, needs, keep, is_real) for own in members]
        kept[title] = feature_passes.stack(parts)
        context = by_name.Context(real.number, size, network.fingerprint, seed)
        records[title] = by_name.rate(chosen, reference, kept[title], context)
    return Rated(reference, kept, records)


def record(
    rated: Rated,
    real: samples.Samples,
    rows: Mapping[str, Row],
    network: feature_networks.FeatureNetwork,
) -> dict[str, Any]:
    """All records with their protocols, and where the samples come from."""
    return {
        "reference": _described([real]),
        "features": dict(network.fingerprint),
        "rows": {
            title: {
                "samples": _described(rows[title].members),
                "scores": {name: scores.to_dict(own) for name, own in found.items()},
            }
            for title, found in rated.records.items()
        },
    }


def warnings(record: Mapping[str, Any]) -> list[str]:
    """A sentence for each number that misleads, or that there is not, and why."""
    found = []
    for title, row in record["rows"].items():
        for name, own in row["scores"].items():
            if np.any(own.get("warning")):
                members = ", ".join(map(str, np.flatnonzero(own["warning"])))
                found.append(
                    f"{title}, {name} of {members}: {own['protocol']['warning']}"
                )
            if "refused" in own["protocol"]:
                found.append(f"there is no {name}, as {own['protocol']['refused']}")
    return list(dict.fromkeys(found))


def draw(
    folder: pathlib.Path,
    rated: Rated,
    real: samples.Samples,
    rows: Mapping[str, Row],
) -> None:
    """Draws the curve of precision and recall, the modes, and the nearest real images.

    Each if its score is there, of `prd`, `modes` and `nn`.
    """
    curves = {}
    for title, found in rated.records.items():
        if "prd" not in found:
            continue
        recall, precision = map(
            np.asarray, (found["prd"].recall, found["prd"].precision)
        )
        alive = np.isfinite(recall).all(axis=1)
        if alive.any():
            curves[title] = recall[alive].mean(axis=0), precision.T
    if curves:
        path = folder / "precision-recall.png"
        reports.save_curves(path, curves, "precision", "recall")
    drawn = all("mode_coverage" in own for own in rated.records.values())
    if drawn and rated.reference.probs is not None:
        modes, _ = scores.confident_class(rated.reference.probs)
        counts = np.bincount(modes, minlength=rated.reference.probs.shape[-1])
        histograms = {
            title: own["mode_coverage"].histogram
            for title, own in rated.records.items()
        }
        # Of the reference's classes; those of a published network are others.
        names = real.class_names
        names = names if names is not None and len(names) == len(counts) else None
        reports.save_coverage(folder / "modes.png", histograms, counts, names)
    near = all("nearest_distance" in own for own in rated.records.values())
    if near and len(real.shape) == 3:
        _draw_neighbours(folder / "neighbours.png", rated, real, rows)


def _draw_neighbours(path, rated, real, rows):
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


def _collect(own, network, needs, cache, real=True) -> feature_passes.Kept:
    """Passes over samples once, or reads what an earlier pass has kept."""

    def make() -> feature_passes.Kept:
        with reports.counted(own.name, own.number, "samples") as count:
            batches = samples.batches(own)
            return feature_passes.collect(batches, network, needs, own.number, count)

    if not real:
        return make()
    found = statistics_cache.load_or_collect(
        make,
        content_sha256=own.sha256(),
        fingerprint=network.fingerprint,
        needs=needs,
        cache=(cache or weights.cache_folder()) / "statistics",
    )
    if found.note is not None:
        print(found.note)
    if found.cached:
        print(f"{own.name}: statistics as an earlier pass has kept them")
    return found.kept


def _described(members: Sequence[samples.Samples]) -> dict[str, Any]:
    return {
        "names": [own.name for own in members],
        "sha256": [own.sha256() for own in members],
        "num_samples": members[0].number,
        "shape": list(members[0].shape),
        "facts": [own.facts for own in members],
    }
