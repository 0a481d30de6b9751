"""Forms of convolutions that are chosen by measuring compute the same, reproducibly."""

import itertools
import json
import os
import subprocess
import sys
import threading
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgan import population
from jaxgan.core import errors, files
from jaxgan.networks import convolution, forms, onednn, products, tuning
from jaxgan.networks.onednn import library
from jaxgan.networks.tuning import candidates, cases, table, timing

MAPS = ("forward", "input_gradient", "kernel_gradient")
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}
X, W, STRIDES = (2, 6, 5, 6), (4, 3, 6, 2), (2, 1)
SHAPES = (
    "places 6x5, kernel 4x3, strides 2x1, padding 1+1x1+1, channels 6, features 2, "
    "groups 1"
)
"""The name in the table of a convolution of `X` with `W` and STRIDES."""

GEOMETRY = forms.Geometry((6, 5), (4, 3), STRIDES, ((1, 1), (1, 1)))

TRANSPOSED_X, TRANSPOSED_W = (2, 3, 5, 2), (4, 3, 2, 6)
"""Of a transposed one whose results are as large as `X`: it has the same maps."""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, no oneDNN, and lines on standard error that are said anew."""
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(candidates, "onednn_version", lambda: None)
    forget()
    yield tmp_path / "tuned"
    forget()


def forget():
    """As a new process."""
    for known in (tuning._table, tuning._announce, table._say):
        known.cache_clear()


@pytest.fixture
def given(monkeypatch):
    """Takes the place of measuring: `given(form=seconds)`; the list of what was."""
    measured = []

    def give(**seconds):
        def instead(case, maps):
            measured.append(cases.words(case))
            return {name: seconds[name] for name in maps}

        monkeypatch.setattr(timing, "seconds", instead)
        return measured

    return give


def write(choices, folder):
    """A table as it lies in the cache."""
    path, _ = table.read(folder, table.heading())
    folder.mkdir(exist_ok=True)
    known = {name: {"form": form} for name, form in choices.items()}
    path.write_text(json.dumps({"heading": table.heading(), "choices": known}))
    return path


def arrays(*shapes, dtype=np.float64):
    random = np.random.default_rng(0)
    return [jnp.asarray(random.normal(size=shape), dtype) for shape in shapes]


def convolve(x, w, form="tuned"):
    return convolution.convolve(x, w, strides=STRIDES, form=form)


def transposed(x, w, form="tuned"):
    return convolution.convolve_transposed(x, w, strides=STRIDES, form=form)


def orders(function):
    """Value, gradients, and the gradients of a penalty on gradients."""

    def critic(x, w):
        return jnp.tanh(function(x, w)).sum()

    def penalty(x, w):
        by_x, by_w = jax.grad(critic, (0, 1))(x, w)
        return (by_x**2).sum() + (by_w**3).sum()

    @jax.jit
    def run(x, w):
        gradients = [jax.grad(of, (0, 1))(x, w) for of in (critic, penalty)]
        return function(x, w), gradients

    return run


@pytest.mark.parametrize(
    "chosen", list(itertools.product(("canonical", "matmul"), repeat=3)), ids=str
)
def test_all_orders_are_those_of_lax_whatever_the_table_says(x64, cache, given, chosen):
    names = [f"{map_}, {SHAPES}, float64" for map_ in MAPS]
    write(dict(zip(names, chosen, strict=True)), cache)
    measured = given()
    for function, shapes in (
        (convolve, (X, W)),
        (transposed, (TRANSPOSED_X, TRANSPOSED_W)),
    ):
        found = orders(function)(*arrays(*shapes))
        expected = orders(lambda x, w, of=function: of(x, w, "lax"))(*arrays(*shapes))
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE), found, expected
        )
    assert measured == []


@pytest.mark.parametrize(
    ("form", "primitive"),
    [("canonical", "conv_general_dilated"), ("matmul", "dot_general")],
)
def test_the_form_in_the_table_is_the_one_that_is_computed(cache, form, primitive):
    write({f"{map_}, {SHAPES}, float32": form for map_ in MAPS}, cache)

    def each(x, w):
        y, pull = jax.vjp(convolve, x, w)
        return y, pull(y)

    program = str(jax.make_jaxpr(each)(*arrays(X, W, dtype=np.float32)))
    of_both = ("conv_general_dilated", "dot_general")
    assert [name for name in of_both if name in program] == [primitive]


@pytest.mark.parametrize("form", ["canonical", "matmul"])
def test_a_member_alone_has_the_bits_it_has_among_others(cache, form):
    """In a loop of so many steps as are asked for, as members are trained."""
    write({f"{map_}, {SHAPES}, float32": form for map_ in MAPS}, cache)

    def train(x, w):
        def total(w, x):
            return jnp.tanh(convolve(x, w)).sum()

        def step(_, carried):
            x, w = carried
            by_w, by_x = jax.grad(total, (0, 1))(w, x)
            return x - 0.01 * by_x, w - 0.01 * by_w

        return jax.jit(
            lambda steps, x, w: population.one_by_one(
                lambda x, w: lax.fori_loop(0, steps, step, (x, w))
            )(x, w)
        )(3, x, w)

    x, w = arrays((3, *X), (3, *W), dtype=np.float32)
    together = train(x, w)
    for i in range(3):
        alone = train(x[i : i + 1], w[i : i + 1])
        for one, many in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one[0], many[i])


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=str)
@pytest.mark.parametrize("groups", [1, 2])
def test_members_are_convolved_each_with_their_own(x64, given, axes, groups):
    given(canonical=2.0, matmul=1.0)
    x, w = arrays((3, 2, 6, 5, 6), (3, 4, 3, 6 // groups, 2))
    x, w = (a if axis == 0 else a[0] for a, axis in zip((x, w), axes, strict=True))

    def gradients(form):
        def total(x, w):
            y = convolution.convolve(x, w, strides=STRIDES, groups=groups, form=form)
            return jnp.sin(y).sum()

        return jax.jit(jax.vmap(jax.value_and_grad(total, (0, 1)), axes))(x, w)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE),
        gradients("tuned"),
        gradients("lax"),
    )


def test_what_has_one_form_is_not_measured(given):
    measured = given()
    x, w = arrays((2, 6, 5, 6), (4, 3, 2, 3), dtype=np.float32)
    convolution.convolve(x, w, strides=STRIDES, groups=3, form="tuned")
    assert measured == []


def test_the_slowest_form_is_not_chosen(given):
    measured = given(canonical=1.0, matmul=2.0)
    convolve(*arrays(X, W, dtype=np.float32))
    case = cases.Case("forward", GEOMETRY, 6, 2, 1, "float32")
    assert measured == [f"forward, {SHAPES}, float32"] == [cases.words(case)]
    assert tuning.chosen(case) == "canonical"


def test_a_case_is_measured_once_whatever_its_batch_and_its_members(given, capsys):
    measured = given(canonical=1.0, matmul=2.0)
    x, w = arrays((3, *X), (3, *W), dtype=np.float32)
    convolve(x[0], w[0])
    convolve(x[0, :1], w[0])
    jax.vmap(convolve)(x, w)
    forget()
    convolve(jnp.concatenate(x), w[0])
    assert len(measured) == 1
    assert capsys.readouterr().err.count("measuring convolutions, once for") == 1


def test_a_transposed_convolution_is_measured_as_the_gradient_it_is(given):
    measured = given(canonical=1.0, matmul=2.0)
    jax.vjp(convolve, *arrays(X, W, dtype=np.float32))[1](jnp.ones((2, 3, 5, 2)))
    assert len(measured) == 3
    both = arrays(TRANSPOSED_X, TRANSPOSED_W, dtype=np.float32)
    jax.vjp(transposed, *both)[1](jnp.ones(X))
    assert len(measured) == 3


@pytest.mark.parametrize("form", ["canonical", "matmul"])
def test_a_member_has_its_bits_among_others_with_the_same_kernel(cache, given, form):
    measured = given()
    x, w = arrays((3, 3, 8, 8, 32), (4, 4, 32, 40), dtype=np.float32)
    case = "places 8x8, kernel 4x4, strides 2x2, padding 1+1x1+1, channels 32"
    write({f"forward, {case}, features 40, groups 1, float32": form}, cache)

    @jax.jit
    def apply(steps, x, w):
        def own(x):
            return convolution.convolve(x, w, strides=(2, 2), form="tuned")

        def step(_, carried):
            return jax.vmap(own)(x) + 0 * carried

        return lax.fori_loop(0, steps, step, jnp.zeros((len(x), 3, 4, 4, 40)))

    together = apply(2, x, w)
    for i in range(3):
        np.testing.assert_array_equal(apply(2, x[i : i + 1], w)[0], together[i])
    assert measured == []


def spoilt(path):
    """What the file may be instead, by what is said of it."""
    right = json.loads(path.read_text())
    other = {**right, "heading": {**right["heading"], "jax": "0.0.1"}}
    unknown = {**right, "choices": {"forward": {"form": "fft"}}}
    return {
        "another machine or version": json.dumps(other),
        "it is no JSON": path.read_text()[:40],
        "no table of choices": json.dumps(unknown),
        "it is no table": "[1]",
        "(it is no JSON)": "[" * 100_000,
    }


@pytest.mark.parametrize(
    "said",
    [
        "another machine or version",
        "it is no JSON",
        "no table of choices",
        "it is no table",
        "(it is no JSON)",
    ],
)
def test_a_file_that_is_not_for_here_is_said_and_kept(cache, given, capsys, said):
    path = write({f"forward, {SHAPES}, float32": "matmul"}, cache)
    path.write_text(spoilt(path)[said])
    before = path.read_bytes()
    measured = given(canonical=1.0, matmul=2.0)

    for _ in range(2):
        convolve(*arrays(X, W, dtype=np.float32))
        forget()

    assert path.read_bytes() == before
    assert len(measured) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if said in line]
    assert len(lines) == 2  # one of each of the two that were as new processes
    assert all(line.startswith(f"{path} is left out") for line in lines)


def test_processes_that_measure_at_once_keep_what_each_has_found(tmp_path):
    one, other = (table.Table(tmp_path, table.heading()) for _ in range(2))
    assert one.find("a") is other.find("b") is None
    assert one.note("a", {"canonical": 1.0, "matmul": 2.0}) == "canonical"
    assert other.note("b", {"canonical": 2.0, "matmul": 1.0}) == "matmul"
    # The first one's choice stays, as a run may have begun with it.
    assert other.note("a", {"canonical": 2.0, "matmul": 1.0}) == "canonical"
    again = table.Table(tmp_path, table.heading())
    assert [again.find(name) for name in "ab"] == ["canonical", "matmul"]
    assert one.find("b") == "matmul"


def test_processes_that_note_at_the_same_time_lose_nothing_and_agree(tmp_path):
    ready = threading.Barrier(8)

    def note(i):
        own = table.Table(tmp_path, table.heading())
        ready.wait()
        own.note(f"case {i}", {"canonical": 1.0})
        return own.note("all", {"canonical": 1.0 + i % 2, "matmul": 1.5})

    with futures.ThreadPoolExecutor(8) as pool:
        (form,) = set(pool.map(note, range(8)))
    noted = table.read(tmp_path, table.heading())[1]
    assert {*noted} == {"all", *(f"case {i}" for i in range(8))}
    assert noted["all"]["form"] == form


def test_a_form_that_cannot_be_had_here_is_measured_anew(cache, given):
    write({f"forward, {SHAPES}, float32": "onednn"}, cache)
    given(canonical=2.0, matmul=1.0)
    convolve(*arrays(X, W, dtype=np.float32))
    (path,) = cache.iterdir()
    stored = json.loads(path.read_text())["choices"]
    assert stored[f"forward, {SHAPES}, float32"]["form"] == "matmul"


def test_seconds_are_medians_of_rounds_in_which_each_has_its_turn():
    now, called = [0.0], []
    lasting = {"one": 0.010, "other": 0.015, "hopeless": 0.3}

    def calling(name):
        def call(times):
            called.append(name)
            # The first call compiles, and one round is disturbed.
            odd = called.count(name) in (1, 5)
            now[0] += 5.0 if odd else times * lasting[name]

        return call

    calls = {name: calling(name) for name in lasting}
    found = timing.medians(calls, lambda: now[0])
    assert found == pytest.approx(lasting)
    assert called[-4:] == ["one", "other"] * 2


def test_a_form_that_was_left_at_its_first_calls_is_never_the_fastest():
    now, slower = [0.0], [1]
    lasting = {"good": 0.010, "hopeless": 0.040}

    def calling(name):
        def call(times):
            # Other work begins when the rounds do.
            slower[0] = 10 if times > 1 else slower[0]
            now[0] += times * slower[0] * lasting[name]

        return call

    found = timing.medians({n: calling(n) for n in lasting}, lambda: now[0])
    assert min(found, key=found.get) == "good"


def test_large_arrays_are_measured_in_fewer_samples():
    assert cases.batch(cases.Case("forward", GEOMETRY, 6, 2, 1, "float32"), 4) == 64
    wide = forms.Geometry((512, 512), (3, 3), (1, 1), ((1, 1), (1, 1)))
    # 512 512 (64 + 64 + 9 64) numbers of four bytes each: 0.74 GB.
    assert cases.batch(cases.Case("forward", wide, 64, 64, 1, "float32"), 4) == 1
    # With 8 channels and 8 features 92 MB, of which 256 MiB hold two.
    assert cases.batch(cases.Case("forward", wide, 8, 8, 1, "float32"), 4) == 2
    # 2 16 16 9 128 128 = 75 million operations.
    deep = forms.Geometry((16, 16), (3, 3), (1, 1), ((1, 1), (1, 1)))
    assert cases.batch(cases.Case("forward", deep, 128, 128, 1, "float32"), 4) == 26
    assert cases.batch(cases.Case("forward", deep, 512, 512, 1, "float32"), 4) == 16


def test_onednn_is_a_candidate_for_what_it_suits(monkeypatch):
    monkeypatch.setattr(candidates, "onednn_version", lambda: "1")
    monkeypatch.setattr(library, "computes_bfloat16", lambda: False)
    cut = GEOMETRY._replace(padding=((-1, 1), (1, 1)))
    held = {
        (name, geometry): "onednn"
        in candidates.names(cases.Case("forward", geometry, 6, 2, 1, name))
        for name in ("float32", "float64", "bfloat16", "float16")
        for geometry in (GEOMETRY, cut)
    }
    assert [case for case, holds in held.items() if holds] == [("float32", GEOMETRY)]
    grouped = cases.Case("forward", GEOMETRY, 6, 2, 2, "float32")
    assert candidates.names(grouped) == ("matmul", "onednn")


def test_it_does_without_an_extra_that_cannot_be_built(monkeypatch, capsys):
    def fail():
        raise errors.UserError("there is no compiler.")

    monkeypatch.undo()
    monkeypatch.setattr(onednn, "installed", lambda: True)
    monkeypatch.setattr(onednn, "form", fail)
    assert candidates.onednn_version.__wrapped__() is None
    said = "convolution='tuned' does without oneDNN: there is no compiler.\n"
    assert capsys.readouterr().err == said


def test_a_convolution_without_channels_is_no_division_by_zero():
    case = cases.Case("forward", GEOMETRY, 0, 4, 1, "float32")
    assert cases.batch(case, 4) == cases.BATCH


def test_dense_layers_are_canonical(given):
    measured = given()
    x, w = arrays((5, 4), (4, 3), dtype=np.float32)

    def both(form):
        def total(x, w):
            return jnp.tanh(products.multiply(x, w, form=form)).sum()

        return jax.jit(jax.value_and_grad(total, (0, 1)))(x, w)

    jax.tree.map(np.testing.assert_array_equal, both("tuned"), both("canonical"))
    assert measured == []


def test_networks_that_were_kept_are_rebuilt_without_a_table():
    assert convolution.portable("tuned") == "auto"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"default_backend": lambda: "gpu"},
            "'tuned'.*the backend is 'gpu'; use 'auto'",
        ),
        ({"process_count": lambda: 2}, "'tuned'.*one process and there are 2.*use 'au"),
    ],
)
def test_where_nothing_can_be_measured_it_is_refused(monkeypatch, changed, said):
    for name, function in changed.items():
        monkeypatch.setattr(jax, name, function)
    with pytest.raises(errors.UserError, match=said):
        convolution.check_form("tuned")


def test_arrays_of_two_dtypes_are_refused_whatever_the_table_says():
    x, w = arrays(X, W, dtype=np.float32)
    with pytest.raises(errors.UserError, match="not float32 and bfloat16"):
        convolve(x, w.astype(jnp.bfloat16))


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path, given):
    (tmp_path / "file").touch()
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "file"))
    given(canonical=1.0, matmul=2.0)
    with pytest.raises(errors.UserError, match="name another folder in JAXGAN_CACHE"):
        convolve(*arrays(X, W, dtype=np.float32))
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / ("long" * 100)))
    with pytest.raises(errors.UserError, match="File name too long"):
        convolve(*arrays(X, W, dtype=np.float32))


TRACED = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, PartitionSpec
jax.config.update("jax_num_cpu_devices", 2)
from jaxgan import population
from jaxgan.networks import convolution
from jaxgan.networks.onednn import library
library.WHEELS = ("no-such-wheel", "nor-this")

def total(x, w):
    y = convolution.convolve(x, w, strides=(2,), form="tuned")
    return jnp.sin(y).sum()

gradient = jax.grad(total, (0, 1))
random = np.random.default_rng(0)
x, w = (random.normal(size=s).astype("f") for s in ((2, 3, 8, 4), (2, 3, 4, 5)))
devices = Mesh(np.array(jax.devices()), "pop")
members = PartitionSpec("pop")
shared = jax.shard_map(
    population.one_by_one(gradient), mesh=devices, in_specs=members,
    out_specs=members, check_vma=False)
with jax.checking_leaks():
    found = jax.jit(jax.vmap(gradient))(x, w)
    again = jax.jit(shared)(x[:, :, :, :3], w[:, :, :3])
    step = lambda w, x: (w - gradient(x, w)[1], total(x, w))
    jax.jit(lambda x, w: jax.lax.scan(step, w[0], x))(x[..., :2], w[:, :, :2])
print([np.asarray(leaf).tobytes().hex() for leaf in (*found, *again)])
"""


def test_measuring_in_the_midst_of_any_trace_leaks_nothing_and_is_done_once(tmp_path):
    def process():
        return subprocess.run(
            [sys.executable, "-c", TRACED],
            env={**os.environ, files.CACHE_VARIABLE: str(tmp_path)},
            capture_output=True,
            text=True,
        )

    first, second = process(), process()
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stderr.count("measuring convolutions") == 1, first.stderr
    assert "measuring" not in second.stderr
    assert first.stdout == second.stdout != ""
    (path,) = (tmp_path / "tuned").iterdir()
    noted = json.loads(path.read_text())["choices"].values()
    assert len(noted) == 9
    for each in noted:
        assert set(each["seconds"]) == {"canonical", "matmul"}
        assert each["seconds"][each["form"]] == min(each["seconds"].values()) > 0
