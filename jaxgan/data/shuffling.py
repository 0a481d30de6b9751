"""A random order and a random split that follow from the samples alone.

Files and arrays are often sorted, by class too, so that neither their first samples nor
every tenth one are like the others. A sample's place here is a digest of its values,
and not of where it was: the same set has the same order and the same split whatever its
files are called, and whether they are files, an array or a dataset of TFDS.
"""

import collections
import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from jax.typing import ArrayLike

HELD_OUT = 10
"""One of so many samples of each class is held out where there is no test part."""


def order(x: ArrayLike, seed: int = 0) -> np.ndarray:
    """Rows `[N]` of samples in a random order that does not depend on their own.

    Of equal samples each copy has a place of its own, so that they are spread like any
    others. Reordering `x` changes at most which copy is which.

    Args:
      x: `[N, ...]`, on the host or copied there.
      seed: of the order.
    """
    return order_of((sample.tobytes() for sample in np.asarray(x)), seed)


def order_of(contents: Iterable[bytes], seed: int = 0) -> np.ndarray:
    """The `order` of samples of which the bytes are given, one after another."""
    digests = b"".join(_digests(contents, seed))
    return np.argsort(np.frombuffer(digests, ">u8"), kind="stable")


def first(x: ArrayLike, number: int, seed: int = 0) -> np.ndarray:
    """The first samples of that order, `[min(number, N), ...]`."""
    x = np.asarray(x)
    return x[order(x, seed)[:number]]


def held_out(x: ArrayLike, label: ArrayLike | None = None) -> np.ndarray:
    """Which samples bool `[N]` to hold out: a tenth of each class, at random.

    Numbers are rounded, halves up. A class of two or more has at least one sample held
    out, and all classes keep at least one for training: a class of one is not tested.
    Without labels all samples are one class.

    Args:
      x: `[N, ...]`, on the host.
      label: `[N]` integers, or None.
    """
    x = np.asarray(x)
    label = np.zeros(len(x), int) if label is None else np.asarray(label)
    chosen = np.zeros(len(x), bool)
    _, counts = np.unique(label, return_counts=True)
    by_class = np.split(np.argsort(label, kind="stable"), np.cumsum(counts)[:-1])
    for rows in by_class:
        number = max(1, (len(rows) + HELD_OUT // 2) // HELD_OUT)
        if len(rows) > 1:
            chosen[rows[order(x[rows])[:number]]] = True
    return chosen


def _digests(contents: Iterable[bytes], seed: int) -> Iterator[bytes]:
    """Eight bytes for each sample, of its own and of how many equals came before."""
    key, seen = seed.to_bytes(8, "little"), collections.Counter()
    for content in contents:
        own = hashlib.blake2b(content, digest_size=8, key=key).digest()
        copy = seen[own].to_bytes(8, "little")
        seen[own] += 1
        yield hashlib.blake2b(own + copy, digest_size=8, key=key).digest()
