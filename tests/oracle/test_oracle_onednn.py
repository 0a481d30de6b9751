"""Convolutions by oneDNN are those of XLA, with gradients of any order."""

import functools
import importlib.metadata
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ensembles, gan, training
from jaxgan.core import errors, randomness
from jaxgan.ensembles import export
from jaxgan.networks import convolution, layers, onednn
from jaxgan.networks.onednn import library
from jaxgan.networks.tuning import timing
from jaxgan.scores import feature_networks, inception, inception_blocks, weights

pytestmark = pytest.mark.oracle

PLAIN = [
    ((4, 9, 8, 3), (3, 3, 3, 16), (1, 1), "SAME", 1),
    ((4, 9, 8, 16), (4, 4, 16, 8), (2, 2), "SAME", 1),
    ((4, 8, 9, 16), (4, 3, 16, 24), (2, 3), [(0, 1), (2, 0)], 1),
    ((3, 9, 8, 16), (3, 3, 4, 8), (1, 1), "SAME", 4),
    ((3, 4, 4, 6), (4, 4, 1, 6), (1, 1), "VALID", 6),
    ((4, 31, 3), (25, 3, 8), (4,), "SAME", 1),
    ((2, 5, 6, 7, 4), (3, 3, 3, 2, 8), (1, 2, 1), [(1, 2), (0, 1), (2, 0)], 2),
    ((2, 9, 8, 4), (3, 3, 4, 5), (2, 1), [(-1, 1), (1, -2)], 1),
    ((2, 9, 8, 4), (3, 3, 2, 6), (1, 1), [(-1, 1), (1, -2)], 2),
    ((2, 3, 4, 3, 2, 4), (2, 3, 2, 2, 4, 6), (1, 2, 1, 1), "SAME", 1),
]
FEW_PLACES = [
    ((5, 4, 3, 96), (3, 3, 96, 128), (1, 1), "SAME", 1),
    ((20, 8, 7, 64), (4, 4, 64, 128), (2, 2), "SAME", 1),
    ((3, 5, 8, 128), (2, 5, 128, 72), (2, 3), [(0, 1), (3, 0)], 1),
    ((2, 3, 3, 1040), (3, 3, 1040, 8), (1, 1), "SAME", 1),
    ((3, 31, 96), (25, 96, 96), (4,), "SAME", 1),
    ((2, 2, 6, 3, 96), (3, 3, 3, 96, 96), (1, 4, 2), [(1, 2), (0, 1), (2, 0)], 1),
]
"""Of so many channels that they are computed as matrix products."""

MEMBERS = [
    ((3, 4, 8, 8, 16), (3, 3, 3, 16, 32)),
    ((3, 4, 4, 4, 96), (3, 3, 3, 96, 96)),
]
BATCHES = [
    ((64, 16, 16, 24), (3, 3, 24, 32)),
    ((64, 4, 4, 96), (3, 3, 96, 96)),
    ((64, 2, 2, 2080), (2, 2, 2080, 40)),
]

TRANSPOSED = [
    ((4, 5, 6, 8), (4, 4, 8, 16), (2, 2), "SAME"),
    ((4, 5, 6, 8), (3, 3, 8, 16), (2, 1), "VALID"),
    ((4, 5, 8), (4, 8, 16), (2,), [(5, 3)]),
    ((4, 4, 4, 128), (4, 4, 128, 96), (2, 2), "SAME"),
]


