"""What a new user gets wrong first ends in a sentence that names it."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxgan import (
    ensembles,
    gan,
    gradients,
    losses,
    penalties,
    population,
    scores,
    steps,
    training,
    types,
)
from jaxgan.core import errors
from jaxgan.data import mixtures, modes, pool
from jaxgan.networks import layers, mlp

P = 3
NETWORKS = gan.mlp((2,), latent_dim=2, hidden=(4,))
LOSS = losses.get("non_saturating")
DISCRIMINATOR = gradients.discriminator(NETWORKS, LOSS)
GENERATOR = gradients.generator(NETWORKS, LOSS)
INITIALISE = steps.initialise(NETWORKS)
D = steps.update("discriminator", DISCRIMINATOR)
G = steps.update("generator", GENERATOR)
ADAM = {"learning_rate": 1e-3, "b1": 0.5}
BOTH = types.Pair(ADAM, ADAM)


def numbers(optimizer):
    return types.HParams(optimizer, penalties={})


def trained(x, *, optimizer=BOTH, step=None, begun=None, **more):
    """Trains as the README does, with what a user may have got wrong."""
    step = step or steps.alternating(D, G)
    program = training.compile(step, pool.draw(4))
    hparams = population.broadcast(numbers(optimizer)._replace(**more), P)
    keys = population.keys(jax.random.key(0), P)
    state = population.init(begun or INITIALISE, hparams, keys)
    return training.train(program, hparams, state, keys, x, num_steps=1)


class Begun(NamedTuple):
    """A population that is well made."""

    hparams: types.HParams
    state: types.TrainState
    keys: jax.Array


@functools.cache
def begun():
    hparams = population.broadcast(numbers(BOTH), P)
    keys = population.keys(jax.random.key(0), P)
    state = population.init(INITIALISE, hparams, keys)
    return Begun(hparams, state, keys)


def train(program=None, *, num_steps=1, data=None, **wrong):
    """Trains a population of which some arguments are wrong."""
    program = program or training.compile(steps.alternating(D, G), pool.draw(4))
    data = pool.put(POINTS) if data is None else data
    given = begun()._asdict() | wrong
    return training.train(program, **given, data=data, num_steps=num_steps)


POINTS = np.zeros((8, 2), np.float32)


class WithoutTrain(nn.Module):
    def __call__(self, z):
        return z


class Linear(nn.Module):
    """A discriminator that says what a function makes of its logits `[B, 1]`."""

    says: Callable = types.DiscriminatorOutput

    @nn.compact
    def __call__(self, x, *, train):
        return self.says(nn.Dense(1)(x), x)


def own_networks(generator, discriminator):
    return gan.from_networks(generator, discriminator, shape=(2,), latent_dim=2)


def judged(says):
    networks = own_networks(mlp.MLPGenerator((2,)), Linear(says))
    params, _ = jax.eval_shape(networks.init, jax.random.key(0))
    x = jnp.zeros((4, 2))
    jax.eval_shape(lambda own: networks.discriminate(own, {}, x), params.discriminator)


MISTAKES = {
    "an array for a pool": (lambda: trained(POINTS), "pool.put"),
    "data of another shape": (
        lambda: trained(pool.put(np.zeros((8, 3), np.float32))),
        r"x has shape \(4, 3\).*\(2,\)",
    ),
    "latents of another size": (
        lambda: NETWORKS.generate({}, {}, jnp.zeros((4, 5))),
        r"z has shape \(4, 5\).*\(2,\)",
    ),
    "lr for learning_rate": (
        lambda: trained(pool.put(POINTS), optimizer=types.Pair({"lr": 1e-3}, ADAM)),
        "'lr'.*did you mean 'learning_rate'",
    ),
    "no learning rate": (
        lambda: trained(pool.put(POINTS), optimizer=types.Pair({"b1": 0.5}, ADAM)),
        "no 'learning_rate'",
    ),
    "one dictionary for both players": (
        lambda: trained(pool.put(POINTS), optimizer=ADAM),
        "hparams.optimizer is a dict.*Pair",
    ),
    "numbers that are no mapping": (
        lambda: trained(pool.put(POINTS), optimizer=types.Pair(1e-3, 1e-3)),
        "hparams.optimizer.generator.*learning_rate",
    ),
    "two optimiser families": (
        lambda: trained(
            pool.put(POINTS), begun=steps.initialise(NETWORKS, steps.adam), step=SGD
        ),
        "state.opt_state.discriminator is of another optimiser",
    ),
    "a loss by its name": (
        lambda: gradients.generator(NETWORKS, "hinge"),
        r"loss is 'hinge'.*losses\.get",
    ),
    "a penalty by its name": (
        lambda: gradients.discriminator(NETWORKS, LOSS, {"r1": "r1"}),
        r"penalties\['r1'\] is 'r1'.*penalties\.get",
    ),
    "a list of penalties": (
        lambda: gradients.discriminator(NETWORKS, LOSS, [penalties.r1]),
        "penalties is .*mapping",
    ),
    "a term by its name": (
        lambda: gradients.generator(NETWORKS, LOSS, {"ac_gan": "ac_gan"}),
        r"terms\['ac_gan'\] is 'ac_gan'.*losses\.TERMS",
    ),
    "a relativistic loss without real logits": (
        lambda: losses.relativistic_average().generator(None, jnp.zeros(3)),
        "real_logits is None",
    ),
    "pairs without real logits": (
        lambda: losses.relativistic().generator(None, jnp.zeros(3)),
        "real_logits is None",
    ),
    "traced labels": (
        lambda: jax.jit(scores.intra_class_frechet)(
            POINTS, jnp.zeros(8, int), POINTS, jnp.zeros(8, int)
        ),
        "real_labels are traced",
    ),
    "a scalar among members": (
        lambda: population.size({"learning_rate": jnp.ones(3), "b1": 0.5}),
        r"3 at \['learning_rate'\], no axis at \['b1'\]|"
        r"no axis at \['b1'\], 3 at \['learning_rate'\]",
    ),
    "populations of two sizes": (
        lambda: population.size((numbers(types.Pair(jnp.ones(2), jnp.ones(3))),)),
        r"2 at .*optimizer.*generator, 3 at .*optimizer.*discriminator",
    ),
    "no members": (lambda: population.size({}), "no leaves"),
    "hparams and state swapped": (
        lambda: train(hparams=begun().state, state=begun().hparams),
        "hparams is a TrainState.*HParams",
    ),
    "keys and data swapped": (
        lambda: train(keys=pool.put(POINTS), data=begun().keys),
        r"keys is a Pool.*population\.keys",
    ),
    "no state": (lambda: train(state=None), "state is None.*population.init"),
    "a step for a program": (lambda: train(D), "program is a function.*compile"),
    "seeds for keys": (
        lambda: population.init(
            steps.initialise(NETWORKS), begun().hparams, jnp.arange(P)
        ),
        r"keys is an array int32\[3\].*population\.keys",
    ),
    "steps as a float": (lambda: train(num_steps=1e3), "num_steps=1000.0.*whole"),
    "a batch as a float": (lambda: pool.draw(8.0), "batch_size=8.0.*whole"),
    "gradients for steps": (
        lambda: steps.alternating(DISCRIMINATOR, GENERATOR),
        r"discriminator was given a gradient, but takes a step.*steps\.update",
    ),
    "steps for gradients": (
        lambda: steps.symplectic(D, G),
        r"discriminator was given a step, but takes a gradient.*gradients\.",
    ),
    "a step for a gradient": (
        lambda: steps.update("generator", G),
        "gradient was given a step, but takes a gradient",
    ),
    "a repeated gradient": (
        lambda: steps.update("generator", steps.repeat(GENERATOR, 2)),
        "gradient was given a step",
    ),
    "a part of a critic's step": (
        lambda: steps.alternating(D, G, n_critic=2.5),
        "n=2.5.*whole",
    ),
    "step and sample swapped": (
        lambda: training.compile(pool.draw(4), D),
        r"step is a function, which does not take.*compile\(step, sample\)",
    ),
    "a batch size for a sampler": (lambda: training.compile(D, 4), "sample is 4"),
    "a seed for a key": (lambda: population.keys(0, P), "key is 0.*random key"),
    "no members to give keys": (
        lambda: population.keys(jax.random.key(0), 0),
        "num_members=0",
    ),
    "a gan for what initialises": (
        lambda: population.init(NETWORKS, begun().hparams, begun().keys),
        "initialise is a GAN.*steps.initialise",
    ),
    "a Flax module for a gan": (
        lambda: gradients.generator(nn.Dense(2), LOSS),
        "gan is .*from_networks",
    ),
    "a loss for a gan": (lambda: steps.initialise(LOSS), "gan is a Loss"),
    "penalties of None": (
        lambda: trained(pool.put(POINTS), penalties=None),
        "hparams.penalties is None.*{}",
    ),
    "weights of all members": (
        lambda: NETWORKS.generate(begun().state.params.generator, {}, POINTS),
        "weights of one such network.*jax.vmap",
    ),
    "weights of both players": (
        lambda: NETWORKS.generate(begun().state.params, {}, POINTS),
        "weights of one such network.*one player's",
    ),
    "keys of all members": (
        lambda: NETWORKS.latent(begun().keys, 4),
        r"key has shape \(3,\).*jax.vmap",
    ),
    "a seed for a score's key": (
        lambda: scores.kernel_distance(POINTS, POINTS, 0, subset_size=2),
        r"key is 0, which is no random key; give jax\.random\.key",
    ),
    "a seed for real samples": (
        lambda: mixtures.sample(mixtures.ring(), 0, 4),
        "key is 0, which is no random key",
    ),
    "weights of other members": (
        lambda: ensembles.mixture(
            NETWORKS, begun().state, begun().hparams, jnp.ones(2), jax.random.key(0)
        ),
        r"weights have shape \(2,\).*\(3,\)",
    ),
    "no weights": (
        lambda: ensembles.mixture(
            NETWORKS, begun().state, begun().hparams, None, jax.random.key(0)
        ),
        r"weights have shape",
    ),
    "a negative weight": (
        lambda: ensembles.mixture(
            NETWORKS,
            begun().state,
            begun().hparams,
            np.array([2.0, -1.0, 0.0]),
            jax.random.key(0),
        ),
        "weights hold -1.0",
    ),
    "a state for a mixture": (
        lambda: ensembles.sample(NETWORKS, begun().state, jax.random.key(0), 4),
        "mixture is a TrainState.*ensembles.mixture",
    ),
    "an architecture by its name": (
        lambda: ensembles.save("unwritten", ensembles.Mixture(1, 1, {}), "mlp"),
        "architecture is 'mlp'",
    ),
    "a member too many": (
        lambda: population.take(begun().state, P),
        "no member 3 in a population of 3",
    ),
    "a size for a shape": (lambda: gan.mlp(2), r"shape=2.*\(2,\)"),
    "a width for widths": (lambda: gan.mlp((2,), hidden=64), "hidden=64"),
    "no samples": (lambda: pool.put(np.zeros((0, 2))), r"x has shape \(0, 2\)"),
    "labels of other samples": (
        lambda: pool.put(POINTS, label=np.zeros(5, int)),
        r"label has shape \(5,\).*\(8,\)",
    ),
    "labels for modes": (
        lambda: pool.put(POINTS, np.zeros(8, int)),
        "modes is an array.*label=",
    ),
    "modes of other samples": (
        lambda: pool.put(POINTS, modes.from_labels(np.zeros(9, int))),
        "number 8, but x holds 8",
    ),
    "mode weights without modes": (
        lambda: trained(pool.put(POINTS), mode_weights=jnp.ones(2)),
        "the data have no modes",
    ),
    "mode weights of other modes": (
        lambda: trained(
            pool.put(POINTS, modes.from_labels(np.arange(8) % 3)),
            mode_weights=jnp.ones(2),
        ),
        r"shape \(2,\), but the data have 3 modes",
    ),
    "a decay without an average": (
        lambda: trained(pool.put(POINTS), ema_decay=0.9),
        r"ema_decay is given but the step keeps no average.*steps\.averaged",
    ),
    "a decay without an average in quarantine": (
        lambda: trained(
            pool.put(POINTS),
            ema_decay=0.9,
            step=steps.quarantine(steps.alternating(D, G)),
        ),
        "the step keeps no average",
    ),
    "a network of one's own without train": (
        lambda: own_networks(WithoutTrain(), Linear()),
        "generator, a WithoutTrain, takes no argument 'train'",
    ),
    "a class in place of a network": (
        lambda: own_networks(Linear, Linear()),
        "must be a Flax module",
    ),
    "a discriminator that returns logits alone": (
        lambda: judged(lambda logits, x: logits[:, 0]),
        "must return a DiscriminatorOutput",
    ),
    "logits with an axis too many": (
        lambda: judged(types.DiscriminatorOutput),
        r"logits of shape \(4, 1\)",
    ),
    "a decay that came after the state": (
        lambda: train(
            training.compile(steps.averaged(D), pool.draw(4)),
            hparams=begun().hparams._replace(ema_decay=jnp.full(P, 0.9)),
        ),
        "initialised without an average",
    ),
}

SGD = steps.alternating(
    steps.update(
        "discriminator",
        DISCRIMINATOR,
        lambda learning_rate, b1: optax.sgd(learning_rate),
    ),
    steps.update(
        "generator", GENERATOR, lambda learning_rate, b1: optax.sgd(learning_rate)
    ),
)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_first_mistake_ends_in_a_sentence_that_names_it(mistake):
    call, said = MISTAKES[mistake]
    with pytest.raises(errors.UserError, match=said) as caught:
        call()
    sentence = str(caught.value)
    assert sentence[-1] in ".?" and "\n" not in sentence


SWAPPED = {
    "alternating": lambda: steps.alternating(G, D, n_critic=5),
    "simultaneous": lambda: steps.simultaneous(G, D),
    "lola": lambda: steps.lola(G, D),
    "consensus": lambda: steps.consensus(GENERATOR, DISCRIMINATOR),
    "symplectic": lambda: steps.symplectic(GENERATOR, DISCRIMINATOR),
    "competitive": lambda: steps.competitive(GENERATOR, DISCRIMINATOR),
    "update": lambda: steps.update("generator", DISCRIMINATOR),
    "repeat": lambda: steps.alternating(steps.repeat(G, 2), steps.repeat(D, 2)),
    "accumulated": lambda: steps.update(
        "discriminator", gradients.accumulated(GENERATOR, 2)
    ),
    "unrolled": lambda: gradients.unrolled(NETWORKS, LOSS, G, depth=1),
    "weight_clip": lambda: penalties.weight_clip(G, 0.1),
    "clipped": lambda: steps.alternating(G, penalties.weight_clip(D, 0.1)),
}


@pytest.mark.parametrize("builder", SWAPPED)
def test_builders_refuse_the_other_players_step(builder):
    with pytest.raises(errors.UserError, match="swap the players"):
        SWAPPED[builder]()


@pytest.mark.parametrize("rule", steps.RULES)
def test_rules_refuse_swapped_players(rule):
    with pytest.raises(errors.UserError, match="swap the players"):
        steps.rules.make(rule, GENERATOR, DISCRIMINATOR)


@pytest.mark.parametrize("rule", steps.RULES)
def test_only_rules_that_alternate_take_more_steps_of_one_player(rule):
    make = functools.partial(steps.rules.make, rule, DISCRIMINATOR, GENERATOR)
    batches = {"alternating": 5, "lookahead": 5 * 5}
    if rule in batches:
        assert make(n_critic=5).parts == batches[rule]
    else:
        with pytest.raises(errors.UserError, match="n_critic=5 does not suit"):
            make(n_critic=5)
    with pytest.raises(errors.UserError, match="n_critic=0 does not suit"):
        make(n_critic=0)


def test_a_step_of_ones_own_needs_no_mark():
    def mine(hparams, state, batch, key):
        return D(hparams, state, batch, key)

    state = trained(pool.put(POINTS), step=steps.alternating(mine, G))
    assert state.step.tolist() == [1] * P


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("lr", "learning_rate"),
        ("learnin_rate", "learning_rate"),
        ("Learning-Rate", "learning_rate"),
        ("gp", "wgan_gp"),
        ("bs", "batch_size"),
        ("generator.lr", None),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(given, meant):
    known = ["batch_size", "learning_rate", "wgan_gp", "r1"]
    assert errors.nearest(given, known) == meant


def test_of_dotted_names_the_last_part_counts():
    known = ["loss", "optimizer.generator.learning_rate"]
    assert errors.nearest("lr", known) == known[1]
    assert errors.nearest("learning_rate", known) == known[1]


def test_many_names_are_not_listed_where_one_is_near():
    known = [f"name_{i:02}" for i in range(40)] + ["learning_rate"]
    assert errors.choice("lr", known) == "did you mean 'learning_rate'?"
    assert "name_39" in errors.choice("qqq", known)


@pytest.mark.parametrize("scale", [0.0, 1e-15, 1e-9, 1.0, 1e9])
def test_spectral_normalisation_of_any_scale_is_finite_and_of_norm_one(scale):
    recipe = layers.Recipe("spectral", "lecun")
    layer = layers.Dense(3, recipe, use_bias=False)
    x = jnp.eye(4)
    variables = layer.init(jax.random.key(0), x, train=True)
    kernel = scale * jnp.array(
        np.random.default_rng(0).normal(size=(4, 3)), jnp.float32
    )
    variables = {**variables, "params": {"kernel": kernel}}

    @jax.jit
    def apply(params, collections):
        return layer.apply(
            {"params": params, **collections}, x, train=True, mutable=["batch_stats"]
        )

    collections = {"batch_stats": variables["batch_stats"]}
    for _ in range(50):
        y, collections = apply(variables["params"], collections)
    norm = np.linalg.norm(np.asarray(y, np.float64), 2)
    np.testing.assert_allclose(norm, 1.0 if scale else 0.0, rtol=1e-4)
    grad = jax.jit(jax.grad(lambda params: apply(params, collections)[0].sum()))
    assert np.isfinite(grad(variables["params"])["kernel"]).all()


def test_a_kernel_that_was_zero_once_is_normalised_again():
    recipe = layers.Recipe("spectral", "zero")
    layer = layers.Dense(3, recipe, use_bias=False)
    x = jnp.eye(4)
    variables = layer.init(jax.random.key(0), x, train=True)
    _, after = layer.apply(variables, x, train=True, mutable=["batch_stats"])
    moved = {"params": {"kernel": jnp.full((4, 3), 7.0)}, **after}
    y, _ = layer.apply(moved, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(np.linalg.norm(y, 2), 1.0, rtol=1e-5)
