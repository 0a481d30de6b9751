"""The discriminators that a run has kept, in its checkpoints, beside their generators.

A run keeps its whole state to go on from; here it is read for what the players know.
"""

import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import checkpoint, types
from jaxgan import gan as gan_lib
from jaxgan.checkpoint import leaves as leaves_lib
from jaxgan.core import errors, randomness

FOLDER = "checkpoints"
WHOLE = "run"
"""The name of the arm of a run that has one population."""

STANDARDISER = "hparams.standardiser."


class Kept(NamedTuple):
    """A population that was kept.

    Attributes:
      gan: the networks.
      description: of the population, as JSON: at least the `gan`.
      state: of P members, as NumPy arrays; without moments of optimisers.
      keys: of the members, `[P]`, which are threefry's.
      skipped: a sentence for each newer checkpoint that could not be used.
    """

    gan: types.GAN
    description: dict[str, Any]
    state: types.TrainState
    keys: jax.Array
    skipped: list[str]


def arms(run: pathlib.Path) -> dict[str, pathlib.Path]:
    """The folders of a run's checkpoints by arm, in the order of their names.

    Args:
      run: its folder.

    Raises:
      UserError: if there are none.
    """
    root = run / FOLDER
    found = {
        WHOLE if folder == root else folder.relative_to(root).as_posix(): folder
        for folder in _with_checkpoints(root)
    }
    if not found:
        raise errors.UserError(
            f"{run} has no checkpoints of discriminators in {FOLDER}; give the folder "
            "of a run of image_gan.py, limited_data.py, probe_losses.py or "
            "mode_ensemble.py."
        )
    return found


def _with_checkpoints(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folder, or those in it, without what is in a checkpoint."""
    if checkpoint.steps(folder):
        yield folder
    elif folder.is_dir():
        for inner in sorted(folder.iterdir()):
            yield from _with_checkpoints(inner)


def load(folder: pathlib.Path) -> Kept:
    """Reads the newest checkpoint that verifies.

    Args:
      folder: of checkpoints, from `arms`.

    Raises:
      UserError: if none verifies, its networks are not told or have other weights, as
        where several generators share a discriminator, or it learnt data that were
        standardised.
    """
    read = checkpoint.read(folder)
    if not {"state.step", "state.alive", "keys"} <= set(read.arrays):
        raise errors.UserError(
            f"{folder} is no checkpoint of a population; give the folder of a run."
        )
    described = read.description.get("gan")
    if described is None:
        raise errors.UserError(
            f"{folder} does not say which networks it is of, as those of sweeps do "
            "not; score these while they train, by --probe-labels of sweep.py."
        )
    networks = gan_lib.rebuild(described)
    if any(name.startswith(STANDARDISER) for name in read.arrays):
        raise errors.UserError(
            f"{folder} is of members that standardise their data, as on points; give a "
            "run on images."
        )
    params, collections = jax.eval_shape(
        networks.init, jax.eval_shape(lambda: jax.random.key(0))
    )
    state = types.TrainState(
        step=_array(read, "state.step"),
        params=_found(read, {"params": params}, folder)["params"],
        collections=_found(read, {"collections": collections}, folder)["collections"],
        opt_state=None,
        ema=_found(read, {"ema": params.generator}, folder)["ema"]
        if _has(read, "ema")
        else None,
        alive=_array(read, "state.alive"),
    )
    keys = jax.random.wrap_key_data(read.arrays["keys"], impl=randomness.IMPLEMENTATION)
    return Kept(networks, read.description, state, keys, read.skipped)


def _array(read: checkpoint.Read, name: str) -> np.ndarray | None:
    """An array of the state: of each member's best, where a run has kept these."""
    last, best = read.arrays.get(name), read.arrays.get(f"best.{name}")
    if last is None or best is None:
        return last
    # Step 0 is that of a member without a best state yet.
    kept = read.arrays["best.step"] > 0
    return np.where(kept.reshape(-1, *[1] * (last.ndim - 1)), best, last)


def _has(read: checkpoint.Read, part: str) -> bool:
    return any(name.startswith(f"state.{part}.") for name in read.arrays)


def _found(
    read: checkpoint.Read, part: dict[str, Any], folder: pathlib.Path
) -> dict[str, Any]:
    """The arrays of a part of the state, with a leading `[P]`."""
    leaves, structure = leaves_lib.named({"state": part})
    members = len(read.arrays["state.step"])
    arrays = []
    for name, leaf in leaves.items():
        array = _array(read, name)
        if array is None or array.shape != (members, *leaf.shape):
            found = "none" if array is None else f"{array.dtype}{list(array.shape)}"
            raise errors.UserError(
                f"{folder} has {found} as {name} where each member's is "
                f"{leaves_lib.described(leaf)}; give an arm in which every generator "
                "has a discriminator of its own."
            )
        arrays.append(np.asarray(array))
    return jax.tree.unflatten(structure, arrays)["state"]
