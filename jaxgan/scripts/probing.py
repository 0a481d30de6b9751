"""What the discriminators of trained populations know, measured and shown.

They are judges of two things that they were not asked for: of classes, by a simple
classifier of their hidden layers, and of real against generated samples that are new
to them, by their own logits.
"""

import functools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, population, reports, scores, steps, types
from jaxgan.core import errors, randomness
from jaxgan.core.distributed import processes
from jaxgan.data import dataset
from jaxgan.ensembles import features
from jaxgan.scores import probes, real_or_fake

LOG_ODDS = ("minimax", "non_saturating")
"""Losses whose best logit is the log-odds of being real."""

STATISTICS, DRAWN = 1, 2
"""Folded into the key of everything random."""

SHARES = (0.0, 1.0)

Record = dict[str, Any]
"""Of a population: records by name with the `value` of all members, and numbers."""

PROGRAMS = 4
"""Networks whose programs are kept."""


class Examination(NamedTuple):
    """What all populations are asked.

    Attributes:
      data: labelled images; features are of its held-out part.
      held_out: `[N, ...]` float images of that part.
      labels_per_class: that each member's classifier is told.
      seeds: of member i's labels, see `probes.subset`.
      classifier: a key of `probes.CLASSIFIERS`.
      layers: of the discriminators, see `features.of_layers`; None for all.
      samples: generated for each member.
      key: of everything random but the labels.
      outside: `[M, ...]` float samples of another distribution, or None.
    """

    data: dataset.Dataset
    held_out: jax.Array
    labels_per_class: int
    seeds: Callable[[int], Sequence[int]]
    classifier: str
    layers: Sequence[str] | None
    samples: int
    key: jax.Array
    outside: jax.Array | None = None


class Subject(NamedTuple):
    """A trained population.

    Attributes:
      gan: its networks.
      state: of P members; moments of optimisers are not looked at.
      keys: of the members, `[P]`, from which their first weights follow.
      loss: that it was trained on, by name, or None if that is not known.
      conditional: whether the networks are told labels.
    """

    gan: types.GAN
    state: types.TrainState
    keys: jax.Array
    loss: str | None = None
    conditional: bool = False


def examination(
    data: dataset.Dataset,
    *,
    labels_per_class: int,
    classifier: str = "linear",
    layers: Sequence[str] = (),
    samples: int = 2000,
    seed: int = 0,
) -> Examination:
    """Makes ready; see `Examination`.

    Args:
      data: to be judged.
      labels_per_class: labelled images of each class, others for each member.
      classifier: a key of `probes.CLASSIFIERS`.
      layers: none for all.
      samples: generated for each member.
      seed: member i has the labels of `probes.subset` with the seed `(seed, i)`.

    Raises:
      UserError: if the data are no images with labels in both parts, or a class has
        fewer.
    """
    require_labelled(data)
    asked = Examination(
        data,
        dataset.to_float(data.test.x),
        labels_per_class,
        lambda i: (seed, i),
        classifier,
        tuple(layers) or None,
        samples,
        randomness.key(seed),
    )
    rows(asked, 0)  # too many labels are said before anything runs
    return asked


def rows(asked: Examination, i: int) -> np.ndarray:
    """Where member i's labelled images are in the training part."""
    label = asked.data.train.label
    return probes.subset(label, asked.labels_per_class, asked.seeds(i))


def _labelled(asked: Examination, own: np.ndarray) -> jax.Array:
    return dataset.to_float(np.asarray(asked.data.train.x)[own])


def require_labelled(data: dataset.Dataset) -> None:
    """Asks for images that can be judged.

    Raises:
      UserError: if they are points or stacks, or have no labels in both parts.
    """
    labelled = data.train.label is not None and data.test.label is not None
    if not labelled or np.ndim(data.train.x) != 4 or data.stack is not None:
        raise errors.UserError(
            f"{data.name} is not of single images with labels in both parts, which a "
            "classifier of features needs; give such images."
        )


def raw_pixels(asked: Examination, number: int) -> dict[str, Any]:
    """What the classifier makes of the images themselves, for so many members."""
    held_out = np.asarray(asked.held_out).reshape(len(asked.held_out), -1)
    found = []
    for i in range(number):
        own = rows(asked, i)
        x = np.asarray(_labelled(asked, own)).reshape(len(own), -1)
        found.append(_accuracy(asked, own, x, held_out))
    return together(found)


def untrained(asked: Examination, subject: Subject) -> dict[str, Any]:
    """What the classifier makes of the weights that each member began with."""
    first = functools.partial(steps.first_weights, subject.gan)
    params, collections = jax.jit(lambda keys: jax.lax.map(first, keys))(subject.keys)
    state = subject.state._replace(
        params=params,
        collections=collections,
        alive=np.ones(len(subject.state.alive), bool),
    )
    return together(probed(asked, subject._replace(state=state)))


