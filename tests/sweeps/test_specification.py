"""Sweeps written as TOML: what is read, and how what is wrong is said."""

import importlib.util
import pathlib
import sys

import pytest

from jaxgan.core import errors
from jaxgan.sweeps import spaces, specification

ROOT = pathlib.Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("sweep", ROOT / "sweep.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["sweep"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["sweep"]


def described(script, path):
    return script.describe(script.from_file(script.Settings(file=path)))


def written(folder, text):
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_the_example_says_what_it_seems_to_say(script):
    path = ROOT / "sweeps" / "digits.toml"
    asked = script.from_file(script.Settings(file=path))
    assert (asked.dataset, asked.seeds, asked.file) == ("digits", 2, path)
    recipe, space = script.describe(asked)
    assert recipe.network["hidden"] == [64, 64]
    assert recipe.network["architecture"] == "mlp"
    assert space["learning_rate"] == spaces.LogUniform(1e-4, 1e-2)
    assert space["loss"] == spaces.Categorical(("non_saturating", "wasserstein"))
    assert space["penalties.wgan_gp"] == spaces.Conditional(
        spaces.LogUniform(0.1, 100.0), "loss", ("wasserstein",)
    )


def test_lines_are_read_as_they_were_written():
    values = {
        "loss": ["hinge", 'with "quotes"'],
        "penalties.r1": {"log_uniform": [1e-5, 10.0], "when": {"loss": ["hinge"]}},
        "network.hidden": {"choices": [[8, 8], [16]]},
        "flag": True,
    }
    assert specification.fields(specification.lines(values), "--space") == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds = 2\nsteps = 'many'\n", r":2: steps: 'many' .* whole number"),
        ("seeds = true\n", ":1: seeds: True .* whole number"),
        ("search = 'sobel'\n", ":1: search: 'sobel' .*'grid' or 'random'"),
        ("\nsetings = 3\n", ":2: setings: .*did you mean 'settings'"),
        ("seeds = \n", r"no TOML: .*line 1"),
        ("space = 3\n", r":1: space: it must be a table"),
        ("seeds = 1\n[space]\nb1 = {uniform = [1.0, 0.0]}\n", ":3: .*reversed"),
        ("[space]\nb1 = {uniform = [1.0]}\n", ":2: .*list of 2 numbers"),
        ("[space]\nb1 = {uniform = ['a', 1]}\n", ":2: .*must have numbers, not 'a'"),
        ("[space]\nb1 = 0.5\n", ":2: .*list of choices"),
        ("[space]\nb11 = [0.5]\n", ":2: .*no field 'b11'; did you mean 'b1'"),
        ("[space]\nlearning_rate = ['x']\n", ":2: .*must be a number"),
        (
            "[space]\nb1 = [0.5]\n[space.'penalties.r1']\n"
            "uniform = [0, 1]\nwhen = {loss = 'hinge'}\n",
            ":3: space.penalties.r1: .*needs that field",
        ),
        ("[base]\n\nloss = 3\nn_critc = 5\n[space]\nb1=[1]", ":4: .*'n_critic'"),
        ("[base]\nlearning_rate = 'fast'\n[space]\nb1=[1]", ":2: .*must be a number"),
        ("seeds = 2\n", "--space : give the fields"),
        ("seeds = 2\nfile = 'x.toml'\n", ":2: file: a file cannot name another"),
        ("\nresume = 'runs/a'\n", ":2: resume: give it as a flag"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_field(text, said, script, tmp_path):
    path = written(tmp_path, text)
    with pytest.raises(errors.UserError, match=said) as caught:
        described(script, path)
    assert "--" in said or str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(script, tmp_path):
    with pytest.raises(errors.UserError, match="absent.toml: the file cannot be read"):
        script.from_file(script.Settings(file=tmp_path / "absent.toml"))


@pytest.mark.parametrize("text", ["loss = ", "b1 = [1]\nb1 = [2]"])
def test_a_flag_that_is_no_toml_is_quoted(text, script):
    with pytest.raises(errors.UserError, match="--space"):
        script.describe(script.Settings(space=(text,)))
