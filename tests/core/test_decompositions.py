"""Matrices are decomposed right, and on a CPU never as a batch, which could hang.

The programs are lowered and looked at: what is in none of them cannot hang, whatever
else the machine does.
"""

import ast
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxgan
from jaxgan import divergences, gan, penalties, population, scores, steps, types
from jaxgan.core import decompositions
from jaxgan.divergences import covariances
from jaxgan.scores import by_name, classifier, feature_passes, latents, suites
from jaxgan.training import methods

MEMBERS, N, F = 3, 30, 4
ON_HOST = {"prd", "likelihood", "intrafd", "cas"}
"""Scores that are found on the host, member by member."""

PACKAGE = pathlib.Path(jaxgan.__file__).parent
EXPERIMENTS = PACKAGE.parent / "experiments"


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def positive(seed, *batch):
    factor = normal(seed, *batch, F, F)
    return factor @ factor.swapaxes(-1, -2) + np.eye(F, dtype=np.float32)


def sign_free(x):
    """Vectors are told but for their signs."""
    return np.abs(x)


ALONE = {
    "cholesky": (decompositions.cholesky, np.linalg.cholesky, positive),
    "eigh": (decompositions.eigh, np.linalg.eigh, positive),
    "svd": (decompositions.svd, np.linalg.svd, positive),
    "singular_values": (
        decompositions.singular_values,
        functools.partial(np.linalg.svd, compute_uv=False),
        lambda seed, *batch: normal(seed, *batch, 6, F),
    ),
}
each = pytest.mark.parametrize("name", ALONE)


def test_a_batch_is_seen(decomposed):
    x = positive(0, 5)
    assert decomposed(jnp.linalg.cholesky, x) == [("spotrf", 5)]
    assert decomposed(jax.vmap(jnp.linalg.eigh), x) == [("ssyevd", 5)]
    both = decomposed(jnp.linalg.qr, x[None])
    assert [batch for _, batch in both] == [5, 5]


@each
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (0,)])
def test_a_decomposition_is_that_of_numpy_whatever_is_mapped(name, batch):
    function, oracle, draw = ALONE[name]
    x = draw(1, *batch)
    expected = oracle(x.astype(np.float64))
    mapped = function
    for lifted in [*(jax.vmap for _ in batch), jax.jit]:
        for own in (function, mapped):
            leaves = jax.tree.leaves(own(x)), jax.tree.leaves(expected)
            for value, right in zip(*leaves, strict=True):
                assert value.shape == right.shape
                np.testing.assert_allclose(*map(sign_free, (value, right)), atol=2e-5)
        mapped = lifted(mapped)


@each
def test_a_batch_on_a_cpu_is_decomposed_one_at_a_time(check_one_at_a_time, name):
    function, _, draw = ALONE[name]
    check_one_at_a_time(function, draw(0))
    check_one_at_a_time(function, draw(0, MEMBERS))
    check_one_at_a_time(jax.vmap(function), draw(0, MEMBERS))
    check_one_at_a_time(jax.vmap(jax.vmap(function)), draw(0, 2, MEMBERS))


@each
def test_other_hardware_decomposes_a_batch_at_once(name):
    function, _, draw = ALONE[name]
    x = draw(0, MEMBERS)
    traced = jax.jit(jax.vmap(function)).trace(x)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert 'num_batch_dims = "1"' in text
    assert "while" not in text


@each
def test_devices_share_a_batch_out(check_one_at_a_time, name):
    function, _, draw = ALONE[name]
    x, mesh = draw(0, MEMBERS), Mesh(jax.devices()[:1], "pop")
    spec = PartitionSpec("pop")
    shared = jax.shard_map(jax.vmap(function), mesh=mesh, in_specs=spec, out_specs=spec)
    check_one_at_a_time(shared, x)
    leaves = map(jax.tree.leaves, (shared(x), function(x)))
    for value, right in zip(*leaves, strict=True):
        np.testing.assert_allclose(value, right, atol=1e-6)


def symmetric(matrix):
    return (matrix + matrix.mT) / 2


