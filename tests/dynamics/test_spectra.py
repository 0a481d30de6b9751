"""Eigenvalues of games whose Jacobians are known, and of networks, by NumPy.

Mutants that fail here: `jacobian` without its transposition, `hessian` of the other
player, a Krylov basis that is not continued where its space is invariant, rotation of
the real parts, a verdict that asks one player only, and the adversary's gradient with
the wrong sign.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import flatten_util

from jaxgan import dynamics, gan, gradients, losses, penalties, population, steps, types
from jaxgan.core import errors
from jaxgan.dynamics.landscape import spectra


def linear(size, sign=1.0):
    """Two players of `v(w) = J w`, J being the batch; the first `size` of w is G's.

    `sign` is put before all that the discriminator's gradient has of the generator.
    """

    def gradient(player):
        def of_player(hparams, state, batch, key):
            x, y = state.params
            if player == "generator":
                grads = batch.x[:size] @ jnp.concatenate([x, y])
            else:
                grads = batch.x[size:] @ jnp.concatenate([sign * x, y])
            return grads, {}, {}

        return of_player

    return gradient("discriminator"), gradient("generator")


def numbers(total, **weights):
    rate = {"learning_rate": 0.1}
    return population.broadcast(types.HParams(types.Pair(rate, rate), weights), total)


def state_of(params):
    total = population.size(params)
    return types.TrainState(
        step=jnp.zeros(total, jnp.int32),
        params=params,
        collections=types.Pair({}, {}),
        opt_state=types.Pair((), ()),
        ema=None,
        alive=jnp.ones(total, bool),
    )


def found_of(matrices, size, count, *, steps=None, at=None, sign=1.0, members=None):
    """The spectrum of one linear game for each matrix, at w = 0 unless said."""
    matrices = jnp.asarray(matrices)
    total, whole, _ = matrices.shape
    w = jnp.zeros((total, whole)) if at is None else jnp.asarray(at)
    state = state_of(types.Pair(w[:, :size], w[:, size:]))
    measure = dynamics.spectrum(*linear(size, sign), count=count, steps=steps)
    keys = population.keys(jax.random.key(0), total)
    arguments = numbers(total), state, types.Batch(matrices), keys
    if members is not None:
        arguments = population.take(arguments, members)
    return measure(*arguments)


def random_games(total, size, whole, seed=0):
    """`J = S + A`: symmetric, and between the players antisymmetric."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(2, total, whole, whole)) / np.sqrt(whole)
    s, a = made[0] + made[0].mT, made[1] - made[1].mT
    a[:, :size, :size] = a[:, size:, size:] = 0
    return s + a


def falling(values, by):
    return values[np.argsort(-by(values), kind="stable")]


def check_against_numpy(found, matrices, size, count, **tolerance):
    for i, matrix in enumerate(matrices):
        blocks = matrix[:size, :size], matrix[size:, size:]
        for own, block in zip(found[:2], blocks, strict=True):
            expected = np.linalg.eigvalsh(block)
            top, bottom = own.top.values[i], own.bottom.values[i]
            np.testing.assert_allclose(top, expected[::-1][:count], **tolerance)
            np.testing.assert_allclose(bottom, expected[:count], **tolerance)
        expected = np.linalg.eigvals(matrix)
        moduli = falling(np.abs(expected), np.array)[: 2 * count]
        np.testing.assert_allclose(np.abs(found.largest.values[i]), moduli, **tolerance)
        real = np.sort(expected.real)
        top, bottom = found.game.top.values[i].real, found.game.bottom.values[i].real
        np.testing.assert_allclose(top, real[::-1][: 2 * count], **tolerance)
        np.testing.assert_allclose(bottom, real[: 2 * count], **tolerance)


def test_as_many_steps_as_weights_find_all_of_a_random_game_alone_or_among_others(x64):
    games = random_games(3, size=8, whole=20)
    found = found_of(games, 8, 4, steps=20)
    check_against_numpy(found, games, 8, 4, atol=1e-9)
    assert np.max(found.game.bottom.residuals) < 1e-9
    alone = found_of(games, 8, 4, steps=20, members=[1])
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(a[1], b[0])


