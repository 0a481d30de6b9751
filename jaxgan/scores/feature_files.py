"""Feature networks in files: StableHLO programs, and ONNX models by ONNX Runtime.

For networks that jaxgan does not have, such as CLIP and DINO. A StableHLO program is
what `jax.export` serialises; it is given images `[B, H, W, C]` as they are, if it takes
uint8, or else as floats in [0, 1], and normalises them itself. An ONNX model is given
`[B, C, H, W]` (or `[B, H, W, C]`) likewise, as PyTorch exports it. The first output is
the features `[B, ...]`, flattened. Classes are not asked for: an Inception Score is one
of the network that it is named after, or of a classifier of the data.

Such a file is a program: use those of people whom you trust.
"""

import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.scores import feature_networks, record

BATCH = 64
"""Samples that a program with a free batch takes at once."""

CHANNELS = (1, 3)

DTYPES = ("uint8", "float16", "bfloat16", "float32")


class Input(NamedTuple):
    """What a program takes.

    Attributes:
      batch: samples at once, or None if that is free.
      shape: of an image, with None where it is free.
      dtype: of its numbers, NumPy's.
    """

    batch: int | None
    shape: tuple[int | None, ...]
    dtype: np.dtype

    @property
    def channels_first(self) -> bool:
        """Whether images are `[C, H, W]`, which three at the end speak against."""
        return self.shape[0] in CHANNELS and self.shape[-1] not in CHANNELS


Program = Callable[[np.ndarray], Sequence[Any]]
"""Images as the program takes them `-> outputs`."""


def is_file(name: str) -> bool:
    """Whether a name is that of such a file, by its ending."""
    return pathlib.Path(name).suffix in READERS


