"""The directive `catalogue`: tables of what jaxgan has, from the code itself.

    ```{catalogue} losses
    ```

Objectives, steps and scores are read from docstrings: what a thing is, its equation,
the papers of `References` and the advice of `When`. Those that a table of the package
has by name come first, then those whose docstring has a `When`.
"""

import ast
import importlib
import inspect
import pathlib
import re
from typing import NamedTuple

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

ROOT = pathlib.Path(__file__).parents[2]

REGISTRIES = {
    "losses": ("LOSSES", "TERMS"),
    "penalties": ("PENALTIES",),
    "divergences": (),
    "gradients": (),
    "steps": ("RULES",),
    "scores": (),
}
"""By part of the package, its tables by name."""

EXAMPLES = {
    "mlp": [((2,), {})],
    "conv": [((28, 28, 1), {})],
    "dcgan": [((64, 64, 3), {}), ((32, 32, 3), {}), ((28, 28, 1), {})],
    "resnet": [
        ((32, 32, 3), {}),
        ((32, 32, 3), {"generator_width": 128, "pooling": "mean"}),
    ],
    "sagan": [((128, 128, 3), {})],
    "r3gan": [((32, 32, 3), {"width": 768, "groups": 96}), ((32, 32, 3), {})],
    "wavegan": [((16384, 1), {})],
    "video_dcgan": [((32, 64, 64, 3), {"stages": 4, "width": 64})],
}
"""Of architectures, samples and numbers at which their parameters are counted."""

OTHER_EXAMPLES = [
    ((32, 32, 3), {}),
    ((28, 28, 1), {}),
    ((16, 64, 64, 3), {}),
    ((16384, 1), {}),
    ((64,), {}),
]


def setup(app):
    app.add_directive("catalogue", Catalogue)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Catalogue(SphinxDirective):
    required_arguments = 1

    def run(self):
        kind = self.arguments[0]
        lines = described(kind) if kind in REGISTRIES else OTHERS[kind]()
        text = "\n".join(lines)
        found = self.parse_text_to_nodes(text, allow_section_headings=False)
        for node in found:
            if isinstance(node, nodes.table):
                node["classes"].append("catalogue")
        return found


class Entry(NamedTuple):
    """What a docstring says, as Markdown."""

    what: str
    papers: str
    when: str


def described(part):
    """A row for each function of a part that has a place in its table."""
    module = importlib.import_module(f"jaxgan.{part}")
    yield from head("name", "what it is", "paper", "when to use it")
    named = [name for table in REGISTRIES[part] for name in getattr(module, table)]
    every = getattr(module, "__all__", vars(module))
    for name in dict.fromkeys([*named, *every]):
        value = getattr(module, name, None)
        found = read(docstring(module, name))
        if not found.papers and inspect.isfunction(value):
            found = found._replace(papers=papers_of_module(value))
        if getattr(value, "__name__", name) in set(every) - {name}:
            found = Entry(f"The same as `{value.__name__}`.", found.papers, found.when)
        if name in named or (inspect.isfunction(value) and found.when):
            yield row(f"{{py:obj}}`{name} <jaxgan.{part}.{name}>`", *found)


def docstring(module, name):
    value = getattr(module, name, None)
    if callable(value) and not isinstance(value, tuple):
        return inspect.getdoc(value) or ""
    # Something without a docstring of its own, such as a pair: that of its line.
    source = importlib.import_module(home(module, name))
    found = ModuleAnalyzer.for_module(source.__name__).find_attr_docs()
    return "\n".join(found.get(("", name), [f"See the docstring of {name}."]))