def test_fewer_steps_find_the_outer_eigenvalues_of_larger_games():
    games = random_games(2, size=90, whole=200, seed=1)
    found = found_of(games, 90, 1, steps=80)
    check_against_numpy(found, games, 90, 1, atol=1e-4)


DIRAC = types.GAN(
    init=lambda key: (types.Pair(jnp.ones(()), jnp.ones(())), types.Pair({}, {})),
    latent=lambda key, n: jnp.zeros((n, 1)),
    generate=lambda theta, own, z, label=None, train=False: (theta + z, own),
    discriminate=lambda psi, own, x, label=None, train=False: (
        types.DiscriminatorOutput(logits=-psi * x[:, 0], features=x),
        own,
    ),
)
"""Data at 0, a generator at theta, a discriminator with logit -psi x."""


def test_the_dirac_gan_has_the_eigenvalues_of_its_closed_form(x64):
    """Mescheder et al. 2018: `gamma / 2 +- sqrt(gamma^2 / 4 - 1 / 4)`."""
    gamma = np.array([0.0, 0.3, 1.0, 2.0])
    d = gradients.discriminator(DIRAC, losses.get("minimax"), {"r1": penalties.r1})
    g = gradients.generator(DIRAC, losses.get("minimax"))
    # The paper's gamma weighs |grad|^2 / 2.
    hparams = numbers(4)._replace(penalties={"r1": jnp.asarray(gamma / 2)})
    keys = population.keys(jax.random.key(0), 4)
    batch = types.Batch(jnp.zeros((4, 3, 1)))
    measure = dynamics.spectrum(d, g, count=1)
    zero = types.Pair(jnp.zeros(4), jnp.zeros(4))
    found = measure(hparams, state_of(zero), batch, keys)
    root = np.sqrt(gamma.astype(complex) ** 2 / 4 - 1 / 4)
    for values, expected in (
        (found.game.top.values, [gamma / 2 + root, gamma / 2 - root]),
        (found.game.bottom.values, [gamma / 2 - root, gamma / 2 + root]),
    ):
        np.testing.assert_allclose(values, np.transpose(expected), atol=1e-7)
    np.testing.assert_allclose(found.generator.top.values, 0, atol=1e-12)
    np.testing.assert_allclose(found.discriminator.top.values[:, 0], gamma, atol=1e-12)
    np.testing.assert_allclose(found.rotation[[0, 3]], [1, 0], atol=1e-7)
    said = dynamics.verdict(found)
    assert said.words == ["nash"] * 4 and not said.strict.any()


POINTS = {
    "bilinear": ([[0, 1], [-1, 0]], [0, 0], "nash", False),
    "strict": ([[1, 2], [-2, 1]], [0, 0], "nash", True),
    "stable, not Nash": ([[-1, 3], [-3, 4]], [0, 0], "stable", True),
    "saddle": ([[-1, 0], [0, 1]], [0, 0], "neither", False),
    "elsewhere": ([[1, 2], [-2, 1]], [0, 1], "not stationary", True),
    "nothing": ([[0, 0], [0, 0]], [0, 1], "nash", False),
}
"""J, w, and what there is to say."""


