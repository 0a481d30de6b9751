"""A small part of the training images for each seed, learnt and judged.

Arms are those of `experiments/limited_data.py`: records by name, `none` without a
remedy.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxgan import reports, runs, scores, types
from jaxgan.data import dataset, modes, pool
from jaxgan.scores import suites
from jaxgan.scripts import arm_training, cli, run_folders

FEWEST = 10
"""Images of a seed, at least."""

BAR = 1.3
"""How many times lower a remedy is to bring the Frechet distance."""


def draw(asked: Any, data: dataset.Dataset) -> modes.Modes:
    """The images of each seed, as a mode of its own, drawn without replacement.

    Args:
      asked: settings with `share`, `seeds` and `seed`.
      data: whose training images they are.

    Raises:
      UserError: if too few are left to a seed, or the images are stacked, which a
        classifier of single ones does not know.
    """
    need = "its images are stacks; give the single ones"
    cli.require(data.stack is None, "--dataset", data.name, need)
    total = len(data.train.x)
    number = round(asked.share * total)
    need = f"of {total:,} images at least {FEWEST} must be left to each seed"
    cli.require(number >= FEWEST, "--share", asked.share, need)
    random = np.random.default_rng(asked.seed)
    rows = [random.permutation(total)[:number] for _ in range(asked.seeds)]
    counts = np.full(asked.seeds, number, np.int32)
    return modes.Modes(np.sort(rows, axis=1).astype(np.int32), counts)


def train(
    asked: Any,
    ready: tuple[runs.Trainer, types.HParams, pool.Pool],
    name: str,
    title: str,
    architecture: Mapping[str, Any],
    folders: run_folders.Folders,
) -> tuple[runs.Members, dict[str, Any]]:
    """Trains all seeds of an arm, see `arm_training.train`.

    Args:
      asked: settings as there, with `share`.
      ready, name, title, folders: as there.
      architecture: of the networks.

    Returns:
      The members, and their record with, where augmentation is adaptive, its
      `probability` of each seed.
    """
    described = {"gan": dict(architecture), "arm": name, "share": asked.share}
    saved = name, title, described, folders
    members, record, last = arm_training.train(asked, ready, *saved)
    probability = last.get("augmentation_probability", [])
    return members, record | {"probability": np.asarray(probability).tolist()}


def suite(
    asked: Any, data: dataset.Dataset, drawn: modes.Modes
) -> tuple[Callable[[Any], dict[str, Any]], dict[str, Any], str]:
    """What scores samples against held-out images, by a classifier of all the others.

    Args:
      asked: settings with `samples` and `seed`.
      data: labelled.
      drawn: the images of each seed.

    Returns:
      `x [S, N, ...] -> records`, the records of the seeds' own images and of all
      training images by title, and a sentence on the classifier.
    """
    trained, note = suites.train_classifier(data, seed=asked.seed)
    label = np.bincount(np.asarray(data.test.label), minlength=data.num_classes)
    of_samples = suites.of_classifier(
        trained.classifier,
        trained.held_out_accuracy,
        dataset.to_float(data.test.x),
        label / label.sum(),
        split_size=asked.samples // suites.SPLITS,
    )

    def score(x: Any) -> dict[str, Any]:
        return {name: scores.to_dict(own) for name, own in of_samples(x).items()}

    real, table = np.asarray(dataset.to_float(data.train.x)), np.asarray(drawn.table)
    known = {
        f"the {table.shape[1]:,} images that a seed learns": real[table],
        "all training images": real[None],
    }
    return score, {title: score(x) for title, x in known.items()}, note


def compared(found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """How many times lower each arm's Frechet distance is than without a remedy.

    Returns:
      By name `times_lower`, of the means, `intervals_apart`, and whether the `BAR` is
      `reached` with intervals apart.
    """
    own = {
        name: reports.interval(arm["scores"]["frechet_distance"]["value"])
        for name, arm in found.items()
    }
    plain, judged = own.pop("none"), {}
    for name, one in own.items():
        times, apart = plain.mean / one.mean, bool(one.high < plain.low)
        judged[name] = {
            "times_lower": times,
            "intervals_apart": apart,
            "reached": bool(times >= BAR and apart),
        }
    return judged


def show(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Says what came out of each remedy, and where probabilities ended."""
    for name, own in compared(found).items():
        apart = "apart" if own["intervals_apart"] else "not apart"
        print(
            f"{found[name]['title']}: Frechet distance {own['times_lower']:.2f} times "
            f"lower than without, intervals {apart} (the bar is {BAR} and apart)"
        )
        ends = ", ".join(f"{value:.2f}" for value in found[name]["probability"])
        if ends:
            print(f"  its probability ended, seed by seed, at {ends}")
