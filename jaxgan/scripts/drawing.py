"""How often which training samples are drawn: balanced, and with further images."""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import ensembles
from jaxgan.data import dataset, pool
from jaxgan.data import modes as modes_lib
from jaxgan.scripts import cli, settings


class Drawn(NamedTuple):
    """Training samples, and how they are drawn.

    Attributes:
      x: `[N, ...]` the samples, further ones last.
      modes: of those samples, or None to draw from all alike.
      mode_weights: `[K]`, how often each is drawn, or None.
    """

    x: ArrayLike
    modes: modes_lib.Modes | None = None
    mode_weights: jax.Array | None = None


def make(asked: settings.Images, data: dataset.Dataset) -> Drawn:
    """The training images of a study as its settings draw them.

    Args:
      asked: what is balanced, and what is added.
      data: images.

    Raises:
      UserError: if there are no labels to balance by, more clusters than different
        images, or the further images are missing, unlike, or to have labels.
    """
    x, extra = data.train.x, load_extra(asked, data)
    if asked.balance is None and extra is None:
        return Drawn(x)
    found = _balanced(asked, data)
    weights = modes_lib.proportions(found)
    if asked.balance is not None:
        weights = modes_lib.tempered(found, asked.balance_temperature)
    if extra is not None:
        print(f"{len(extra):,} further images from {asked.extra_data}")
        weights = modes_lib.with_extra_share(weights, asked.extra_share)
    return with_extra(x, found, extra)._replace(mode_weights=weights)


def with_extra(x: ArrayLike, found: modes_lib.Modes, extra: np.ndarray | None) -> Drawn:
    """Samples and their modes with further samples, which are one mode more.

    Args:
      x: `[N, ...]`.
      found: their modes.
      extra: `[E, ...]`, or None for none.
    """
    if extra is None:
        return Drawn(x, found)
    own = modes_lib.with_extra(found, len(x), len(extra))
    return Drawn(np.concatenate([np.asarray(x), extra]), own)


def load_extra(asked: Any, data: dataset.Dataset) -> np.ndarray | None:
    """The further images, all parts of them, in the size of the dataset's.

    Args:
      asked: settings with those of `settings.Drawing`, `data_dir` and `labels`, where
        there are such.
      data: images.

    Raises:
      UserError: if there are no such images, or they have other channels.
    """
    name = asked.extra_data
    if name is None:
        return None
    labels = getattr(asked, "labels", False)
    need = "it has no labels, so that it goes without --labels"
    cli.require(not labels, "--extra-data", name, need)
    shape = np.shape(data.train.x)[1:]
    need = f"it is for images, but {data.name} has samples of shape {shape}"
    cli.require(len(shape) == 3, "--extra-data", name, need)
    path = os.path.exists(name)
    with cli.flag("--extra-data", name):
        found = dataset.load(
            dataset.FILES if path else name,
            data_dir=name if path else _folder(asked, name),
            image_size=shape[:2],
        )
    extra = np.concatenate([np.asarray(own.x) for own in (found.train, found.test)])
    need = (
        f"its images have {extra.shape[-1]} channels, but those of {data.name} "
        f"{shape[2]}; give images of the same kind"
    )
    cli.require(extra.shape[-1] == shape[2], "--extra-data", name, need)
    return extra


def _folder(asked: Any, name: str) -> Any:
    """The folder of a dataset by name; those that are built in have none."""
    return None if dataset.is_built_in(name) else asked.data_dir


def _balanced(asked: settings.Images, data: dataset.Dataset) -> modes_lib.Modes:
    """The classes, the clusters, or all the data as one mode."""
    if asked.balance is None:
        return modes_lib.everything(len(data.train.x))
    number = asked.balance_clusters
    if asked.balance == "class":
        need = "it goes with --balance cluster"
        cli.require(number is None, "--balance-clusters", number, need)
        need = f"the samples of {data.name} have no labels; try --balance cluster"
        cli.require(data.train.label is not None, "--balance", "class", need)
        # Of the classes that there are.
        _, label = np.unique(np.asarray(data.train.label), return_inverse=True)
        return modes_lib.from_labels(label)
    number = data.num_classes if number is None else number
    need = "there are no classes to say how many clusters; give --balance-clusters"
    cli.require(number is not None, "--balance", "cluster", need)
    with cli.flag("--balance-clusters", number):
        x = np.asarray(dataset.to_float(data.train.x))
        return modes_lib.cluster(x, number, seed=getattr(asked, "seed", 0))


def example(drawn: Drawn, label: ArrayLike | None = None) -> pool.Pool:
    """A pool like that of the samples, with one of them: for `runs.trainer`."""
    found = drawn.modes
    if found is not None:
        ones = np.ones(len(found.counts), np.int32)
        found = modes_lib.Modes(0 * ones[:, None], ones)
    return pool.put(drawn.x[:1], found, None if label is None else label[:1])


def check(asked: Any, data: dataset.Dataset) -> None:
    """Asks that what an ensemble balances are its modes, and for the further images.

    Args:
      asked: settings with those of `settings.Drawing`, `data_dir` and `modes`.
      data: to learn.

    Raises:
      UserError: if they are not, or as `load_extra`.
    """
    load_extra(asked, data)
    kinds = {"labels": "class", "clusters": "cluster"}
    fits = asked.balance in (None, kinds[asked.modes])
    need = f"the modes are {asked.modes}; give {kinds[asked.modes]}, or other --modes"
    cli.require(fits, "--balance", asked.balance, need)


def plan(asked: Any, found: modes_lib.Modes, own: ensembles.Plan) -> ensembles.Plan:
    """A plan of balanced modes, whose members also draw further samples.

    Mode k is drawn `t_k / p_k` times as often as before, p its share of the data and t
    that of `modes.tempered`, and members weigh by how much of it is theirs: what the
    ensemble is to learn has the shares t, whoever learns them.

    Args:
      asked: settings with those of `settings.Drawing`.
      found: the K modes.
      own: of M members.

    Returns:
      The plan; with further samples its mode weights are `[M, K + 1]`.
    """
    if asked.balance is None and asked.extra_data is None:
        return own
    rows, weights = own.mode_weights, own.weights
    if asked.balance is not None:
        tempered = modes_lib.tempered(found, asked.balance_temperature)
        rows = rows / rows.sum(-1, keepdims=True)
        rows = rows * tempered / modes_lib.proportions(found)
        weights = weights * rows.sum(-1)
    if asked.extra_data is not None:
        rows = modes_lib.with_extra_share(rows, asked.extra_share)
    return ensembles.Plan(rows, weights / weights.sum())


def label_shares(drawn: Drawn, label: ArrayLike, num_classes: int) -> np.ndarray:
    """How often each class is drawn, `[C]` summing to 1.

    Args:
      drawn: the samples, as they are drawn.
      label: `[N]` of them.
      num_classes: C.
    """
    own = np.asarray(label)
    if drawn.modes is None:
        counts = np.bincount(own, minlength=num_classes)
        return counts / counts.sum()
    table, counts = np.asarray(drawn.modes.table), np.asarray(drawn.modes.counts)
    in_mode = np.stack(
        [
            np.bincount(own[row[:count]], minlength=num_classes) / count
            for row, count in zip(table, counts, strict=True)
        ]
    )
    weights = np.asarray(drawn.mode_weights, np.float64)
    return weights @ in_mode / weights.sum()


def rows(drawn: Drawn, num_members: int) -> jax.Array | None:
    """The mode weights of members that all draw alike, `[P, K]`, or None."""
    if drawn.mode_weights is None:
        return None
    return jnp.tile(drawn.mode_weights, (num_members, 1))
