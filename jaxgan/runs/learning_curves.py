"""Learning curves of populations, for a page."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxgan import reports, training
from jaxgan.reports import charts

METRICS = {
    "accuracy": ("discriminator_accuracy",),
    "loss": ("discriminator_loss", "generator_loss"),
    "spread of samples": ("fake_deviation",),
}
"""What is shown of a population's training, a panel for each."""

TEXT = (
    "Each population while it trains: the line is the median over the members that are "
    "alive, the dark band holds half of them, the light one nine in ten. What is "
    "measured has the same scale in all charts."
)


def sections(
    histories: Mapping[str, tuple[str, Sequence[training.Report]]],
) -> list[reports.Section]:
    """A section with a chart for each population; none if there is nothing to show.

    Args:
      histories: by the name of a file, the population in words and its reports.
    """
    parts = []
    every = {name: by_subject(history) for name, (_, history) in histories.items()}
    scales = charts.common_scales(list(every.values()))
    for name, (words, history) in histories.items():
        if every[name]:
            said = f"{words}, {reports.count(len(history[0].alive), 'member')}"
            steps = [report.step for report in history]
            figure = charts.ribbons(every[name], steps, said, scales)
            parts.append(
                reports.Chart(f"training-{name}", figure, f"Training: {said}.")
            )
    return [reports.Section("Learning curves", TEXT, parts)] if parts else []


def by_subject(history: Sequence[training.Report]) -> dict[str, dict[str, np.ndarray]]:
    """By subject and line values `[T, P]` of `METRICS`, NaN of members that died."""
    if not history:
        return {}
    alive = np.stack([report.alive for report in history])
    found: dict[str, dict[str, np.ndarray]] = {}
    for what, metrics in METRICS.items():
        for metric in metrics:
            if all(metric in report.metrics for report in history):
                values = np.stack([report.metrics[metric] for report in history])
                line = metric.partition("_")[0]
                found.setdefault(what, {})[line] = np.where(alive, values, np.nan)
    return found
