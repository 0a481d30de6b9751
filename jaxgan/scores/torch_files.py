"""Weights that PyTorch saved, read without PyTorch and without running their code.

A file of `torch.save` is a program for the pickle machine. Here that machine can name
nothing but the few functions below, all of this module, which build descriptions of
arrays; whatever else a file asks for is refused before it is looked up. The only module
of the package that touches pickle. Both forms are read: the archive, in use since
PyTorch 1.6, and the stream before it.
"""

import math
import pathlib
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jaxgan.core import errors

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What a stream begins with."""


class Storage(NamedTuple):
    """Where the entries of arrays are: a file's key, their type and number."""

    key: str
    dtype: str
    size: int


class Strided(NamedTuple):
    """An array within a storage, offset and strides in entries."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a saved state dictionary, by their names.

    Args:
      path: of a file that `torch.save` wrote, of a dictionary of tensors.

    Returns:
      Arrays of their own memory.

    Raises:
      UserError: if there is no such file, it is damaged, or asks for anything other
        than arrays; nothing of it has been run then.
    """
    try:
        with open(path, "rb") as file:
            if zipfile.is_zipfile(file):
                described, entries = _archive(file)
            else:
                file.seek(0)
                described, entries = _stream(file)
        return {_text(name): _array(x, entries) for name, x in described.items()}
    except FileNotFoundError:
        raise errors.UserError(f"{path} does not exist.") from None
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        OSError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ImportError,
        OverflowError,
        RuntimeError,
        MemoryError,
    ) as error:
        raise errors.UserError(
            f"{path} is not a file of weights that can be read, or is damaged "
            f"({error}); nothing in it was run."
        ) from None


class _Reader(pickle.Unpickler):
    """Runs a pickle that can name nothing but what is in `_KNOWN`."""

    def find_class(self, module: str, name: str) -> Callable:
        known = _KNOWN.get((module, name))
        if known is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return known

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, size = pid[:5]
        if kind != "storage" or any(view is not None for view in pid[5:]):
            raise pickle.UnpicklingError(f"it refers to {pid!r}")
        return Storage(_text(key), _DTYPES[dtype.name], int(size))


class _Dictionary(dict):
    """In the place of an ordered one, without the attributes that a file gives it."""

    def __setstate__(self, state: Any) -> None:
        del state


class _Type(NamedTuple):
    name: str


class _Allowed(NamedTuple):
    """A function that a file can call, but unlike a bare one not set attributes of."""

    function: Callable

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


def _tensor(storage, offset, shape, strides, *_):
    """In the place of `torch._utils._rebuild_tensor_v2`."""
    return Strided(storage, offset, tuple(shape), tuple(strides))


def _parameter(data, *_):
    """In the place of `torch._utils._rebuild_parameter`."""
    return data


_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Allowed(_Dictionary),
    ("torch._utils", "_rebuild_tensor_v2"): _Allowed(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Allowed(_parameter),
    # Values rather than classes: a file can refer to them and no more.
    **{("torch", name): _Type(name) for name in _DTYPES},
}

_Entries = Callable[[Storage], np.ndarray]


def _archive(file: BinaryIO) -> tuple[dict[str, Any], _Entries]:
    with zipfile.ZipFile(file) as archive:
        (main,) = (n for n in archive.namelist() if n.count("/") == 1 and _is_main(n))
        folder = main.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist():
            order = archive.read(f"{folder}byteorder")
            if order != b"little":
                raise ValueError(f"its bytes are in the order {order!r}")
        with archive.open(main) as content:
            described = _Reader(content, encoding="utf-8").load()
        contents = {
            storage.key: archive.read(f"{folder}data/{storage.key}")
            for storage in _storages(described)
        }
    return described, lambda storage: _entries(storage, contents[storage.key])


def _is_main(name: str) -> bool:
    return name.endswith("/data.pkl")


def _stream(file: BinaryIO) -> tuple[dict[str, Any], _Entries]:
    def load():
        return _Reader(file, encoding="utf-8").load()

    if (load(), load()) != (MAGIC, PROTOCOL):
        raise ValueError("it does not begin like one")
    if load().get("little_endian") is not True:
        raise ValueError("its bytes are not in the order of small machines")
    described = load()
    kinds = {storage.key: storage for storage in _storages(described)}
    contents = {}
    for key in map(_text, load()):
        storage = kinds[key]
        (size,) = struct.unpack("<q", file.read(8))
        if size != storage.size:
            raise ValueError(f"the array {key} has {size} entries")
        contents[key] = file.read(size * np.dtype(storage.dtype).itemsize)
    return described, lambda storage: _entries(storage, contents[storage.key])


def _storages(described: Any) -> list[Storage]:
    if not isinstance(described, dict):
        raise ValueError("it does not hold a dictionary")
    for name, x in described.items():
        if not isinstance(x, Strided) or not isinstance(x.storage, Storage):
            raise ValueError(f"{name} is no array")
    return [x.storage for x in described.values()]


def _entries(storage: Storage, content: bytes) -> np.ndarray:
    entries = np.frombuffer(content, storage.dtype)
    if len(entries) != storage.size:
        raise ValueError(f"the array {storage.key} is truncated")
    return entries


def _array(x: Strided, entries_of: _Entries) -> np.ndarray:
    entries = entries_of(x.storage)
    numbers = (x.offset, *x.shape, *x.strides)
    if len(x.shape) != len(x.strides) or any(
        not isinstance(n, int) or n < 0 for n in numbers
    ):
        raise ValueError(f"an array has the shape {x.shape} and strides {x.strides}")
    # Views with overlaps, which could be far larger than the file, are not needed.
    if math.prod(x.shape) > len(entries):
        raise ValueError(f"an array of shape {x.shape} is larger than its storage")
    if math.prod(x.shape) == 0:
        return np.zeros(x.shape, entries.dtype)
    reach = sum((n - 1) * stride for n, stride in zip(x.shape, x.strides, strict=True))
    if x.offset + reach >= len(entries):
        raise ValueError(f"an array of shape {x.shape} reaches beyond its storage")
    strides = [stride * entries.itemsize for stride in x.strides]
    start = entries[x.offset :]
    return np.lib.stride_tricks.as_strided(start, x.shape, strides).copy()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a name")
    return value
