"""What oneDNN's convolutions cost, of which XLA knows nothing."""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import jax
from jax.extend import core as jaxprs

PREFIX = "jaxgan_onednn_"

ARRAYS = {
    "forward": ("x", "kernel", "y"),
    "input_gradient": ("y", "kernel", "x"),
    "kernel_gradient": ("x", "y", "kernel"),
}
"""What the two arguments and the result of each map are."""

ITERATION = f"{PREFIX}power_iteration"


def operations(jaxpr: Any) -> int:
    """Floating-point operations of oneDNN's functions in a program.

    Two for each product of a number with a weight, as XLA counts those of its own
    convolutions: without products with padding, and the body of a loop once.

    Args:
      jaxpr: of the whole program, a `Jaxpr` or a `ClosedJaxpr`.
    """
    return sum(map(_of_call, _calls(getattr(jaxpr, "jaxpr", jaxpr))))


def _calls(jaxpr: Any) -> Iterator[Any]:
    """The calls in a program, but for those of whose results nothing is made."""
    needed = _variables(jaxpr.outvars)
    for equation in reversed(jaxpr.eqns):
        if not needed.isdisjoint(_variables(equation.outvars)) or equation.effects:
            needed |= _variables(equation.invars)
            yield from _of_equation(equation)


def _of_equation(equation: Any) -> Iterator[Any]:
    if str(equation.params.get("target_name", "")).startswith(PREFIX):
        yield equation
    for value in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr):
        if _is_jaxpr(value):
            yield from _calls(getattr(value, "jaxpr", value))


def _variables(given: Iterable[Any]) -> set[Any]:
    return {each for each in given if not isinstance(each, jaxprs.Literal)}


def _is_jaxpr(value: Any) -> bool:
    return isinstance(value, jaxprs.Jaxpr | jaxprs.ClosedJaxpr)


def _of_call(equation: Any) -> int:
    if equation.params["target_name"] == ITERATION:
        # The matrix is multiplied from both sides.
        return 4 * math.prod(equation.invars[0].aval.shape)
    names = ARRAYS[equation.params["target_name"].removeprefix(PREFIX)]
    arrays = (*equation.invars, *equation.outvars)
    shape = {name: each.aval.shape for name, each in zip(names, arrays, strict=True)}
    given = {name: _value(value) for name, value in equation.params["attributes"]}
    places = zip(
        shape["x"][1:-1],
        shape["kernel"][:-2],
        shape["y"][1:-1],
        given["strides"],
        given["before"],
        strict=True,
    )
    within = math.prod(itertools.starmap(_within, places))
    return 2 * shape["x"][0] * within * math.prod(shape["kernel"][-2:])


def _value(attribute: Any) -> Any:
    """An attribute as it was given, without the box that makes arrays hashable."""
    return getattr(attribute, "val", attribute)


def _within(size: int, kernel: int, outputs: int, stride: int, before: int) -> int:
    """Pairs of an output and a place of the kernel that meet a place of the input."""
    starts = [int(o * stride - before) for o in range(outputs)]
    return sum(max(0, min(s + kernel, size) - max(s, 0)) for s in starts)