def examine(
    asked: Examination, subject: Subject, begun: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Records of a trained population, by name.

    Args:
      asked: what.
      subject: the population; networks with labels are told class 0 for features.
      begun: from `untrained`, of members with the same networks and keys, if that is
        known already.

    Returns:
      `trained`, `untrained` (the weights that each began with), `area_under_curve`,
      of held-out real images against generated ones of the trained generator,
      `calibration_error` of the same where the loss makes logits log-odds,
      `outside_area`, of held-out real images against those of outside if there are
      such, and of networks with labels `class_accuracy` on held-out images. Values are
      `[P]`, NaN for dead members.

    Raises:
      UserError: as `features.of_layers`.
    """
    record = {
        "trained": together(probed(asked, subject)),
        "untrained": untrained(asked, subject) if begun is None else dict(begun),
    }
    record |= _judged(asked, subject)
    if asked.outside is not None:
        record["outside_area"] = _outside(asked, subject)
    if subject.conditional:
        record["class_accuracy"] = _class_accuracy(asked, subject)
    return record


def together(found: Sequence[scores.Score]) -> dict[str, Any]:
    """The scores of several members as one record with values `[P]`."""
    records = [scores.to_dict(one) for one in found]
    own = {name: [one[name] for one in records] for name in ("value", "spread")}
    return {**records[0], **own}


def _discriminators(state: types.TrainState) -> tuple[types.Tree, types.Tree]:
    return state.params.discriminator, state.collections.discriminator


def probed(asked: Examination, subject: Subject) -> list[scores.Score]:
    """Accuracies of classifiers of the members' hidden layers; NaN of the dead."""
    told = 0 if subject.conditional else None
    of_layers, found = _of_layers(subject.gan, told, asked.layers), []
    for i, alive in enumerate(subject.state.alive):
        member, own = population.take(_discriminators(subject.state), i), rows(asked, i)
        x, held_out = (
            np.asarray(of_layers(member, x))
            for x in (_labelled(asked, own), asked.held_out)
        )
        x = x if alive else np.full_like(x, np.nan)
        found.append(_accuracy(asked, own, x, held_out))
    return found


@functools.lru_cache(PROGRAMS)
def _of_layers(gan: types.GAN, told: int | None, layers: tuple[str, ...] | None):
    """The program of `features.of_layers`, which arms of one network share."""

    @jax.jit
    def of_layers(own, x):
        params, collections = own
        return features.of_layers(gan, params, collections, x, told, layers)

    return of_layers


def _accuracy(asked, own, x, held_out) -> scores.Score:
    label, test = np.asarray(asked.data.train.label)[own], asked.data.test.label
    return probes.accuracy(x, label, held_out, test, classifier=asked.classifier)


def _judged(asked: Examination, subject: Subject) -> dict[str, Any]:
    """How real and generated samples are told apart."""
    gan, state = subject.gan, subject.state
    real_label, fake_label = _labels(asked, subject, asked.samples)
    mixture = _generators(asked, subject)
    logits, draw = _players(gan)
    key = jax.random.fold_in(asked.key, DRAWN)
    areas, calibrations = [], []
    for i in range(len(state.alive)):
        own, made = population.take((_discriminators(state), mixture), i)
        z = gan.latent(jax.random.fold_in(key, i), asked.samples)
        fake = draw((made.params, made.collections), z, fake_label)
        both = [
            np.where(state.alive[i], np.asarray(logits(own, x, label)), np.nan)
            for x, label in ((asked.held_out, real_label), (fake, fake_label))
        ]
        areas.append(real_or_fake.area_under_curve(*both))
        calibrations.append(real_or_fake.calibration_error(*both))
    found = {"area_under_curve": together(areas)}
    if subject.loss in LOG_ODDS:
        found["calibration_error"] = together(calibrations)
    return found


@functools.lru_cache(PROGRAMS)
def _players(gan: types.GAN):
    """The programs of both players, which arms of one network share."""

    @jax.jit
    def logits(own, x, label):
        def judge(index):
            return gan.discriminate(*own, x[index], _at(label, index))[0].logits

        return features.in_blocks(judge, jnp.arange(len(x)))

    @jax.jit
    def draw(own, z, label):
        def make(index):
            return gan.generate(*own, z[index], _at(label, index))[0]

        return features.in_blocks(make, jnp.arange(len(z)))

    return logits, draw


def _outside(asked: Examination, subject: Subject) -> dict[str, Any]:
    """How held-out real samples are told from those of another distribution.

    Networks with labels are told those of held-out samples, of which others have none.
    """
    state, (logits, _) = subject.state, _players(subject.gan)
    label, own_label = _labels(asked, subject, len(asked.outside))
    found = []
    for i, alive in enumerate(state.alive):
        own = population.take(_discriminators(state), i)
        real, other = (
            np.where(alive, np.asarray(logits(own, x, told)), np.nan)
            for x, told in ((asked.held_out, label), (asked.outside, own_label))
        )
        found.append(real_or_fake.area_under_curve(real, other))
    return together(found)


def _at(label: jax.Array | None, index: jax.Array) -> jax.Array | None:
    return None if label is None else label[index]


def _generators(asked: Examination, subject: Subject) -> ensembles.Mixture:
    """The generators that samples are drawn from, the averaged ones if there are."""
    alive, classes = subject.state.alive, None
    if subject.conditional:
        counts = np.bincount(asked.data.train.label, minlength=asked.data.num_classes)
        classes = jnp.tile(jnp.float32(counts / counts.sum()), (len(alive), 1))
    numbers = types.HParams(optimizer=None, penalties={})
    key = jax.random.fold_in(asked.key, STATISTICS)
    return ensembles.mixture(subject.gan, subject.state, numbers, alive, key, classes)


def _labels(
    asked: Examination, subject: Subject, number: int
) -> tuple[jax.Array | None, jax.Array | None]:
    """Labels that go with held-out images, and with so many others; or None twice."""
    if not subject.conditional:
        return None, None
    real = jnp.asarray(asked.data.test.label)
    drawn = np.random.default_rng(DRAWN).integers(len(real), size=number)
    return real, real[drawn]


def _class_accuracy(asked: Examination, subject: Subject) -> dict[str, Any]:
    """How often the class that a discriminator finds likeliest is right.

    That of its auxiliary classifier, or where it has none the label with which it finds
    the image most real.
    """
    label, number = np.asarray(asked.data.test.label), asked.data.num_classes

    @jax.jit
    def guessed(own):
        def judge(x):
            said = [
                subject.gan.discriminate(*own, x, jnp.full(len(x), k, jnp.int32))[0]
                for k in range(number)
            ]
            if said[0].class_logits is not None:
                return jnp.argmax(said[0].class_logits, axis=1)
            return jnp.argmax(jnp.stack([one.logits for one in said], axis=1), axis=1)

        return features.in_blocks(judge, asked.held_out)

    found = []
    for i, alive in enumerate(subject.state.alive):
        guess = guessed(population.take(_discriminators(subject.state), i))
        value = np.mean(np.asarray(guess) == label)
        found.append(float(value) if alive else np.nan)
    protocol = {"score": "class_accuracy", "num_held_out": len(label)}
    return {"value": found, "protocol": protocol}


def kept(path: pathlib.Path, num_steps: int, make: Callable[[], Record]) -> Record:
    """A record of a population, made or, where a run that was stopped has, read.

    All processes do what process 0 has the file for, as they train together.

    Args:
      path: of its file, which is written if it is made.
      num_steps: that the members are to take; a record of fewer is made anew.
      make: makes it, with the `steps` that they have taken.
    """
    found = processes.broadcast(lambda: _read(path))
    if found is None or found["steps"] != num_steps:
        found = make()
        reports.write_json(path, found)
        return found
    for own in found.values():
        if isinstance(own, dict) and "value" in own:
            # JSON has no word for what is no number.
            own["value"] = [float(value) for value in own["value"]]
    return found


def _read(path: pathlib.Path) -> Record | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def interval(values: Sequence[float]) -> reports.Interval:
    """The mean over members of a share, with its interval."""
    return reports.interval(values, possible=SHARES)


def above(values: Sequence[float], base: Sequence[float]) -> reports.Interval:
    """The mean of differences between members that are alike, told the same labels."""
    return reports.interval(np.subtract(values, base[: len(values)]))


def show(
    raw: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]], title: str
) -> None:
    """Prints a row for each population, with intervals over its members.

    Args:
      raw: from `raw_pixels`.
      found: from `examine`, by the names of populations.
      title: of the table.
    """
    pixels = raw["value"]
    columns = ["", "accuracy", "above raw pixels", "above untrained"]
    extra = {
        "area_under_curve": "AUC real or generated",
        "calibration_error": "calibration error",
        "outside_area": "AUC real or outside",
        "class_accuracy": "class accuracy",
    }
    columns += extra.values()
    nothing = [None] * (1 + len(extra))
    rows = [["raw pixels", interval(pixels), None, *nothing]]
    first = next(iter(found.values()))["untrained"]["value"]
    rows.append(["untrained", interval(first), above(first, pixels), *nothing])
    for name, own in found.items():
        trained, untrained = own["trained"]["value"], own["untrained"]["value"]
        cells = [interval(own[key]["value"]) if key in own else None for key in extra]
        told = [interval(trained), above(trained, pixels), above(trained, untrained)]
        rows.append([name, *told, *cells])
    shown = [
        place
        for place in range(len(columns))
        if place < 4 or any(row[place] is not None for row in rows)
    ]
    reports.print_table(
        [[row[place] for place in shown] for row in rows],
        [columns[place] for place in shown],
        title,
    )
