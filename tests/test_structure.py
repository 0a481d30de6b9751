"""Imports inside the package go strictly downwards."""

import ast
import pathlib
import subprocess
import sys

import pytest

import jaxgan

PACKAGE = pathlib.Path(jaxgan.__file__).parent

HOUSE = """
sweeps
scripts
runs
ensembles training
population
steps
gradients
gan
losses penalties networks scores reports
checkpoint divergences data
distributed
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
)


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path):
    """Module names imported by a file, and whether at its top level."""
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


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_on_lower_floors(path):
    own = room(path)
    for name, _ in imports(path):
        if name.startswith("jaxgan."):
            other = name.split(".")[1]
            assert other == own or FLOORS[other] < FLOORS[own], f"{own} -> {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_frameworks_stay_in_their_rooms(path):
    for name, top in imports(path):
        framework = name.split(".")[0]
        assert framework != "flax" or room(path) in FLAX
        assert framework != "optax" or room(path) in OPTAX
        assert not (top and framework in LAZY), f"{name} must be imported when needed"


def test_the_package_and_the_command_line_import_nothing_heavy():
    code = (
        "import sys; import jaxgan; from jaxgan.scripts import cli;"
        "heavy = {'jax', 'numpy', 'flax', 'optax', 'tyro'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_a_script_of_experiments_is_short_enough_to_read(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES
