"""Values that look good and are not: what a perfect generator would not show.

Rules on records as `scores.to_dict` gives them; records of older runs that lack what a
rule asks for pass it.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

NARROW = 0.75
"""Share of the real variance in a mode or a class below which it has collapsed."""

SURE = 3.0
"""Standard errors of a perfect generator above its own score that are no luck."""


def of(records: Mapping[str, Any], at: tuple[str, str]) -> str | None:
    """What is wrong with the mean over seeds of a score, in words, or None.

    Args:
      records: of a suite, by their names.
      at: the names of a score and of a field of its record.
    """
    rule = RULES.get(at)
    return None if rule is None or at[0] not in records else rule(records[at[0]])


def _too_many_good(record: Mapping[str, Any]) -> str | None:
    """More good samples than the tails of the modes allow."""
    protocol = record.get("protocol", {})
    ceiling, found = protocol.get("high_quality_ceiling"), _mean(record["high_quality"])
    if ceiling is None or math.isnan(found):
        return None
    number = protocol["num_samples"] * np.size(record["high_quality"])
    sure = SURE * math.sqrt(ceiling * (1 - ceiling) / number)
    if found <= ceiling + sure:
        return None
    return f"more than the {ceiling:.3f} of a perfect generator: modes are too narrow"


def _too_narrow(record: Mapping[str, Any]) -> str | None:
    least = math.sqrt(NARROW)
    if not _mean(record["value"]) < least:
        return None
    return f"less than {least:.2f} of the real deviation: collapse within modes"


def _too_many_copies(record: Mapping[str, Any]) -> str | None:
    """More near copies than among real samples."""
    value, real = np.asarray(record["value"], float).ravel(), _mean(record["floor"])
    number = record["protocol"]["num_samples"] * max(1, np.sum(~np.isnan(value)))
    sure = SURE * math.sqrt(real * (1 - real) / number)
    # The floor is measured too, of as many real samples as one seed has.
    sure += SURE * math.sqrt(real * (1 - real) / record["protocol"]["num_real"])
    if not _mean(value) > real + sure:
        return None
    return f"more than the {real:.2f} of real samples: copies, or all too alike"


def _too_alike(record: Mapping[str, Any]) -> str | None:
    # Older records have what real data show as a ceiling.
    real = record.get("target", record.get("ceiling"))
    if real is None or not _mean(record["value"]) < NARROW * _mean(real):
        return None
    return f"less than {NARROW:g} of the real diversity: collapse within classes"


def _mean(values: Any) -> float:
    values = np.asarray(values, float).ravel()
    alive = values[~np.isnan(values)]
    return float(alive.mean()) if len(alive) else math.nan


RULES = {
    ("coverage", "high_quality"): _too_many_good,
    ("within_mode_deviation", "value"): _too_narrow,
    ("within_class_diversity", "value"): _too_alike,
    ("memorisation", "value"): _too_many_copies,
    ("repetition", "value"): _too_many_copies,
}
