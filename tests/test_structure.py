"""Imports inside the package go strictly downwards."""

import ast
import functools
import json
import pathlib
import subprocess
import sys

import pytest

import jaxgan

PACKAGE = pathlib.Path(jaxgan.__file__).parent
TESTS = pathlib.Path(__file__).parent

HOUSE = """
sweeps
scripts
runs
dynamics
ensembles training
population
steps
gradients
gan
losses penalties scores reports
networks
checkpoint divergences data
types
core
"""
"""From the top floor down; rooms of one floor do not import each other."""

FLOORS = {
    room: -floor
    for floor, rooms in enumerate(HOUSE.strip().splitlines())
    for room in rooms.split()
}

SCRIPTS = sorted((PACKAGE.parent / "experiments").glob("*.py"))
MOST_LINES = 250

FLAX = {"networks", "gan", "scores"}
OPTAX = {"steps", "scores"}
LAZY = (
    "sklearn",
    "matplotlib",
    "tensorflow_datasets",
    "orbax",
    "rich",
    "tyro",
    "PIL",
    "optuna",
    "nltk",
)


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@functools.cache
def imports(path):
    """Module names imported by a file, and whether at its top level."""
    return list(found_imports(path))


def found_imports(path):
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in top


FILES = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


def wrong_imports(is_wrong):
    """`room/file.py: name` of each import that `(path, name, top)` is true for."""
    return [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in FILES
        for name, top in imports(path)
        if is_wrong(path, name, top)
    ]


def test_a_room_imports_only_rooms_on_lower_floors():
    def goes_up(path, name, top):
        if not name.startswith("jaxgan."):
            return False
        own, other = room(path), name.split(".")[1]
        return other != own and FLOORS[other] >= FLOORS[own]

    assert wrong_imports(goes_up) == []


def test_frameworks_stay_in_their_rooms():
    rooms = {"flax": FLAX, "optax": OPTAX}

    def is_elsewhere(path, name, top):
        framework = name.split(".")[0]
        return room(path) not in rooms.get(framework, {room(path)})

    assert wrong_imports(is_elsewhere) == []


def test_what_is_heavy_is_imported_when_needed():
    assert wrong_imports(lambda path, name, top: top and is_heavy(name)) == []


def is_heavy(name):
    return name.split(".")[0] in LAZY


@pytest.mark.parametrize("listed", ["ANY_JAX", "BEGIN_WITH"])
def test_files_that_are_treated_apart_exist(listed):
    names = names_in_conftest(listed)
    assert names and all((TESTS / name).exists() for name in names)


def names_in_conftest(listed):
    (value,) = (
        node.value
        for node in ast.parse((TESTS / "conftest.py").read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == listed
    )
    return [n.value for n in ast.walk(value) if isinstance(n, ast.Constant)]


def test_long_tests_exist():
    lost = []
    for name in long_tests():
        path, function = name.partition("[")[0].split("::")
        if f"\ndef {function}(" not in (TESTS / path).read_text():
            lost.append(name)
    assert lost == []


def test_a_long_test_noticed_no_mutant_first():
    record = json.loads((TESTS / "mutation" / "after.json").read_text())
    noticed = {mutant.get("by") for mutant in record["mutants"]}
    assert not noticed & {f"tests/{name}" for name in long_tests()}


def long_tests():
    lines = (TESTS / "long_tests.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_package_and_the_command_line_import_nothing_heavy():
    code = (
        "import sys; import jaxgan; from jaxgan.scripts import cli;"
        "heavy = {'jax', 'numpy', 'flax', 'optax', 'tyro'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_scripts_of_experiments_are_short_enough_to_read():
    lines = {path.name: len(path.read_text().splitlines()) for path in SCRIPTS}
    assert [name for name, number in lines.items() if number > MOST_LINES] == []
