"""What a run's folder says of its data and populations, for who looks at it later."""

import json
import pathlib
from typing import Any

import jax
import numpy as np

from jaxgan.core import errors
from jaxgan.data import clips, dataset, samples
from jaxgan.ensembles import saved_discriminators
from jaxgan.scripts import cli, ensemble_remedies, long_tails, probing

DATA = ("image_size", "value_range")
"""Settings that say how images are read, pairs of numbers or None."""


SEQUENCES = ("length", "vocabulary", "unit")
"""Settings that say what sequences are made of a text, or drawn."""


def data_of(
    run: pathlib.Path, data_dir: pathlib.Path | None
) -> tuple[dataset.Dataset, dict[str, Any]]:
    """The data that a run was on, and its settings.

    Args:
      run: its folder.
      data_dir: where the data lie now, or None for where they lay.

    Raises:
      UserError: if the folder does not say which, or they are others now.
    """
    path = run / cli.CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        # None is kept by the main job, whose first part is in the folder itself.
        name, stored = config["dataset"] or long_tails.DATASET, config["data"]
    except (OSError, ValueError, KeyError, TypeError):
        raise errors.UserError(
            f"{path} does not say which data the run was on; give the folder of a run "
            "as it was left."
        ) from None
    pairs = {key: tuple(config[key]) for key in DATA if config.get(key) is not None}
    data = dataset.load(
        name,
        data_dir=data_dir or config.get("data_dir"),
        seed=config.get("seed", 0),
        num_tuples=config.get("num_tuples"),
        imbalance=config.get("imbalance"),
        num_frames=config.get("num_frames"),
        **pairs,
        **_of_kind(name, config),
    )
    own = dataset.fingerprint(data.train.x)
    if own != stored:
        raise errors.UserError(
            f"the training samples were {stored} and are {own} now; say by --data-dir "
            "where those of the run lie."
        )
    return data, config


def _of_kind(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """What a run says of its clips or its sequences, as `dataset.load` takes it."""
    if name in dataset.OF_SOUND:
        usual = clips.Form()._asdict()
        return {
            "form": clips.Form(**{own: config.get(own, usual[own]) for own in usual})
        }
    if name in dataset.LENGTHS:
        return {own: config[own] for own in SEQUENCES if own in config}
    return {}


def outside(
    name: str, data: dataset.Dataset, data_dir: str | None, seed: int
) -> jax.Array:
    """Images of another distribution, as large as those of a run.

    Args:
      name: as for `samples.find`.
      data: of the run; as many are taken as it has held-out images.
      data_dir: where datasets lie.
      seed: of which are taken, if there are more.

    Returns:
      `[M, H, W, C]` float images in [-1, 1].

    Raises:
      UserError: if there are no such images, or they have other channels.
    """
    height, width, channels = np.shape(data.test.x)[1:]
    found = samples.find(name, data_dir=data_dir, image_size=(height, width))
    if tuple(found.shape) != (height, width, channels):
        raise errors.UserError(
            f"its samples have the shape {tuple(found.shape)} and those of the run "
            f"{(height, width, channels)}; give images with as many channels."
        )
    chosen = samples.choose(found, len(data.test.x), seed)
    return dataset.to_float(chosen.read(np.arange(chosen.number)))


def subject(kept: saved_discriminators.Kept, config: dict[str, Any]) -> probing.Subject:
    """A population that was kept, ready to be examined."""
    usual = config.get("loss")
    own = ensemble_remedies.LOSSES.get(kept.description.get("method"), usual)
    loss = kept.description.get("loss", own)
    conditional = kept.description["gan"].get("num_classes") is not None
    return probing.Subject(kept.gan, kept.state, kept.keys, loss, conditional)
