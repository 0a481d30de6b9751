"""A population of which each member is told few labels, and others than the others."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxgan import networks, population, runs, types
from jaxgan.data import dataset, label_subsets
from jaxgan.scores import probes
from jaxgan.scripts import cli, from_settings
from jaxgan.training import methods

ALONE = {
    "labels": "it tells all labels, and this few",
    "stream": "the few labels lie beside the images on the device",
    "balance": "the labels that it would draw alike are not known",
    "extra_data": "all images are without labels but for the few",
    "discriminator_conditioning": "a discriminator of K + 1 classes is told no labels",
    "init_from": "labels alone, which it is compared with, begin anew",
    "pack": "a pack of samples has no class",
    "ada_target": "labels alone, which it is compared with, show it nothing to follow",
    "minibatch": "the class of a sample does not depend on the others of its batch",
}
"""Settings that must be as usual with few labels, and why."""


class Begun(NamedTuple):
    """A population made ready, as `scripts.replicate_training.Population` has it."""

    trainer: runs.Trainer
    hparams: types.HParams
    placed: label_subsets.LabelSubsets


def asked_for(asked: Any) -> bool:
    """Whether settings, which may not know of few labels, ask for them."""
    return getattr(asked, "labels_per_class", None) is not None


def population_of(
    asked: Any, data: dataset.Dataset
) -> Callable[[methods.Made, int], Begun]:
    """Makes populations that are told the same few labels, by one method or another.

    Args:
      asked: settings as for `replicate_training.make`, with `labels_per_class`.
      data: labelled images.

    Returns:
      `(method, chunk_steps) -> Begun`.

    Raises:
      UserError: if the data have no labels or a class too few of them, or a setting
        does not go with few labels.
    """
    check(asked, data)
    with cli.flag("--labels-per-class", asked.labels_per_class):
        rows = [
            probes.subset(data.train.label, asked.labels_per_class, (asked.seed, i))
            for i in range(asked.seeds)
        ]
    placed = label_subsets.put(data.train.x, data.train.label, rows)

    def make(made: methods.Made, chunk_steps: int) -> Begun:
        hparams = population.broadcast(made.hparams, asked.seeds)
        hparams = hparams._replace(mode_weights=label_subsets.weights(asked.seeds))
        trainer = from_settings.trainer_for(
            asked,
            made,
            asked.batch_size,
            hparams,
            placed,
            placed,
            chunk_steps,
            convolutional=networks.ARCHITECTURES[asked.network].convolutional,
            draw=label_subsets.draw,
        )
        return Begun(trainer, hparams, placed)

    return make


def check(asked: Any, data: dataset.Dataset) -> None:
    """Asks for single images with labels in both parts, and for nothing that differs.

    Raises:
      UserError: naming the flag.
    """
    number = asked.labels_per_class
    labelled = data.train.label is not None and data.test.label is not None
    single = np.ndim(data.train.x) == 4 and data.stack is None
    need = f"{data.name} is not of single images with labels in both parts"
    cli.require(labelled and single, "--labels-per-class", number, need)
    usual = {field.name: field.default for field in dataclasses.fields(asked)}
    for name, why in ALONE.items():
        value = getattr(asked, name)
        flag = "--" + name.replace("_", "-")
        need = f"it does not go with --labels-per-class, as {why}"
        cli.require(value == usual[name], flag, value, need)
