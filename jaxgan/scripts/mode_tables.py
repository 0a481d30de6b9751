"""The tables of the mode laboratory, as data: where GANs collapse, and how we train.

A table names a dataset, the networks and methods of all arms, what a seed may spend,
and what others have published of the same data. `settings` gives what it says as the
settings of an ensemble experiment.
"""

import dataclasses
import pathlib
from typing import Any, Literal, NamedTuple

from jaxgan import gan, types
from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scores import suites
from jaxgan.scripts import (
    cli,
    ensemble_methods,
    ensemble_remedies,
    published_rows,
    settings,
)
from jaxgan.training import methods


class Table(NamedTuple):
    """A table.

    Attributes:
      about: what it asks, in a sentence.
      dataset: by name; "{images}" stands for grey images with labels, which the user
        may choose.
      architecture: of `gan.build`, without the shape of the samples.
      steps: of one relativistic GAN, whose operations every arm of a seed may spend.
      batch_size: real samples in a step, or packs.
      learning_rate: of both players' Adam.
      gamma: weight of R1 and R2.
      samples: that are scored, of each seed.
      arms: that are run unless others are named.
      num_modes: of the partition, or None for the number of classes.
      modes: how that is found.
      imbalance: of a long tail.
      published: rows of the same data.
    """

    about: str
    dataset: str
    architecture: dict[str, Any]
    steps: int
    batch_size: int
    learning_rate: float
    gamma: float
    samples: int
    arms: tuple[str, ...]
    num_modes: int | None = None
    modes: Literal["clusters", "labels"] = "clusters"
    imbalance: float | None = None
    published: tuple[published_rows.Published, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked(settings.Ensemble):
    """A table's settings, with the names that `ensemble_experiments.make` asks for."""

    dataset: str
    data_dir: pathlib.Path | None
    modes: Literal["clusters", "labels"]
    num_modes: int | None
    seeds: int
    batch_size: int
    samples: int
    seed: int
    pictures: int = 0


IMAGES = "digits"
"""Of stacks and tails, unless others are chosen."""

BETAS = {"b1": 0.5, "b2": 0.99}
"""Of Adam in arms without a remedy."""

_SINGLE = ("plain", "plain_lowered", "pac2_lowered", "rpgan")
_POINTS = {"architecture": "mlp", "latent_dim": 2, "hidden": [128, 128]}
_IMAGES = {"architecture": "mlp", "latent_dim": 32, "bounded": True}

TABLES = {
    "ring": Table(
        about="8 modes on a circle, as PacGAN and VEEGAN have them",
        dataset="ring",
        architecture=_POINTS,
        **{"steps": 12_000, "batch_size": 128, "learning_rate": 1e-3, "gamma": 0.3},
        samples=2500,
        arms=(*_SINGLE, "self_conditioned", "mgan_lowered", "per_mode_lowered"),
        published=published_rows.RING,
    ),
    "grid": Table(
        about="25 modes on a lattice, as PacGAN and VEEGAN have them",
        dataset="grid",
        architecture=_POINTS,
        **{"steps": 20_000, "batch_size": 128, "learning_rate": 1e-3, "gamma": 0.3},
        samples=2500,
        arms=(*_SINGLE, "self_conditioned", "mgan_lowered", "per_mode_lowered"),
        published=published_rows.GRID,
    ),
    "stacked2": Table(
        about="100 modes, of two images in the channels of one",
        dataset="stacked2_{images}",
        architecture=_IMAGES | {"hidden": [256, 256]},
        **{"steps": 8_000, "batch_size": 64, "learning_rate": 1e-3, "gamma": 0.3},
        samples=2600,
        arms=(*_SINGLE, "per_mode_lowered"),
        num_modes=10,
    ),
    "stacked3": Table(
        about="1,000 modes, of three images in the channels of one",
        dataset="stacked3_{images}",
        architecture=_IMAGES | {"hidden": [256, 256]},
        **{"steps": 8_000, "batch_size": 64, "learning_rate": 1e-3, "gamma": 0.3},
        samples=26_000,
        arms=(*_SINGLE, "per_mode_lowered"),
        num_modes=10,
        published=published_rows.STACKED3,
    ),
    "tail": Table(
        about="a long tail of classes, the first 100 times as common as the last",
        dataset="{images}",
        architecture=_IMAGES | {"hidden": [128, 128]},
        **{"steps": 8_000, "batch_size": 64, "learning_rate": 1e-3, "gamma": 0.3},
        samples=3600,
        arms=("plain", "rpgan", "balanced_lowered", "per_mode_balanced_lowered"),
        modes="labels",
        imbalance=100.0,
    ),
}
"""The tables by name."""


def get(name: str) -> Table:
    """The table of that name.

    Raises:
      UserError: if there is no such table.
    """
    if name not in TABLES:
        raise errors.UserError(
            f"there is no table {name!r}; {errors.choice(name, TABLES)}"
        )
    return TABLES[name]


def check_images(table: Table, asked: Any) -> None:
    """Asks that images are chosen for a table of images only, and found where said.

    Args:
      table: of the laboratory.
      asked: settings with `images` and `data_dir`.

    Raises:
      UserError: if not.
    """
    images, folder, usual = asked.images, asked.data_dir, IMAGES
    if "{images}" not in table.dataset:
        need = f"the table is of {table.dataset}; leave it out"
        cli.require(images == usual, "--images", images, need)
        cli.require(folder is None, "--data-dir", folder, need)
    need = f"{images} is built in and reads no folder; leave it out"
    there = folder is None or not dataset.is_built_in(images)
    cli.require(there, "--data-dir", folder, need)


def settings_of(table: Table, asked: Any) -> Asked:
    """The settings of an ensemble experiment on a table's data.

    Args:
      table: of the laboratory.
      asked: settings with those of `settings.Devices`, `images`, `data_dir`, `seeds`,
        `samples` and `seed`.
    """
    devices = dataclasses.fields(settings.Devices)
    return Asked(
        dataset=table.dataset.format(images=asked.images),
        imbalance=table.imbalance,
        modes=table.modes,
        num_modes=table.num_modes,
        batch_size=table.batch_size,
        **{n: getattr(asked, n) for n in ("data_dir", "seeds", "samples", "seed")},
        **{field.name: getattr(asked, field.name) for field in devices},
    )


def load(own: Asked, images: str) -> dataset.Dataset:
    """The data of a table.

    Args:
      own: its settings.
      images: that they are made of.

    Raises:
      UserError: naming `--images`, if there are none, or they are not enough.
    """
    with cli.flag("--images", images):
        data = dataset.load(
            own.dataset,
            data_dir=None if own.data_dir is None else str(own.data_dir),
            seed=own.seed,
            imbalance=own.imbalance,
        )
        suites.check(data, num_samples=own.samples)
    return data


def networks(table: Table, data: dataset.Dataset) -> tuple[types.GAN, dict[str, Any]]:
    """The networks of all arms, and the description that `gan.build` made them of."""
    described = table.architecture | {"shape": list(data.train.x.shape[1:])}
    return gan.build(described), described


def known(table: Table) -> ensemble_methods.Known:
    """How members train: those of ensembles as `rpgan` does, others without remedy."""
    adam = {"learning_rate": table.learning_rate, **BETAS}
    both, weights = types.Pair(adam, adam), {"r1": table.gamma}
    remedied = methods.Method("non_saturating", weights, both)
    classic = methods.Method("minimax", {}, both)
    return ensemble_methods.Known(ensemble_remedies.relativistic(remedied), classic)
