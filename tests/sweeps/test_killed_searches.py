"""Sweeps that are killed at any moment and resumed end in the same table."""

import json
import subprocess
import textwrap
import time

import numpy as np
import pytest
import warm_python

PROGRAM = textwrap.dedent("""
    import functools, pathlib, sys
    from jaxgan.scripts import cli
    cli.compile_fast()
    from jaxgan.scripts import settings
    from jaxgan.data import dataset
    from jaxgan.scores import suites
    from jaxgan.sweeps import studies, recipes
    from jaxgan.sweeps.search import rounds, by_name
    from jaxgan.sweeps import records, spaces

    folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    rounds.SECONDS = 0.0
    data = dataset.load("ring", num_samples=512)
    base = recipes.Recipe(
        batch_size=8, network={"architecture": "mlp", "hidden": (4,)}
    )
    study = studies.make(
        data, functools.partial(recipes.changed, base),
        suites.of_dataset(data, num_samples=64, seed=0).suite, settings.Devices(),
        steps=27, samples=64, folder=folder, shared=folder)
    space = {"learning_rate": spaces.LogUniform(1e-3, 1e-2),
             "b1": spaces.Uniform(0.0, 0.9)}
    own = {"halving": {"settings": 18, "places": 4}, "pbt": {"settings": 6},
           "optuna": {"settings": 12, "batch": 4},
           "sobol": {"settings": 24, "members": 4}}[name]
    asked = settings.Search(search=name, rounds=9, **own)
    print("begun", flush=True)
    rows = by_name.make(study, asked, space, "reverse_kl").run()
    records.write_tables(rows, folder)
    print("ended", flush=True)
""")


def start(folder, name, env):
    folder.mkdir(exist_ok=True)
    return warm_python.Process(["-c", PROGRAM, folder, name], env=env)


def finish(folder, name, env):
    process = start(folder, name, env)
    assert process.communicate(timeout=600)[0].endswith("ended\n")
    lines = (folder / "trials.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({(row["trial"], row.get("rung", 0)) for row in rows}) == len(rows)
    assert (folder / "trials.parquet").exists()
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kills"), [("halving", 1), ("pbt", 1), ("optuna", 1), ("sobol", 1)]
)
def test_no_trial_is_lost_or_doubled_and_the_table_is_the_same(
    name, kills, tmp_path, compiled_once
):
    whole = finish(tmp_path / "whole", name, compiled_once)
    began = time.perf_counter()
    assert finish(tmp_path / "timed", name, compiled_once) == whole
    most = time.perf_counter() - began
    random, killed, runs = np.random.default_rng(), 0, 0
    while killed < kills:
        folder = tmp_path / str(runs)
        process = start(folder, name, compiled_once)
        assert process.line() == "begun\n"
        try:
            process.wait(timeout=random.uniform(0, most))
            # This one came to its end after all; the next kill is of another run.
            runs += 1
            assert finish(folder, name, compiled_once) == whole
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        process.communicate()
    assert finish(tmp_path / str(runs), name, compiled_once) == whole
