"""Data that are larger than the device: kept by the host, sent in chunks ahead of time.

Which samples a step draws follows from its key alone, so the device says for many steps
at once which ones it will want, a thread of the host gathers and sends them, and the
device trains on the previous ones meanwhile. A member sees the same batches as if all
the data lay on the device.
"""

import collections
import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.data import modes as modes_lib
from jaxgan.data import pool

CHUNK_BYTES = 128 * 2**20
"""Samples that are sent at once take at most so much, if a single step does not."""

AHEAD = 2
"""Chunks that are made ready while the device trains on another one."""

Item = TypeVar("Item")
Made = TypeVar("Made")


class Host(NamedTuple):
    """Samples in the host's memory or in a file: give it to `training.train` as data.

    Attributes:
      x: `[N, ...]` NumPy array.
      modes: of those samples, on the device; None if no member has `mode_weights`.
      label: `[N]` int32 NumPy array, or None for batches without labels.
      batch_size: samples that one step consumes.
    """

    x: np.ndarray
    modes: modes_lib.Modes | None
    label: np.ndarray | None
    batch_size: int


def host(
    x: ArrayLike,
    modes: modes_lib.Modes | None = None,
    label: ArrayLike | None = None,
    *,
    batch_size: int,
) -> Host:
    """Data that stay on the host while a population trains on them.

    It takes the place of `pool.put` and nothing else changes: the same sampler
    `pool.draw(batch_size)`, and the same results for the same keys.

    Args:
      x: `[N, ...]` uint8 images or floating-point points. A file that is mapped,
        `np.load("images.npy", mmap_mode="r")`, is read sample by sample as they are
        drawn and may be larger than the memory.
      modes: of those samples, or None if no member has `mode_weights`.
      label: `[N]` integers, or None for batches without labels.
      batch_size: samples that one step consumes, the same as the sampler's.

    Raises:
      UserError: if there are no samples, `label` is not one per sample or `batch_size`
        is below 1.
    """
    # Of a file, the array that reads it: a view, no copy.
    x = np.asarray(x)
    label = None if label is None else np.asarray(label, np.int32)
    pool.require_samples(x.shape, modes, None if label is None else label.shape)
    errors.require_whole(batch_size=batch_size)
    if batch_size < 1:
        raise errors.UserError(f"batch_size={batch_size} must be at least 1.")
    return Host(x, jax.tree.map(jnp.asarray, modes), label, batch_size)


def steps_at_once(data: Host, num_members: int, chunk_steps: int) -> int:
    """The number of steps whose samples are sent together, in 1 .. `chunk_steps`.

    As many as `CHUNK_BYTES` hold, cut evenly.
    """
    step_bytes = num_members * data.batch_size * data.x[:1].nbytes
    most = max(1, CHUNK_BYTES // max(step_bytes, 1))
    return -(-chunk_steps // -(-chunk_steps // most))


def shapes(data: Host, num_members: int, num_steps: int) -> pool.Rows:
    """The shapes and types of what `gather` gives."""
    leading = (num_members, num_steps, data.batch_size)
    floating = np.issubdtype(data.x.dtype, np.floating)
    x = jax.ShapeDtypeStruct(
        (*leading, *data.x.shape[1:]), np.float32 if floating else data.x.dtype
    )
    label = None if data.label is None else jax.ShapeDtypeStruct(leading, np.int32)
    return pool.Rows(x, label)


def gather(data: Host, index: ArrayLike, num_steps: int) -> pool.Rows:
    """The samples of `num_steps` steps of every member.

    Args:
      data: to take them from.
      index: `[P, S, B]`, which ones.
      num_steps: in 0 .. S; the rest of the samples are zeros, which nobody reads.

    Returns:
      NumPy arrays `[P, S, B, ...]` and labels `[P, S, B]` or None.
    """
    index = np.asarray(index)

    def rows(x: np.ndarray) -> np.ndarray:
        dtype = np.float32 if np.issubdtype(x.dtype, np.floating) else x.dtype
        if num_steps == index.shape[1]:
            return x[index].astype(dtype, copy=False)
        out = np.zeros((*index.shape, *x.shape[1:]), dtype)
        out[:, :num_steps] = x[index[:, :num_steps]]
        return out

    return pool.Rows(rows(data.x), None if data.label is None else rows(data.label))


@contextlib.contextmanager
def prefetched(
    make: Callable[[Item], Made], items: Iterable[Item], ahead: int = AHEAD
) -> Iterator[Iterator[Made]]:
    """Yields an iterator over `make(item)`, made in order by a thread in advance.

    While one result is in use at most `ahead` others wait or are being made. What
    `make` raises is raised where its result is asked for. At the end of the context,
    however it is left, the thread has ended.

    Args:
      make: called in the thread.
      items: asked for in the calling thread, `ahead` of their results.
      ahead: at least 1.
    """
    thread = futures.ThreadPoolExecutor(1, thread_name_prefix="jaxgan-prefetch")
    try:
        yield _in_order(thread, make, items, ahead)
    finally:
        thread.shutdown(wait=True, cancel_futures=True)


def _in_order(
    thread: futures.Executor,
    make: Callable[[Item], Made],
    items: Iterable[Item],
    ahead: int,
) -> Iterator[Made]:
    waiting = collections.deque()
    for item in items:
        waiting.append(thread.submit(make, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
