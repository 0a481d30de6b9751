"""How Sphinx builds the documentation: `sphinx-build -W docs docs/_build/html`."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]
# Tutorials run in processes of their own, which find the package and its command as
# this one does.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")])
)
os.environ["PATH"] = os.pathsep.join(
    [str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]
)
# Without it JAX says on a CPU that it has looked for other devices.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jaxgan

project, author = "jaxgan", "the jaxgan authors"
copyright = "the jaxgan authors, Apache-2.0"
version = release = jaxgan.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "docstrings",
    "api_pages",
    "tables",
]
exclude_patterns = ["_build", "_ext", "notebooks", "jupyter_execute"]

html_theme = "furo"
html_title = "jaxgan"
html_static_path = ["_static"]
html_css_files = ["tables.css"]

myst_enable_extensions = ["dollarmath", "fieldlist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
# What a page that does not run cannot know, as when links alone are checked.
suppress_warnings = ["myst-nb.lexer"]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autosummary_generate = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["When"]
doctest_global_setup = """
import jax, jax.numpy as jnp
from jaxgan import divergences, losses, penalties, population, scores, steps
"""

linkcheck_anchors = False
linkcheck_timeout = 20