@pytest.mark.parametrize(
    "function",
    [
        # What does not depend on the signs of vectors.
        lambda x: decompositions.eigh(symmetric(x))[0],
        lambda x: decompositions.eigh(symmetric(x))[1] ** 2,
        decompositions.singular_values,
        lambda x: decompositions.svd(x)[1],
        lambda x: decompositions.svd(x)[0] ** 2,
        lambda x: decompositions.svd(x)[2] ** 2,
        lambda x: jnp.prod(jnp.stack(decompositions.svd(x)[::2]), 0),
    ],
)
def test_derivatives_are_differences(check_one_at_a_time, function, x64):
    x = np.random.default_rng(3).normal(size=(2, F, F))
    direction = np.random.default_rng(4).normal(size=(2, F, F))
    one, step = jax.jit(jax.vmap(function)), 1e-6
    difference = (one(x + step * direction) - one(x - step * direction)) / (2 * step)
    backwards = jax.jit(jax.vmap(jax.jacrev(function)))(x)
    along = np.einsum("b...ij,bij->b...", backwards, direction)
    np.testing.assert_allclose(along, difference, rtol=1e-5, atol=1e-6)
    check_one_at_a_time(jax.vmap(jax.jacrev(function)), x)


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (4, 7), (7, 4), (5, 5), (2, 1)])
def test_orthogonal_kernels_are_those_of_jax(shape):
    key = jax.random.key(5)
    expected, value = (
        jax.jit(draw, static_argnums=1)(key, shape)
        for draw in (jax.nn.initializers.orthogonal(), decompositions.orthogonal)
    )
    np.testing.assert_allclose(value, expected, atol=1e-6)


GAUSSIAN = {
    "kl": divergences.gaussian_kl,
    "frechet": divergences.gaussian_frechet,
    "js": lambda *pair: divergences.gaussian_js(*pair, jax.random.key(0), 10).value,
}
MATRICES = {
    "root": covariances.root,
    "inverse": covariances.pseudo_inverse,
    "log determinant": covariances.log_determinant,
}


@pytest.mark.parametrize("name", GAUSSIAN)
def test_divergences_of_many_gaussians_take_one_at_a_time(check_one_at_a_time, name):
    pair = normal(0, MEMBERS, F), positive(1, MEMBERS)
    pairs = *pair, normal(2, MEMBERS, F), positive(3, MEMBERS)
    gradient = jax.grad(lambda *args: GAUSSIAN[name](*args).sum(), (0, 1, 2, 3))
    for function in (GAUSSIAN[name], jax.vmap(GAUSSIAN[name])):
        check_one_at_a_time(function, *pairs)
    for function in (gradient, jax.vmap(gradient)):
        check_one_at_a_time(function, *pairs)


@pytest.mark.parametrize("name", MATRICES)
def test_functions_of_many_covariances_take_one_at_a_time(check_one_at_a_time, name):
    gradient = jax.grad(lambda x: MATRICES[name](x).sum())
    for function in (MATRICES[name], gradient):
        check_one_at_a_time(function, positive(0, MEMBERS))
        check_one_at_a_time(jax.vmap(function), positive(0, MEMBERS))


def test_covariances_that_are_definite_are_decomposed_without_eigenvalues():
    # The rare branch is a branch under vmap too, and not taken for all.
    text = jax.jit(jax.vmap(covariances._factor)).lower(positive(0, MEMBERS))
    names = [line for line in text.compile().as_text().splitlines() if "_ffi" in line]
    assert "conditional(" in text.compile().as_text()
    assert len(names) == 2


@functools.cache
def kept(members, n):
    """What a pass keeps of samples of three classes."""
    x = normal(7, members, n, F)
    probs = np.asarray(jax.nn.softmax(x[..., :3]))
    network = feature_passes.FeatureNetwork(
        lambda x: (x, x[:, :3]), {}, lambda shape: None
    )
    needs = by_name.needs(by_name.SCORES, 5)
    found = [feature_passes.collect([own], network, needs, n) for own in x]
    assert found[0].probs.shape == probs[0].shape
    return found[0] if members == 1 else feature_passes.stack(found)


