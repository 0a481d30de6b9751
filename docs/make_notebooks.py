"""Makes notebooks of tutorials: `python docs/make_notebooks.py`.

A notebook is the same text and code, with a first cell that installs jaxgan where it is
missing, as on Colab. Links to other pages become their titles.
"""

import json
import pathlib
import re

HERE = pathlib.Path(__file__).parent
TUTORIALS = ("learning_rates", "your_own", "gan_per_mode")

INSTALL = """\
# Installs jaxgan where it is missing, as on Colab. REPOSITORY is what pip installs: the
# address of the repository, such as git+https://HOST/NAME/jaxgan, or a folder.
import importlib.util, os, subprocess, sys

REPOSITORY = os.environ.get("JAXGAN_REPOSITORY", "")
if importlib.util.find_spec("jaxgan") is None:
    assert REPOSITORY, "Give REPOSITORY the address of jaxgan's repository."
    install = [sys.executable, "-m", "pip", "install", "-q", REPOSITORY]
    subprocess.run(install, check=True)"""

CELL = re.compile(r"```\{code-cell\}[^\n]*\n(.*?)\n```\n", re.DOTALL)
FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]+\)")


def cells(text):
    """The cells of a tutorial, `(kind, source)`, in their order."""
    pieces = CELL.split(FRONT.sub("", text))
    for number, piece in enumerate(pieces):
        kind = "code" if number % 2 else "markdown"
        if piece.strip():
            yield kind, piece.strip() if kind == "code" else plain(piece.strip())


def plain(text):
    """Markdown without links to pages, which a notebook has not beside it."""
    return LINK.sub(r"*\1*", text)


def notebook(name):
    """The notebook of a tutorial, as JSON."""
    text = (HERE / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    found = [("code", INSTALL), *cells(text)]
    return {
        "cells": [cell(number, *one) for number, one in enumerate(found)],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cell(number, kind, source):
    more = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = source.splitlines(keepends=True)
    return {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": lines,
    } | more


def write():
    for name in TUTORIALS:
        text = json.dumps(notebook(name), indent=1, ensure_ascii=False) + "\n"
        (HERE / "notebooks" / f"{name}.ipynb").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
