"""Snapshots of a run's averages, and generators by an average of any length.

A run with power-function averages leaves a file of them now and then, in the folder
`averages`, each by its step and with all members in it. See `jaxgan.steps.post_hoc`.
"""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import checkpoint, ensembles, types
from jaxgan.checkpoint import file_cache, leaves
from jaxgan.core import errors, randomness
from jaxgan.steps import post_hoc, power_averages

FOLDER = "averages"
NAME = FOLDER + "/{:08}.safetensors"
"""Of a snapshot, by its step, in the folder of a run."""


class Average(NamedTuple):
    """An average of the weights of all generators of a run.

    Attributes:
      width: its relative width.
      step: after which it is.
      nearest: step of the snapshot that is nearest to it, of two the earlier one.
      error: of the combination, see `post_hoc.Combination`.
      params: of the generators, every leaf `[P, ...]`.
    """

    width: float
    step: int
    nearest: int
    error: float
    params: types.Tree


def save(
    path: pathlib.Path,
    step: int,
    state: types.TrainState,
    hparams: types.HParams,
    keys: jax.Array,
) -> None:
    """Writes the averages of all members, whole or not at all.

    Args:
      path: of the file, `NAME`; its folder is made if it is not there.
      step: that the members have reached.
      state: of P members, with averages.
      hparams: of the members; all have the same exponents.
      keys: `[P]` of the members, which tell one run from another by its numbers.
    """
    path.parent.mkdir(exist_ok=True)
    exponents = np.asarray(hparams.averages, np.float64)[0].tolist()
    numbers = map(leaves.without_keys, jax.tree.leaves((hparams, keys)))
    run = file_cache.arrays_sha256(*numbers)
    description = {"step": step, "exponents": exponents, "run": run}
    checkpoint.save_tree(path, state.averages, description)


def read(
    folder: pathlib.Path, widths: Sequence[float], step: int | None = None
) -> list[Average]:
    """The averages of these widths, from all snapshots of a run.

    One snapshot after another is read and added up, in float64.

    Args:
      folder: of the run.
      widths: sigma of each.
      step: after which the averages are; None for that of the last snapshot.

    Raises:
      UserError: for a width that no average has, a step that is later than the last
        snapshot, a run without snapshots, and a snapshot that is damaged, or is of
        other averages or of another run.
    """
    for width in widths:
        power_averages.check_width(width)
    there = (folder / FOLDER).glob("*.safetensors")
    # Not what is left of one that was being written when its process ended.
    paths = sorted(path for path in there if path.stem.isdecimal())
    if not paths:
        raise errors.UserError(
            f"{folder} has no snapshots of averages; give a run that was trained with "
            "--averages 0.05 0.10."
        )
    steps = [int(path.stem) for path in paths]
    expected = _facts(paths[0])
    exponents = expected["exponents"]
    kept = [post_hoc.Profile(own, gamma) for own in steps for gamma in exponents]
    wanted = steps[-1] if step is None else step
    found = [
        post_hoc.coefficients(
            kept, post_hoc.Profile(wanted, _exponent(width, exponents))
        )
        for width in widths
    ]
    totals: list[types.Tree] = [None] * len(widths)
    for i, path in enumerate(paths):
        tree, about = checkpoint.load_tree(path)
        if _facts_of(path, tree, about) != expected | {"step": steps[i]}:
            raise errors.UserError(
                f"{path} is of another step than its name says, of other averages than "
                f"{paths[0]} or of another run; put the files of one run into a "
                "folder, by their steps."
            )
        for j, own in enumerate(found):
            here = own.coefficients[i * len(exponents) :][: len(exponents)]
            totals[j] = _added(totals[j], tree, here)
    dtypes = jax.tree.map(lambda leaf: leaf.dtype, tree)
    nearest = min(steps, key=lambda own: abs(own - wanted))
    return [
        Average(
            *(width, wanted, nearest, own.error),
            jax.tree.map(np.asarray, total, dtypes),
        )
        for width, own, total in zip(widths, found, totals, strict=True)
    ]


def sentence(average: Average) -> str:
    """Which average it is, and how near to it."""
    said = (
        f"average {average.width} after step {average.step}: the snapshots have its "
        f"profile but for {average.error:.1%}"
    )
    if average.step == average.nearest:
        return said
    return f"{said}; the nearest snapshot is of step {average.nearest}"


def load(path: pathlib.Path, average: Average) -> tuple[types.GAN, Any, dict[str, Any]]:
    """The mixture of a file, its generator's weights by an average of the run.

    Args:
      path: of a mixture of one generator, `mixture-ARM-SEED.safetensors`.
      average: of the run that left it; the generator is member SEED.

    Returns:
      As `ensembles.load`; the batch statistics are those of the new weights.

    Raises:
      UserError: if the file is of another run, or of a mixture of several generators.
    """
    networks, mixture, notes = ensembles.load(path)
    seed = path.stem.rpartition("-")[2]
    shapes = [jax.tree.map(np.shape, own) for own in (mixture.params, average.params)]
    number = len(jax.tree.leaves(average.params)[0])
    own = jax.tree.map(lambda shape: (number, *shape[1:]), shapes[0], is_leaf=_is_shape)
    alone = len(mixture.weights) == 1 and seed.isdecimal() and int(seed) < number
    if own != shapes[1] or not alone:
        raise errors.UserError(
            f"{path} is not of the generators of which the run kept averages; score "
            "the run's own files, without --average."
        )
    params = jax.tree.map(
        lambda x: jax.numpy.asarray(x[int(seed)][None]), average.params
    )
    mixture = ensembles.with_standing_statistics(
        networks, mixture._replace(params=params), randomness.key(int(seed))
    )
    return networks, mixture, notes


def _facts(path: pathlib.Path) -> dict[str, Any]:
    return _facts_of(path, *checkpoint.load_tree(path))


def _facts_of(path: pathlib.Path, tree: types.Tree, about: Any) -> dict[str, Any]:
    """What a snapshot says of itself, and the shapes in it.

    Raises:
      UserError: if it is another file.
    """
    if not isinstance(about, dict) or about.keys() != {"step", "exponents", "run"}:
        raise errors.UserError(
            f"{path} holds no averages; take it out of the folder, where only the "
            "snapshots of a run are."
        )
    return {**about, "shapes": jax.tree.map(np.shape, tree)}


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple)


def _exponent(width: float, kept: Sequence[float]) -> float:
    """The exponent of a width; that of a kept average, to its last digit, if it is."""
    gamma = power_averages.exponent(width)
    near = min(kept, key=lambda own: abs(own - gamma))
    return near if np.isclose(near, gamma, rtol=1e-5, atol=1e-5) else gamma


def _added(total: types.Tree, tree: types.Tree, coefficients: np.ndarray) -> types.Tree:
    """A sum in float64 with the averages `[P, A, ...]` of another snapshot."""
    more = jax.tree.map(
        lambda leaf: np.einsum("a,pa...->p...", coefficients, np.float64(leaf)), tree
    )
    return more if total is None else jax.tree.map(np.add, total, more)
