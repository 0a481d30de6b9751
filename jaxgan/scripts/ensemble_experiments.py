"""What all arms of an ensemble experiment have in common, from settings."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxgan import networks, population, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset, modes, pool
from jaxgan.scripts import drawing, from_settings, run_folders


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunFiles:
    """Where the arms of an experiment are kept, and what is drawn while they train.

    Attributes:
      folder: of the run.
      checkpoints: folder that all processes share.
      resume: the command that goes on with the run.
      tensorboard: whether to write what TensorBoard shows.
      pictures: of each arm while it trains, evenly spread.
    """

    folder: pathlib.Path
    checkpoints: pathlib.Path
    resume: str
    tensorboard: bool = False
    pictures: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """What all arms have in common: what is trained, how, and where it is kept.

    Attributes:
      networks: of each member.
      architecture: the description that `gan.build` made them of.
      data: with the modes that members draw from.
      standardised: whether each member's data are brought to mean 0 and deviation 1.
      batch_size: real samples in a player's step.
      seeds: runs of each arm.
      seed: of everything random.
      mappers: that may lift one member to a population, the fastest first.
      data_devices: that share each member's batches.
      draw: makes the sampler of so many samples.
      num_extra: how many of the samples, the last ones and the last mode, are further
        ones, see `drawing.with_extra`.
      files: where it is kept; None where nothing is, as in a dry run.
    """

    networks: types.GAN
    architecture: dict[str, Any]
    data: pool.Pool
    standardised: bool
    batch_size: int
    seeds: int
    seed: int
    mappers: Sequence[types.Mapper]
    data_devices: int = 1
    draw: Callable[[int], training.Sample] = pool.draw
    num_extra: int = 0
    files: RunFiles | None = None


def make(
    asked: Any,
    data: dataset.Dataset,
    found: modes.Modes,
    gan: types.GAN,
    architecture: dict[str, Any],
    folders: run_folders.Folders | None = None,
) -> Experiment:
    """What all arms of an ensemble experiment have in common.

    Args:
      asked: settings with those of `settings.Devices` and `settings.Drawing`,
        `data_dir`, `batch_size`, `seeds`, `seed` and `pictures`.
      data: to learn.
      found: its modes.
      gan: the networks.
      architecture: that they were made of.
      folders: of the run, or None where nothing is kept.
    """
    extra = drawing.load_extra(asked, data)
    drawn = drawing.with_extra(data.train.x, found, extra)
    params, _ = jax.eval_shape(gan.init, randomness.key(0))
    known = networks.ARCHITECTURES[architecture["architecture"]]
    files = folders and RunFiles(
        folder=folders.own,
        checkpoints=folders.run / "checkpoints",
        resume=folders.resume,
        tensorboard=asked.tensorboard,
        pictures=asked.pictures,
    )
    return Experiment(
        networks=gan,
        architecture=architecture,
        data=pool.put(drawn.x, drawn.modes),
        standardised=data.mixture is not None,
        batch_size=asked.batch_size,
        seeds=asked.seeds,
        seed=asked.seed,
        mappers=from_settings.mappers(
            asked,
            convolutional=known.convolutional,
            num_members=asked.seeds * len(found.counts),
            widest=population.widest(params, asked.batch_size),
        ),
        data_devices=asked.data_devices,
        num_extra=0 if extra is None else len(extra),
        files=files,
    )
