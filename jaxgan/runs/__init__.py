"""Training as a script sees it: logged, shown, saved, resumed, and with pauses.

    trainer = runs.trainer(made, batch_size, hparams, data, mapper)
    members = runs.begin(trainer, hparams, key, data)
    members, history = runs.train(trainer, members, data, ..., saving=runs.Saving(...))

A run that was stopped is started again in the same way: `train` finds the newest
checkpoint that is whole, makes the log end where that was taken, and goes on from there
as if nothing had happened, to the last bit.
"""

from jaxgan.runs.best import Best, Rule, is_over
from jaxgan.runs.hooks import Hook
from jaxgan.runs.loop import Trained, train, train_best
from jaxgan.runs.outcome import record, require_alive, save_curves
from jaxgan.runs.pauses import spread
from jaxgan.runs.saving import Saving
from jaxgan.runs.trainers import (
    Members,
    Trainer,
    begin,
    begin_at,
    dry_run,
    first_that_fits,
    trainer,
)

__all__ = [
    "Best",
    "Hook",
    "Members",
    "Rule",
    "Saving",
    "Trained",
    "Trainer",
    "begin",
    "begin_at",
    "dry_run",
    "first_that_fits",
    "is_over",
    "record",
    "require_alive",
    "save_curves",
    "spread",
    "train",
    "train_best",
    "trainer",
]
