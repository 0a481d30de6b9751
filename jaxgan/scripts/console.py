"""The command `jaxgan`: runs an experiment by its name.

    jaxgan --list
    jaxgan image_gan --smoke

An experiment is a script of `experiments/`, which an installed wheel has in
`jaxgan/experiments` and a checkout beside the package. Imports nothing heavy.
"""

import ast
import pathlib
import runpy
import sys
from collections.abc import Sequence

import jaxgan
from jaxgan.core import errors
from jaxgan.scripts import cli

USAGE = """usage: jaxgan [--list] [--version] [--help] EXPERIMENT [FLAGS]

Runs an experiment of jaxgan, with its own flags:

    jaxgan image_gan --smoke
    jaxgan image_gan --help
"""


def main(words: Sequence[str] | None = None) -> None:
    """Runs what the command line says, and ends as the experiment does.

    Args:
      words: of the command line, without the program's name; None for the process's.
    """
    name, *flags = (sys.argv[1:] if words is None else list(words)) or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE + "\n" + listing())
    elif name == "--list":
        print(listing())
    elif name == "--version":
        print(jaxgan.__version__)
    else:
        try:
            path = find(name)
        except errors.UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(cli.USER_ERROR)
        # As Python does for a script, which may import what lies beside it.
        sys.argv = [str(path), *flags]
        sys.path.insert(0, str(path.parent))
        runpy.run_path(str(path), run_name="__main__")


def folder() -> pathlib.Path:
    """Where the experiments are.

    Raises:
      UserError: if they are neither in the package nor beside it.
    """
    package = pathlib.Path(jaxgan.__file__).parent
    for path in (package / "experiments", package.parent / "experiments"):
        if (path / "image_gan.py").exists():
            return path
    raise errors.UserError(
        f"there are no experiments in {package} or beside it; install jaxgan again."
    )


def find(name: str) -> pathlib.Path:
    """The script of an experiment, with or without its `.py`.

    Raises:
      UserError: if there is none of that name.
    """
    paths = scripts()
    known = name.removesuffix(".py")
    if known not in paths:
        raise errors.UserError(
            f"there is no experiment {name!r}: {errors.choice(known, paths)}"
        )
    return paths[known]


def scripts() -> dict[str, pathlib.Path]:
    """All experiments by name."""
    return {path.stem: path for path in sorted(folder().glob("*.py"))}


def listing() -> str:
    """A line for each experiment: its name, and the question that it answers."""
    paths = scripts()
    width = max(map(len, paths))
    lines = [f"{name:{width}}  {_question(path)}" for name, path in paths.items()]
    return "\n".join([*lines, "", f"They are in {folder()}."])


def _question(path: pathlib.Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]
