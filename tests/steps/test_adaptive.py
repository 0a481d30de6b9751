import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import steps

NUMBERS = [
    {"learning_rate": 1e-3},
    {"learning_rate": 0.1, "b1": 0.0, "b2": 0.9, "eps": 1e-4},
    {"learning_rate": 0.1, "b1": 0.5, "b2": 0.99, "eps_root": 1e-3},
]


def run(transformation, gradients):
    params = jax.tree.map(lambda x: jnp.zeros_like(x[0]), gradients)
    state, moved = transformation.init(params), []
    for i in range(len(jax.tree.leaves(gradients)[0])):
        now = jax.tree.map(lambda x: x[i], gradients)  # noqa: B023
        updates, state = transformation.update(now, state, params)
        params = optax.apply_updates(params, updates)
        moved.append(params)
    return moved, state


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_updates_and_state_are_those_of_optax(numbers, x64):
    rng = np.random.default_rng(0)
    gradients = {"w": jnp.array(rng.normal(size=(20, 3, 2))), "b": jnp.ones((20, 4))}
    ours, theirs = (
        jax.jit(functools.partial(run, factory(**numbers)))(gradients)
        for factory in (steps.adam, optax.adam)
    )
    assert jax.tree.structure(ours[1]) == jax.tree.structure(theirs[1])
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_numbers_may_be_traced_and_differ_between_members():
    @jax.jit
    @jax.vmap
    def first(learning_rate, b1):
        moved, _ = run(steps.adam(learning_rate, b1), jnp.full((1, 2), 5.0))
        return moved[0]

    # The first step is learning_rate long against the gradient, whatever its length.
    rates = jnp.array([0.1, 0.01])
    found = first(rates, jnp.array([0.5, 0.9]))
    np.testing.assert_allclose(found, -rates[:, None] * np.ones((2, 2)), rtol=2e-5)


def test_a_weight_without_gradient_stays_and_can_be_differentiated():
    adam = functools.partial(steps.adam, eps_root=1e-8)

    @jax.jit
    def moved(gradient):
        return run(adam(0.1), gradient[None])[0][0].sum()

    assert moved(jnp.zeros(3)) == 0
    assert np.isfinite(jax.jit(jax.grad(moved))(jnp.zeros(3))).all()


def test_weights_keep_their_type():
    params = {"half": jnp.ones(2, jnp.bfloat16), "whole": jnp.ones(2)}
    optimizer = steps.adam(jnp.float32(0.1))
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert updates["half"].dtype == jnp.bfloat16
    assert updates["whole"].dtype == jnp.float32
