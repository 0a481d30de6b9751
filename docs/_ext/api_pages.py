"""Pages of the reference, one for each part of the package, in `reference/api/`.

A part shows what its `__all__` names, and then its modules that have more to show.
"""

import importlib
import inspect
import pathlib
import pkgutil

import jaxgan

OWN = pathlib.Path(jaxgan.__file__).parent


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(app):
    folder = pathlib.Path(app.srcdir) / "reference" / "api"
    folder.mkdir(exist_ok=True)
    wanted = {f"{name}.md": page(name) for name in jaxgan.__all__}
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def page(name):
    whole = f"jaxgan.{name}"
    part = importlib.import_module(whole)
    shown = exported(part)
    text = f"# {whole}\n\n{documented(whole, sorted(shown), own=True)}"
    seen = {id(getattr(part, one)) for one in shown}
    for module in modules(part):
        left = [one for one, value in public(module) if id(value) not in seen]
        if left:
            text += f"\n## {module.__name__}\n\n{documented(module.__name__, left)}"
    return text


def modules(part):
    """The modules below a part, in the order of their names."""
    if not hasattr(part, "__path__"):
        return []
    found = pkgutil.walk_packages(part.__path__, f"{part.__name__}.")
    names = (info.name for info in found)
    return [
        importlib.import_module(name)
        for name in names
        if not any(word.startswith("_") for word in name.split("."))
    ]


def exported(part):
    """Names that a part gives, but for the modules among them."""
    if not hasattr(part, "__all__"):
        return [name for name, _ in public(part)]
    return [one for one in part.__all__ if not inspect.ismodule(getattr(part, one))]


def public(module):
    """Functions and classes that are defined in a module and have a docstring."""
    return [
        (name, value)
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
        and value.__doc__
    ]


def documented(module, names, own=False):
    lines = ["```{eval-rst}", f".. automodule:: {module}"]
    lines += [f"   :members: {', '.join(names)}"] if names else []
    lines += ["   :imported-members:"] if own else []
    return "\n".join([*lines, "```", ""])
