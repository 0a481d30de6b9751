"""A study of Optuna as the history of a question, which several runs may share.

Each trial says which run asked for it, by a random name that the run keeps in its
folder: a folder may be moved, removed and made again, and a run is known by its name
alone. A run takes up what it had asked for when it was killed. What runs of this
machine left behind, as nobody has their folders, is marked failed when another run
opens the study; a run that is resumed after all asks for the same settings again.
"""

import contextlib
import json
import pathlib
import socket
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from jaxgan import reports
from jaxgan.core import errors, files
from jaxgan.scripts import cli
from jaxgan.sweeps.search.optuna import questions

STORAGE, FILE = "optuna.log", "optuna.json"
"""In the run folder: Optuna's journal, and the names of the run and its study."""

QUESTION, RUN, WHERE, AGAIN, SETTING, DIED, LEFT = (
    *("question", "run", "where", "again", "setting", "died", "left behind"),
)
"""User attributes, the first of a study, the others of trials."""


class History(NamedTuple):
    """A study as a run sees it.

    Attributes:
      study: of Optuna.
      name: of it.
      storage: as the user gave it, or None for the journal in the run folder.
      run: the random name of the run.
      where: the machine and the folder of the run.
    """

    study: Any
    name: str
    storage: str | None
    run: str
    where: str


class OwnTrials(NamedTuple):
    """The trials of a run.

    Attributes:
      told: how many have their value.
      running: those that were asked for and have none, in the order of their numbers.
    """

    told: int
    running: list[Any]


def optuna() -> Any:
    """The package, with its warnings alone.

    Raises:
      UserError: if it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise errors.UserError(
            "--search optuna: the package optuna is missing; install jaxgan with the "
            "extra, pip install 'jaxgan[optuna]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def open(
    folder: pathlib.Path,
    storage: str | None,
    name: str | None,
    question: questions.Question,
    sampler: Any,
) -> History:
    """Opens the study that has a question, or makes it.

    Args:
      folder: of the run.
      storage: URL of a database, or path of a journal; None for one in the folder.
      name: of the study; None for one that is the question's own.
      question: that its trials answer.
      sampler: of Optuna.

    Raises:
      UserError: if the study cannot be opened, or its trials answer another question.
    """
    package = optuna()
    kept = _kept(folder)
    own = name or kept.get("study") or questions.name(question)
    run = kept.get("run") or uuid.uuid4().hex
    where = f"{socket.gethostname()}:{folder.resolve()}"
    with refusals(own, storage):
        study = package.create_study(
            storage=_place(folder, storage),
            study_name=own,
            direction="minimize",
            load_if_exists=True,
            sampler=sampler,
        )
    history = History(study, own, storage, run, where)
    if not kept:
        _check(history, question)
        reports.write_json(folder / FILE, {"run": run, "study": own})
    return history


@contextlib.contextmanager
def refusals(name: str, storage: str | None) -> Iterator[None]:
    """Makes a sentence of what Optuna, or the database, refuses."""
    try:
        yield
    except Exception as error:  # of whichever database there is
        full = isinstance(error, OSError) and error.errno in cli.FULL
        if full or isinstance(error, errors.UserError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        place = f"--storage {storage}" if storage is not None else "--search optuna"
        raise errors.UserError(
            f"{place}: Optuna refuses the study {name!r} ({reason}); check the URL or "
            "path, or give --study another name."
        ) from None


def fail_abandoned(history: History) -> str:
    """Marks failed what was left behind; says what is known and what runs.

    Only trials whose run is seen to be over are touched: of this machine, in a folder
    that is gone, or that no process has, or that is another run's by now.
    """
    package = optuna()
    found = history.study.get_trials(deepcopy=False)
    others = [trial for trial in found if not _is_own(history, trial)]
    known = sum(trial.state.is_finished() and _counts(trial) for trial in others)
    running = [t for t in others if t.state == package.trial.TrialState.RUNNING]
    left = [trial for trial in running if _is_over(trial)]
    for trial in left:
        package.trial.Trial(history.study, trial._trial_id).set_user_attr(LEFT, True)
        fail = package.trial.TrialState.FAIL
        history.study.tell(trial.number, state=fail, skip_if_finished=True)
    said = f"Optuna's study is {history.name}"
    if known:
        said += f"; the search learns from {known} settings that other runs have told"
    if len(running) > len(left):
        said += f"; {len(running) - len(left)} are being tried by other runs"
    if left:
        said += f"; {len(left)} that killed runs left behind are marked failed"
    return f"{said}."


def own_trials(history: History) -> OwnTrials:
    """The trials of the run; what another one marked failed runs again."""
    package = optuna()
    found = history.study.get_trials(deepcopy=False)
    mine = [trial for trial in found if _is_own(history, trial)]
    again = {trial.user_attrs.get(AGAIN) for trial in mine}
    lost = [t for t in mine if _is_left(t) and t.number not in again]
    for trial in lost:
        _begin(history, trial.params, trial.distributions, {AGAIN: trial.number})
    if lost:
        return own_trials(history)
    running = []
    for trial in mine:
        if trial.state == package.trial.TrialState.RUNNING:
            running.append(package.trial.Trial(history.study, trial._trial_id))
            for name, value in ((RUN, history.run), (WHERE, history.where)):
                if trial.user_attrs.get(name) != value:
                    running[-1].set_user_attr(name, value)
    told = sum(trial.state.is_finished() and _counts(trial) for trial in mine)
    return OwnTrials(told, sorted(running, key=lambda trial: trial.number))


def ask(history: History) -> None:
    """Begins a trial of the run, without values yet."""
    _begin(history, {}, {}, {})


def tell(history: History, number: int, setting: str, cost: float | None) -> None:
    """Tells a trial.

    Args:
      history: of the run.
      number: of the trial; one that another run has marked failed meanwhile stays so,
        and runs again.
      setting: its digest.
      cost: less is better; None for a setting that died, which is told as infinity:
        Optuna's sampler looks at ranks alone, and what it were not told it would not
        learn to avoid.
    """
    package = optuna()
    found = history.study.get_trials(deepcopy=False)[number]
    if found.state.is_finished():
        return
    trial = package.trial.Trial(history.study, found._trial_id)
    trial.set_user_attr(SETTING, setting)
    if cost is None:
        trial.set_user_attr(DIED, True)
    value = float("inf") if cost is None else cost
    history.study.tell(number, value, skip_if_finished=True)


def _kept(folder: pathlib.Path) -> dict[str, str]:
    """What the folder of a run says of itself, empty for a new one."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"run": str(found["run"]), "study": str(found["study"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise errors.UserError(
            f"{path} does not say which run this is; put it right, or start anew."
        ) from None


