"""Looks beside real samples: truncation, projection, neighbours."""

import functools
import math
from typing import Any

import jax
import numpy as np

from jaxgan import ensembles, reports, scores
from jaxgan.data import dataset
from jaxgan.data import samples as samples_lib
from jaxgan.ensembles import latents
from jaxgan.scores import feature_networks, feature_passes, inversion
from jaxgan.scores import neighbours as neighbours_lib
from jaxgan.scripts import cli, look_settings, looking, scoring, sheets

SCORED = 2000
LEVELS = {"resampling": (2.0, 1.0, 0.5), "scaling": (0.8, 0.6, 0.4)}
STARTS = 4
NEAREST = 3

COMPARED = 1000
"""Real samples whose distance to each other is beside that of generated ones."""


def truncated(
    trained: looking.Trained, asked: look_settings.Look, key: jax.Array
) -> sheets.Sheet:
    """The same latents at several levels, and what precision and recall each has.

    Both are of as many generated as real samples, beside as many further real ones.
    """
    rule = asked.truncation_rule or "resampling"
    levels = asked.truncation or LEVELS[rule]
    real = _shuffled(trained, asked)
    number = min(asked.samples or SCORED, real.number // 2)
    least = neighbours_lib.K_BALLS + 1
    need = f"there are {real.number} samples, but precision and recall need {2 * least}"
    cli.require(real.number >= 2 * least, "--real", asked.real, need)
    cli.require(number >= least, "--samples", number, f"it must be at least {least}")
    network = _features(asked)
    reference, held_out = (
        _of_samples(network, real, np.arange(first, first + number))
        for first in (0, number)
    )
    n = asked.n or looking.ROWS
    rows = [["held-out real", *_scored(reference, held_out, network)]]
    panels, arrays = {}, {}
    for level in (None, *levels):
        name = "all of z" if level is None else f"{rule} {level:g}"
        networks = trained.networks
        if level is not None:
            networks = latents.truncated(networks, rule, level)
        drawn, _ = ensembles.sample(networks, trained.mixture, key, max(n, number))
        x = np.asarray(drawn)
        found = _scored(reference, _of_arrays(network, x[:number]), network)
        rows.append([name, *found])
        panels[f"{name}: precision {found[0]:.2f}, recall {found[2]:.2f}"] = x[:n]
        arrays["x" if level is None else f"x_{level:g}"] = x[:n]
    reports.print_table(
        rows,
        ("latents", "precision", "s.e.", "recall", "s.e."),
        f"{reports.count(number, 'sample')} each, against {asked.real}",
    )
    return sheets.Sheet(panels, _columns(n), arrays, real=_points(trained, real))


def projection(
    trained: looking.Trained, asked: look_settings.Look, key: jax.Array
) -> sheets.Sheet:
    """Real samples, the nearest that the generators come to them, and how near.

    Beside them as many samples of the generators themselves, for which 0 can be
    reached: what is missed of them is the search's fault.
    """
    real = _shuffled(trained, asked)
    n = min(looking.ROWS, real.number) if asked.n is None else asked.n
    need = f"{asked.real} has {real.number} samples to project; give as many or fewer"
    cli.require(n <= real.number, "--n", n, need)
    own_key, key = jax.random.split(key)
    own, _ = ensembles.sample(trained.networks, trained.mixture, own_key, n)
    wanted = np.asarray(dataset.to_float(real.read(np.arange(n))))
    found = latents.project(
        trained.networks,
        trained.mixture,
        key,
        np.concatenate([wanted, np.asarray(own)]),
        starts=asked.starts or STARTS,
        num_steps=asked.descent_steps or inversion.STEPS,
    )
    found = jax.tree.map(np.asarray, found)
    _print_distances(found)
    x = found.x[:n]
    means = [found.distance[:n].mean(), found.distance[n:].mean()]
    arrays = {"x": x, "real": wanted, "distance": found.distance[:n]}
    arrays |= {"z": found.at.z[:n], "member": found.at.member[:n]}
    if found.at.label is not None:
        arrays["label"] = found.at.label[:n]
    pairs = {
        f"real, and projected below: {means[0]:.3g} missed": (wanted, x),
        f"own samples, likewise: {means[1]:.3g} missed": (own, found.x[n:]),
    }
    if len(trained.shape) == 1:
        return sheets.Sheet({"projected": x}, n, arrays, real=wanted)
    panels = {title: np.concatenate(pair) for title, pair in pairs.items()}
    return sheets.Sheet(panels, n, arrays)


def _print_distances(found: latents.Projection) -> None:
    """A table of real samples and, after them, as many of the generators' own."""
    names = [
        f"{kind} {i}"
        for kind in ("real", "own sample")
        for i in range(len(found.x) // 2)
    ]
    length = np.linalg.norm(found.at.z, axis=-1) / np.sqrt(found.at.z.shape[-1])
    columns = (names, found.at.member, found.begin, found.distance, length)
    reports.print_table(
        list(zip(*columns, strict=True)),
        ("sample", "generator", "begins at", "reaches", "|z| / sqrt(D)"),
        "Root mean square of what is missed, in the units of the samples",
    )


def neighbours(
    trained: looking.Trained, asked: look_settings.Look, key: jax.Array
) -> sheets.Sheet:
    """Each sample, and the real ones that are nearest to it in the features."""
    real = find(trained, asked)  # in their own order: rows are told
    n, k = asked.n or looking.ROWS, min(NEAREST, real.number)
    drawn, member = ensembles.sample(trained.networks, trained.mixture, key, n)
    x, network = np.asarray(drawn), _features(asked)
    known = _of_samples(network, real, np.arange(real.number))
    near = scores.nearest_neighbours(_of_arrays(network, x), known, k)
    index, distance = np.asarray(near.index), np.asarray(near.distance)
    between = ""
    if real.number > 1:
        some = np.random.default_rng(asked.seed).permutation(real.number)[:COMPARED]
        others = scores.nearest_neighbours(known[some], known, 2).distance[:, 1]
        typical = np.median(np.asarray(others))
        between = f"; real ones are {typical:.3g} from each other (median)"
    pairs = np.stack([index.astype(object), distance], axis=-1).reshape(n, -1)
    rows = [[i, *own] for i, own in enumerate(pairs)]
    headings = [name for j in range(k) for name in (f"nearest {j + 1}", "at")]
    title = f"Rows of {asked.real} nearest to each sample{between}"
    reports.print_table(rows, ("sample", *headings), title)
    shown = np.stack([dataset.to_float(real.read(own)) for own in index])
    arrays = {"x": x, "member": member, "real": shown}
    arrays |= {"row": index, "distance": distance}
    if len(trained.shape) == 1:
        panels = {"samples": x, "nearest real": shown.reshape(-1, *trained.shape)}
        return sheets.Sheet(panels, n, arrays, real=_points(trained, real))
    # A sample is a column, with the real ones below it.
    sheet = np.concatenate([x[None], np.moveaxis(shown, 1, 0)])
    title = f"{reports.count(n, 'sample')}, and the nearest real ones below"
    return sheets.Sheet({title: sheet.reshape(-1, *trained.shape)}, n, arrays)


def find(trained: looking.Trained, asked: look_settings.Look) -> samples_lib.Samples:
    """The real samples, of the shape of those that are generated.

    Raises:
      UserError: if there are none, or they have another shape.
    """
    with cli.flag("--real", asked.real):
        found = samples_lib.find(
            asked.real,
            data_dir=None if asked.data_dir is None else str(asked.data_dir),
            image_size=asked.image_size,
            value_range=asked.value_range,
        )
    shape, own = tuple(found.shape), trained.shape
    way = "give samples like those that it was trained on"
    if len(shape) == len(own) == 3 and shape[-1] == own[-1]:
        way = f"bring them to one size by --image-size {own[0]} {own[1]}"
    need = f"its samples have the shape {shape}, but the generators make {own}; {way}"
    cli.require(shape == own, "--real", asked.real, need)
    for note in found.notes:
        print(note)
    return found


def _shuffled(trained, asked) -> samples_lib.Samples:
    found = find(trained, asked)
    return samples_lib.choose(found, found.number, asked.seed)


def _features(asked: look_settings.Look) -> feature_networks.FeatureNetwork:
    kind = asked.features or "raw"
    load = functools.partial(
        samples_lib.dataset_of,
        asked.real,
        data_dir=None if asked.data_dir is None else str(asked.data_dir),
        image_size=asked.image_size,
        value_range=asked.value_range,
    )
    with cli.flag("--features", kind):
        network, note = scoring.feature_network(kind, load, seed=asked.seed)
    if note is not None:
        print(note)
    return network


def _of_arrays(network: feature_networks.FeatureNetwork, *batches: Any) -> np.ndarray:
    """Features `[N, F]` of all batches."""
    needs = feature_passes.Needs(rows=True)
    number = sum(map(len, batches))
    kept = feature_passes.collect(batches, network, needs, number)
    return np.asarray(kept.features)


def _of_samples(
    network: feature_networks.FeatureNetwork,
    real: samples_lib.Samples,
    rows: np.ndarray,
) -> np.ndarray:
    """Features `[N, F]` of some samples."""
    parts = np.split(rows, range(samples_lib.BATCH, len(rows), samples_lib.BATCH))
    return _of_arrays(network, *(real.read(own) for own in parts))


def _scored(reference, features, network) -> list[float]:
    """Precision and recall, each with its standard error."""
    found = scores.precision_recall(reference, features, features=network.fingerprint)
    return [
        float(value)
        for name in ("precision", "recall")
        for value in (found[name].value, found[name].spread)
    ]


def _columns(n: int) -> int:
    """Of a panel beside others."""
    return math.ceil(math.sqrt(n))


def _points(trained, real: samples_lib.Samples) -> np.ndarray | None:
    """Real points to draw others over, or None where samples are images."""
    if len(trained.shape) != 1:
        return None
    return real.read(np.arange(min(real.number, SCORED)))
