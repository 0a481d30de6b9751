"""The README and the pages of docs/: short enough, and all of it within reach."""

import importlib.util
import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if not {"_build", "_ext", "api"} & set(path.relative_to(DOCS).parts)
]
TEXTS = [*sorted(ROOT.glob("*.md")), *PAGES]
FENCE = re.compile(r"^(```+).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_readme_is_short_and_begins_with_what_it_is():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 180
    assert lines[0] == "# jaxgan"


def test_the_readme_has_both_commands_and_the_first_with_pytest_is_the_tests():
    text = (ROOT / "README.md").read_text()
    first = next(line for line in text.splitlines() if "pytest" in line)
    begins = "python3 -m venv .venv && .venv/bin/pip install -q -e "
    assert first == f"{begins}'.[test]' && .venv/bin/python -m pytest -n 2"
    assert f"{begins}. && .venv/bin/python experiments/mode_ensemble.py\n" in text


def headings(path):
    """The addresses of a page's headings, as GitHub and MyST make them."""
    lines = FENCE.sub("", path.read_text()).splitlines()
    titles = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_documentation_lead_somewhere(path):
    lost = []
    for link in LINK.findall(FENCE.sub("", path.read_text())):
        name, _, heading = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        target = (path.parent / name).resolve() if name else path
        found = target.exists() or target.parent.name == "api"
        if not found or (heading and heading not in headings(target)):
            lost.append(link)
    assert lost == []


def listed(page):
    """The pages that the tables of contents of a page name."""
    for table in TOCTREE.findall(page.read_text()):
        for entry in table.splitlines():
            if entry and not entry.startswith(":") and ".." not in entry:
                yield from page.parent.glob(f"{entry}.md")


def test_every_page_is_reached_from_the_first_one():
    first = DOCS / "index.md"
    reached, waiting = {first}, [first]
    while waiting:
        new = set(listed(waiting.pop())) - reached
        reached |= new
        waiting += new
    assert sorted(set(PAGES) - reached) == []


def maker():
    path = DOCS / "make_notebooks.py"
    spec = importlib.util.spec_from_file_location("make_notebooks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_notebooks_have_the_text_and_code_of_their_tutorials():
    make = maker()
    paths = sorted((DOCS / "notebooks").glob("*.ipynb"))
    assert {path.stem for path in paths} == set(make.TUTORIALS) and len(paths) == 3
    for path in paths:
        assert json.loads(path.read_text()) == make.notebook(path.stem), path.stem


def code_of(name):
    """Sources of a notebook's code cells."""
    book = json.loads((DOCS / "notebooks" / f"{name}.ipynb").read_text())
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in cells]


def test_ones_own_network_loss_step_and_score_are_sixty_lines_that_run(
    capsys, monkeypatch
):
    monkeypatch.delenv("JAXGAN_REPOSITORY", raising=False)
    install, *program = code_of("your_own")
    lines = [line for cell in program for line in cell.splitlines() if line.strip()]
    assert len(lines) <= 60
    few = "\n".join(program).replace("num_steps=1500", "num_steps=20")
    assert "num_steps=20" in few
    names = {"__name__": "__main__"}
    exec(install, names)  # which finds jaxgan here, and installs nothing
    exec(few.replace("chunk_steps=500", "chunk_steps=10"), names)
    said = capsys.readouterr().out
    gaps = re.findall(r"learning rate [\d.]+: gap ([\d.]+)", said)
    # Points of a circle of radius 1 are within its diameter of one another.
    assert len(gaps) == 3 and all(0 < float(gap) < 2 for gap in gaps)
    assert "'num_fake': 1000" in said


def test_where_jaxgan_is_missing_a_notebook_asks_for_its_repository(monkeypatch):
    install, *_ = code_of("learning_rates")
    monkeypatch.delenv("JAXGAN_REPOSITORY", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AssertionError, match="Give REPOSITORY the address"):
        exec(install, {})