def _place(folder: pathlib.Path, storage: str | None) -> Any:
    from optuna.storages import JournalStorage, journal

    if storage is not None and "://" in storage:
        return storage
    path = folder / STORAGE if storage is None else pathlib.Path(storage)
    return JournalStorage(journal.JournalFileBackend(str(path)))


def _check(history: History, question: questions.Question) -> None:
    """Asks that the study is new, or that its trials answer the question."""
    study, said = history.study, f"--study {history.name}: "
    there = study.user_attrs.get(QUESTION)
    with refusals(history.name, history.storage):
        trials = study.get_trials(deepcopy=False)
    if there is None:
        # A journal in the run folder is of this run, whichever version made it.
        fits = not trials or history.storage is None
        if not fits or len(study.directions) != 1 or study.direction.name != "MINIMIZE":
            raise errors.UserError(
                f"{said}a study of this name in {history.storage} does not say what "
                "its trials are of, as it is of another program or of an earlier "
                "version; start anew without --study, or with another name."
            )
        study.set_user_attr(QUESTION, question)
        return
    differ = questions.differences(there, question)
    if differ:
        raise errors.UserError(
            f"{said}its trials are of another search: {'; '.join(differ[:3])}; leave "
            "the flag out, so that each search has a study of its own, or give another "
            "name."
        )


def _begin(history: History, params, distributions, attributes) -> None:
    """Adds a trial that runs, signed from the first moment: it is never nobody's."""
    trial = optuna().trial
    signed = {RUN: history.run, WHERE: history.where} | attributes
    history.study.add_trial(
        trial.create_trial(
            state=trial.TrialState.RUNNING,
            params=params,
            distributions=distributions,
            user_attrs=signed,
        )
    )


def _is_own(history: History, trial: Any) -> bool:
    run = trial.user_attrs.get(RUN)
    # Earlier versions did not name the runs of a journal in their folder.
    return run == history.run or (run is None and history.storage is None)


def _counts(trial: Any) -> bool:
    """Whether a finished trial was told, be it as failed, as earlier versions did."""
    told = trial.value is not None
    return told or (SETTING in trial.user_attrs and not _is_left(trial))


def _is_left(trial: Any) -> bool:
    return trial.state.name == "FAIL" and LEFT in trial.user_attrs


def _is_over(trial: Any) -> bool:
    host, _, folder = trial.user_attrs.get(WHERE, "").partition(":")
    if host != socket.gethostname():
        return False
    try:
        now = _kept(pathlib.Path(folder)).get("run")
    except errors.UserError:
        return False
    return now != trial.user_attrs.get(RUN) or not files.is_kept(folder)