def load(path: pathlib.Path) -> feature_networks.FeatureNetwork:
    """The feature network in a file; its SHA-256 is in the protocol of all scores.

    Args:
      path: of a `.stablehlo` or an `.onnx` file.

    Raises:
      UserError: if it cannot be read, or takes something else than images.
    """
    if path.suffix not in READERS:
        raise errors.UserError(
            f"{path} is no feature network; it must end in {' or '.join(READERS)}."
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise errors.UserError(f"{path} cannot be read ({error.strerror}).") from None
    taken, run = READERS[path.suffix](path, content)
    if taken.dtype.name not in DTYPES:
        raise errors.UserError(
            f"{path} takes {taken.dtype}, but images are given as uint8, or as floats "
            "in [0, 1] of at most 32 bits; export it with one of these."
        )
    if len(taken.shape) != 3:
        raise errors.UserError(
            f"{path} takes an input of {1 + len(taken.shape)} axes, but images have "
            "four, batch, height, width and channels; export it with one such input."
        )
    fingerprint = record.protocol(
        feature_network=f"file {path.name}",
        weights_sha256=hashlib.sha256(content).hexdigest(),
        input=f"{taken.dtype}{_shown(taken)}",
    )

    def check(shape: tuple[int, ...]) -> None:
        _check(path, taken, shape)

    return feature_networks.FeatureNetwork(
        lambda x: _apply(path, taken, run, x), fingerprint, check
    )


def _apply(
    path: pathlib.Path, taken: Input, run: Program, x: np.ndarray
) -> tuple[np.ndarray, None]:
    size = taken.batch or BATCH
    parts = []
    for first in range(0, len(x), size):
        part = x[first : first + size]
        # The last images again, as a program may take so many and no fewer.
        filled = np.resize(part, (size, *part.shape[1:]))
        made = _run(path, run, _as_taken(taken, filled))
        parts.append(made[: len(part)].reshape(len(part), -1))
    features = np.concatenate(parts).astype(np.float32)
    if not np.isfinite(features).all():
        raise errors.UserError(
            f"{path} makes features that are not finite; export it in float32, for "
            f"images in {'0 ... 255' if taken.dtype == np.uint8 else '[0, 1]'}."
        )
    return features, None


def _run(path: pathlib.Path, run: Program, x: np.ndarray) -> np.ndarray:
    """The first output for a batch, which has an entry for each image."""
    try:
        made = np.asarray(run(x)[0])
    except Exception as error:  # of whatever runs the program, which each has its own
        raise errors.UserError(
            f"{path} fails with images {x.dtype}{list(x.shape)} ({_reason(error)}); "
            "export it for such images and this kind of device."
        ) from None
    if made.ndim == 0 or len(made) != len(x):
        raise errors.UserError(
            f"{path} makes an output of the shape {list(made.shape)} of {len(x)} "
            "images; its first output must have one row of features for each."
        )
    return made


def _as_taken(taken: Input, x: np.ndarray) -> np.ndarray:
    """Images uint8 `[B, H, W, C]` in the form that a program takes."""
    channels = taken.shape[0] if taken.channels_first else taken.shape[-1]
    if channels is not None and channels != x.shape[-1]:
        x = np.repeat(x, channels, axis=-1)
    if taken.dtype != np.uint8:
        x = (x / np.float32(255)).astype(taken.dtype)
    return np.moveaxis(x, -1, 1) if taken.channels_first else x


def _check(path: pathlib.Path, taken: Input, shape: tuple[int, ...]) -> None:
    if len(shape) != 3:
        raise errors.UserError(
            f"samples have the shape {tuple(shape)}, but {path} takes images; take "
            "other features."
        )
    own = np.roll(taken.shape, -1) if taken.channels_first else np.array(taken.shape)
    *size, channels = own
    wrong = [n for n, asked in zip(shape, size, strict=False) if asked not in (None, n)]
    if wrong or channels not in (None, shape[-1]) and shape[-1] != 1:
        there = " x ".join("any" if n is None else str(n) for n in own)
        way = "bring them to that size by --image-size"
        raise errors.UserError(
            f"images have the shape {tuple(shape)}, but {path} takes {there}; "
            f"{way if wrong else 'take a network of as many channels'}."
        )


def _shown(taken: Input) -> list[Any]:
    return [n if n is not None else "any" for n in (taken.batch, *taken.shape)]


def _stablehlo(path: pathlib.Path, content: bytes) -> tuple[Input, Program]:
    import jax
    from jax import export

    try:
        program = export.deserialize(bytearray(content))
    except Exception as error:  # of FlatBuffers and MLIR, whatever the bytes bring up
        raise _unreadable(path, "jax.export", error) from None
    if len(program.in_avals) != 1:
        raise errors.UserError(
            f"{path} takes {len(program.in_avals)} inputs, but a feature network takes "
            "the images alone; export it with its weights."
        )
    (aval,) = program.in_avals
    batch, *shape = (n if isinstance(n, int) else None for n in aval.shape)
    arguments = program.in_tree
    return Input(batch, tuple(shape), np.dtype(aval.dtype)), lambda x: jax.tree.leaves(
        _call(program, jax.tree.unflatten(arguments, [x]))
    )


def _call(program: Any, arguments: tuple[tuple, dict[str, Any]]) -> Any:
    positional, named = arguments
    return program.call(*positional, **named)


def _onnx(path: pathlib.Path, content: bytes) -> tuple[Input, Program]:
    try:
        import onnxruntime
    except ImportError:
        raise errors.UserError(
            f"{path}: the package onnxruntime is missing; install jaxgan with the "
            "extra, pip install 'jaxgan[onnx]'."
        ) from None
    try:
        session = onnxruntime.InferenceSession(
            content, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # of its own, which it does not export
        raise _unreadable(path, "ONNX Runtime", error) from None
    found = session.get_inputs()
    kinds = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    if len(found) != 1 or found[0].type not in kinds:
        given = ", ".join(f"{own.name}: {own.type}" for own in found)
        raise errors.UserError(
            f"{path} takes {given}; a feature network takes images alone, of float or "
            "uint8."
        )
    batch, *shape = (n if isinstance(n, int) else None for n in found[0].shape)
    name = found[0].name
    taken = Input(batch, tuple(shape), np.dtype(kinds[found[0].type]))
    return taken, lambda x: session.run(None, {name: np.ascontiguousarray(x)})


def _unreadable(path: pathlib.Path, by: str, error: Exception) -> errors.UserError:
    return errors.UserError(f"{path} cannot be read by {by} ({_reason(error)}).")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


READERS: dict[str, Callable[[pathlib.Path, bytes], tuple[Input, Program]]] = {
    ".stablehlo": _stablehlo,
    ".onnx": _onnx,
}
"""By the ending of a file, what reads it."""