@pytest.fixture(autouse=True, scope="module")
def built_here(tmp_path_factory):
    """The library is built for these tests, whatever lies in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        library.load.cache_clear()
        yield


def arrays(*shapes, dtype=np.float32):
    random = np.random.default_rng(0)
    return [jnp.asarray(random.normal(size=shape), dtype) for shape in shapes]


def orders(function):
    """Value, gradients, and the gradients of a penalty on gradients."""

    def critic(x, w):
        inputs = w[..., 0].size
        return jnp.tanh(function(x, w) / inputs**0.5).sum()

    def penalty(x, w):
        by_x, by_w = jax.grad(critic, (0, 1))(x, w)
        return (by_x**2).sum() + (by_w**2).sum()

    @jax.jit
    def run(x, w):
        gradients = [jax.grad(of, (0, 1))(x, w) for of in (critic, penalty)]
        return function(x, w), gradients

    return run


def assert_close(found, expected, relative):
    def compare(a, b):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        np.testing.assert_allclose(a, b, rtol=0, atol=relative * np.abs(b).max())

    jax.tree.map(compare, found, expected)


@pytest.mark.parametrize(
    ("x", "w", "strides", "padding", "groups"), PLAIN + FEW_PLACES, ids=str
)
def test_all_orders_are_those_of_lax(x, w, strides, padding, groups):
    def of(form):
        options = {"strides": strides, "padding": padding, "groups": groups}
        return orders(lambda x, w: convolution.convolve(x, w, form=form, **options))

    x, w = arrays(x, w)
    assert_close(of("onednn")(x, w), of("lax")(x, w), 1e-5)


@pytest.mark.parametrize(("x", "w", "strides", "padding"), TRANSPOSED, ids=str)
def test_all_orders_of_transposed_ones_are_those_of_lax(x, w, strides, padding):
    def of(form):
        options = {"strides": strides, "padding": padding, "form": form}
        return orders(lambda x, w: convolution.convolve_transposed(x, w, **options))

    x, w = arrays(x, w)
    assert_close(of("onednn")(x, w), of("lax")(x, w), 1e-5)


def test_bfloat16_goes_in_and_comes_out_with_its_precision():
    if not library.computes_bfloat16():
        pytest.skip("this processor has no bfloat16")
    x, w = arrays((4, 8, 8, 16), (3, 3, 16, 8), dtype=jnp.bfloat16)

    def of(form):
        return jax.jit(
            lambda x, w: convolution.convolve(x, w, strides=(1, 1), form=form)
        )

    found = of("onednn")(x, w)
    assert found.dtype == jnp.bfloat16
    exact = of("lax")(x.astype(jnp.float32), w.astype(jnp.float32))
    assert_close(found, exact, 2**-8)


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=str)
@pytest.mark.parametrize("shapes", MEMBERS, ids=["many places", "few places"])
def test_members_have_the_bits_they_have_alone(axes, shapes):
    x, w = arrays(*shapes)
    x, w = (a if axis == 0 else a[0] for a, axis in zip((x, w), axes, strict=True))

    def both(x, w):
        def total(x, w):
            y = convolution.convolve(x, w, strides=(1, 1), form="onednn")
            return jnp.sin(y).sum(), y

        return jax.value_and_grad(total, (0, 1), has_aux=True)(x, w)

    together = jax.jit(jax.vmap(both, axes))(x, w)
    for i in range(3):
        own = (
            a if axis is None else a[i] for a, axis in zip((x, w), axes, strict=True)
        )
        alone = jax.jit(both)(*own)
        each = jax.tree.map(lambda a, i=i: a[i], together)
        jax.tree.map(np.testing.assert_array_equal, alone, each)


@pytest.mark.parametrize("batch", [1, 7, 8])
@pytest.mark.parametrize("shapes", BATCHES, ids=str)
def test_bits_of_a_sample_do_not_depend_on_its_batch(batch, shapes):
    """So that threads may share a batch, however many there are."""
    x, w = arrays(*shapes)

    @jax.jit
    def both(x, w):
        y, pull = jax.vjp(
            lambda x: convolution.convolve(x, w, strides=(1, 1), form="onednn"), x
        )
        return y, pull(jnp.sin(y))[0]

    whole = both(x, w)
    part = both(x[:batch], w)
    for all_, own in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_[:batch], own)


@pytest.mark.parametrize("name", ["dcgan", "sn_dcgan", "r3gan"])
def test_networks_compute_what_they_compute_in_another_form(name):
    narrow = {"width": 16}
    own, other = (
        gan.make(name, (16, 16, 3), latent_dim=8, convolution=form, **narrow)
        for form in ("onednn", "canonical")
    )
    params, collections = own.init(randomness.key(0))
    z = own.latent(randomness.key(1), 4)
    images = [
        networks.generate(params.generator, collections.generator, z, train=True)[0]
        for networks in (own, other)
    ]
    assert_close(*images, 1e-5)


@pytest.mark.parametrize(
    ("x", "w", "strides", "padding", "groups"), [PLAIN[i] for i in (0, 1, 2, 3, 6)]
)
def test_operations_are_counted_as_xla_counts_its_own(x, w, strides, padding, groups):
    options = {"strides": strides, "padding": padding, "groups": groups}

    def of(form):
        def convolve(x, w):
            return convolution.convolve(x, w, form=form, **options)

        def gradient(x, y):
            return jax.vjp(lambda w: convolve(x, w), w)[1](y)

        y = convolve(x, w)
        return [
            training.operations(convolve, x, w),
            training.operations(gradient, x, y),
        ]

    x, w = arrays(x, w)
    assert of("onednn") == of("lax")


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e25])
def test_a_power_iteration_is_one_with_numpy(scale):
    matrix, u = arrays((40, 7), (7,))
    u /= jnp.linalg.norm(u)
    a = scale * np.asarray(matrix, np.float64)
    v = a @ np.asarray(u, np.float64)
    v /= np.linalg.norm(v)
    expected = v @ a / np.linalg.norm(v @ a)

    following, length = jax.jit(onednn.power_iteration)(jnp.asarray(a, jnp.float32), u)

    np.testing.assert_allclose(following, expected, rtol=2e-5)
    np.testing.assert_allclose(length, np.linalg.norm(v @ a), rtol=2e-6)
    by_matrix = jax.jit(jax.grad(lambda m: onednn.power_iteration(m, u)[1]))(a)
    assert_close(by_matrix, np.outer(v, expected), 2e-5)


def test_a_power_iteration_of_zeros_keeps_its_direction():
    u = jnp.array([0.6, 0.8])
    following, length = onednn.power_iteration(jnp.zeros((3, 2)), u)
    np.testing.assert_array_equal(following, u)
    assert length == 0


@pytest.mark.parametrize("entry", [np.nan, np.inf, -np.inf])
def test_a_power_iteration_without_a_length_keeps_its_direction(entry):
    """As in the usual form: a member that has diverged is not to spoil its u too."""
    matrix, u = arrays((5, 3), (3,))
    following, length = onednn.power_iteration(matrix.at[1, 2].set(entry), u)
    np.testing.assert_array_equal(following, u)
    assert np.isnan(length)


def test_second_derivatives_of_a_normalised_matrix_are_those_of_its_length():
    """Of `f = sum(A) / l` with `dl = v dA u`, as in consensus optimisation."""
    matrix, u = arrays((5, 3), (3,))
    a = np.asarray(matrix, np.float64)
    v = a @ np.asarray(u, np.float64)
    v /= np.linalg.norm(v)
    length = np.linalg.norm(v @ a)
    slope, ones = np.multiply.outer(v, v @ a / length), np.ones_like(a)
    outer = np.multiply.outer
    expected = 2 * a.sum() * outer(slope, slope) / length**3
    expected -= (outer(ones, slope) + outer(slope, ones)) / length**2

    def function(matrix):
        return matrix.sum() / onednn.power_iteration(matrix, u)[1]

    assert_close(jax.jit(jax.hessian(function))(matrix), expected, 1e-5)
    assert_close(jax.jit(jax.jacrev(jax.grad(function)))(matrix), expected, 1e-5)


def test_dense_layers_are_normalised_in_float64_in_the_usual_form():
    with jax.enable_x64(True):
        own, other = (
            layers.Dense(4, layers.Recipe(normalisation="spectral", convolution=form))
            for form in ("onednn", "canonical")
        )
        (x,) = arrays((2, 3), dtype=np.float64)
        given = jax.tree.map(np.float64, other.init(randomness.key(0), x, train=True))
        found, expected = (
            each.apply(given, x, train=True, mutable=["batch_stats"])
            for each in (own, other)
        )
    assert_close(found, expected, 1e-14)


def test_power_iterations_of_members_are_those_they_have_alone():
    matrices, u = arrays((3, 20, 6), (3, 6))
    together = jax.jit(jax.vmap(onednn.power_iteration))(matrices, u)
    for i in range(3):
        alone = jax.jit(onednn.power_iteration)(matrices[i], u[i])
        each = jax.tree.map(lambda a, i=i: a[i], together)
        jax.tree.map(np.testing.assert_array_equal, alone, each)


def test_spectral_normalisation_and_r1_are_those_of_another_form():
    x = arrays((4, 16, 16, 3))[0]

    def of(form):
        pair = gan.make("sn_dcgan", (16, 16, 3), width=8, convolution=form)
        params, collections = pair.init(randomness.key(0))

        def objective(params):
            def critic(x):
                given = params.discriminator, collections.discriminator
                output, after = pair.discriminate(*given, x, train=True)
                return output.logits.sum(), after

            slopes, after = jax.grad(critic, has_aux=True)(x)
            return critic(x)[0] + (slopes**2).sum(), after

        gradients, after = jax.jit(jax.grad(objective, has_aux=True))(params)
        return gradients.discriminator, after

    assert_close(of("onednn"), of("canonical"), 1e-4)


def test_a_power_iteration_counts_as_two_products_with_the_matrix():
    matrix, u = arrays((20, 6), (6,))
    assert training.operations(onednn.power_iteration, matrix, u) == 2 * 2 * 20 * 6


def test_inception_has_its_features_in_this_form():
    params = inception.init(randomness.key(0), ("192",))
    x = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), np.uint8)
    own, other = (
        inception.features_all(params, x, ("192",), convolution=form)["192"]
        for form in ("onednn", "auto")
    )
    assert_close(own, other, 1e-5)


@pytest.mark.parametrize("form, calls", [("onednn", 4), ("auto", 0)])
def test_wider_convolutions_of_inception_are_calls_of_this_form(form, calls):
    names = ("192",)
    features = functools.partial(inception.features, names=names, convolution=form)
    params = jax.eval_shape(lambda: inception.init(randomness.key(0), names))
    x = jax.ShapeDtypeStruct((1, 20, 24, 3), jnp.uint8)
    program = str(jax.make_jaxpr(features)(params, x))
    assert program.count("jaxgan_onednn") == calls


@pytest.mark.parametrize("name", ["Mixed_6a", "Mixed_6b", "Mixed_7c"])
def test_blocks_of_inception_are_those_of_the_usual_form(name):
    x = arrays((2, 17, 17, 40))[0]
    own, other = (
        inception_blocks.Block(inception_blocks.BLOCKS[name], form)
        for form in ("onednn", "auto")
    )
    params = other.init(randomness.key(0), x)
    assert_close(*(jax.jit(each.apply)(params, x) for each in (own, other)), 1e-5)


def test_statistics_are_not_shared_with_those_of_the_usual_form():
    found = weights.Weights({}, "random")
    own, other = (
        feature_networks.of_inception(found, form).fingerprint
        for form in ("onednn", "auto")
    )
    assert own != other


def test_kept_networks_need_no_extra():
    described = {"architecture": "conv", "shape": (8, 8, 1), "convolution": "onednn"}
    again = gan.rebuild(described)
    assert again.init(randomness.key(0)) is not None
    assert convolution.portable("onednn") == "auto"
    assert convolution.portable("lax") == "lax"


@pytest.mark.parametrize("groups", [1, 2])
def test_where_it_is_the_fastest_the_tuned_form_is_this_one(
    monkeypatch, tmp_path, groups
):
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path))
    fastest = {"canonical": 2.0, "matmul": 3.0, "onednn": 1.0}
    monkeypatch.setattr(
        timing, "seconds", lambda case, maps: {name: fastest[name] for name in maps}
    )

    def of(form):
        options = {"strides": (2, 1), "groups": groups, "form": form}
        return orders(lambda x, w: convolution.convolve(x, w, **options))

    x, w = arrays((4, 8, 9, 16), (4, 3, 16 // groups, 24))
    jax.tree.map(np.testing.assert_array_equal, of("tuned")(x, w), of("onednn")(x, w))


def test_the_tuned_form_measures_this_one_too(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path))
    x, w = arrays((4, 8, 16), (3, 16, 8))
    jax.grad(lambda w: convolution.convolve(x, w, strides=(1,), form="tuned").sum())(w)
    (path,) = (tmp_path / "tuned").iterdir()
    stored = json.loads(path.read_text())
    assert stored["heading"]["onednn"] == importlib.metadata.version(library.WHEELS[0])
    noted = stored["choices"].values()
    assert noted and all("onednn" in each["seconds"] for each in noted)


def test_double_precision_is_refused():
    with jax.enable_x64(True):
        x, w = arrays((1, 4, 1), (3, 1, 1), dtype=np.float64)
        with pytest.raises(errors.UserError, match="float32 and bfloat16, not float64"):
            convolution.convolve(x, w, strides=(1,), form="onednn")


@pytest.mark.parametrize(
    ("of_x", "of_w"), [("float32", "bfloat16"), ("bfloat16", "float32")]
)
def test_arrays_of_two_dtypes_are_refused_and_not_read_as_one(of_x, of_w):
    x, w = arrays((1, 4, 1), (3, 1, 1))
    with pytest.raises(errors.UserError, match=f"not {of_x} and {of_w}"):
        convolution.convolve(
            x.astype(of_x), w.astype(of_w), strides=(1,), form="onednn"
        )


def test_programs_for_other_machines_are_refused():
    own = gan.conv((8, 8, 1), width=8, latent_dim=2, convolution="onednn")
    params, collections = jax.tree.map(
        lambda leaf: leaf[None], own.init(randomness.key(0))
    )
    mixture = ensembles.Mixture(
        jnp.ones(1), params.generator, collections.generator, None, None
    )
    with pytest.raises(errors.UserError, match="or with convolution='auto'"):
        export.stablehlo(own, mixture, ("cpu",), batch=2)


GRADIENT = """
import jax, jax.numpy as jnp, sys
from jaxgan.networks import convolution
x, w = jnp.ones((1, 4, 1), sys.argv[1]), jnp.ones((3, 1, 1), sys.argv[1])
def total(w):
    return convolution.convolve(x, w, strides=(1,), form="onednn").sum()
