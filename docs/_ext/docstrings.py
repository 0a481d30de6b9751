"""Docstrings of this project as reStructuredText, which they are only nearly.

They are Google style with Markdown's code and tables. What reStructuredText would take
for its own markup is escaped, so that no docstring has to know of it.
"""

import re

from sphinx import addnodes

CODE = re.compile(r"(?<!`)`([^`\s](?:[^`]*[^`\s])?)`(?!`)")
EMPHASIS = re.compile(r"(?<![\w*\\])\*(\w[^*\n]*)\*(?![\w*])")
SECTION = re.compile(
    r"(Args|Attributes|Example|Examples|Raises|References|Returns|When|Yields|Note):$"
)
FIELD_OF_TUPLE = "Alias for field number"


def setup(app):
    # Before napoleon, which makes fields of the sections.
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-docstring", plain, priority=600)
    app.connect("autodoc-process-signature", sign)
    app.connect("autodoc-skip-member", skip)
    app.connect("object-description-transform", without_value)
    app.docstrings_of_data = {}
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def process(app, what, name, obj, options, lines):
    lines[:] = restructured("\n".join(lines)).split("\n")
    if what in ("data", "attribute"):
        app.docstrings_of_data[name] = list(lines)


def skip(app, what, name, obj, skipped, options):
    """Fields of named tuples, which the section `Attributes` describes."""
    if (getattr(obj, "__doc__", None) or "").startswith(FIELD_OF_TUPLE):
        return True
    return None


def restructured(text):
    found, in_section = [], False
    for block in re.split(r"\n(?:[ ]*\n)+", text):
        lines = block.split("\n")
        if not lines[0].startswith(" "):
            in_section = bool(SECTION.match(lines[0]))
        if all(line.lstrip().startswith("|") for line in lines):
            found.append(table(lines))
        elif (
            not in_section and lines[0].startswith("    ") and not is_doctest(lines[0])
        ):
            found.append("::\n\n" + block)
        elif is_doctest(lines[0]) or lines[0] in ("Example:", "Examples:"):
            found.append(block)
        else:
            found.append(inline(block))
    return "\n\n".join(found)


def is_doctest(line):
    return line.lstrip().startswith(">>>")


def inline(text):
    """A paragraph, its code as literals and nothing else taken for markup."""
    pieces, end = [], 0
    for code in CODE.finditer(text):
        pieces.append(escaped(text[end : code.start()]))
        glued = text[code.end() : code.end() + 1]
        before = text[: code.start()][-1:]
        pieces.append("\\ " if before.isalnum() or before in "^=+~_" and before else "")
        pieces.append(f"``{code.group(1)}``")
        pieces.append("\\ " if glued.isalnum() or glued in "^=+~_" and glued else "")
        end = code.end()
    return "".join([*pieces, escaped(text[end:])])


def escaped(text):
    kept = EMPHASIS.sub("\0\\1\0", text)
    kept = re.sub(r"(?m)^(\s*)\* ", "\\1\1 ", kept)
    kept = re.sub(r"(?m)^(\s*)(\*+)(?=\w+:)", lambda m: m[1] + "\2" * len(m[2]), kept)
    kept = kept.replace("*", "\\*").replace("|", "\\|").replace("`", "\\`")
    kept = re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", kept)
    return kept.replace("\0", "*").replace("\1", "*").replace("\2", "*")


def table(lines):
    """A Markdown table as a list table."""
    indent = " " * (len(lines[0]) - len(lines[0].lstrip()))
    rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines]
    rows = [[inline(cell.strip()) for cell in row] for row in [rows[0], *rows[2:]]]
    found = [f"{indent}.. list-table::", f"{indent}   :header-rows: 1", ""]
    for row in rows:
        starts = ["* - ", *["  - "] * (len(row) - 1)]
        found += [f"{indent}   {a}{b}" for a, b in zip(starts, row, strict=True)]
    return "\n".join(found)


SPELT = {
    "Array | ndarray | bool | number | bool | int | float | complex": "ArrayLike",
    "jax.jaxlib._jax.Array": "jax.Array",
    "jax.Array | numpy.ndarray | bool | numpy.number | bool | int | float | complex": (
        "ArrayLike"
    ),
}
"""What types are called for short."""

OF_FLAX = re.compile(r", parent: .*$")
"""Arguments that Flax gives to every module."""


def plain(app, what, name, obj, options, lines):
    """After napoleon: types for short, and the lines of data as they were.

    Napoleon takes what stands before the first colon of these for a type.
    """
    if what in ("data", "attribute"):
        lines[:] = app.docstrings_of_data.pop(name, lines)
    for number, line in enumerate(lines):
        for long, short in SPELT.items():
            line = line.replace(long, short)
        lines[number] = line


def sign(app, what, name, obj, options, signature, returns):
    def short(text):
        for long, name in SPELT.items():
            text = text and text.replace(long, name)
        return text

    if what == "class" and signature and ", parent: " in signature:
        signature = OF_FLAX.sub(")", signature)
    return short(signature), short(returns)


def without_value(app, domain, kind, content):
    """Takes away the values of tables, which are addresses of functions."""
    if kind == "data":
        for node in list(content.parent.findall(addnodes.desc_annotation)):
            if node.astext().startswith(" ="):
                node.parent.remove(node)