def test_points_of_small_games_are_told_apart():
    matrices, points, words, strict = zip(*POINTS.values(), strict=True)
    found = found_of(np.array(matrices, np.float32), 1, 1, at=np.array(points, float))
    said = dynamics.verdict(found)
    assert said.words == list(words)
    assert said.strict.tolist() == list(strict)
    np.testing.assert_allclose(found.rotation[[0, 3, 5]], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found.largest.values[0], [1j, -1j], atol=1e-6)
    np.testing.assert_allclose(found.field_norm[4], np.sqrt(5), rtol=1e-6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


def test_the_size_of_a_game_is_that_of_its_largest_rotation():
    def some(*values):
        return spectra.Eigenvalues(np.array([values]), np.zeros((1, len(values))))

    # Of J, -0.03 is within the rounding of +-100j, which are at neither end.
    ends = spectra.Ends(some(3.0 + 0j), some(-0.03 + 0j))
    saddle = spectra.Ends(some(1.0), some(-1.0))
    largest = some(100j, -100j)
    found = spectra.Spectrum(saddle, saddle, ends, largest, np.ones(1), np.zeros(1))
    assert dynamics.verdict(found).words == ["stable"]


def test_a_wrong_sign_of_the_adversary_is_another_game():
    matrices = [POINTS["bilinear"][0]], 1, 1
    right, wrong = found_of(*matrices), found_of(*matrices, sign=-1.0)
    np.testing.assert_allclose(wrong.game.top.values[0], [1, -1], atol=1e-6)
    assert wrong.rotation[0] < 1e-6 < 1 - 1e-6 < right.rotation[0]
    assert dynamics.verdict(wrong).stable[0] != dynamics.verdict(right).stable[0]


def test_products_are_those_of_the_matrix_its_transpose_and_its_blocks(x64):
    matrix = random_games(1, size=2, whole=5)[0]
    state = state_of(types.Pair(jnp.zeros((1, 2)), jnp.zeros((1, 3))))
    state = population.take(state, 0)
    d, g = linear(2)
    batch, key = types.Batch(jnp.asarray(matrix)), jax.random.key(0)
    v = dynamics.field(d, g, population.take(numbers(1), 0), state, batch, key)
    u = np.arange(1.0, 6.0)
    pair = types.Pair(jnp.asarray(u[:2]), jnp.asarray(u[2:]))

    def close(found, expected):
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-12)

    close(dynamics.jacobian(v, state.params)(pair), matrix @ u)
    close(dynamics.transposed_jacobian(v, state.params)(pair), matrix.T @ u)
    of_g = dynamics.hessian(v, state.params, "generator")(pair.generator)
    of_d = dynamics.hessian(v, state.params, "discriminator")(pair.discriminator)
    blocks = matrix[:2, :2] @ u[:2], matrix[2:, 2:] @ u[2:]
    close((of_g, of_d), np.concatenate(blocks))


@pytest.mark.parametrize(
    "diagonal", [[2, 2, 2, -1], [0, 0, 0, 0], [3, 1, 0, -2], [1, 1, 1, 1], [5]]
)
def test_eigenvalues_are_found_as_often_as_they_occur(diagonal):
    matrix = jnp.diag(jnp.asarray(diagonal, jnp.float32))
    size, key = len(diagonal), jax.random.key(3)
    small = dynamics.lanczos(lambda u: matrix @ u, size, size, key)
    found = dynamics.symmetric_ritz(small)
    np.testing.assert_allclose(found.values, np.sort(diagonal), atol=1e-5)
    assert np.max(found.residuals) < 1e-5
    whole = dynamics.ritz(dynamics.arnoldi(lambda u: matrix @ u, size, size, key))
    np.testing.assert_allclose(np.sort(whole.values.real), np.sort(diagonal), atol=1e-5)


def test_residuals_bound_the_error_of_symmetric_matrices(x64):
    matrix = random_games(1, size=60, whole=60)[0]
    small = dynamics.lanczos(lambda u: matrix @ u, 60, 12, jax.random.key(0), float)
    found, exact = dynamics.symmetric_ritz(small), np.linalg.eigvalsh(matrix)
    error = np.abs(found.values[:, None] - exact).min(axis=1)
    assert np.all(error <= found.residuals + 1e-12) and np.max(error) > 1e-3
    assert exact[0] <= found.values[0] and found.values[-1] <= exact[-1]


