"""What the form of a map is chosen for."""

import math
from typing import NamedTuple

from jax import Array

from jaxgan.core import errors
from jaxgan.networks import forms
from jaxgan.networks.onednn.counting import ARRAYS

BATCH, SMALL_BATCH = 64, 16

MOST_BYTES = 2**28
"""Of the arrays of a batch, the patches that `matmul` gathers among them."""

MANY_OPERATIONS = 2 * 10**9
"""Of a batch: where one has more, it is cut, but not below `SMALL_BATCH`."""


class Case(NamedTuple):
    """One map of one convolution, whatever its batch and however many members it has.

    Attributes:
      map: a field of `forms.Form`.
      geometry: of the convolution.
      channels, features: C and F, of all groups together.
      groups: that channels are split into.
      dtype: of the arrays, by its name.
    """

    map: str
    geometry: forms.Geometry
    channels: int
    features: int
    groups: int
    dtype: str


def of(name: str, a: Array, b: Array, geometry: forms.Geometry, groups: int) -> Case:
    """The case that the two arguments of a map are one of.

    Raises:
      UserError: if they are of two dtypes.
    """
    if a.dtype != b.dtype:
        raise errors.UserError(
            f"convolution='tuned' needs arrays of one dtype, not {a.dtype} and "
            f"{b.dtype}; give one of them the dtype of the other."
        )
    shape = dict(zip(ARRAYS[name], (a.shape, b.shape), strict=False))
    channels = shape["x"][-1] if "x" in shape else shape["kernel"][-2] * groups
    features = shape["y" if "y" in shape else "kernel"][-1]
    return Case(name, geometry, channels, features, groups, str(a.dtype))


def words(case: Case) -> str:
    """The name of a case in the table."""
    size, kernel, strides, padding = case.geometry
    edges = [f"{lo}+{hi}" for lo, hi in padding]
    return (
        f"{case.map}, places {_by(size)}, kernel {_by(kernel)}, "
        f"strides {_by(strides)}, padding {_by(edges)}, channels {case.channels}, "
        f"features {case.features}, groups {case.groups}, {case.dtype}"
    )


def shapes(case: Case, batch: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of the two arguments of the map."""
    geometry = case.geometry
    known = {
        "x": (batch, *geometry.size, case.channels),
        "y": (batch, *forms.output_size(geometry), case.features),
        "kernel": (*geometry.kernel, case.channels // case.groups, case.features),
    }
    one, other, _ = ARRAYS[case.map]
    return known[one], known[other]


def batch(case: Case, itemsize: int) -> int:
    """Samples that a case is measured with.

    `BATCH`, but for large samples: so many that measuring takes seconds and not
    minutes, and that their arrays find room.

    Args:
      case: to be measured.
      itemsize: bytes of a number.
    """
    size, kernel, *_ = case.geometry
    places = math.prod(forms.output_size(case.geometry))
    patches = places * math.prod(kernel) * case.channels
    numbers = math.prod(size) * case.channels + places * case.features + patches
    operations = 2 * patches * case.features // case.groups
    # Without channels there are none.
    quick = max(SMALL_BATCH, MANY_OPERATIONS // max(1, operations))
    return max(1, min(BATCH, quick, MOST_BYTES // max(1, numbers * itemsize)))


def _by(numbers) -> str:
    return "x".join(map(str, numbers))