def home(module, name):
    """The module from which a part takes a name."""
    tree = ast.parse(pathlib.Path(module.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if name in (alias.asname or alias.name for alias in node.names):
                return node.module
    return module.__name__


def read(text):
    """A docstring's summary and equation, papers and advice."""
    what, *blocks = re.split(r"\n\s*\n", text)
    if blocks and "`" in blocks[0] and not re.match(r"[A-Z]\w+:\n", blocks[0]):
        what += " " + sentences(blocks[0])
        if len(blocks) > 1 and blocks[1].startswith("    "):
            # The equation stands below, in lines of its own.
            what += f" `{one_line(blocks[1]).rstrip(',.')}`"
    return Entry(one_line(what), papers(section(text, "References")), advice(text))


def papers_of_module(function):
    """What the module of a function cites, if that is one paper."""
    text = inspect.getdoc(inspect.getmodule(inspect.unwrap(function))) or ""
    found = papers(section(text, "References"))
    return "" if ";" in found else found


def sentences(block):
    """The first sentences of a paragraph, up to the first that has code."""
    found = ""
    for sentence in re.split(r"(?<=[\w`)]\.) ", one_line(block)):
        if not sentence.startswith("Arguments"):
            found = f"{found} {sentence[0].upper()}{sentence[1:]}"
        if "`" in found:
            break
    return found.strip()


def advice(text):
    return one_line(section(text, "When"))


def section(text, name):
    found = re.search(rf"^{name}:\n((?:  .*\n?|\n)+)", text, re.MULTILINE)
    return found.group(1) if found else ""


def papers(text):
    """`Author et al. 2016`, with their addresses where they have any."""
    found = []
    for piece in references(text):
        author = re.match(r"\W*([^,]+),", piece)
        link = re.search(r"https?://[^\s,]+", piece)
        year = re.search(r"\b(1[89]|20)\d\d\b", re.sub(r"https?://\S+", "", piece))
        if author and year:
            name = f"{author.group(1).strip()} {year.group()}"
            found.append(f"[{name}]({link.group()})" if link else name)
    return "; ".join(found)


def references(text):
    """A text of each, which ends a line with its year or its address."""
    piece = ""
    for line in text.split("\n"):
        piece = f"{piece} {line.strip()}"
        if re.search(r"(\b\d{4}|https?://\S+)( \(.*\))?[.;]?$", piece):
            yield piece
            piece = ""
    yield piece


def one_line(text):
    return " ".join(text.split())


def head(*titles):
    return [row(*titles), "|" + " --- |" * len(titles)]


def row(*cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def network_rows():
    from jaxgan import networks

    yield from head("name", "what it is", "shape of a sample", "parameters", "paper")
    for name, architecture in networks.ARCHITECTURES.items():
        module = inspect.getmodule(architecture.build)
        about = inspect.getdoc(module) or ""
        yield row(
            f"{{py:obj}}`{name} <{module.__name__}.{name}>`",
            one_line(about.split("\n\n")[0]),
            sizes(module),
            "; ".join(counts(name)),
            papers_in(about),
        )


def sizes(module):
    """What the first generator, or the builder, of a module says of its shape."""
    text = inspect.getsource(module)
    one = re.compile(r"^\s+shape: (.+?)(?:\.\n|;|\n\s+\w+(?:, \w+)*:)", re.M | re.S)
    found = one.search(text)
    return one_line(found.group(1)) if found else ""


def papers_in(text):
    """Papers with an address that running text names."""
    link = r"(?:,[^()]{0,120}?)?,? ?\(?((?:19|20)\d\d),?\s\(?(https?://[^\s,;)]+[^\s,;).:])"
    named = re.findall(r"([A-Z]\w+(?: et al\.| and [A-Z]\w+)?)" + link, one_line(text))
    return "; ".join(f"[{who} {year}]({where})" for who, year, where in named)


def counts(name):
    """Parameters of both players, from the shapes of the networks themselves."""
    if name in EXAMPLES:
        return [count(name, shape, numbers) for shape, numbers in EXAMPLES[name]]
    for shape, numbers in OTHER_EXAMPLES:
        try:
            return [count(name, shape, numbers)]
        except ValueError:
            continue  # not a shape that this architecture makes
    return []


def count(name, shape, numbers):
    import jax

    from jaxgan import gan

    params, _ = jax.eval_shape(gan.make(name, shape, **numbers).init, jax.random.key(0))
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(own)) for own in params]
    at = "x".join(map(str, shape))
    more = "".join(f", {key} {value}" for key, value in numbers.items())
    return f"{sizes[0]:,} and {sizes[1]:,} ({at}{more})"


def optimizer_rows():
    from jaxgan.steps import families

    yield from head("name", "what it is", "numbers that may be traced", "paper")
    for name, family in families.OPTIMIZERS.items():
        factory = family.factory
        text = inspect.getdoc(getattr(factory, "func", factory)) or ""
        numbers = ", ".join(f"`{number}`" for number in families.takes(name))
        yield row(f"`{name}`", one_line(text.split("\n\n")[0]), numbers, cited(text))


def cited(text):
    """The first paper of a docstring, in the styles of optax and of jaxgan."""
    found = re.search(
        r"^\s*([A-Z][\w-]+)[^`\n]*[`\s<]+.*?<(http[^>]+)>.*?\b((?:19|20)\d\d)\b",
        section(text, "References"),
        re.DOTALL | re.MULTILINE,
    )
    if found:
        return f"[{found.group(1)} et al. {found.group(3)}]({found.group(2)})"
    return papers(section(text, "References"))


def schedule_rows():
    from jaxgan.steps import schedules

    yield from head("shape", "factor", "numbers")
    for name, shape in schedules.SHAPES.items():
        text = one_line((inspect.getdoc(shape) or "").split("\n\n")[0])
        numbers = list(inspect.signature(shape).parameters.values())[1:]
        yield row(f"`{name}`", text, ", ".join(map(number_of, numbers)))


def number_of(parameter):
    """A number of a schedule, with its default in brackets."""
    if parameter.kind is parameter.VAR_KEYWORD:
        return "`at_1`, `factor_1`, `at_2`, `factor_2`, ..."
    required = parameter.default is parameter.empty
    return f"`{parameter.name}`" + ("" if required else f" ({parameter.default:g})")


def score_name_rows():
    from jaxgan.scores import by_name

    yield from head("name", "needs", "samples it needs at least")
    for name, named in by_name.SCORES.items():
        needs = "class probabilities" if named.classes else ""
        needs = "labels" if named.labels else needs
        yield row(f"`{name}`", needs, str(named.least))


def experiment_rows():
    from jaxgan.scripts import console

    yield from head("command", "question")
    for name, path in console.scripts().items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        yield row(f"`jaxgan {name}`", text.partition("\n")[0])


def findings():
    """The comments at the head of each script of `findings/`."""
    item = re.compile(r"^(\w+): +(.+?)(?=^\w+: |\Z)", re.MULTILINE | re.DOTALL)
    for path in sorted((ROOT / "findings").glob("*.sh")):
        lines = path.read_text(encoding="utf-8").split("\n")[1:]
        head = [line[2:] for line in lines[: lines.index("set -euo pipefail")]]
        yield f"**{head[0]}**"
        yield ""
        for name, text in item.findall("\n".join(head[1:])):
            yield f"* *{name}*: {one_line(text)}"
        yield f"* *Script*: `bash findings/{path.name}`"
        yield ""


OTHERS = {
    "networks": network_rows,
    "optimizers": optimizer_rows,
    "schedules": schedule_rows,
    "score_names": score_name_rows,
    "experiments": experiment_rows,
    "findings": findings,
}
