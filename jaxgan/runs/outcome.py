"""What became of a run: whether anything lives, what it has cost, its curves."""

import pathlib
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import reports, training
from jaxgan.core import errors
from jaxgan.runs import trainers


def require_alive(
    members: trainers.Members, history: list[training.Report], log: pathlib.Path
) -> None:
    """Refuses a population without a member that has anything to show.

    Raises:
      UserError: if no member is alive.
    """
    if not members.state.alive.any():
        raise errors.UserError(
            "--learning-rate: all "
            f"{reports.count(len(members.keys), 'member')} diverged within "
            f"{reports.count(history[-1].step, 'step')}, see {log}; lower it, or "
            "choose another loss or penalty."
        )


def record(
    trainer: trainers.Trainer,
    members: trainers.Members,
    history: list[training.Report],
    *,
    num_seeds: int,
    batch_size: int,
) -> dict[str, Any]:
    """What training has cost, per seed where it says nothing else, and how it went.

    Args:
      trainer: of the population.
      members: trained.
      history: from `train`.
      num_seeds: runs that the members belong to, as many of them to each.
      batch_size: samples in a player's step.

    Returns:
      `dead_members` and `members` of all seeds, `parameters`, `steps` of each member,
      `generator_updates`, `real_samples`, `teraflops`, `train_seconds` of all seeds,
      and per chunk the `share_trained` and the members' `accuracy`.
    """
    num_steps, total = history[-1].step, len(members.keys)
    updates = num_steps * total // num_seeds
    sizes = map(jnp.size, jax.tree.leaves(members.state.params))
    return {
        "dead_members": int((~members.state.alive).sum()),
        "members": total,
        "parameters": sum(sizes) // num_seeds,
        "steps": num_steps,
        "generator_updates": updates,
        "real_samples": updates * batch_size * trainer.made.parts,
        "teraflops": updates * trainer.flops / 1e12,
        "train_seconds": sum(report.seconds for report in history),
        "share_trained": [report.step / num_steps for report in history],
        "accuracy": [report.metrics["discriminator_accuracy"] for report in history],
    }


def save_curves(history: list[training.Report], folder: pathlib.Path) -> None:
    """Saves the pictures `training.png`, of the accuracy, and `losses.png`."""
    at = [report.step for report in history]
    title = "The players while they train: mean and range over the members"
    for name, what in {"training": "accuracy", "losses": "loss"}.items():
        curves = {
            key.replace("_", " "): (at, [report.metrics[key] for report in history])
            for key in history[0].metrics
            if key.endswith(what)
        }
        reports.save_curves(folder / f"{name}.png", curves, ylabel=what, title=title)
