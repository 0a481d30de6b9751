"""All arms of an experiment, compared at the same operations.

begun = begin(experiment, arms, methods, background)
found = compare(experiment, arms, begun, suite, flops=..., samples=...)
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import reports, runs, scores
from jaxgan.core.distributed import processes
from jaxgan.scores import suites
from jaxgan.scripts import ensemble_arms, ensemble_experiments
from jaxgan.training import methods


class Begun(NamedTuple):
    """An arm that is made ready.

    Attributes:
      trainer: of its method.
      members: waits for its members and gives them.
    """

    trainer: runs.Trainer
    members: Callable[[], runs.Members]


class Comparison(NamedTuple):
    """What came out, see `ensemble_reports`.

    Attributes:
      records: of the arms, by name.
      known: records of samples without training, by title.
      samples: of the first seed of all arms, and of one untrained, by title.
    """

    records: dict[str, dict[str, Any]]
    known: dict[str, dict[str, Any]]
    samples: dict[str, np.ndarray]


def begin(
    experiment: ensemble_experiments.Experiment,
    arms: Sequence[ensemble_arms.Arm],
    known: Mapping[str, methods.Method],
    background: futures.Executor,
) -> dict[str, Begun]:
    """Makes the programs, and begins to prepare one arm after the other.

    Args:
      experiment: of all arms.
      arms: in the order in which they train.
      known: methods by name.
      background: where arms are prepared while others train.

    Returns:
      The arms by name.
    """
    trainers = _trainers(experiment, arms, known)
    # Several processes have to wait for one another in the same order.
    early, begun = processes.is_alone(), {}
    for arm in arms:
        trainer = trainers[arm.method]
        own = functools.partial(ensemble_arms.prepare, experiment, trainer, arm)
        begun[arm.name] = Begun(
            trainer, background.submit(own).result if early else own
        )
    return begun


def compare(
    experiment: ensemble_experiments.Experiment,
    arms: Sequence[ensemble_arms.Arm],
    begun: Mapping[str, Begun],
    suite: suites.Suite,
    *,
    flops: float,
    samples: int,
    experts: str,
    part: str,
) -> Comparison:
    """Trains and scores all arms, saves their mixtures, and scores what is known.

    Args:
      experiment: of all arms.
      arms: in the order in which they train.
      begun: from `begin`.
      suite: that scores.
      flops: operations that the members of one seed of an arm may spend together.
      samples: that are scored, of each seed.
      experts: name of the arm that is scored untrained too, and on whose parts of the
        data the `ensemble_arms.baselines` are.
      part: what one of these parts is called.
    """
    found, untrained = Comparison({}, {}, {}), {}

    def score(x: jax.Array) -> dict[str, Any]:
        return {name: scores.to_dict(own) for name, own in suite(x).items()}

    for arm in arms:
        trainer, members = begun[arm.name].trainer, begun[arm.name].members()
        if arm.name == experts:
            x = ensemble_arms.sample(experiment, arm, members, samples)
            title = f"{arm.title}, untrained"
            found.known[title], untrained[title] = score(x), np.asarray(x[0])
        record, members = ensemble_arms.train(experiment, trainer, arm, members, flops)
        x = ensemble_arms.save_and_sample(experiment, arm, members, samples)
        found.records[arm.name] = record | {"scores": score(x)}
        found.samples[arm.title] = np.asarray(x[0])
    (plan,) = (arm.plan for arm in arms if arm.name == experts)
    baselines = ensemble_arms.baselines(experiment, plan, part, samples)
    for title, x in baselines.items():
        found.known[title] = score(x)
    return found._replace(samples=found.samples | untrained)


def dry_run(
    experiment: ensemble_experiments.Experiment,
    arms: Sequence[ensemble_arms.Arm],
    known: Mapping[str, methods.Method],
) -> None:
    """Prints what each arm would take; arguments as for `begin`."""
    trainers = _trainers(experiment, arms, known)
    for arm in arms:
        print(f"\n{arm.title}, {reports.count(experiment.seeds, 'seed')}")
        facts = ensemble_arms.dry_run(experiment, trainers[arm.method], arm)
        reports.print_facts(facts)


def _trainers(
    experiment: ensemble_experiments.Experiment,
    arms: Sequence[ensemble_arms.Arm],
    known: Mapping[str, methods.Method],
) -> dict[str, runs.Trainer]:
    """The program of each method, of the largest population that any arm has."""
    largest = experiment.seeds * max(len(arm.plan.weights) for arm in arms)
    return {
        name: ensemble_arms.trainer(experiment, method, largest)
        for name, method in known.items()
    }
