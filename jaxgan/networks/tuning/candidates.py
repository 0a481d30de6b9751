"""The forms that a map can be computed in."""

import functools
import importlib.metadata
import sys

import jax.numpy as jnp

from jaxgan.core import errors
from jaxgan.networks import forms, onednn
from jaxgan.networks.onednn import library
from jaxgan.networks.tuning import cases

NAMES = ("canonical", "matmul", "onednn")


def names(case: cases.Case) -> tuple[str, ...]:
    """Those of `NAMES` that can compute a case here."""
    grouped = ("matmul",) if case.groups > 1 else ("canonical", "matmul")
    known = onednn.suits(case.geometry) and onednn_version() is not None
    return (*grouped, "onednn") if known and _computes(case.dtype) else grouped


@functools.cache
def get(name: str, groups: int) -> forms.Form:
    """The three maps of one of `NAMES`, with kernels `[*k, C / groups, F]`."""
    if name == "onednn":
        return onednn.form(groups)
    if name == "canonical":
        return forms.CANONICAL
    return _matmul(groups)


@functools.cache
def onednn_version() -> str | None:
    """Of oneDNN, or None where it is not installed, or cannot be built and says why."""
    if not onednn.installed():
        return None
    try:
        onednn.form()
    except errors.UserError as error:
        print(f"convolution='tuned' does without oneDNN: {error}", file=sys.stderr)
        return None
    return importlib.metadata.version(library.WHEELS[0])


def _computes(dtype: str) -> bool:
    """Whether oneDNN does so in this dtype on this processor."""
    if dtype == "bfloat16":
        return library.computes_bfloat16()
    return jnp.dtype(dtype) in onednn.DTYPES


def _matmul(groups: int) -> forms.Form:
    """Of members one after another, so that each has the bits that it has alone."""

    def of(map_):
        def apart(a, b, geometry):
            one = functools.partial(map_, geometry=geometry)
            return forms.in_groups(one, groups)(a, b)

        # In one batch the sums of a product would have another order.
        return forms.in_turn(map_ if groups == 1 else apart, folds=False)

    return forms.Form(*map(of, forms.MATMUL))
