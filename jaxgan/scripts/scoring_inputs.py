"""What `experiments/score.py` scores and against what, by its flags."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from jaxgan.core import errors
from jaxgan.data import samples
from jaxgan.ensembles import kept_averages, saved_generators
from jaxgan.scores import by_name, suites
from jaxgan.scripts import cli, scoring

HELD_OUT = "held-out real"


def find(
    asked: Any, where: Mapping[str, Any], chosen: Mapping[str, by_name.Named]
) -> tuple[samples.Samples, dict[str, scoring.Row], int]:
    """The reference, all rows of the table, and the number of samples of a member.

    Raises:
      UserError: if they cannot be had, or are too few for the scores that are chosen.
    """
    with cli.flag("SCORED", asked.scored):
        fake = scored(asked, where)
    path = pathlib.Path(asked.reference).expanduser()
    with cli.flag("--reference", asked.reference):
        if is_run(asked.reference, asked):
            need = "name one of the files mixture-*.safetensors in this folder"
            cli.require(not path.is_dir(), "--reference", asked.reference, need)
            (real,) = saved_generators.members([path], asked.samples, asked.seed + 1)
        else:
            real = samples.find(asked.reference, **where)
            real = samples.choose(real, real.number, asked.seed)
    number = next(iter(fake.values())).members[0].number
    with cli.flag("--scores", asked.scores):
        by_name.check_counts(chosen, scored=number, reference=real.number)
    name = asked.held_out or samples.other_part(asked.reference)
    if name is None:
        rows = fake
    else:
        with cli.flag("--held-out", name):
            rows = held_out(asked, name, where, chosen, number) | fake
    everything = [real, *(own for row in rows.values() for own in row.members)]
    for note in dict.fromkeys(note for own in everything for note in own.notes):
        print(note)
    with cli.flag("SCORED", asked.scored):
        samples.check_alike(*everything)
    if any(score.labels for score in chosen.values()):
        with cli.flag("--scores", asked.scores):
            rows = labelled(asked, real, rows, chosen)
    return real, rows, number


def labelled(
    asked: Any,
    real: samples.Samples,
    rows: Mapping[str, scoring.Row],
    chosen: Mapping[str, by_name.Named],
) -> dict[str, scoring.Row]:
    """The rows, if their labels say the classes of the reference by the same numbers.

    Further real samples that nobody named are left out where they cannot be scored.

    Raises:
      UserError: if there are no labels or others, or a class has too few samples.
    """
    found = dict(rows)
    for title, row in sorted(rows.items(), key=lambda own: own[1].real):
        try:
            for own in row.members:
                check_labels(real, own, chosen)
        except errors.UserError as error:
            if not row.real or asked.held_out is not None:
                raise
            print(f"no row of {row.members[0].name}, as {error}")
            del found[title]
    return found


def check_labels(
    real: samples.Samples, own: samples.Samples, chosen: Mapping[str, by_name.Named]
) -> None:
    """Asks for labels of both, which say the same classes by the same numbers.

    Raises:
      UserError: otherwise, and where a class has too few samples for a score.
    """
    names, found = (scoring.class_names(x) for x in (real, own))
    if names is not None and found is not None and names != found:
        raise errors.UserError(
            f"the reference has the classes {_shown(names)}, but {own.name} "
            f"{_shown(found)}; compare samples of the same classes, or leave out the "
            "scores of labelled samples."
        )
    by_name.check_labels(chosen, real.label, {own.name: own.label})


def _shown(names: Sequence[str]) -> str:
    more = ["..."] if len(names) > suites.MOST_NAMED else []
    return ", ".join([*names[: suites.MOST_NAMED], *more])


def held_out(
    asked: Any,
    name: str,
    where: Mapping[str, Any],
    chosen: Mapping[str, by_name.Named],
    number: int,
) -> dict[str, scoring.Row]:
    """The row of further real samples; none if there are too few that nobody named."""
    found = samples.choose(samples.find(name, **where), number, asked.seed)
    try:
        by_name.check_counts(chosen, **{"held-out samples": found.number})
    except errors.UserError as error:
        if asked.held_out is not None:
            raise
        print(f"no row of {name}, as {error}")
        return {}
    return {HELD_OUT: scoring.Row([found], real=True)}


def is_run(name: str, asked: Any) -> bool:
    """Whether a name is that of a run and not of a dataset."""
    if samples.is_dataset(name, asked.data_dir):
        return False
    return saved_generators.is_run(pathlib.Path(name).expanduser())


def check_shapes(
    asked: Any, real: samples.Samples, rows: Mapping[str, scoring.Row]
) -> None:
    """Asks for samples of the shape of the reference.

    A classifier is trained on that, and flattened samples are other numbers in another.
    """
    for title, row in rows.items():
        for own in row.members:
            name, value = "SCORED", asked.scored
            if title == HELD_OUT and row.real:
                name, value = "--held-out", own.name
            need = (
                f"its samples have the shape {tuple(own.shape)} and those of the "
                f"reference {tuple(real.shape)}; bring them to one size by "
                "--image-size, and the axes of images into the order height, width, "
                "channels"
            )
            cli.require(tuple(own.shape) == tuple(real.shape), name, value, need)


def scored(asked: Any, where: Mapping[str, Any]) -> dict[str, scoring.Row]:
    """What is scored: by the title of an arm, the samples of each seed."""
    path = pathlib.Path(asked.scored).expanduser()
    if not is_run(asked.scored, asked):
        cli.require(asked.arm is None, "--arm", asked.arm, "only runs have arms")
        for name in ("average", "average_step"):
            value, flag = getattr(asked, name), "--" + name.replace("_", "-")
            cli.require(value in ((), None), flag, value, "only runs keep averages")
        found = samples.find(asked.scored, **where)
        found = samples.choose(found, found.number, asked.seed)
        return {"scored": scoring.Row([found])}
    arms = saved_generators.arms(path)
    if asked.arm is not None:
        cli.require(
            asked.arm in arms, "--arm", asked.arm, f"there is {', '.join(arms)}"
        )
        arms = {asked.arm: arms[asked.arm]}
    own = asked.samples, asked.seed
    rows = {
        arm: scoring.Row(saved_generators.members(paths, *own))
        for arm, paths in arms.items()
    }
    for average in averages(asked, path):
        title = f"average {average.width}"
        for arm, paths in arms.items():
            found = saved_generators.members(paths, *own, average)
            rows[title if len(arms) == 1 else f"{arm}, {title}"] = scoring.Row(found)
    return rows


def averages(asked: Any, path: pathlib.Path) -> list[kept_averages.Average]:
    """The averages that are asked for of a run, and how near they are said.

    Raises:
      UserError: if the run kept none, or there is no such average.
    """
    at = asked.average_step
    need = "it goes with --average"
    cli.require(bool(asked.average) or at is None, "--average-step", at, need)
    if not asked.average:
        return []
    shown = " ".join(f"{width:g}" for width in asked.average)
    shown += "" if at is None else f" --average-step {at}"
    with cli.flag("--average", shown):
        folder = path if path.is_dir() else path.parent
        found = kept_averages.read(folder, [*dict.fromkeys(asked.average)], at)
    for own in found:
        print(kept_averages.sentence(own))
    return found
