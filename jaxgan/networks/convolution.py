"""Convolutions in any number of dimensions, in several forms with one result.

Which form is fast depends on the backend and on whether the members of a population,
who all have their own kernels, run together or one after another. A form is structure:
it changes the program and how long it takes, not what it computes.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
from jax import Array, lax

from jaxgan.core import errors
from jaxgan.networks import forms, onednn, tuning

FORMS = ("auto", "lax", "canonical", "matmul", "onednn", "tuned")
"""`lax` is differentiated by JAX and the only form that has forward-mode derivatives
(`jvp`, `jacfwd`); `canonical` and `matmul` are those of `networks.forms`, whose
gradients of any order are made of the same three maps; in groups both gather patches, k
times the memory of the input. `onednn` has the maps of `networks.onednn`, which are an
extra, on CPUs only. `tuned` takes for each map the fastest of these three, which is
measured once for a machine, see `networks.tuning`; on CPUs only, and in groups of those
that have groups. `auto` is what suits the backend."""

FEW_CHANNELS = 4
"""Up to so many input channels, as images have, gradients are matrix products."""

Padding = str | int | Sequence[int | tuple[int, int]]


class Maps(NamedTuple):
    """What is linear in `x` or `y` and in the kernel, see `networks.forms`."""

    forward: Callable[[Array, Array], Array]
    input_gradient: Callable[[Array, Array], Array]


def convolve(
    x: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Padding = "SAME",
    groups: int = 1,
    form: str = "auto",
) -> Array:
    """Convolution as networks mean it, a cross-correlation.

    Args:
      x: `[B, *n, C]`.
      kernel: `[*k, C / groups, F]`.
      strides: one per dimension.
      padding: "SAME", "VALID", or zeros around the input: one number, or per dimension
        a number or a pair.
      groups: that channels are split into, each with its own F / groups outputs.
      form: one of `FORMS`.

    Returns:
      `[B, *o, F]` of the input's dtype.

    Raises:
      UserError: if the form or padding is not known, or shapes do not match.
    """
    check_form(form)
    size, window = x.shape[1:-1], kernel.shape[:-2]
    strides = tuple(strides)
    if not len(size) == len(window) == len(strides):
        raise errors.UserError(
            f"a kernel {kernel.shape} with strides {strides} does not suit an input "
            f"{x.shape}; all need the same number of dimensions in space."
        )
    if kernel.shape[-2] * groups != x.shape[-1] or kernel.shape[-1] % groups:
        raise errors.UserError(
            f"a kernel {kernel.shape} in {groups} groups does not suit the "
            f"{x.shape[-1]} channels of the input."
        )
    edges = _edges(size, window, strides, padding)
    geometry = forms.Geometry(size, window, strides, edges)
    if min(forms.output_size(geometry)) < 1:
        raise errors.UserError(
            f"a kernel of {window} does not fit an input of {size} places with "
            f"padding {padding!r}; use larger samples or a smaller kernel."
        )
    if resolve(form) == "lax":
        return lax.conv_general_dilated(
            x,
            kernel,
            strides,
            edges,
            dimension_numbers=forms.order(len(size)),
            feature_group_count=groups,
        )
    if form == "tuned":
        return _maps(geometry, tuning.form(groups)).forward(x, kernel)
    if form == "onednn" and onednn.suits(geometry):
        return _maps(geometry, _onednn(kernel, groups)).forward(x, kernel)
    if groups > 1:
        return _grouped(x, kernel, geometry, groups)
    return _maps(geometry, _choose(form, kernel)).forward(x, kernel)


def convolve_transposed(
    x: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Padding = "SAME",
    form: str = "auto",
) -> Array:
    """Transposed convolution, as `jax.lax.conv_transpose`: strides make it larger.

    Args:
      x: `[B, *n, C]`.
      kernel: `[*k, C, F]`, not flipped.
      strides: one per dimension.
      padding: "SAME" gives `n * s` places, "VALID" all that the kernel reaches; numbers
        are zeros around the dilated input, one, or per dimension a number or a pair.
      form: one of `FORMS`.

    Returns:
      `[B, *o, F]` of the input's dtype.

    Raises:
      UserError: if the form or padding is not known, or shapes do not match.
    """
    check_form(form)
    size, window, strides = x.shape[1:-1], kernel.shape[:-2], tuple(strides)
    if not len(size) == len(window) == len(strides) or x.shape[-1] != kernel.shape[-2]:
        raise errors.UserError(
            f"a kernel {kernel.shape} with strides {strides} does not suit an input "
            f"{x.shape}."
        )
    edges = _transposed_edges(window, strides, padding)
    if resolve(form) == "lax":
        return lax.conv_transpose(
            x, kernel, strides, edges, dimension_numbers=forms.order(len(size))
        )
    # It is the input gradient of the convolution with the flipped kernel.
    output = tuple(
        (n - 1) * s + lo + hi - k + 2
        for n, s, k, (lo, hi) in zip(size, strides, window, edges, strict=True)
    )
    if min(output) < 1:
        raise errors.UserError(
            f"a kernel of {window} does not fit an input of {size} places with "
            f"padding {padding!r}; use larger samples or a smaller kernel."
        )
    mirrored = tuple(
        (k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(window, edges, strict=True)
    )
    geometry = forms.Geometry(output, window, strides, mirrored)
    flipped = lax.rev(kernel, range(len(window))).swapaxes(-1, -2)
    own = form == "onednn" and onednn.suits(geometry)
    chosen = _onednn(flipped) if own else _choose(form, flipped)
    return _maps(geometry, chosen).input_gradient(x, flipped)


def check_form(name: str, argument: str = "convolution") -> None:
    """Raises `UserError` unless `name` is one of `FORMS` that is to be had here."""
    if name not in FORMS:
        raise errors.UserError(
            f"{argument}={name!r} is not known; {errors.choice(name, FORMS)}"
        )
    if name == "onednn":
        onednn.form()
    if name == "tuned":
        tuning.check()


def portable(form: str) -> str:
    """The form itself, or `auto` in the place of one that depends on the machine."""
    return "auto" if form in ("onednn", "tuned") else form


def resolve(form: str) -> str:
    """The form itself, or what `auto` stands for on this backend."""
    if form != "auto":
        return form
    return "canonical" if jax.default_backend() == "cpu" else "lax"


def _choose(form: str, kernel: Array) -> forms.Form:
    if form == "tuned":
        return tuning.form()
    # Of three dimensions XLA makes slow code on CPUs in any order: a gradient of two
    # layers of 4x4x4 with 8 and 16 channels takes eleven times as long.
    if form == "matmul" or form == "auto" and kernel.ndim == 5:
        return forms.MATMUL
    if form == "auto" and kernel.shape[-2] <= FEW_CHANNELS:
        return forms.MATMUL._replace(forward=forms.CANONICAL.forward)
    return forms.CANONICAL


def _onednn(kernel: Array, groups: int = 1) -> forms.Form:
    # To one channel or three, as images have, it takes up to five times as long.
    if groups == 1 and kernel.shape[-2] <= FEW_CHANNELS:
        own = onednn.form()
        return own._replace(input_gradient=forms.MATMUL.input_gradient)
    return onednn.form(groups)


def _grouped(x: Array, kernel: Array, geometry: forms.Geometry, groups: int) -> Array:
    # Small matrix products in one batch beat as many small convolutions.
    convolve = forms.in_groups(_maps(geometry, forms.MATMUL).forward, groups)
    return convolve(x, kernel)


@functools.cache
def _maps(geometry: forms.Geometry, form: forms.Form) -> Maps:
    """The three maps of `form` with derivatives, which are these three maps again."""

    @jax.custom_vjp
    def forward(x, w):
        return form.forward(x, w, geometry)

    @jax.custom_vjp
    def input_gradient(y, w):
        return form.input_gradient(y, w, geometry)

    @jax.custom_vjp
    def kernel_gradient(x, y):
        return form.kernel_gradient(x, y, geometry)

    # The rules call the functions that have rules, so that there is always one more
    # derivative.
    forward.defvjp(
        lambda x, w: (forward(x, w), (x, w)),
        lambda saved, dy: (
            input_gradient(dy, saved[1]),
            kernel_gradient(saved[0], dy),
        ),
    )
    input_gradient.defvjp(
        lambda y, w: (input_gradient(y, w), (y, w)),
        lambda saved, dx: (forward(dx, saved[1]), kernel_gradient(dx, saved[0])),
    )
    kernel_gradient.defvjp(
        lambda x, y: (kernel_gradient(x, y), (x, y)),
        lambda saved, dw: (input_gradient(saved[1], dw), forward(saved[0], dw)),
    )
    return Maps(forward, input_gradient)


def _edges(size, window, strides, padding) -> tuple[tuple[int, int], ...]:
    if isinstance(padding, str):
        _check_padding(padding)
        return tuple(lax.padtype_to_pads(size, window, strides, padding))
    return _pairs(padding, len(size))


def _transposed_edges(window, strides, padding) -> tuple[tuple[int, int], ...]:
    if not isinstance(padding, str):
        return _pairs(padding, len(window))
    _check_padding(padding)
    if padding == "VALID":
        return tuple(
            (k - 1, max(k, s) - 1) for k, s in zip(window, strides, strict=True)
        )
    return tuple(
        (before, k + s - 2 - before)
        for k, s in zip(window, strides, strict=True)
        for before in [k - 1 if s > k - 1 else -(-(k + s - 2) // 2)]
    )


def _pairs(padding, dimensions: int) -> tuple[tuple[int, int], ...]:
    each = [padding] * dimensions if isinstance(padding, int) else padding
    if len(each) != dimensions:
        raise errors.UserError(
            f"padding={padding!r} must have one entry for each of {dimensions} "
            "dimensions."
        )
    return tuple((e, e) if isinstance(e, int) else tuple(e) for e in each)


def _check_padding(padding: str) -> None:
    if padding not in ("SAME", "VALID"):
        raise errors.UserError(
            f"padding={padding!r} is not known; use 'SAME', 'VALID' or numbers."
        )
