"""Where modules are that were elsewhere in version 0.1 before its layout changed.

An import by the old name fails with a sentence that has the new one. To be removed with
version 0.2.
"""

import importlib.abc
import sys
from typing import Any

MOVED = {
    "arms": "scripts.ensemble_arms",
    "checkpoint.kept": "checkpoint.file_cache",
    "cli": "scripts.cli",
    "clusters": "core.distributed.clusters",
    "curves": "runs.learning_curves",
    "decompositions": "core.decompositions",
    "errors": "core.errors",
    "distributed": "core.distributed",
    "evaluations": "runs.evaluations",
    "export": "ensembles.export",
    "fate": "core.distributed.failure",
    "files": "core.files",
    "generated": "ensembles.saved_generators",
    "health": "runs.health",
    "hosts": "core.distributed.processes",
    "journal": "runs.journal",
    "meeting": "core.distributed.rendezvous",
    "memory": "training.memory",
    "methods": "training.methods",
    "pages": "runs.pages",
    "placement": "core.distributed.placement",
    "precision": "core.precision",
    "randomness": "core.randomness",
    "replicates": "scripts.replicates",
    "scores.panels": "scores.suites",
    "scores.passes": "scores.feature_passes",
    "scoring": "scripts.scoring",
    "settings": "scripts.settings",
    "setups": "scripts.from_settings",
    "signals": "core.signals",
    "sweeps.comparisons": "sweeps.analysis.comparisons",
    "sweeps.halving": "sweeps.search.asynchronous_halving.rule",
    "sweeps.importance": "sweeps.analysis.importance",
    "sweeps.lineages": "sweeps.search.pbt.lineages",
    "sweeps.objectives": "scores.objectives",
    "sweeps.page_fields": "sweeps.page.hyperparameters",
    "sweeps.page_populations": "sweeps.page.populations",
    "sweeps.pbt": "sweeps.search.pbt.rule",
    "sweeps.statistics": "sweeps.analysis.statistics",
    "sweeps.successive": "sweeps.search.successive_halving.rule",
    "sweeps.summaries": "sweeps.analysis.summaries",
}
"""By the old name the new one, both below `jaxgan`."""

OF_STUDIES = {
    "asking": "sweeps.search.optuna.driver",
    "evolution": "sweeps.search.pbt.driver",
    "halvings": "sweeps.search.asynchronous_halving.driver",
    "histories": "sweeps.search.optuna.histories",
    "objectives": "scores.objectives",
    "planning": "sweeps.estimates",
    "populations": "sweeps.studies",
    "questions": "sweeps.search.optuna.questions",
    "recipes": "sweeps.recipes",
    "rounds": "sweeps.search.rounds",
    "searches": "sweeps.search.by_name",
    "specification": "sweeps.specification",
    "synchronous": "sweeps.search.successive_halving.driver",
}
"""What was in `jaxgan.studies`."""


class Finder(importlib.abc.MetaPathFinder):
    """Finds nothing, and says where what has moved is now.

    Asked first, as folders of old modules stay where Python has compiled them.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        del path, target
        name = fullname.removeprefix("jaxgan.")
        if name != fullname and (said := sentence(name)):
            # Not a ModuleNotFoundError, whose words `from jaxgan import` would drop.
            raise ImportError(said)


def sentence(name: str) -> str | None:
    """Where a module below `jaxgan` has gone, or None if it was never there."""
    if name == "studies" or name.startswith("studies."):
        parts = [f"{old} is jaxgan.{new}" for old, new in OF_STUDIES.items()]
        return f"jaxgan.studies is now in jaxgan.sweeps: {', '.join(parts)}."
    if name in MOVED:
        return f"jaxgan.{name} is now jaxgan.{MOVED[name]}; change the import."
    return None


def say_where() -> None:
    """Makes imports by old names say the new ones."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
