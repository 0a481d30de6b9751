"""Which score a search or a run goes by, and which way is better."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxgan.core import errors
from jaxgan.scores import record as record_lib

MORE_IS_BETTER = {
    *("inception_score", "modes", "high_quality", "finite"),
    *("precision", "recall", "f1", "f_8", "density", "coverage", "f_1_8"),
    *("clipped_density", "clipped_coverage", "tail_recall", "head_recall"),
    *("probe_accuracy", "motion_match", "matched_energy"),
    *("grammar_validity", "productions", "bleu"),
}

AS_REAL = {
    *("within_class_diversity", "modified_inception_score", "vendi_score"),
    *("rke_mode_count", "entropy", "distinct_share", "self_bleu"),
    "within_mode_deviation",
}
"""Scores of which noise can have more than real data and collapse less, so that neither
direction is better."""

LESS_IS_BETTER = {
    *("reverse_kl", "within_mode_energy", "memorisation", "repetition"),
    *("frechet_distance", "frame_frechet_distance", "difference_frechet_distance"),
    *("ngram_js_1", "ngram_js_2", "ngram_js_3", "ngram_js_4"),
    *("production_kl", "oracle_nll"),
}
"""Of the scores of suites; whatever is in none of the three sets counts like these."""

OTHER = ("floor", "ceiling", "spread", "collapsed")
"""Numbers of a record that are no scores."""

INVERTED = ("recall", "f1")
"""Scores that ask for a generator."""

USUAL = (
    *("difference_frechet_distance", "frechet_distance", "reverse_kl", "f1"),
    "ngram_js_4",
)
"""What a search goes by where nothing is said, the first that there is."""


def names(
    references: Mapping[str, Mapping[str, Mapping[str, Any]]],
    *,
    inverted: bool = False,
    probed: bool = False,
) -> list[str]:
    """The scores that one can go by, as `measured` names them.

    Args:
      references: what the suite says of some samples, see `suites.Scoring`.
      inverted: whether generators are inverted, see `suites.inversion`.
      probed: whether discriminators are, see `sweeps.probed`.
    """
    found = [*INVERTED] if inverted else []
    for name, record in next(iter(references.values())).items():
        if "value" in record:
            found.append(name)
            continue
        numbers = {k: np.ndim(v) for k, v in record.items() if k != "protocol"}
        found += [k for k, dims in numbers.items() if dims == 1 and k not in OTHER]
    return [*found, "probe_accuracy"] if probed else found


def check(by: str) -> None:
    """Asks for a score that some data have, and of which one direction is better.

    For what can be said before there are any samples; `chosen` knows the data.

    Raises:
      UserError: otherwise.
    """
    if by in AS_REAL:
        raise errors.UserError(f"{_no_way_is_better(by)}; choose another.")
    known = sorted(MORE_IS_BETTER | LESS_IS_BETTER)
    if by not in known:
        raise errors.UserError(
            f"no data have a score {by!r}; {errors.choice(by, known)}"
        )


def chosen(by: str | None, known: Sequence[str]) -> str:
    """The score to go by.

    Raises:
      UserError: if there is no such score, or it has no direction, naming others.
    """
    possible = [name for name in known if name not in AS_REAL]
    if by is None:
        by = next((name for name in USUAL if name in possible), possible[0])
    if by in AS_REAL:
        raise errors.UserError(
            f"{_no_way_is_better(by)}; choose among {', '.join(possible)}."
        )
    if by not in possible:
        raise errors.UserError(
            f"there is no score {by!r} of these data; {errors.choice(by, possible)}"
        )
    return by


def _no_way_is_better(by: str) -> str:
    return (
        f"neither more nor less of {by!r} is better, as noise has more of it than real "
        "data"
    )


def costs(measured: Mapping[str, np.ndarray], by: str) -> np.ndarray:
    """A score turned so that less is better, `[P]`; NaN stays, and is worst."""
    values = np.asarray(measured[by], float)
    return -values if by in MORE_IS_BETTER else values


def measured(records: Mapping[str, Any]) -> dict[str, jax.Array]:
    """The numbers `[S]` of a suite's records, by name.

    What is a `Score` gives its value, under its name; any other record gives each of
    its numbers, under theirs, but for floors and ceilings.
    """
    numbers = {}
    for name, own in records.items():
        if isinstance(own, record_lib.Score):
            numbers[name] = own.value
            continue
        for field in dataclasses.fields(own):
            values = getattr(own, field.name)
            if isinstance(values, jax.Array) and values.ndim == 1:
                numbers[field.name] = values
    return {name: own for name, own in numbers.items() if name not in OTHER[:2]}
