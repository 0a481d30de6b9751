"""Imports inside the package go strictly downwards."""

import ast
import pathlib
import subprocess
import sys

import pytest

import jaxgan

PACKAGE = pathlib.Path(jaxgan.__file__).parent

FLOORS = {
    "errors": -2,
    "types": -1,
    "decompositions": 0,
    "randomness": 0,
    "precision": 0,
    "fate": -1,
    "meeting": -1,
    "clusters": -1,
    "signals": 0,
    "hosts": 0,
    "files": 0,
    "cli": 2,
    "divergences": 1,
    "data": 1,
    "checkpoint": 1,
    "losses": 2,
    "penalties": 2,
    "networks": 2,
    "scores": 2,
    "reports": 2,
    "gan": 3,
    "gradients": 4,
    "steps": 5,
    "population": 6,
    "placement": 1,
    "ensembles": 6,
    "methods": 6,
    "training": 7,
    "journal": 8,
    "curves": 8,
    "health": 8,
    "memory": 8,
    "runs": 9,
    "sweeps": 9,
    "export": 9,
    "pages": 9,
    "evaluations": 9,
    "generated": 9,
    "arms": 10,
    "replicates": 10,
    "scoring": 10,
    "settings": 3,
    "setups": 10,
    "studies": 11,
}

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
        "import sys; import jaxgan; from jaxgan import cli, errors;"
        "heavy = {'jax', 'numpy', 'flax', 'optax', 'tyro'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
