"""What a profile of a step and the record of a GPU say is what was measured."""

import importlib
import json
import pathlib
import time

import jax
import numpy as np
import pytest

from jaxgan.core import errors

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def scripts():
    """Imports a module as the scripts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXPERIMENTS))
        yield importlib.import_module


LAYERS = {
    "dense": {"size": (), "kernel": (), "channels": 3, "features": 5},
    "transposed": {"size": (2, 2), "kernel": (4, 4), "stride": 2, "transposed": True},
    "groups": {"size": (4, 4), "kernel": (3, 3), "groups": 2},
    "valid": {"size": (4, 4), "kernel": (4, 4), "groups": 4, "padding": "VALID"},
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_a_layer_are_the_adjoints_of_its_forward_pass(scripts, name):
    operations, jax_profile = scripts("bench.operations"), scripts("bench.jax_profile")
    layer = operations.Layer(**{"channels": 4, "features": 8} | LAYERS[name])
    random = np.random.default_rng(0)
    shapes = (
        (2, *layer.size, layer.channels),
        (2, *operations.output_size(layer), layer.features),
        operations.kernel_shape(layer),
    )
    x, y, kernel = (random.normal(size=s).astype(np.float32) for s in shapes)
    three = jax_profile.maps(layer, "auto")
    out, dx, dk = jax.jit(lambda *own: tuple(f(*own) for f in three))(x, y, kernel)
    assert (out.shape, dx.shape, dk.shape) == (y.shape, x.shape, kernel.shape)
    found = [np.sum(a * np.asarray(b)) for a, b in ((y, out), (x, dx), (kernel, dk))]
    np.testing.assert_allclose(found, found[0], rtol=1e-4)


def test_parts_of_a_profile_and_its_rest_are_a_step(scripts, capsys):
    profiles, cases = scripts("bench.profiles"), scripts("bench.cases")
    part = {"player": "generator", "layer": "conv", "times": 3}
    parts = [
        part | {"map": "forward", "seconds": 0.1, "flops": 2e9},
        part | {"map": "kernel_gradient", "seconds": 0.05, "flops": 2e9},
    ]
    profile = {
        "case": cases.of_jax("r3gan", 1),
        "step_seconds": 1.0,
        "parts": parts,
        "normalisation": 0.2,
        "optimiser": 0.1,
        "random numbers": 0.05,
        "matmul_rate": 1e11,
        "device": "cpu",
    }
    assert profiles.rest(profile) == pytest.approx(1 - 0.45 - 0.35)
    # 2 GFLOP in 0.1 s are a fifth of 100 GFLOP/s, in half the time two fifths.
    assert profiles.row_of(parts[0], profile)[1:] == [
        *(3, pytest.approx(100), pytest.approx(300), "30.0%", "20%")
    ]
    assert profiles.total_of("generator", "kernel_gradient", profile)[1:] == [
        *("15.0%", "40%")
    ]
    profiles.show(profile)
    assert "1000 ms a step" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flag, fields",
    [
        ("--members", {"members": (2,)}),
        ("--mappers", {"mappers": ("map",)}),
        ("--forms", {"forms": ("lax", "auto")}),
        ("--torch", {"profile": "torch", "torch": ("compile",)}),
        ("--profile", {"profile": "torch"}),
        ("--profile", {"suite": "mlp"}),
    ],
)
def test_a_profile_that_cannot_be_made_is_refused(scripts, monkeypatch, flag, fields):
    script, checks = scripts("bench_population"), scripts("bench.checks")
    monkeypatch.setattr(checks.workers, "has", lambda python, package: False)
    asked = script.Settings(**{"profile": "jaxgan"} | fields)
    with pytest.raises(errors.UserError, match=f"^{flag} .*[a-z].*\\.$"):
        checks.check(asked, script.Settings())


def test_groups_of_a_card_are_of_one_model_each_and_no_two_cases_are_one(scripts):
    gpu_groups, cases = scripts("bench.gpu_groups"), scripts("bench.cases")
    for group in (*gpu_groups.groups(), *gpu_groups.toy()):
        for one in cases.COMMON:
            assert len({getattr(case, one) for case in group}) == 1
        assert len(set(map(repr, group))) == len(group)


@pytest.fixture
def card(scripts, monkeypatch):
    """gpu_record.py where the first group takes no time and the second one too much."""
    script, taken = scripts("gpu_record"), []

    def measure(group, *rest, **options):
        taken.append(group)
        time.sleep(0 if len(taken) == 1 else 60)
        said = {"seconds": 1.0, "matmul_rate": 1e9, "device_peak_bytes": None}
        own = {"compile_seconds": 1.0, "program_bytes": 1, "peak_bytes": 1}
        own |= {"timed": [said], "steps": 1, "device": "none"}
        results = [{"case": case, **own} for case in group]
        return [one | script.summaries.summary(one, results) for one in results]

    monkeypatch.setattr(script.timing, "measure", measure)
    monkeypatch.setattr(script.workers, "has", lambda python, package: True)
    monkeypatch.setattr(script, "has_gpu", lambda: False)
    return script


def test_time_that_is_over_leaves_what_is_done_and_names_the_rest(
    card, tmp_path, capsys
):
    path = tmp_path / "new" / "r.json"
    card.main(card.Settings(toy=True, minutes=0.01, out=path))
    record = json.loads(path.read_text())
    groups = card.gpu_groups.toy()
    assert len(record["groups"]) == 1
    assert len(record["groups"][0]) == len(groups[0])
    assert record["left_out"] == [card.names(group) for group in groups[1:]]
    assert "left out, as the time was over: dcgan28" in capsys.readouterr().err


def test_a_card_that_is_not_there_is_missed_before_anything_is_measured(card, tmp_path):
    path = tmp_path / "r.json"
    with pytest.raises(errors.UserError, match="no GPU.*--toy.*--dry-run"):
        card.main(card.Settings(out=path))
    assert not path.exists()


def test_a_plan_is_listed_and_nothing_is_written(card, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card.main(card.Settings(dry_run=True))
    printed = capsys.readouterr().out
    for model in ("mlp", "dcgan28", "dcgan32", "sn_dcgan", "r3gan"):
        assert model in printed
    assert not list(tmp_path.iterdir())