print(jax.grad(total)(w).ravel())
"""


ON_THREADS = """
import hashlib, os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
import jax, jax.numpy as jnp, numpy as np
from jaxgan.networks import convolution
random = np.random.default_rng(0)
x, w = (
    jnp.asarray(random.normal(size=shape), jnp.bfloat16)
    for shape in ((8, 4, 4, 64), (4, 4, 64, 128))
)
@jax.jit
def y(x, w):
    return convolution.convolve(x, w, strides=(2, 2), form="onednn")
print(hashlib.sha256(np.asarray(y(x, w).astype(jnp.float32))).hexdigest())
"""


NORMALISED = """
import jax, jax.numpy as jnp
from jaxgan.networks import layers
recipe = layers.Recipe(normalisation="spectral", convolution="onednn")
given = jax.random.key(0), jnp.ones((2, 3))
print(layers.Dense(4, recipe).init_with_output(*given, train=True)[0].shape)
"""


def of_another_process(program, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def test_a_layer_is_normalised_before_anything_else_has_loaded_the_library():
    done = of_another_process(NORMALISED)
    assert done.stdout == "(2, 4)\n", done.stderr


def test_a_processor_without_bfloat16_is_told_so():
    done = of_another_process(GRADIENT, "bfloat16", ONEDNN_MAX_CPU_ISA="AVX2")
    assert "UserError: convolution='onednn' computes in bfloat16 only" in done.stderr


def test_bits_in_bfloat16_do_not_depend_on_the_number_of_threads():
    """Though those of a sample depend on its batch, of which each had a part."""
    if not library.computes_bfloat16():
        pytest.skip("this processor has no bfloat16")
    one, two = (of_another_process(ON_THREADS, threads) for threads in "12")
    assert one.stdout and one.stdout == two.stdout, one.stderr + two.stderr


def test_another_library_of_that_name_does_not_come_first(tmp_path):
    (tmp_path / "libdnnl.so.3").write_bytes(b"of another program")
    done = of_another_process(GRADIENT, "float32", LD_LIBRARY_PATH=str(tmp_path))
    assert done.stdout.split() == ["[3.", "4.", "3.]"], done.stderr


@pytest.mark.parametrize(
    ("compiler", "message"),
    [
        ("no-such-compiler", "built by a C.. compiler and no-such-compiler is not"),
        ("false --option", "could not be built by false"),
    ],
)
def test_the_compiler_is_named_with_its_options(
    monkeypatch, tmp_path, compiler, message
):
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", compiler)
    library.load.cache_clear()
    with pytest.raises(errors.UserError, match=message):
        library.load()


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path / "file"))
    library.load.cache_clear()
    with pytest.raises(errors.UserError, match="name another folder in JAXGAN_CACHE"):
        library.load()


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    library.load.cache_clear()
    with pytest.raises(errors.UserError, match="could not be built by false"):
        library.load()
    monkeypatch.setattr(library, "WHEELS", ("no-such-wheel", "nor-this"))
    with pytest.raises(errors.UserError, match="needs oneDNN and its headers"):
        library.load()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    onednn.form.cache_clear()
    with pytest.raises(errors.UserError, match="the backend is 'gpu'"):
        onednn.form()