def of_networks(form):
    """A population of three small GANs, and what their spectrum is asked of."""
    made = gan.mlp((2,), hidden=(3,), latent_dim=2, convolution=form)
    loss = losses.get("non_saturating")
    d = gradients.discriminator(made, loss, {"r1": penalties.r1})
    g = gradients.generator(made, loss)
    hparams, keys = numbers(3, r1=0.5), population.keys(jax.random.key(0), 3)
    state = population.init(steps.initialise(made), hparams, keys)
    x = jax.random.normal(jax.random.key(1), (16, 2))
    return d, g, (hparams, state, population.broadcast(types.Batch(x), 3), keys)


@pytest.fixture(scope="module")
def networks():
    """The players' gradients, their population, and its spectrum."""
    d, g, arguments = of_networks("canonical")
    return d, g, arguments, dynamics.spectrum(d, g, count=2, steps=20)


def test_the_spectrum_of_networks_is_that_of_their_jacobian(networks):
    _, _, arguments, measure = networks
    found = measure(*arguments)
    d, g, _ = of_networks("lax")  # which has the forward mode that NumPy's J needs
    hparams, state, batch, key = population.take(arguments, 1)
    v = dynamics.field(d, g, hparams, state, batch, key)
    w, pair_of = flatten_util.ravel_pytree(state.params)
    flat_v = lambda w: flatten_util.ravel_pytree(v(pair_of(w)))[0]  # noqa: E731
    matrix = np.asarray(jax.jit(jax.jacfwd(flat_v))(w), np.float64)
    size = flatten_util.ravel_pytree(state.params.generator)[0].size
    own = jax.tree.map(lambda x: x[1:2], found)
    block = np.linalg.eigvalsh(matrix[:size, :size])
    np.testing.assert_allclose(own.generator.bottom.values[0], block[:2], atol=1e-4)
    np.testing.assert_allclose(own.generator.top.values[0], block[:-3:-1], atol=1e-4)
    block = np.linalg.eigvalsh(matrix[size:, size:])
    np.testing.assert_allclose(own.discriminator.top.values[0][0], block[-1], atol=1e-4)
    largest = falling(np.linalg.eigvals(matrix), np.abs)[:4]
    found = np.abs(own.largest.values[0])
    np.testing.assert_allclose(found, np.abs(largest), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(own.field_norm[0], np.linalg.norm(flat_v(w)), rtol=1e-5)


def test_what_cannot_be_measured_is_refused_in_a_sentence(networks):
    d, g, (hparams, state, batch, keys), measure = networks
    broken = jax.tree.map(np.array, state.params)
    for leaf in jax.tree.leaves(broken):
        leaf[2] = np.nan
    fewer = population.take(state, [0, 1])
    refused = [
        (
            lambda: measure(hparams, state._replace(params=broken), batch, keys),
            "members 2;",
        ),
        (lambda: measure(hparams, fewer, batch, keys), "same leading axis"),
        (lambda: measure(hparams, state, batch.x, keys), "must be a Batch"),
        (lambda: measure(hparams, state.params, batch, keys), "must be a TrainState"),
        (lambda: measure(hparams, state, batch, None), "population.keys"),
        (lambda: measure(None, state, batch, keys), "must be HParams"),
        (lambda: dynamics.spectrum(g, d), "swap the players"),
        (lambda: dynamics.spectrum(d, g, count=0), "count=0 .* at least 1"),
        (lambda: dynamics.spectrum(d, g, count=3, steps=5), "steps=5 .* at least 6"),
        (lambda: dynamics.spectrum(d, g, count=1.5), "count=1.5 .* whole"),
        (
            lambda: dynamics.spectrum(d, g, count=30)(hparams, state, batch, keys),
            "count=30 eigenvalues are more than the 17 weights of the generator",
        ),
        (lambda: dynamics.hessian(lambda w: w, state.params, "both"), "player='both'"),
        (lambda: dynamics.arnoldi(lambda u: u, 3, 4, keys[0]), "steps=4 .* 1 to 3"),
    ]
    for call, sentence in refused:
        with pytest.raises(errors.UserError, match=sentence):
            call()
