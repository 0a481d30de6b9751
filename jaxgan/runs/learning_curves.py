"""Learning curves of populations, for a page."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxgan import reports, training, types
from jaxgan.reports import charts

NORM = "gradient norm"

METRICS = {
    "accuracy": ("discriminator_accuracy",),
    NORM: ("discriminator_gradient_norm", "generator_gradient_norm"),
    "loss": ("discriminator_loss", "generator_loss"),
    "spread of samples": ("fake_deviation",),
}
"""What is shown of a population's training, a panel for each."""

TEXT = (
    "Each population while it trains: the line is the median over the members that are "
    "alive, the dark band holds half of them, the light one nine in ten. What is "
    "measured has the same scale in all charts. The norm of the generator's gradient "
    "falls by orders of magnitude where the discriminator is sure of itself and the "
    "loss saturates; it stands below the accuracy."
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
    scales = charts.common_scales(list(every.values()), log=(NORM,))
    for name, (words, history) in histories.items():
        if every[name]:
            said = f"{words}, {reports.count(len(history[0].alive), 'member')}"
            steps = [report.step for report in history]
            figure = charts.ribbons(every[name], steps, said, scales)
            parts.append(
                reports.Chart(f"training-{name}", figure, f"Training: {said}.")
            )
            parts += _layer_norms(name, said, history)
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


def _layer_norms(
    name: str, said: str, history: Sequence[training.Report]
) -> list[reports.Chart]:
    """A chart for each player of which the norms by layer were told."""
    drawn = []
    for player in types.Pair._fields:
        lines = by_layer(player, history)
        if lines:
            figure = charts.curves(lines, "step", f"norm, {player}", log=True)
            words = f"Gradient norm of the {player} by layer, median: {said}."
            drawn.append(reports.Chart(f"layers-{player}-{name}", figure, words))
    return drawn


def by_layer(
    player: str, history: Sequence[training.Report]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By layer the steps `[T]` and the median over the members alive of its norms.

    A median is NaN where nobody is alive; there is nothing if no norms were told.
    """
    front = f"{player}_gradient_norm/"
    steps, found = np.array([report.step for report in history]), {}
    for metric in history[0].metrics:
        told = all(metric in report.metrics for report in history)
        if metric.startswith(front) and told:
            values = [report.metrics[metric][report.alive] for report in history]
            medians = [np.median(own) if own.size else np.nan for own in values]
            found[metric.removeprefix(front)] = steps, np.array(medians)
    return found
