"""Every form of a convolution is the same convolution."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax

from jaxgan.core import errors
from jaxgan.networks import convolution, forms

OWN = ("canonical", "matmul", "auto")
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}


def arrays(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.normal(size=shape)) for shape in shapes]


@st.composite
def problems(draw, transposed):
    """Shapes, strides and padding of which the output is not empty."""
    dimensions = draw(st.integers(1, 3))
    each = st.integers
    size = tuple(draw(each(1, 7)) for _ in range(dimensions))
    kernel = tuple(draw(each(1, 5)) for _ in range(dimensions))
    strides = tuple(draw(each(1, 3)) for _ in range(dimensions))
    numbers = [(draw(each(0, k)), draw(each(0, k))) for k in kernel]
    padding = draw(st.sampled_from(["SAME", "VALID", numbers]))
    channels, features = draw(each(1, 6)), draw(each(1, 3))
    x, w = (2, *size, channels), (*kernel, channels, features)
    order = forms.order(dimensions)
    reference = lax.conv_transpose if transposed else lax.conv_general_dilated
    try:
        shape = jax.eval_shape(
            lambda x, w: reference(x, w, strides, padding, dimension_numbers=order),
            *(jax.ShapeDtypeStruct(s, jnp.float64) for s in (x, w)),
        ).shape
    except (TypeError, ValueError):
        shape = (0,)
    assume(min(shape) > 0)
    return x, w, strides, padding


def both(problem, transposed, form):
    _, w, strides, padding = problem
    order = forms.order(len(w) - 2)
    own = convolution.convolve_transposed if transposed else convolution.convolve
    reference = transposed_by_definition if transposed else lax.conv_general_dilated
    return (
        lambda x, w: own(x, w, strides=strides, padding=padding, form=form),
        lambda x, w: reference(x, w, strides, padding, dimension_numbers=order),
    )


def transposed_by_definition(x, w, strides, padding, dimension_numbers):
    """The convolution of what has zeros put between its samples and around them.

    XLA aborts the process for some paddings of `lax.conv_transpose`, such as samples
    (1, 4), kernel (5, 2), strides (3, 2) and padding (4, 3), (0, 0).
    """
    if isinstance(padding, str):
        return lax.conv_transpose(
            x, w, strides, padding, dimension_numbers=dimension_numbers
        )
    between = [(*around, s - 1) for around, s in zip(padding, strides, strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *between, (0, 0, 0)])
    ones = (1,) * len(strides)
    return lax.conv_general_dilated(
        x, w, ones, "VALID", dimension_numbers=dimension_numbers
    )


def value_and_gradients(function, x, w):
    (dy,) = arrays(jax.eval_shape(function, x, w).shape, seed=1)

    @jax.jit
    def run(x, w, dy):
        y, pull = jax.vjp(function, x, w)
        return y, pull(dy.astype(y.dtype))

    return run(x, w, dy)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("form", ["canonical", "matmul"])
@settings(deadline=None, max_examples=6)
@given(data=st.data())
def test_any_form_has_the_values_and_gradients_of_lax(transposed, form, data):
    with jax.enable_x64(True):
        problem = data.draw(problems(transposed))
        own, reference = both(problem, transposed, form)
        x, w = arrays(problem[0], problem[1])
        found = value_and_gradients(own, x, w)
        expected = value_and_gradients(reference, x, w)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE), found, expected
        )


CASES = [
    ((3, 7, 2), (4, 2, 5), (2,), "SAME"),
    ((3, 6, 5, 6), (4, 3, 6, 2), (2, 1), [(1, 2), (0, 1)]),
    ((2, 4, 3, 5, 5), (3, 1, 2, 5, 3), (1, 1, 2), "SAME"),
]


# Any two of the four that vary are tried in all ways together.
MAPPED = [
    (*case, *how)
    for case, how in zip(
        itertools.product(CASES, ("neither", "kernel", "input")),
        itertools.cycle(itertools.product(("canonical", "matmul"), (False, True))),
        strict=False,
    )
]


@pytest.mark.parametrize(("problem", "shared", "form", "transposed"), MAPPED, ids=str)
def test_members_are_convolved_each_with_their_own(
    x64, problem, form, transposed, shared
):
    own, reference = both(problem, transposed, form)
    x, w = arrays((4, *problem[0]), (4, *problem[1]))
    x, x_axis = (x[0], None) if shared == "input" else (x, 0)
    w, w_axis = (w[0], None) if shared == "kernel" else (w, 0)
    axes = (x_axis, w_axis)

    def gradients(function):
        def total(x, w):
            return (jnp.sin(jax.vmap(function, axes)(x, w)) ** 2).sum()

        return jax.jit(jax.value_and_grad(total, (0, 1)))(x, w)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE),
        gradients(own),
        gradients(reference),
    )


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("form", ["canonical", "matmul"])
@pytest.mark.parametrize("problem", CASES, ids=str)
def test_a_penalty_on_gradients_has_the_gradient_of_lax(x64, problem, form, transposed):
    def penalty(function):
        def critic(x, w):
            return jnp.tanh(function(x, w)).sum()

        def value(x, w):
            return (jax.grad(critic)(x, w) ** 2).sum() + (
                jax.grad(critic, 1)(x, w) ** 3
            ).sum()

        return jax.jit(jax.grad(value, (0, 1)))

    x, w = arrays(problem[0], problem[1])
    own, reference = map(penalty, both(problem, transposed, form))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE),
        own(x, w),
        reference(x, w),
    )


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("form", ("lax", *OWN))
def test_groups_of_channels_are_convolved_apart(x64, groups, form):
    x, w = arrays((2, 5, 4, 3 * groups), (3, 3, 3, 2 * groups))
    y = convolution.convolve(x, w, strides=(1, 1), groups=groups, form=form)
    apart = [
        convolution.convolve(x_, w_, strides=(1, 1), form="lax")
        for x_, w_ in zip(
            jnp.split(x, groups, -1), jnp.split(w, groups, -1), strict=True
        )
    ]
    np.testing.assert_allclose(y, jnp.concatenate(apart, -1), **TOLERANCE)


def test_the_plain_form_has_forward_derivatives():
    x, w = arrays((1, 4, 1), (3, 1, 1))

    def convolve(w):
        return convolution.convolve(x, w, strides=(1,), form="lax")

    np.testing.assert_allclose(
        jax.jacfwd(convolve)(w), jax.jacrev(convolve)(w), rtol=1e-6
    )


@pytest.mark.parametrize("form", OWN)
def test_low_precision_goes_in_and_comes_out(form):
    x, w = (a.astype(jnp.bfloat16) for a in arrays((2, 8, 8, 5), (4, 4, 5, 6)))
    own, reference = both((x.shape, w.shape, (2, 2), "SAME"), False, form)
    found, expected = (value_and_gradients(f, x, w) for f in (own, reference))
    assert all(a.dtype == jnp.bfloat16 for a in jax.tree.leaves(found))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a.astype(float), b.astype(float), rtol=0.05, atol=0.5
        ),
        found,
        expected,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"form": "fft"}, "'fft'"),
        ({"padding": "FULL"}, "'FULL'"),
        ({"strides": (1,)}, "(1,)"),
        ({"padding": [1]}, "[1]"),
        ({"padding": "VALID", "kernel": (5, 5, 2, 3)}, "(5, 5)"),
        ({"kernel": (3, 3, 4, 3)}, "(3, 3, 4, 3)"),
    ],
    ids=str,
)
@pytest.mark.parametrize("transposed", [False, True])
def test_what_cannot_be_convolved_is_said(arguments, said, transposed):
    arguments = {"strides": (1, 1), "kernel": (3, 3, 2, 3), **arguments}
    kernel = jnp.ones(arguments.pop("kernel"))
    own = convolution.convolve_transposed if transposed else convolution.convolve
    if transposed and arguments.get("padding") == "VALID":
        arguments["padding"] = 0
    with pytest.raises(errors.UserError) as error:
        own(jnp.ones((1, 4, 4, 2)), kernel, **arguments)
    assert said in str(error.value)


@pytest.mark.slow
def test_all_ways_to_cut_a_stride_into_phases_agree(x64):
    """Kernels smaller than, equal to, and no multiple of the stride."""
    for k, s, (lo, hi) in itertools.product((1, 3, 5), (1, 2, 3), ((0, 0), (2, 1))):
        x, w = arrays((2, 7, 2), (k, 2, 3))
        problem = (x.shape, w.shape, (s,), [(lo, hi)])
        for form in ("canonical", "matmul"):
            own, reference = both(problem, False, form)
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE),
                value_and_gradients(own, x, w),
                value_and_gradients(reference, x, w),
            )
