"""The Dirac-GAN: data at 0, a generator at theta, a discriminator with logit -psi x.

The sign of the slope is the source's, in which a large logit means fake. The networks
go through the library's own gradients, losses, penalties and steps.

Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018,
https://arxiv.org/abs/1801.04406
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gradients, losses, penalties, steps, types

pytestmark = pytest.mark.usefixtures("x64")

DIRAC = types.GAN(
    init=lambda key: (types.Pair(jnp.ones(()), jnp.ones(())), types.Pair({}, {})),
    latent=lambda key, n: jnp.zeros((n, 1)),
    generate=lambda theta, collections, z, label=None, train=False: (
        theta + z,
        collections,
    ),
    discriminate=lambda psi, collections, x, label=None, train=False: (
        types.DiscriminatorOutput(logits=-psi * x[:, 0], features=x),
        collections,
    ),
)
SIZE, NUM_STEPS = 0.2, 500


def both_gradients(loss, terms):
    d = gradients.discriminator(DIRAC, losses.get(loss), terms)
    return d, gradients.generator(DIRAC, losses.get(loss))


def simultaneous(d, g):
    return steps.simultaneous(d, g)


def generator_first(d, g):
    """The source's order."""
    # Plain functions have no mark of the player who should come second.
    return steps.alternating(lambda *args: g(*args), lambda *args: d(*args))


def final_norm(games, order, loss, weights, optimizer=optax.sgd):
    terms = {name: getattr(penalties, name) for name in weights}
    d, g = both_gradients(loss, terms)
    step = order(
        steps.update("discriminator", d, optimizer),
        steps.update("generator", g, optimizer),
    )
    hparams = games.numbers(SIZE, **weights)
    state = steps.initialise(DIRAC, optimizer)(hparams, jax.random.key(0))
    end = jax.jit(lambda state: games.play(step, hparams, state, NUM_STEPS, samples=3))
    return games.norm(end(state))


# The paper's gamma weighs gamma / 2 |grad|^2; the penalties carry no factor 1/2.
TABLE = [
    ("minimax", {}, "3.09695", "1.42102"),
    ("non_saturating", {}, "0.64021", "0.28392"),
    ("minimax", {"r1": 0.15}, "2.64e-06", "2.30e-07"),
    ("minimax", {"r1": 0.5}, "9.5e-22", "7.5e-17"),
    ("non_saturating", {"r1": 0.15}, "2.21e-06", "1.50e-07"),
    ("wasserstein", {"wgan_gp": 0.35}, "1.80179", "1.22107"),
]


def in_numpy(loss, weights, alternate):
    """The same dynamics by hand."""
    sigmoid = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
    theta, psi = 1.0, 1.0

    def v_theta():
        slope = {
            "minimax": sigmoid(-psi * theta),
            "non_saturating": sigmoid(psi * theta),
            "wasserstein": 1.0,
        }[loss]
        return psi * slope

    def v_psi():
        slope = 1.0 if loss == "wasserstein" else sigmoid(-psi * theta)
        penalty = 2 * weights.get("r1", 0) * psi
        penalty += 2 * weights.get("wgan_gp", 0) * (abs(psi) - 1) * np.sign(psi)
        return -theta * slope + penalty

    for _ in range(NUM_STEPS):
        move = v_psi()
        theta -= SIZE * v_theta()
        psi -= SIZE * (v_psi() if alternate else move)
    return np.hypot(theta, psi)


@pytest.mark.parametrize("order", [simultaneous, generator_first])
@pytest.mark.parametrize("loss, weights, at_once, in_turn", TABLE)
def test_the_final_distance_is_that_of_the_published_dynamics(
    games, order, loss, weights, at_once, in_turn
):
    measured = float(final_norm(games, order, loss, weights))
    alternate = order is generator_first
    np.testing.assert_allclose(measured, in_numpy(loss, weights, alternate), rtol=1e-5)
    printed = in_turn if alternate else at_once
    digits = len(printed.split("e")[0].replace(".", "").lstrip("0"))
    assert float(f"{measured:.{digits}g}") == float(printed)


def flow(games, loss, noise=0.0, **weights):
    """The Jacobian of `dw/dt = -v(w)` at the equilibrium (0, 0)."""
    terms = {name: getattr(penalties, name) for name in weights}
    # Two points with mean zero have the second moments of any noise of that size.
    points = noise * jnp.array([[-1.0], [1.0]])
    noisy = DIRAC._replace(latent=lambda key, n: points)
    of_d = gradients.discriminator(noisy, losses.get(loss), terms)
    of_g = gradients.generator(noisy, losses.get(loss))
    hparams = games.numbers(SIZE, **weights)
    state = steps.initialise(noisy, optax.sgd)(hparams, jax.random.key(0))

    def v(w):
        at = state._replace(params=types.Pair(w[0], w[1]))
        batch, key = types.Batch(points), jax.random.key(0)
        return jnp.stack([f(hparams, at, batch, key)[0] for f in (of_g, of_d)])

    return -jax.jacfwd(v)(jnp.zeros(2))


