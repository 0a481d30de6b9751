"""Experiments with generative adversarial networks, whole populations at a time.

    import jaxgan

    jaxgan.losses.get("hinge")

What is named here is imported when it is first used, so that `import jaxgan` costs
nothing and each part brings only what it needs. Start reading at `jaxgan.types`.
"""

import importlib
from typing import TYPE_CHECKING

from jaxgan.core import moved

__version__ = "0.1.0"

__all__ = [
    "checkpoint",
    "core",
    "data",
    "divergences",
    "dynamics",
    "ensembles",
    "gan",
    "gradients",
    "losses",
    "networks",
    "penalties",
    "population",
    "reports",
    "runs",
    "scores",
    "scripts",
    "steps",
    "sweeps",
    "training",
    "types",
]

if TYPE_CHECKING:
    from jaxgan import (
        checkpoint,
        core,
        data,
        divergences,
        dynamics,
        ensembles,
        gan,
        gradients,
        losses,
        networks,
        penalties,
        population,
        reports,
        runs,
        scores,
        scripts,
        steps,
        sweeps,
        training,
        types,
    )

moved.say_where()


def _load(name: str):
    if name in __all__:
        return importlib.import_module(f"jaxgan.{name}")
    said = moved.sentence(name)
    raise AttributeError(said or f"module 'jaxgan' has no attribute {name!r}")


if not TYPE_CHECKING:
    # Where a type checker sees it, every misspelt name would be right.
    __getattr__ = _load


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
