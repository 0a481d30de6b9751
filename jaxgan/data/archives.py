"""The official archives of image datasets: where they come from and how to read them.

References:
  LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998,
  https://doi.org/10.1109/5.726791
  Xiao et al., Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
  Algorithms, 2017, https://arxiv.org/abs/1708.07747
  Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009,
  https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf
"""

import gzip
import math
import pathlib
import tarfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Parts = dict[str, tuple[np.ndarray, np.ndarray]]
"""Images `[N, H, W, C]` uint8 and labels `[N]` uint8 of "train" and of "test"."""


class File(NamedTuple):
    """A file as its authors publish it.

    Attributes:
      name: its original file name.
      url: where it can be downloaded.
      size: in bytes.
      sha256: of its content, hexadecimal.
    """

    name: str
    url: str
    size: int
    sha256: str


class Archive(NamedTuple):
    """A dataset as its authors publish it.

    Attributes:
      files: all that it consists of.
      shape: `(H, W, C)` of an image.
      classes: the names of the labels 0, 1, ...
      read: from the paths of the files, by their original names, to both parts.
    """

    files: tuple[File, ...]
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    read: Callable[[Mapping[str, pathlib.Path]], Parts]


def read_idx_parts(paths: Mapping[str, pathlib.Path]) -> Parts:
    """Reads the four files of MNIST and of the datasets in its format."""

    def part(prefix: str) -> tuple[np.ndarray, np.ndarray]:
        images = read_idx(paths[f"{prefix}-images-idx3-ubyte.gz"])
        return images[..., None], read_idx(paths[f"{prefix}-labels-idx1-ubyte.gz"])

    return {"train": part("train"), "test": part("t10k")}


def read_idx(path: pathlib.Path) -> np.ndarray:
    """Reads a compressed file of the idx format that holds bytes.

    The format is two zeros, the type (8 for unsigned bytes), the number of axes, the
    length of each axis as four bytes with the highest first, then the entries.
    """
    with gzip.open(path) as file:
        zeros, kind, axes = (int.from_bytes(file.read(n)) for n in (2, 1, 1))
        if zeros or kind != 8:
            raise ValueError(f"{path} is not an idx file of unsigned bytes.")
        shape = [int.from_bytes(file.read(4)) for _ in range(axes)]
        # The last byte of a compressed file is checked only when more is asked for.
        content = file.read()
    if len(content) != math.prod(shape):
        raise ValueError(f"{path} does not hold the {shape} entries that it announces.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_cifar10(paths: Mapping[str, pathlib.Path]) -> Parts:
    """Reads the binary version of CIFAR-10, which unlike the Python one is no pickle.

    A record is a label and three planes of 32 x 32 bytes: red, green, blue.
    """
    (path,) = paths.values()
    with tarfile.open(path, "r:gz") as archive:

        def records(name: str) -> np.ndarray:
            content = archive.extractfile(f"cifar-10-batches-bin/{name}.bin").read()
            return np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * 32 * 32)

        train = np.concatenate([records(f"data_batch_{i}") for i in range(1, 6)])
        test = records("test_batch")

    def part(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        planes = records[:, 1:].reshape(-1, 3, 32, 32)
        return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0]

    return {"train": part(train), "test": part(test)}


def _of_four(host: str, *files: tuple[str, int, str]) -> tuple[File, ...]:
    return tuple(File(name, host + name, size, sha) for name, size, sha in files)


ARCHIVES = {
    "mnist": Archive(
        _of_four(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            (
                "train-images-idx3-ubyte.gz",
                9912422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                "train-labels-idx1-ubyte.gz",
                28881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                1648877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                4542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        (28, 28, 1),
        tuple("0123456789"),
        read_idx_parts,
    ),
    "fashion_mnist": Archive(
        _of_four(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            (
                "train-images-idx3-ubyte.gz",
                26421880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            (
                "train-labels-idx1-ubyte.gz",
                29515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                4422102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                5148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
        (28, 28, 1),
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        read_idx_parts,
    ),
    "cifar10": Archive(
        (
            File(
                "cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        (32, 32, 3),
        (
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        read_cifar10,
    ),
}
"""The datasets that are prepared from their official archives, by name."""
