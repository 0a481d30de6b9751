"""The face of the package: its rooms, its signatures, and where old names have gone."""

import ast
import importlib
import importlib.util
import pathlib
import subprocess
import sys

import pytest

import jaxgan
from jaxgan.core import moved

PACKAGE = pathlib.Path(jaxgan.__file__).parent


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_rooms_load_when_they_are_first_used():
    run(
        "import sys, jaxgan\n"
        "assert not {'jax', 'numpy'} & set(sys.modules)\n"
        "assert set(jaxgan.__all__) <= set(dir(jaxgan))\n"
        "jaxgan.losses.get('hinge')\n"
        "assert 'jax' in sys.modules and 'jaxgan.scores' not in sys.modules\n"
        "import jaxgan.scores.inception\n"
        "assert jaxgan.scores is sys.modules['jaxgan.scores']\n"
    )


def test_every_room_is_named_and_there_are_at_most_twenty():
    rooms = [path.parent for path in PACKAGE.glob("*/__init__.py")]
    modules = [path for path in PACKAGE.glob("*.py") if path.stem != "__init__"]
    there = {path.stem for path in rooms + modules}
    assert there == set(jaxgan.__all__)
    assert len(there) <= 20
    assert (PACKAGE / "py.typed").exists()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'jaxgan' has no attribute 'nonsense'"):
        _ = jaxgan.nonsense
    with pytest.raises(ModuleNotFoundError, match="No module named 'jaxgan.nonsense'"):
        importlib.import_module("jaxgan.nonsense")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import jaxgan.arms", "jaxgan.arms is now jaxgan.scripts.ensemble_arms"),
        ("from jaxgan import cli", "jaxgan.cli is now jaxgan.scripts.cli"),
        ("from jaxgan.sweeps import pbt", "is now jaxgan.sweeps.search.pbt.rule"),
        ("import jaxgan.studies.rounds", "rounds is jaxgan.sweeps.search.rounds"),
        ("from jaxgan import studies", "jaxgan.studies is now in jaxgan.sweeps"),
        ("from jaxgan.studies import recipes", "recipes is jaxgan.sweeps.recipes"),
    ],
)
def test_an_import_by_an_old_name_says_the_new_one(code, said):
    with pytest.raises(ImportError, match=said):
        exec(code, {})


def test_an_old_name_is_no_attribute_and_says_where_it_is():
    assert not hasattr(jaxgan, "hosts")
    with pytest.raises(
        AttributeError, match="is now jaxgan.core.distributed.processes"
    ):
        _ = jaxgan.hosts


def test_what_has_moved_is_where_it_is_said_to_be():
    for old, new in (moved.MOVED | moved.OF_STUDIES).items():
        assert importlib.util.find_spec(f"jaxgan.{new}") is not None, old


def public_functions(body, prefix=""):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{node.name}.")
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node


def test_public_signatures_say_their_types():
    unsaid = []
    for path in PACKAGE.rglob("*.py"):
        for name, node in public_functions(ast.parse(path.read_text()).body):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            typed = all(a.annotation or a.arg in ("self", "cls") for a in arguments)
            if not typed or node.returns is None:
                unsaid.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {name}")
    assert unsaid == []
