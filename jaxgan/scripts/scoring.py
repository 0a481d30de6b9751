"""Scores of samples, whatever these are: networks by name, passes, records.

What `experiments/score.py` asks for, with samples in the place of names;
`scoring_pictures` draws them.
"""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from jaxgan import reports, scores
from jaxgan.core import errors, files
from jaxgan.data import dataset, mixtures, samples
from jaxgan.scores import (
    by_name,
    feature_files,
    feature_networks,
    feature_passes,
    statistics_cache,
    suites,
)


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


FEATURES = ("classifier", "inception", "raw")


def check_features(kind: str) -> None:
    """Asks for features that there are, as `feature_network`, which takes longer.

    Raises:
      UserError: for another name, and for a file that is not there.
    """
    if feature_files.is_file(kind):
        if not pathlib.Path(kind).expanduser().is_file():
            raise errors.UserError("there is no such file; check its path.")
    elif kind not in FEATURES:
        raise errors.UserError(
            f"there are no features {kind!r}; choose {', '.join(FEATURES)}, or a file "
            f"that ends in {' or '.join(feature_files.READERS)}."
        )


def feature_network(
    kind: str,
    load: Callable[[], dataset.Dataset],
    *,
    path: pathlib.Path | None = None,
    convolution: str = "auto",
    seed: int = 0,
    cache: pathlib.Path | None = None,
) -> tuple[feature_networks.FeatureNetwork, str | None]:
    """A feature network by its name, and a sentence about it or None.

    Args:
      kind: "raw", "inception", "classifier", or the path of a `feature_files` network.
      load: gives the dataset that a classifier is trained on; called for it only.
      path: of the weights of the Inception network, see `weights.load`.
      convolution: form of that network's convolutions.
      seed: of the classifier.
      cache: folder; None for `files.cache_folder()`.

    Raises:
      UserError: for another name, weights that cannot be had, and data without labels.
    """
    check_features(kind)
    if kind == "raw":
        return feature_networks.raw(), None
    if kind == "inception":
        return feature_networks.published(path, convolution), None
    if feature_files.is_file(kind):
        return feature_files.load(pathlib.Path(kind).expanduser()), None
    data = load()
    if not suites.is_labelled(data):
        raise errors.UserError(
            "there are no labels to train a classifier on; take the features inception "
            "or raw, or a reference with labels."
        )
    folder = (cache or files.cache_folder()) / "classifiers"
    trained, note = suites.train_classifier(data, seed=seed, cache=folder)
    network = feature_networks.of_classifier(
        trained.classifier, trained.held_out_accuracy
    )
    if data.stack is not None:
        depth, classes = data.stack.train.shape[1], data.stack.images.num_classes
        network = feature_networks.stacked(network, depth, classes)
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
    log_density: Callable[[ArrayLike], jax.Array] | None = None,
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
      cache: folder; None for `files.cache_folder()`.
      log_density: of the reference's distribution in these features, where that is
        known, see `law`.

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
        context = by_name.Context(
            real.number, size, network.fingerprint, seed, log_density
        )
        records[title] = by_name.rate(chosen, reference, kept[title], context)
    return Rated(reference, kept, records)


def law(
    features: str, reference: str, load: Callable[[], dataset.Dataset]
) -> dict[str, Any]:
    """The argument `log_density` of `rate`, by its name, where it is known; or nothing.

    Args:
      features: known are those of the samples themselves, "raw".
      reference: name of the reference, of which files have no law.
      load: gives its dataset.
    """
    if features != "raw" or not samples.is_dataset(reference):
        return {}
    mixture = load().mixture
    if mixture is None or mixture.noise_dimensions is not None:
        return {}
    return {"log_density": functools.partial(mixtures.log_density, mixture)}


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


def show_classes(record: Mapping[str, Any]) -> None:
    """Prints the scores of each class, of rows that have such."""
    name = "intra_class_frechet"
    rows = {
        title: row["scores"][name]
        for title, row in record["rows"].items()
        if name in row["scores"]
    }
    if not rows:
        return
    (first, *_) = rows.values()
    classes = record["reference"]["class_names"]
    floors, counts = (
        np.asarray(first[field], float)[0]
        for field in ("floor_by_class", "num_real_by_class")
    )
    cells = []
    for k in np.flatnonzero(counts):
        own = (np.asarray(row["by_class"], float)[:, k] for row in rows.values())
        found = [reports.interval(values, possible=(0.0, np.inf)) for values in own]
        cells.append([classes[k], int(counts[k]), floors[k], *found])
    columns = ["class", "real samples", "floor", *rows]
    reports.print_table(cells, columns, "Frechet distance within each class")
    print("The floor is the distance of one half of the real samples to the other.")


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


def _collect(own, network, needs, cache, real=True) -> feature_passes.Kept:
    """Passes over samples once, or reads what an earlier pass has kept."""

    def make() -> feature_passes.Kept:
        with reports.counted(own.name, own.number, "samples") as count:
            batches = samples.batches(own)
            return feature_passes.collect(batches, network, needs, own.number, count)

    if not real:
        return make()._replace(labels=own.label)
    # Real samples themselves are where they are, and are not kept a second time.
    themselves, needs = needs.samples, needs._replace(samples=False)
    found = statistics_cache.load_or_collect(
        make,
        content_sha256=own.sha256(),
        fingerprint=network.fingerprint,
        needs=needs,
        cache=(cache or files.cache_folder()) / "statistics",
    )
    if found.note is not None:
        print(found.note)
    if found.cached:
        print(f"{own.name}: statistics as an earlier pass has kept them")
    kept = found.kept._replace(labels=own.label)
    if themselves:
        seen = [feature_passes.seen(x)[0] for x in samples.batches(own)]
        kept = kept._replace(samples=np.concatenate(seen))
    return kept


def class_names(own: samples.Samples) -> list[str] | None:
    """The names of the classes, numbers where they have no others; None without any."""
    if own.num_classes is None:
        return None
    names = range(own.num_classes) if own.class_names is None else own.class_names
    return [str(name) for name in names]


def _described(members: Sequence[samples.Samples]) -> dict[str, Any]:
    return {
        "names": [own.name for own in members],
        "sha256": [own.sha256() for own in members],
        "num_samples": members[0].number,
        "class_names": class_names(members[0]),
        "shape": list(members[0].shape),
        "facts": [own.facts for own in members],
    }
