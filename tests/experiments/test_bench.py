"""The benchmark: what it compares is the same, and it computes what it says."""

import dataclasses
import importlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import jax
import numpy as np
import pytest

from jaxgan import steps, training
from jaxgan.core import errors
from jaxgan.data import pool

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "bench_population.py"
READY = {"device": "none", "compile_seconds": 1.0, "program_bytes": None}
FACTORS = np.array([1.0, 2.0, 4.0])


@pytest.fixture(scope="module")
def bench():
    """Imports a module of the benchmark as the script does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        yield importlib.import_module


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        cwd=cwd,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folder, record and output of a run of hardly any time."""
    folder = tmp_path_factory.mktemp("bench")
    flags = "--model mlp_small --members 3 --rounds 2 --seconds 0.01 --torch"
    result = run(*flags.split(), "--out", folder / "r.json", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder, json.loads((folder / "r.json").read_text()), result.stdout


@pytest.mark.slow
def test_a_record_keeps_every_round_and_what_it_depends_on(tiny):
    _, record, printed = tiny
    ((result,),) = record["groups"]
    assert record["settings"]["members"] == [3]
    assert record["machine"]["cores"] >= 1
    assert result["versions"]["jax"] == jax.__version__
    assert result["compile_seconds"] > 0
    # Weights and two moments of Adam, of all members.
    assert result["program_bytes"] > 3 * 3 * 4 * 42_000
    assert result["program_bytes"] < 10 * 3 * 3 * 4 * 42_000
    assert len(result["timed"]) == 2
    rates = [3 * result["steps"] / each["seconds"] for each in result["timed"]]
    assert result["rate"]["median"] == pytest.approx(np.median(rates))
    assert result["ratio"]["median"] == 1
    assert 0 < result["share"] < 1
    assert "member-steps/s" in printed and "MFLOP per member-step" in printed


@pytest.mark.slow
def test_a_record_is_never_overwritten(tiny):
    folder, *_ = tiny
    before = (folder / "r.json").read_bytes()
    result = run("--out", folder / "r.json", cwd=folder)
    assert result.returncode == 2
    assert "--out" in result.stderr and "exists" in result.stderr
    assert (folder / "r.json").read_bytes() == before


@pytest.mark.parametrize(
    "flag, fields",
    [
        ("--members", {"members": (0,)}),
        ("--members", {"members": (8, 1025)}),
        ("--members", {"members": ()}),
        ("--mappers", {"mappers": ("chunks:0",)}),
        ("--mappers", {"mappers": ("pmap",)}),
        ("--rounds", {"rounds": 0}),
        ("--seconds", {"seconds": math.nan}),
        ("--r1", {"r1": -1.0}),
        ("--r1", {"r1": 1.0, "torch": ("func",)}),
        ("--r2", {"r2": 1.0, "torch": ("func",)}),
        ("--r2", {"r2": math.inf}),
        ("--r2", {"r2": 1.0, "model": "sn_dcgan"}),
        ("--torch", {"model": "resnet", "torch": ("func",)}),
        ("--width", {"model": "mlp", "width": 8}),
        ("--width", {"model": "r3gan", "width": 12}),
        ("--width", {"width": 0}),
        ("--batch-size", {"batch_size": 0}),
        ("--seed", {"seed": -1}),
        ("--members", {"suite": "mlp", "members": (4,)}),
        ("--suite", {"quick": True, "suite": "mlp"}),
        ("--torch-python", {"torch_python": pathlib.Path("no-such-python")}),
    ],
)
def test_a_flag_that_cannot_be_followed_is_named(bench, flag, fields):
    script, checks = bench("bench_population"), bench("bench.checks")
    with pytest.raises(errors.UserError, match=f"^{flag} .*[a-z].*\\.$"):
        checks.check(script.Settings(**fields), script.Settings())


def test_suites_compare_what_is_comparable(bench):
    cases, jax_population = bench("bench.cases"), bench("bench.jax_population")
    for name, suite in cases.SUITES.items():
        for group in suite():
            assert len(set(map(repr, group))) == len(group), name
            shared = {
                tuple(getattr(case, one) for one in cases.COMMON) for case in group
            }
            assert len(shared) == 1, name
            for case in group:
                if case.library == "jax":
                    config = {**cases.numbers(case), **case.options}
                    config["members"] = case.members
                    assert callable(jax_population.mapper(config))
                elif case.options["variant"] == "func":
                    spectral = case.model in cases.SPECTRAL
                    assert not spectral and (case.r1, case.r2) == (None, None), name


def built(bench, model, **penalties):
    """A model in plain form, its step with numbers and the shapes of a state."""
    cases, jax_population = bench("bench.cases"), bench("bench.jax_population")
    config = cases.numbers(cases.of_jax(model, 1, **penalties))
    config |= {"dtype": "float32", "form": "lax"}
    pair, step, hparams = jax_population.training_step(config)
    state = jax.eval_shape(steps.initialise(pair), hparams, jax.random.key(0))
    return config, step, hparams, state


def inside(layer):
    """The share of a layer's products that are with no zero of the padding."""
    if layer.padding == "VALID" or not layer.size:
        return 1.0
    found = 1.0
    for size, k in zip(layer.size, layer.kernel, strict=True):
        n = size * layer.stride if layer.transposed else size
        outputs = -(-n // layer.stride)
        before = max(0, (outputs - 1) * layer.stride + k - n) // 2
        places = np.arange(outputs)[:, None] * layer.stride + np.arange(k) - before
        found *= np.mean((places >= 0) & (places < n))
    return found


SLOWER = [("resnet", {}), ("r3gan", {}), ("r3gan", {"r1": 1.0, "r2": 1.0})]
MEASURED = [
    *((model, {}) for model in ("dcgan28", "dcgan32", "mlp", "mlp_small", "sn_dcgan")),
    *((model, {"r1": 1.0}) for model in ("dcgan28", "dcgan32", "mlp", "mlp_small")),
    *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOWER),
]


@pytest.mark.parametrize("model, penalties", MEASURED)
def test_operations_are_about_those_that_xla_counts(bench, model, penalties):
    # XLA leaves out products with padding and counts what is not a product.
    cases, operations = bench("bench.cases"), bench("bench.operations")
    config, step, hparams, state = built(bench, model, **penalties)
    key, data = jax.random.key(0), pool.put(cases.make_data(model, 0))
    draw = pool.draw(config["batch_size"])
    counted = training.flops(step, draw, hparams, state, key, data)
    uses = list(operations.uses(config))
    products = [times * operations.products(layer) for *_, layer, times in uses]
    share = np.average([inside(layer) for *_, layer, _ in uses], weights=products)
    found = share * operations.member_step_flops(config)
    assert found == pytest.approx(counted, rel=0.12)


@pytest.mark.parametrize("model", ["dcgan28", "mlp", "sn_dcgan", "resnet", "r3gan"])
def test_layers_have_the_kernels_of_the_networks(bench, model):
    operations = bench("bench.operations")
    config, *_, state = built(bench, model)
    for player, layers in operations.layers(config).items():
        leaves = jax.tree_util.tree_leaves_with_path(getattr(state.params, player))
        kernels = [leaf.shape for path, leaf in leaves if "kernel" in str(path[-1])]
        assert sorted(map(operations.kernel_shape, layers)) == sorted(kernels)


def test_every_other_round_goes_backwards_and_ratios_are_taken_in_rounds(
    bench, monkeypatch
):
    timing, cases, workers = map(
        bench, ("bench.timing", "bench.cases", "bench.workers")
    )
    speed, asked = dict(zip(("vmap", "map", "auto"), FACTORS, strict=True)), []
    group = [cases.of_jax("mlp", 8, mapper=name) for name in speed]
    monkeypatch.setattr(workers, "start", lambda case, *rest: case)
    monkeypatch.setattr(workers, "stop", lambda worker: None)
    monkeypatch.setattr(workers, "forget_peak", lambda worker: None)
    monkeypatch.setattr(workers, "host_peak", lambda worker: 100)
    monkeypatch.setattr(workers, "answer", lambda worker: READY)

    def take_steps(case, num_steps):
        asked.append(case)
        # The machine slows down by the round.
        slower = 1 + (len(asked) - 1) // len(group)
        seconds = num_steps * slower / speed[case.options["mapper"]]
        return {"seconds": seconds, "matmul_rate": 1e9, "device_peak_bytes": None}

    monkeypatch.setattr(workers, "take_steps", take_steps)
    results = timing.measure(group, 3, 0.1, seed=0, torch_python=None)
    turns = asked[len(group) :]
    assert turns == [*group, *group[::-1], *group]
    found = [[result["ratio"][at] for result in results] for at in ("low", "high")]
    np.testing.assert_allclose(found, [FACTORS, FACTORS])


def test_memory_per_member_is_the_growth_from_the_smallest_population(bench):
    summaries, cases = bench("bench.summaries"), bench("bench.cases")
    timed = [{"seconds": 1.0, "matmul_rate": 1e9}]
    results = [
        {
            "case": cases.of_jax("mlp", members, mapper=mapper),
            "timed": timed,
            "steps": 1,
            "program_bytes": known and start + each * members,
            "peak_bytes": start + each * members + (1000 * members if known else 0),
        }
        for mapper, start, each, known in (("vmap", 10, 3, True), ("map", 50, 7, None))
        for members in (8, 64, 512)
    ]
    found = [summaries.summary(r, results)["bytes_per_member"] for r in results]
    assert found == [None, 3, 3, None, 7, 7]


def test_a_configuration_that_fails_is_named_and_the_rest_goes_on(
    bench, monkeypatch, tmp_path, capsys
):
    script, workers = bench("bench_population"), bench("bench.workers")
    monkeypatch.setattr(workers, "start", lambda case, *rest: case)
    for name in ("stop", "forget_peak", "host_peak"):
        monkeypatch.setattr(workers, name, lambda worker: None)

    def answer(case):
        if case.options["mapper"] == "map":
            return {"error": "status 1: out of memory"}
        return READY

    said = {"seconds": 1.0, "matmul_rate": 1e9, "device_peak_bytes": None}
    monkeypatch.setattr(workers, "answer", answer)
    monkeypatch.setattr(workers, "take_steps", lambda case, number: said)
    path = tmp_path / "new" / "r.json"
    settings = script.Settings(mappers=("map", "vmap"), torch=(), out=path)
    settings = dataclasses.replace(settings, rounds=2, seconds=1.0)
    with pytest.raises(SystemExit) as stop:
        script.main(settings)
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert "failed: jaxgan map" in printed.err and "out of memory" in printed.err
    ((failed, good),) = json.loads(path.read_text())["groups"]
    assert "rate" not in failed and good["rate"]["median"] == 8.0


def test_a_process_that_ends_says_why(bench):
    workers = bench("bench.workers")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.exit('no luck')"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        worker = workers.Worker(process, log)
        assert workers.answer(worker) == {"error": "status 1: no luck"}
        assert workers.take_steps(worker, 1) == {"error": "status 1: no luck"}
        workers.stop(worker)
