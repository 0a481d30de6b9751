"""A product of matrices is the same in every form, and so are its gradients."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan
from jaxgan.core import errors
from jaxgan.networks import convolution, products

TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}


def arrays(*shapes):
    random = np.random.default_rng(0)
    return [jnp.asarray(random.normal(size=shape)) for shape in shapes]


def cubic(function):
    """Not linear in either argument, so that second gradients are not trivial."""
    return lambda x, w: jnp.sum(function(x, w) ** 3)


def plain(x, w):
    return x @ w


def own(x, w):
    return products.multiply(x, w, form="canonical")


def all_of(function):
    """Values, gradients, and gradients of both gradients."""
    total = cubic(function)

    def of_gradient(argument):
        def square(x, w):
            return jnp.sum(jax.grad(total, argument)(x, w) ** 2)

        return jax.grad(square, (0, 1))

    return jax.jit(
        lambda x, w: (
            function(x, w),
            jax.grad(total, (0, 1))(x, w),
            of_gradient(0)(x, w),
            of_gradient(1)(x, w),
        )
    )


@pytest.mark.parametrize("sizes", [(5, 3, 2), (4, 2, 6), (1, 1, 3), (9, 4, 1)])
def test_values_and_gradients_are_those_of_a_plain_product(sizes):
    rows, inputs, outputs = sizes
    with jax.enable_x64(True):
        x, w = arrays((rows, inputs), (inputs, outputs))
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE),
            all_of(own)(x, w),
            all_of(plain)(x, w),
        )


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_members_have_their_own_products(axes):
    with jax.enable_x64(True):
        x, w = arrays((3, 5, 4), (3, 4, 2))
        x, w = (a if axis == 0 else a[0] for a, axis in zip((x, w), axes, strict=True))
        each = [
            [a[i] if axis == 0 else a for a, axis in zip((x, w), axes, strict=True)]
            for i in range(3)
        ]
        gradient = jax.jit(jax.grad(cubic(plain), 1))
        found = jax.jit(jax.vmap(jax.grad(cubic(own), 1), axes))(x, w)
        for i, one in enumerate(each):
            np.testing.assert_allclose(found[i], gradient(*one), **TOLERANCE)


def test_all_axes_but_the_last_are_rows():
    with jax.enable_x64(True):
        x, w = arrays((2, 3, 4), (4, 5))
        np.testing.assert_allclose(own(x, w), x @ w, **TOLERANCE)
        assert own(x[0, 0], w).shape == (5,)


def test_the_plain_form_alone_has_forward_mode_derivatives():
    tangents = {}
    for form in ("lax", "canonical"):
        networks = gan.mlp((2,), hidden=(3,), convolution=form)
        params, _ = networks.init(jax.random.key(0))
        z = networks.latent(jax.random.key(1), 4)

        def generate(params, networks=networks, z=z):
            return networks.generate(params, {}, z)[0]

        if form == "lax":
            _, tangents[form] = jax.jvp(
                generate, (params.generator,), (params.generator,)
            )
            assert tangents[form].shape == (4, 2)
        else:
            with pytest.raises(TypeError, match="forward-mode"):
                jax.jvp(generate, (params.generator,), (params.generator,))


def test_on_a_cpu_the_gradient_of_weights_transposes_in_memory():
    if jax.default_backend() != "cpu":
        pytest.skip("other backends take the plain product")
    x, w = jnp.ones((8, 4)), jnp.ones((4, 3))
    for form, expected in (("auto", True), ("lax", False)):

        def total(w, form=form):
            return products.multiply(x, w, form=form).sum()

        text = str(jax.make_jaxpr(jax.grad(total))(w))
        assert ("optimization_barrier" in text) == expected


@pytest.mark.parametrize(
    ("batch", "inputs", "outputs", "transposed"),
    [(4, 100, 50, 4 * 100), (400, 100, 2, 400 * 2 + 100 * 2), (8, 5, 6, 8 * 5)],
)
def test_as_few_numbers_are_transposed_as_can_be(batch, inputs, outputs, transposed):
    def gradient(x, y):
        w = jnp.zeros((inputs, outputs))
        return jax.vjp(lambda w: products.multiply(x, w, form="canonical"), w)[1](y)

    shapes = jnp.zeros((batch, inputs)), jnp.zeros((batch, outputs))
    found = str(jax.make_jaxpr(gradient)(*shapes))
    sizes = re.findall(r"f32\[(\d+),(\d+)\] = transpose", found)
    of_input_gradient = inputs * outputs
    assert sum(int(a) * int(b) for a, b in sizes) == transposed + of_input_gradient


def test_an_unknown_form_is_said():
    with pytest.raises(errors.UserError, match="convolution='fast'.*canonical"):
        products.multiply(jnp.ones((2, 2)), jnp.ones((2, 2)), form="fast")
    assert convolution.resolve("lax") == "lax"
