"""What is wrong with a member, as its metrics show it.

Rules of thumb with stated limits: they say where to look, and decide nothing.
"""

from collections.abc import Sequence

import numpy as np

from jaxgan import training

LONG = 0.25
"""Share of the run, at its end, over which something must hold to be found."""

WON, LOST = 0.99, 0.05
"""Accuracies at which a discriminator has no more to learn, or has learnt nothing."""

COLLAPSED = 1e-2
"""Mean standard deviation of generated samples in a batch; data are of the order 1."""

EXPLODING = 1e3
"""Ratio of a gradient's norm to its median over the run."""

VANISHED = 1e-2
"""Ratio of the norm of the generator's gradient to its largest over the run.

Measured on digits by experiments/vanishing_gradients.py, against a discriminator with
five steps and twenty times the learning rate, which is nearly always right: the
saturating loss ends at less than 0.001 of its largest norm with each of four seeds, and
the non-saturating one, which still learns, at more than 0.5."""


def findings(history: Sequence[training.Report]) -> dict[str, np.ndarray]:
    """Finds members that diverged or collapsed.

    Args:
      history: reports of all chunks, with the metrics of `gradients`.

    Returns:
      By name, `[P]` bool: `dead`; and of members alive, over the last quarter of the
      run, `discriminator_won` (accuracy at least 0.99) and `discriminator_lost` (at
      most 0.05); `collapsed` (samples of a batch deviate by at most 0.01);
      `gradient_vanished` (that of the generator is at most a hundredth of its largest,
      while the discriminator has won); and `gradient_exploding` (a norm at the end of
      a thousand times its median).
    """
    alive = history[-1].alive
    late = history[-max(1, round(LONG * len(history))) :]

    def of_all(name: str, reports: Sequence[training.Report]) -> np.ndarray:
        return np.array([report.metrics[name] for report in reports])

    accuracy = of_all("discriminator_accuracy", late)
    found = {
        "discriminator_won": (accuracy >= WON).all(0),
        "discriminator_lost": (accuracy <= LOST).all(0),
        "collapsed": (of_all("fake_deviation", late) <= COLLAPSED).all(0),
    }
    largest = of_all("generator_gradient_norm", history).max(0)
    small = of_all("generator_gradient_norm", late) <= VANISHED * largest
    found["gradient_vanished"] = small.all(0) & found["discriminator_won"]
    exploding = np.zeros_like(alive)
    for player in ("generator", "discriminator"):
        norms = of_all(f"{player}_gradient_norm", history)
        exploding |= norms[-1] > EXPLODING * np.median(norms, axis=0)
    found["gradient_exploding"] = exploding
    return {"dead": ~alive} | {name: members & alive for name, members in found.items()}


def sentence(found: dict[str, np.ndarray]) -> str | None:
    """Says which members something was found of, or None if there is nothing."""
    parts = [
        f"{name.replace('_', ' ')}: {', '.join(map(str, np.flatnonzero(members)))}"
        for name, members in found.items()
        if members.any()
    ]
    return "members to look at: " + "; ".join(parts) if parts else None