def same_spectrum(matrix, expected):
    found = np.linalg.eigvals(np.asarray(matrix))
    np.testing.assert_allclose(
        np.sort_complex(found), np.sort_complex(expected), atol=1e-7
    )


def roots(middle, product):
    """`middle +- sqrt(middle^2 - product)`."""
    root = np.sqrt(complex(middle**2 - product))
    return np.array([middle - root, middle + root])


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("penalty", ["r1", "r2"])
@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_gradient_penalties_damp_the_rotation(games, loss, penalty, gamma):
    matrix = flow(games, loss, **{penalty: gamma / 2})
    same_spectrum(matrix, roots(-gamma / 2, 0.25))


@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_without_a_penalty_the_flow_only_rotates(games, loss):
    same_spectrum(flow(games, loss), np.array([-0.5j, 0.5j]))


@pytest.mark.parametrize("noise", [0.5, 0.7, 2.0])
def test_noise_on_the_samples_damps_the_rotation(games, noise):
    matrix = flow(games, "minimax", noise=noise)
    same_spectrum(matrix, roots(-0.25 * noise**2, 0.25))


def linearised(games, build, **weights):
    """The Jacobian of one step at the equilibrium."""
    hparams = games.numbers(SIZE, **weights)
    state = steps.initialise(DIRAC, optax.sgd)(hparams, jax.random.key(0))
    step = build(*both_gradients("minimax", {}))

    def after(w):
        at = state._replace(params=types.Pair(w[0], w[1]))
        return jnp.stack(games.play(step, hparams, at, 1).params)

    return jax.jacfwd(after)(jnp.zeros(2))


def updates(d, g):
    return (
        steps.update("discriminator", d, optax.sgd),
        steps.update("generator", g, optax.sgd),
    )


def test_a_simultaneous_step_multiplies_by_one_plus_minus_ih_half(games):
    matrix = linearised(games, lambda d, g: steps.simultaneous(*updates(d, g)))
    same_spectrum(matrix, 1 + SIZE * np.array([-0.5j, 0.5j]))


def test_an_alternating_step_keeps_areas(games):
    matrix = linearised(games, lambda d, g: steps.alternating(*updates(d, g)))
    np.testing.assert_allclose(np.linalg.det(matrix), 1, rtol=1e-12)
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(matrix)), 1, rtol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_consensus_gives_the_real_part_minus_gamma_quarter(games, gamma):
    matrix = linearised(
        games, lambda d, g: steps.consensus(d, g, optax.sgd), consensus=gamma
    )
    flow_of_step = (np.asarray(matrix) - np.eye(2)) / SIZE
    same_spectrum(flow_of_step, -gamma / 4 + np.array([-0.5j, 0.5j]))


def test_consensus_leaves_the_penalties_their_weights(games):
    d, g = both_gradients("minimax", {"r1": penalties.r1})
    step = steps.consensus(d, g, optax.sgd)
    hparams = games.numbers(SIZE, r1=0.15, consensus=1.0)
    state = steps.initialise(DIRAC, optax.sgd)(hparams, jax.random.key(0))
    end = jax.jit(lambda state: games.play(step, hparams, state, 500, samples=2))
    assert games.norm(end(state)) < 1e-6


def closed_form(depth):
    """d/dtheta of `theta (psi + depth eta theta)` at (1, 1), for a linear loss."""
    return 1 + 2 * depth * SIZE


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_unrolling_differentiates_through_the_discriminators_steps(games, depth):
    loss = losses.get("wasserstein")
    d = steps.update("discriminator", gradients.discriminator(DIRAC, loss), optax.sgd)
    hparams = games.numbers(SIZE)
    state = steps.initialise(DIRAC, optax.sgd)(hparams, jax.random.key(0))
    gradient = gradients.unrolled(DIRAC, loss, d, depth)
    batch = types.Batch(jnp.zeros((2, 1)))
    found, _, metrics = gradient(hparams, state, batch, jax.random.key(1))
    np.testing.assert_allclose(found, closed_form(depth), rtol=1e-12)
    np.testing.assert_allclose(metrics["generator_loss"], 1 + depth * SIZE, rtol=1e-12)