@pytest.mark.parametrize("name", sorted(set(by_name.SCORES) - ON_HOST))
def test_scores_by_name_take_one_member_at_a_time(check_one_at_a_time, name):
    context = by_name.Context(N, N, scores.protocol(features="none"), 0)
    real, fake = kept(1, N), kept(MEMBERS, N)

    def rate(fake):
        return jax.tree.leaves(by_name.SCORES[name].rate(real, fake, context))

    if name == "ndb":  # clusters on the host
        rate = jax.vmap(lambda fake: scores.bin_counts(fake.features, real.features))
    decomposes = name in {"fd", "fdinf", "vendi", "ken"}
    check_one_at_a_time(rate, fake, some=decomposes)


def test_a_suite_takes_one_seed_at_a_time(check_one_at_a_time, monkeypatch):
    programs = []

    class Recording:
        """JAX that keeps what is compiled, as a suite begins and ends on the host."""

        def __getattr__(self, name):
            return getattr(jax, name)

        def jit(self, function):
            def call(*args):
                programs.append((function, args))
                return jax.jit(function)(*args)

            return call

    images = np.clip(normal(8, N, 8, 8, 1), -1, 1)
    network = classifier.train_classifier(
        images,
        np.arange(N) % 3,
        num_classes=3,
        key=jax.random.key(0),
        architecture="fully_connected",
        num_epochs=1,
    )
    monkeypatch.setattr(suites, "jax", Recording())
    shares = np.full(3, 1 / 3)
    suite = suites.of_classifier(network, 0.5, images, shares, split_size=N)
    suite(jnp.stack([images] * MEMBERS))
    assert len(programs) == 1
    for function, args in programs:
        check_one_at_a_time(function, *args)


def test_the_conditioning_of_a_generator_takes_one_latent_at_a_time(
    check_one_at_a_time,
):
    weights = normal(9, MEMBERS, F, 10)

    def conditioning(weights, z):
        return latents.generator_conditioning(lambda z: jnp.tanh(z @ weights), z).value

    check_one_at_a_time(jax.vmap(conditioning, (0, None)), weights, normal(10, 5, F))


@pytest.mark.parametrize("rule", steps.RULES)
def test_a_step_with_all_penalties_decomposes_nothing(check_one_at_a_time, rule):
    pair = gan.mlp((2,), hidden=(4,), latent_dim=2, convolution="lax")
    numbers = types.Pair(*2 * ({"learning_rate": 1e-2},))
    weights = dict.fromkeys([*penalties.PENALTIES], 1.0)
    method = methods.Method("non_saturating", weights, numbers, rule=rule)
    made = methods.make(pair, method)
    hparams = population.broadcast(made.hparams, MEMBERS)
    keys = population.keys(jax.random.key(0), MEMBERS)
    init = functools.partial(population.init, made.initialise)
    state = jax.eval_shape(init, hparams, keys)  # to be lowered with, not to be run
    batch = types.Batch(normal(11, MEMBERS, 4 * made.parts, 2))
    check_one_at_a_time(jax.vmap(made.step), hparams, state, batch, keys, some=False)


DECOMPOSE_NOTHING = {"norm", "bicgstab", "cg"}
DRAWN = {"orthogonal", "delta_orthogonal", "multivariate_normal"}


def dotted(node):
    """`a.b.c` as a list, of an attribute of attributes of a name."""
    if isinstance(node, ast.Attribute):
        return [*dotted(node.value), node.attr]
    return [getattr(node, "id", "")]


def decomposes(path):
    """Whether these names, joined by dots, are of a function of JAX that decomposes."""
    if path[0] not in {"jax", "jnp", "lax", "initializers"}:
        return False
    of_linalg = path[-2] == "linalg" and path[-1] not in DECOMPOSE_NOTHING
    return of_linalg or path[-1] in DRAWN


@pytest.mark.parametrize("folder", [PACKAGE, EXPERIMENTS], ids=["package", "scripts"])
def test_nothing_else_calls_the_decompositions_of_jax(folder):
    assert decomposes(["jnp", "linalg", "qr"]) and not decomposes(
        ["np", "linalg", "qr"]
    )
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and decomposes(dotted(node)):
                assert path.name == "decompositions.py", f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
                assert not (node.module.startswith("jax.") and "linalg" in names), path
