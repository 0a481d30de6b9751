"""Parameters of the networks of text, and what their symbols are drawn by."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan
from jaxgan.core import errors
from jaxgan.networks import text_resnet


def conv(places, inputs, outputs):
    return places * inputs * outputs + outputs


# Gulrajani et al. 2017, appendix C: 512 channels, five blocks, 32 of 65 characters.
BLOCKS = 5 * 2 * conv(5, 512, 512)
# Yu et al. 2017: embedding and memory of 32, 5,000 symbols and a beginning.
LSTM = 5001 * 32 + (32 + 32 + 1) * 4 * 32 + conv(1, 32, 5000)
WINDOWS = sum(conv(k, 64, 64) for k in range(1, 6))
TABLES = {
    ("text_resnet", (32, 65), 512): (
        conv(1, 128, 32 * 512) + BLOCKS + conv(1, 512, 65),
        conv(1, 65, 512) + BLOCKS + conv(1, 32 * 512, 1),
    ),
    ("gumbel_text", (32, 65), 512): (
        conv(1, 64, 32 * 512) + BLOCKS + conv(1, 512, 65),
        conv(1, 65, 512) + BLOCKS + conv(1, 32 * 512, 1),
    ),
    ("seqgan", (20, 5000), 32): (
        LSTM,
        5000 * 64 + WINDOWS + 2 * conv(1, 320, 320) + conv(1, 320, 1),
    ),
}


@pytest.mark.parametrize(("name", "shape", "width"), TABLES)
def test_networks_have_the_parameters_of_their_tables(name, shape, width):
    own = gan.make(name, shape, width=width)
    params, _ = jax.eval_shape(own.init, jax.random.key(0))
    counts = [sum(leaf.size for leaf in jax.tree.leaves(player)) for player in params]
    assert tuple(counts) == TABLES[name, shape, width]


def test_docstrings_have_the_totals_of_the_tables():
    said = text_resnet.TextResNetGenerator.__doc__
    assert f"{TABLES['text_resnet', (32, 65), 512][0]:,} parameters" in " ".join(
        said.split()
    )


def test_softmax_outputs_lie_in_the_simplex_of_data():
    own = gan.make("text_resnet", (5, 4), width=3, blocks=1)
    params, collections = own.init(jax.random.key(0))
    x, _ = own.generate(
        params.generator, collections.generator, own.latent(jax.random.key(1), 6)
    )
    np.testing.assert_allclose(x.sum(-1), 2 - 4, atol=1e-5)
    assert (x > -1).all() and (x < 1).all()


LOGITS = jnp.log(jnp.array([0.1, 0.2, 0.7]))


def test_symbols_are_drawn_by_their_probabilities_and_are_one_hot():
    normal = jax.random.normal(jax.random.key(0), (8000, 3))
    x = text_resnet.straight_through(
        jnp.tile(LOGITS, (8000, 1, 1)), normal, temperature=0.5
    )
    assert set(np.unique(x).tolist()) == {0.0, 1.0} and (x.sum(-1) == 1).all()
    np.testing.assert_allclose(x.mean((0, 1)), jnp.exp(LOGITS), atol=0.02)


def test_the_gradient_is_that_of_the_softmax_at_its_temperature():
    normal, weights = jnp.array([[0.3, -1.2, 0.4]]), jnp.array([1.0, -2.0, 0.5])
    uniform = jax.scipy.stats.norm.cdf(normal)
    g = -jnp.log(-jnp.log(uniform))

    def drawn(logits):
        return (text_resnet.straight_through(logits, normal, 0.5) * weights).sum()

    def soft(logits):
        return (jax.nn.softmax((logits + g) / 0.5) * weights).sum()

    logits = LOGITS[None, None]
    np.testing.assert_allclose(
        jax.grad(drawn)(logits), jax.grad(soft)(logits), rtol=1e-4, atol=1e-6
    )


@pytest.fixture(scope="module")
def drawing():
    """A small LSTM far from uniform, with its weights."""
    own = gan.make("seqgan", (3, 3), width=3, windows=2)
    params, _ = own.init(jax.random.key(0))
    return own, jax.tree.map(lambda x: 3 * x + 0.2, params.generator)


def test_the_probabilities_of_all_sequences_add_up_to_one(drawing):
    own, params = drawing
    every = np.array([*itertools.product(range(3), repeat=3)])
    found = own.log_probs(params, {}, 2 * jax.nn.one_hot(every, 3) - 1).sum(-1)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-5)
    x, _ = own.generate(params, {}, own.latent(jax.random.key(1), 6000))
    counts = np.bincount(np.argmax(x, -1) @ np.array([9, 3, 1]), minlength=27) / 6000
    assert (
        abs(counts - np.exp(found)) < 5 * np.sqrt(np.exp(found) / 6000) + 1e-3
    ).all()


def test_the_same_beginning_of_z_draws_the_same_symbols(drawing):
    own, params = drawing
    z = own.latent(jax.random.key(0), 200)
    other = z.at[:, 2].set(own.latent(jax.random.key(1), 200)[:, 2])
    x, y = (own.generate(params, {}, latents)[0] for latents in (z, other))
    np.testing.assert_array_equal(x[:, :2], y[:, :2])
    assert (x[:, 2] != y[:, 2]).any()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("text_resnet", {"shape": (8, 8, 1)}, "makes sequences"),
        ("gumbel_text", {"temperature": 0.0}, "temperature=0.0 must be a positive"),
        ("seqgan", {"windows": 9}, "windows=9 must be at most the 4"),
        (
            "seqgan",
            {"generator_normalisation": "batch", "windows": 2},
            "has no place in",
        ),
    ],
)
def test_networks_that_cannot_be_made_are_refused(name, options, said):
    with pytest.raises(errors.UserError, match=said):
        gan.make(name, **{"shape": (4, 3), **options})


@pytest.mark.parametrize(
    ("name", "latent_dim", "said"),
    [("gumbel_text", 12, "must be more than the 12"), ("seqgan", 5, "must be 6 for")],
)
def test_latents_that_hold_no_noise_are_refused(name, latent_dim, said):
    own = gan.make(name, (6, 2), latent_dim=latent_dim)
    with pytest.raises(errors.UserError, match=said):
        own.init(jax.random.key(0))
