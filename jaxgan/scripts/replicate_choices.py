"""Which weights of each seed are kept: the last ones, or the best by a score.

The score that chooses is of other generated samples, and of other real ones, than the
scores that are reported: a number that was chosen for being good is no estimate.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan import ensembles, runs, scores, types
from jaxgan.core import randomness
from jaxgan.data import dataset, setting_aside
from jaxgan.runs import best as best_lib
from jaxgan.scores import objectives, suites
from jaxgan.scripts import cli, replicates

LAST, BEST = "last", "best:"


def check(asked: Any) -> None:
    """Asks for settings that go together.

    Args:
      asked: settings with `keep`, `patience` and `evaluations`.

    Raises:
      UserError: if they do not, or no data have such a score.
    """
    need = f"it must be {LAST} or {BEST}SCORE, such as {BEST}frechet_distance"
    known = asked.keep == LAST or asked.keep.removeprefix(BEST) not in ("", asked.keep)
    cli.require(known, "--keep", asked.keep, need)
    chosen = is_chosen(asked)
    need = "it goes with --keep best:SCORE"
    cli.require(asked.patience is None or chosen, "--patience", asked.patience, need)
    need = "it needs --evaluations, at which the seeds are scored"
    cli.require(asked.evaluations > 0 or not chosen, "--keep", asked.keep, need)
    if chosen:
        with cli.flag("--keep", asked.keep):
            objectives.check(asked.keep.removeprefix(BEST))


def is_chosen(asked: Any) -> bool:
    """Whether the best weights are kept."""
    return asked.keep != LAST


def set_aside(
    asked: Any, data: dataset.Dataset
) -> tuple[dataset.Dataset, dataset.Split | None]:
    """The data to score by, and those to choose by, which are None for the last ones.

    Raises:
      UserError: if there are too few held-out samples, or no scores.
    """
    if not is_chosen(asked):
        return data, None
    need = f"the data have no scores, as they have no labels; give {LAST}"
    cli.require(suites.is_known(data), "--keep", asked.keep, need)
    with cli.flag("--keep", asked.keep):
        return setting_aside.halve(data)


def rule(
    asked: Any,
    gan: types.GAN,
    suite: suites.Suite | None,
    generators: Callable[[runs.Members], ensembles.Mixture],
    chosen_by: dataset.Split | None,
) -> runs.Rule | None:
    """The rule that is asked for, or None to keep the last weights.

    Args:
      asked: settings as for `check`, with `samples` and `seed`.
      gan: that the members are trained as.
      suite: that chooses, or None if none does.
      generators: `members -> mixture` of them.
      chosen_by: from `set_aside`.

    Raises:
      UserError: if there is no such score.
    """
    if chosen_by is None or suite is None:
        return None
    real = suite(dataset.to_float(chosen_by.x)[None])
    known = {name: scores.to_dict(own) for name, own in real.items()}
    with cli.flag("--keep", asked.keep):
        asked_for = asked.keep.removeprefix(BEST)
        by = objectives.chosen(asked_for, objectives.names({"real": known}))
    costs = functools.partial(_costs, asked, gan, suite, generators, by)
    return runs.Rule(costs, asked.evaluations, asked.patience)


def _costs(
    asked: Any,
    gan: types.GAN,
    suite: suites.Suite,
    generators: Callable[[runs.Members], ensembles.Mixture],
    by: str,
    members: runs.Members,
) -> np.ndarray:
    key = jax.random.fold_in(randomness.key(asked.seed), 3)
    found = suite(replicates.sample(gan, generators(members), key, asked.samples))
    return objectives.costs(jax.device_get(objectives.measured(found)), by)


def record(
    asked: Any, best: runs.Best | None, chosen_by: dataset.Split | None
) -> dict[str, Any]:
    """What was kept, for `scores.json`; empty where it is the last weights.

    Returns:
      `kept` with the score `by`, the `values` `[P]` at the best evaluation (None where
      no evaluation had a number), their steps `at`, the steps at which seeds `stopped`
      (None where they did not), and the number of held-out samples that `chose`.
    """
    if best is None or chosen_by is None:
        return {}
    by = asked.keep.removeprefix(BEST)
    values = objectives.costs({by: best.cost}, by)
    known = zip(values.tolist(), best.step.tolist(), strict=True)
    return {
        "kept": {
            "by": by,
            "values": [value if step else None for value, step in known],
            "at": best.step.tolist(),
            "stopped": [
                None if step == best_lib.NEVER else step
                for step in best.stopped.tolist()
            ],
            "evaluations": asked.evaluations,
            "patience": asked.patience,
            "chose": len(chosen_by.x),
        }
    }


def sentences(kept: Mapping[str, Any], scored: int) -> list[str]:
    """What was kept, in words.

    Args:
      kept: from `record`.
      scored: held-out samples that were not used to choose.
    """
    said = [
        f"Of each seed the weights with the best {kept['by'].replace('_', ' ')} at any "
        f"evaluation are kept. It was measured with {kept['chose']:,} held-out samples "
        "and generated ones of its own; the scores of the table compare other "
        "generated samples with the training samples and the other "
        f"{scored:,} held-out ones."
    ]
    rows = zip(kept["values"], kept["at"], kept["stopped"], strict=True)
    for seed, (value, at, stopped) in enumerate(rows):
        own = "no evaluation gave a number, so that it has its last weights"
        if value is not None:
            own = f"{value:.4g} at step {at}"
        end = "" if stopped is None else f"; it stopped at step {stopped}"
        said.append(f"seed {seed}: {own}{end}")
    return said
