"""What the discriminators of a population know of classes, on held-out images.

Those that are told few labels are classifiers, one by one and together, beside the same
networks that learnt from the same labels alone. Those of conditional GANs are asked
with which label they find an image most real, or have a classifier of their own.
"""

import functools
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import reports, runs, scores, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.ensembles import features
from jaxgan.scores import class_ensembles
from jaxgan.scripts import few_labels, from_settings, replicate_training
from jaxgan.training import methods

SUPERVISED_LOG = "supervised-only.jsonl"

SHARES = (0.0, 1.0)


def measure(
    asked: Any,
    made: replicate_training.Population,
    data: dataset.Dataset,
    members: runs.Members,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Error rates on all held-out images; nothing of GANs that know no classes.

    Args:
      asked: settings as for `replicate_training.make`.
      made: from there.
      data: likewise.
      members: that were trained.
      folder: of the run, for the log of the networks that learn from labels alone.

    Returns:
      `error_rate [P]`, and with few labels `ensemble_error_rate`, `num_labels` and
      `supervised_only`, the same of these; records as `scores.to_dict` gives them.
    """
    few = few_labels.asked_for(asked)
    if not few and not asked.labels:
        return {}
    found = _error_rates(made.gan, data, members, few=few)
    if not few:
        return found
    found["num_labels"] = asked.labels_per_class * data.num_classes
    taken = int(np.max(members.state.step))
    alone = supervised_only(asked, made, data, folder, taken)
    return found | {"supervised_only": alone}


def supervised_only(
    asked: Any,
    made: replicate_training.Population,
    data: dataset.Dataset,
    folder: pathlib.Path,
    num_steps: int,
) -> dict[str, Any]:
    """The same networks on the same labels alone, for as many steps.

    Args:
      asked, made, data, folder: as for `measure`.
      num_steps: of each member.
    """
    began = time.process_time()
    method = from_settings.method_for(
        asked,
        made.gan,
        data,
        auxiliary=False,
        semi_supervised=True,
        make=methods.supervised_only,
    )
    chunk_steps = made.chunk_steps
    own = few_labels.population_of(asked, data)(method, chunk_steps)
    members = runs.begin(
        own.trainer, own.hparams, randomness.key(asked.seed), own.placed, chunk_steps
    )
    members, _ = runs.train(
        own.trainer,
        members,
        own.placed,
        title="labels alone",
        log=folder / SUPERVISED_LOG,
        num_steps=num_steps,
        chunk_steps=chunk_steps,
    )
    found = _error_rates(made.gan, data, members, few=True)
    return found | {"processor_seconds": time.process_time() - began}


def _error_rates(
    gan: types.GAN, data: dataset.Dataset, members: runs.Members, *, few: bool
) -> dict[str, Any]:
    alive = np.asarray(members.state.alive)[:, None, None]
    said = probabilities(gan, data, members.state, conditional=not few)
    probs = np.where(alive, said, np.nan)
    label = np.asarray(data.test.label)
    found = {"error_rate": class_ensembles.error_rate(probs, label)}
    if few:
        ensemble = class_ensembles.ensemble_error_rate(probs, label)
        found["ensemble_error_rate"] = ensemble
    return {name: scores.to_dict(own) for name, own in found.items()}


def probabilities(
    gan: types.GAN,
    data: dataset.Dataset,
    state: types.TrainState,
    *,
    conditional: bool,
) -> np.ndarray:
    """What each discriminator says of the classes of all held-out images, `[P, M, K]`.

    `softmax` of its class logits where it has such, and otherwise of the logits
    `D(x, y)` over the labels y, of which the order is what it knows.

    Args:
      gan: the networks.
      data: labelled images.
      state: of P members.
      conditional: whether the networks are told labels.
    """
    x = dataset.to_float(jnp.asarray(np.asarray(data.test.x)))
    judge = _judge(gan, data.num_classes, conditional)
    discriminators = state.params.discriminator, state.collections.discriminator
    return np.asarray(judge(discriminators, x))


@functools.lru_cache(2)
def _judge(gan: types.GAN, num_classes: int, conditional: bool):
    def of_images(own, x):
        told = [None]
        if conditional:
            told = [jnp.full(len(x), k, jnp.int32) for k in range(num_classes)]
        said = [gan.discriminate(*own, x, label)[0] for label in told]
        if said[0].class_logits is not None:
            return jax.nn.softmax(said[0].class_logits)
        return jax.nn.softmax(jnp.stack([one.logits for one in said], axis=1))

    @jax.jit
    def of_members(discriminators, x):
        def of_member(own):
            return features.in_blocks(functools.partial(of_images, own), x)

        return jax.lax.map(of_member, discriminators)

    return of_members


def show(found: Mapping[str, Any]) -> None:
    """Prints what `measure` found, if anything."""
    if not found:
        return
    if "supervised_only" not in found:
        own = reports.interval(found["error_rate"]["value"], possible=SHARES)
        print(f"error of the discriminators' classes on held-out images: {own}")
        return
    rows = [
        [title, *_cells(own)]
        for title, own in (
            ("labels and images", found),
            ("labels alone", found["supervised_only"]),
        )
    ]
    number = len(found["error_rate"]["value"])
    title = (
        f"Error on held-out images with {found['num_labels']} labels, "
        f"{reports.count(number, 'subset')} of them"
    )
    columns = ["learnt from", "mean of one", "least", "greatest", "ensemble of all"]
    reports.print_table(rows, columns, title)


def _cells(found: Mapping[str, Any]) -> list[Any]:
    values = np.asarray(found["error_rate"]["value"], float)
    finite = values[np.isfinite(values)]
    ends = [float(end(finite)) if len(finite) else None for end in (np.min, np.max)]
    mean = reports.interval(values, possible=SHARES)
    return [mean, *ends, found["ensemble_error_rate"]["value"]]
