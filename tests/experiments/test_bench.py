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
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gradients, losses, penalties, steps, training
from jaxgan import types as contracts
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
        ("--seed", {"seed": -1}),
        ("--members", {"suite": "mlp", "members": (4,)}),
        ("--suite", {"quick": True, "suite": "mlp"}),
        ("--torch-python", {"torch_python": pathlib.Path("no-such-python")}),
    ],
)
def test_a_flag_that_cannot_be_followed_is_named(bench, flag, fields):
    script = bench("bench_population")
    with pytest.raises(errors.UserError, match=f"^{flag} .*[a-z].*\\.$"):
        script.check(script.Settings(**fields))


def test_suites_compare_what_is_comparable(bench):
    cases, jax_population = bench("bench.cases"), bench("bench.jax_population")
    for name, suite in cases.SUITES.items():
        for group in suite():
            assert len(set(map(repr, group))) == len(group), name
            assert len({(case.model, case.r1) for case in group}) == 1, name
            for case in group:
                if case.library == "jax":
                    config = {**cases.MODELS[case.model], **case.options}
                    config["members"] = case.members
                    assert callable(jax_population.mapper(config))


@pytest.mark.parametrize("r1", [None, 1.0])
@pytest.mark.parametrize("model", ["dcgan28", "dcgan32", "mlp", "mlp_small"])
def test_operations_are_about_those_that_xla_counts(bench, model, r1):
    # XLA leaves out products with padding and counts what is not a product.
    cases, jax_population = bench("bench.cases"), bench("bench.jax_population")
    config = cases.MODELS[model] | {"dtype": "float32", "r1": r1, "form": "lax"}
    pair, step, hparams = jax_population.training_step(config)
    key, data = jax.random.key(0), pool.put(cases.make_data(model, 0))
    state = jax.eval_shape(steps.initialise(pair), hparams, key)
    draw = pool.draw(config["batch_size"])
    counted = training.flops(step, draw, hparams, state, key, data)
    assert cases.member_step_flops(model, r1) == pytest.approx(counted, rel=0.15)


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


def as_torch(tree):
    """Weights of one player in the order and layout of the PyTorch networks."""
    torch = pytest.importorskip("torch")
    leaves = []
    names = [name for name in tree if name.startswith(("Dense", "Conv_", "ConvT"))]
    names.sort(key=lambda name: (name.startswith("ConvT"), name[-1]))
    kernels = [(name, tree[name]) for name in names]
    if "Head_0" in tree:
        kernels.append(("Head", tree["Head_0"]["Dense_0"]))
    images = any(name.startswith("Conv") for name in names)
    if images and "Head_0" not in tree:
        kernels.insert(0, kernels.pop(names.index("Dense_0")))
    for index, (name, layer) in enumerate(kernels):
        kernel = np.asarray(layer["kernel"])
        if name.startswith("ConvT"):
            kernel = kernel[::-1, ::-1].transpose(2, 3, 0, 1)
        elif name.startswith("Conv"):
            kernel = kernel.transpose(3, 2, 0, 1)
        elif images:
            kernel = channels_first(kernel)
        else:
            kernel = kernel.T
        leaves.append(kernel)
        leaves += [layer["bias"]] if "bias" in layer else []
        norm = tree.get(f"Norm_{index}", {}).get("BatchNorm_0")
        leaves += [norm["scale"], norm["bias"]] if norm else []
    return [torch.from_numpy(np.array(leaf)) for leaf in leaves]


