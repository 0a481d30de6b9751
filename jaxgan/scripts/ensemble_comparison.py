"""All arms of an experiment, compared at the same operations.

begun = begin(experiment, arms, makes, background)
found = compare(experiment, begun, suite, flops=..., samples=...)
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import ensembles, reports, runs, scores
from jaxgan.core.distributed import processes
from jaxgan.scores import suites
from jaxgan.scripts import ensemble_arms, ensemble_experiments


class Begun(NamedTuple):
    """An arm that is made ready.

    Attributes:
      experiment: that it is of.
      arm: as it is in that experiment.
      trainer: of its method.
      members: waits for its members and gives them.
    """

    experiment: ensemble_experiments.Experiment
    arm: ensemble_arms.Arm
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
    makes: Mapping[str, ensemble_arms.Make],
    background: futures.Executor,
) -> dict[str, Begun]:
    """Makes the programs, and begins to prepare one arm after the other.

    Args:
      experiment: of all arms.
      arms: in the order in which they train.
      makes: methods by name.
      background: where arms are prepared while others train.

    Returns:
      The arms by name.
    """
    adapted = [ensemble_arms.adapted(experiment, arm) for arm in arms]
    trainers = _trainers(adapted, makes)
    # Several processes have to wait for one another in the same order.
    early, begun = processes.is_alone(), {}
    for theirs, arm in adapted:
        trainer = trainers[arm.method]
        own = functools.partial(ensemble_arms.prepare, theirs, trainer, arm)
        members = background.submit(own).result if early else own
        begun[arm.name] = Begun(theirs, arm, trainer, members)
    return begun


def operations(
    experiment: ensemble_experiments.Experiment,
    begun: Mapping[str, Begun],
    makes: Mapping[str, ensemble_arms.Make],
    num_steps: int,
    method: str = "remedied",
) -> float:
    """What so many steps of one GAN cost, which all arms may then spend.

    Args:
      experiment: of all arms.
      begun: from `begin`; where none has the method its program is made anew.
      makes: methods by name.
      num_steps: of all GANs of a seed together.
      method: by which they are trained.
    """
    for own in begun.values():
        if own.experiment is experiment and own.arm.method == method:
            return num_steps * own.trainer.flops
    return num_steps * ensemble_arms.trainer(experiment, makes[method], 1).flops


def compare(
    experiment: ensemble_experiments.Experiment,
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
      begun: from `begin`, in the order in which they train.
      suite: that scores.
      flops: operations that the members of one seed of an arm may spend together.
      samples: that are scored, of each seed.
      experts: name of the arm that is scored untrained too, if it is there.
      part: what a mode of the data is called, of which the `ensemble_arms.baselines`
        are.
    """
    found, untrained = Comparison({}, {}, {}), {}

    def score(x: jax.Array) -> dict[str, Any]:
        return {name: scores.to_dict(own) for name, own in suite(x).items()}

    for name, (theirs, arm, trainer, prepared) in begun.items():
        members = prepared()
        if name == experts:
            x = ensemble_arms.sample(theirs, arm, members, samples)
            title = f"{arm.title}, untrained"
            found.known[title], untrained[title] = score(x), np.asarray(x[0])
        record, members, arm = ensemble_arms.train(theirs, trainer, arm, members, flops)
        x = ensemble_arms.save_and_sample(theirs, arm, members, samples)
        found.records[name] = record | {"scores": score(x)}
        found.samples[arm.title] = np.asarray(x[0])
    baselines = ensemble_arms.baselines(experiment, _parts(experiment), part, samples)
    for title, x in baselines.items():
        found.known[title] = score(x)
    return found._replace(samples=found.samples | untrained)


def _parts(experiment: ensemble_experiments.Experiment) -> ensembles.Plan:
    """The modes of the data, without that of further samples."""
    plan = ensembles.per_mode(experiment.data.modes)
    if not experiment.num_extra:
        return plan
    weights = plan.weights[:-1]
    return ensembles.Plan(plan.mode_weights[:-1], weights / weights.sum())


def dry_run(
    experiment: ensemble_experiments.Experiment,
    arms: Sequence[ensemble_arms.Arm],
    makes: Mapping[str, ensemble_arms.Make],
) -> None:
    """Prints what each arm would take; arguments as for `begin`."""
    adapted = [ensemble_arms.adapted(experiment, arm) for arm in arms]
    trainers = _trainers(adapted, makes)
    for theirs, arm in adapted:
        print(f"\n{arm.title}, {reports.count(experiment.seeds, 'seed')}")
        facts = ensemble_arms.dry_run(theirs, trainers[arm.method], arm)
        reports.print_facts(facts)


def _trainers(
    adapted: Sequence[tuple[ensemble_experiments.Experiment, ensemble_arms.Arm]],
    makes: Mapping[str, ensemble_arms.Make],
) -> dict[str, runs.Trainer]:
    """The program of each method, of the largest population that any arm has."""
    largest: dict[str, int] = {}
    for theirs, arm in adapted:
        number = theirs.seeds * len(arm.plan.mode_weights)
        largest[arm.method] = max(number, largest.get(arm.method, 0))
    # Arms of one method differ in their data alone.
    own = {arm.method: theirs for theirs, arm in reversed(adapted)}
    return {
        name: ensemble_arms.trainer(own[name], makes[name], number)
        for name, number in largest.items()
    }