def channels_first(kernel):
    """A dense kernel beside images `[side, side, C]`, for PyTorch's `[C, side, side]`.

    The generator's makes the image, the discriminator's takes it and gives one logit.
    """
    out = kernel.shape[1] > 1
    flat = kernel.T if out else kernel
    side = math.isqrt(flat.shape[0] // 64)
    image = flat.reshape(side, side, 64, -1).transpose(2, 0, 1, 3)
    image = image.reshape(flat.shape)
    return image if out else image.T


@pytest.mark.parametrize("r1", [None, 1.0])
@pytest.mark.parametrize("model", ["dcgan28", "dcgan32", "mlp", "mlp_small"])
def test_pytorch_computes_the_same_losses_and_gradients(bench, model, r1):
    torch = pytest.importorskip("torch")
    cases, jax_population = bench("bench.cases"), bench("bench.jax_population")
    torch_members = bench("bench.torch_members")
    config = cases.MODELS[model] | {"dtype": "float32", "r1": r1, "form": "auto"}
    random, batch_size = np.random.default_rng(0), 8
    z = random.normal(size=(batch_size, config["latent_dim"])).astype(np.float32)
    x = random.uniform(-1, 1, (batch_size, *config["shape"])).astype(np.float32)

    pair, _, hparams = jax_population.training_step(config)
    pair = pair._replace(latent=lambda key, n: jnp.asarray(z))
    state = jax.jit(steps.initialise(pair))(hparams, jax.random.key(1))
    batch, key = contracts.Batch(jnp.asarray(x)), jax.random.key(2)
    terms = {} if r1 is None else {"r1": penalties.r1}
    loss = losses.get("non_saturating")
    d_of = gradients.discriminator(pair, loss, terms)
    d_ours, _, metrics = jax.jit(d_of)(hparams, state, batch, key)
    g_of = jax.jit(gradients.generator(pair, loss))
    g_ours, _, g_metrics = g_of(hparams, state, batch, key)
    d_loss = metrics["discriminator_loss"] + (r1 or 0) * metrics.get("r1", 0)

    players = torch_members.players(config)
    for player, weights in zip(players, state.params, strict=True):
        theirs, ours = list(player.parameters()), as_torch(weights)
        assert [p.shape for p in theirs] == [p.shape for p in ours]
        for parameter, value in zip(theirs, ours, strict=True):
            parameter.data.copy_(value)
    generator, discriminator = players
    real = torch.from_numpy(x)
    real = real.movedim(-1, 1) if x.ndim == 4 else real
    fake = generator(torch.from_numpy(z))

    def check(theirs, player, loss, grads):
        assert theirs.item() == pytest.approx(float(loss), rel=1e-4)
        found = torch.autograd.grad(theirs, list(player.parameters()))
        for one, other in zip(found, as_torch(grads), strict=True):
            scale = float(other.abs().max())
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * scale)

    theirs = torch_members.discriminator_loss(discriminator, real, fake.detach(), r1)
    check(theirs, discriminator, d_loss, d_ours)
    theirs = torch_members.generator_loss(discriminator, fake)
    check(theirs, generator, g_metrics["generator_loss"], g_ours)


@pytest.mark.parametrize("variant", ["eager", "tuned", "fused", "func"])
@pytest.mark.parametrize("model", ["dcgan28", "mlp_small"])
def test_every_pytorch_variant_moves_both_players(bench, monkeypatch, model, variant):
    torch = pytest.importorskip("torch")
    cases, torch_members = bench("bench.cases"), bench("bench.torch_members")
    config = cases.MODELS[model] | {"members": 2, "dtype": "float32", "r1": None}
    config |= {"batch_size": 4, "variant": variant}
    made = []
    players = torch_members.players

    def remembering(config):
        made.append(players(config))
        return made[-1]

    stack = torch.func.stack_module_state

    def stacking(modules):
        made.append(stack(modules)[0])
        return made[-1], {}

    monkeypatch.setattr(torch_members, "players", remembering)
    monkeypatch.setattr(torch.func, "stack_module_state", stacking)
    shape = [config["shape"][-1], *config["shape"][:-1]]
    device = torch.device("cpu")
    torch.manual_seed(0)
    data = torch.rand(16, *shape)
    whole = torch_members.vmapped if variant == "func" else torch_members.in_turn
    step = whole(config, data, device)
    if variant == "func":
        moving = [w for weights in made[-2:] for w in weights.values()]
    else:
        moving = [p for pair in made for player in pair for p in player.parameters()]
    before = [weights.detach().clone() for weights in moving]
    step()
    for old, new in zip(before, moving, strict=True):
        assert torch.isfinite(new).all()
        assert (old - new).abs().max() > 0


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
