"""Changes the package in small ways and counts which changes the tests notice.

    python tests/mutation/run.py --seed 0 --mutants 300 --out record.json

A mutant is one change (`places`) to one module of ROOMS, drawn with a seed and spread
over the rooms. The tests of the default suite that call the changed function run on it,
the nearest first, until one fails, which kills the mutant; so do a crash and a test
that takes far longer than it should. If none fails, the other tests of the nearest
files run. Tests that start Python anew are left out: that would not see the change.

The first run on a tree measures which test calls what (minutes), and fills a
compilation cache; both are kept in `--work`. Then a mutant takes seconds. Printed are a
line per mutant and a table per room; the record holds all. `equivalent.json` names,
with reasons, mutants that no test could kill, which are not tried.

To compare two trees, draw on one and take the same mutants on the other, also if the
modules and tests have moved (MOVED):

    python tests/mutation/run.py --out after.json
    python tests/mutation/run.py --tree OLD --same-as after.json --out before.json

OLD needs the package's metadata, `jaxgan.egg-info`, as this tree has it. The suite of a
tree may notice a mutant by another test than the record's: then what calls what is
measured there too.

To try survivors again, after tests were written, or what a run that was stopped has not
tried or decided within `--most` seconds each, and to bring the record up to date:

    python tests/mutation/run.py --again after.json --out after.json
"""

import argparse
import ast
import collections
import json
import math
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import called_lines
import forks
import places

HERE = pathlib.Path(__file__).resolve().parent
ROOMS = (
    "losses penalties divergences steps gradients population scores checkpoint"
).split()
TESTS = (
    "losses/ test_losses*.py penalties/ test_penalties*.py divergences/ steps/ "
    "test_steps.py scores/ checkpoint/ test_gradients.py test_population.py "
    "test_gan.py test_first_mistakes.py training/test_training.py test_training.py "
    "core/test_decompositions.py test_decompositions.py"
).split()
"""Where tests of the rooms lie, in the layout of today and in the one before it."""

MOVED_TESTS = {
    "test_suites.py": "test_panels.py",
    "test_feature_passes.py": "test_passes.py",
}
MOVED = {
    "scores/suites": "scores/panels",
    "scores/feature_passes": "scores/passes",
    "checkpoint/file_cache": "checkpoint/kept",
}
"""Today's modules by the names that they had before."""

KILLERS = 6
"""So many tests that killed others of the module's mutants are first."""

LEAST, TIMES = 45.0, 6
"""A test is stopped after so many seconds and so many times its usual time."""


class Mutant(NamedTuple):
    """A change to a module of a tree.

    Attributes:
      identity: `module:function:operator:ordinal`, the same in every layout.
      path: of the module, below the package.
      place: what is changed there; its `apply` is of no use in another process.
    """

    identity: str
    path: str
    place: places.Place

    @property
    def room(self) -> str:
        return room_of(self.identity)


def room_of(identity: str) -> str:
    return identity.partition(":")[0].partition("/")[0]


def all_mutants(tree: pathlib.Path) -> dict[str, Mutant]:
    """Every mutant of the rooms of a tree, by identity."""
    before = {old: new for new, old in MOVED.items()}
    found = {}
    for path in _modules(tree):
        module = path.relative_to(tree / "jaxgan").with_suffix("").as_posix()
        name = before.get(module, module)
        for place in places.of(ast.parse(path.read_text())):
            identity = f"{name}:{place.within}"
            found[identity] = Mutant(identity, f"{module}.py", place)
    return found


def _modules(tree):
    for room in ROOMS:
        path = tree / "jaxgan" / room
        yield from (
            sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        )


def drawn(mutants: dict[str, Mutant], number: int, seed: int) -> list[Mutant]:
    """A sample: rooms by the root of their size, and rarer operators more often."""
    by_room = collections.defaultdict(list)
    for mutant in mutants.values():
        by_room[mutant.room].append(mutant)
    roots = {room: math.sqrt(len(of_room)) for room, of_room in by_room.items()}
    rng, sample = random.Random(seed), []
    for room in sorted(by_room):
        of_room = sorted(by_room[room], key=lambda mutant: mutant.identity)
        counts = collections.Counter(mutant.place.operator for mutant in of_room)
        share = math.ceil(number * roots[room] / sum(roots.values()))
        # The largest u^(1/w) are a draw without replacement with weights w.
        keys = {
            mutant.identity: rng.random() ** math.sqrt(counts[mutant.place.operator])
            for mutant in of_room
        }
        sample += sorted(of_room, key=lambda mutant: -keys[mutant.identity])[:share]
    return sample


def same(mutants: dict[str, Mutant], record: dict) -> tuple[list[Mutant], list[str]]:
    """The mutants of a record in this tree, and those that it does not have."""
    there, missing = [], []
    for entry in record["mutants"]:
        mutant = mutants.get(entry["identity"])
        if mutant is None or mutant.place.before != entry["before"]:
            missing.append(entry["identity"])
        else:
            there.append(mutant)
    return there, missing


def chosen(mutant: Mutant, tests: dict[str, called_lines.Test]) -> list[list[str]]:
    """Tests to run, as a list for each file: those that call the function, then others.

    The files go by how near their names are to the module's; in a file, quick tests are
    first. The others are those of the nearest files.
    """
    tests = {name: test for name, test in tests.items() if test.alone}
    callers = [name for name, test in tests.items() if _calls(test, mutant)]
    files = called_lines.files_of(callers)
    seconds = collections.Counter()
    for name in callers:
        seconds[called_lines.file_of(name)] += tests[name].seconds
    files.sort(key=lambda file: (_distance(file, mutant), seconds[file], file))
    # A test may see the change in what an earlier one has compiled or kept.
    called = set(callers)
    near = [file for file in files if _distance(file, mutant) == 0] or files[:1]
    others = [name for name in tests if name not in called]
    return [
        sorted(of_file, key=lambda name: tests[name].seconds)
        for names, of_kind in ((callers, files), (others, near))
        for file in of_kind
        if (of_file := _of_file(file, names))
    ]


def first_of_all(first: list[str], groups: list[list[str]]) -> list[list[str]]:
    """The groups of tests, and before them those that are in `first` too."""
    chosen = {name for names in groups for name in names}
    early = [name for name in first if name in chosen]
    late = ([name for name in names if name not in early] for names in groups)
    return [[name] for name in early] + [names for names in late if names]


def _of_file(file, names):
    return [name for name in names if called_lines.file_of(name) == file]


def _calls(test, mutant):
    function = mutant.place.function
    if function == "<module>" or not _is_function(function):
        return any(called.startswith(f"{mutant.path}:") for called in test.functions)
    while True:
        if f"{mutant.path}:{function}" in test.functions:
            return True
        # A lambda may be called where its name is not seen, so ask for what holds it.
        if not function.endswith("<lambda>") or ".<locals>." not in function:
            return False
        function = function.rpartition(".<locals>.")[0]


def _is_function(name):
    """Whether a qualified name is that of a function and not of a class."""
    last = name.rpartition(".")[2]
    return not last[:1].isupper()


def _distance(file, mutant):
    stem = pathlib.PurePath(mutant.path).stem
    test = pathlib.PurePath(file)
    if stem in test.stem:
        return 0
    return 1 if mutant.room in file else 2


def task(
    tree: pathlib.Path,
    mutant: Mutant,
    groups: list[list[str]],
    usual: dict[str, float],
    most: float = math.inf,
) -> forks.Task:
    """Runs tests on a mutant, each list of them of one file, and tells which failed.

    Args:
      tree: that the mutant is of.
      mutant: what is changed.
      groups: from `chosen`.
      usual: seconds of the tests on the unchanged tree.
      most: seconds after which no further test begins.
    """

    def run(tell):
        path = tree / "jaxgan" / mutant.path
        module = ast.parse(path.read_text())
        (place,) = (it for it in places.of(module) if it.within == mutant.place.within)
        place.apply()
        module = ast.fix_missing_locations(module)
        forks.change(path, compile(module, str(path), "exec", dont_inherit=True))
        tell({"changed": mutant.identity})
        _run_until_killed(groups, tell, most)

    def limit(told):
        return LEAST + TIMES * usual.get(told.get("begun"), 0)

    return forks.Task(mutant.identity, run, limit)


def _run_until_killed(groups, tell, most):
    import jax

    # The programs of a mutant are not for others.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9)
    for names in groups:
        file = called_lines.file_of(names[0])
        plugin = Only(names, tell, most)
        status = forks.pytest_on(file, plugin)
        if plugin.stopped:
            tell({"stopped": True})
            return
        if status:
            tell({"killed": True, "status": status})
            return


def killed_again(
    asked: argparse.Namespace, sample: list[Mutant], record: dict
) -> dict[str, forks.Outcome]:
    """The mutants that the same test kills as in the record, wherever that test lies.

    Which tests call what need not be measured for these.
    """
    files = {pathlib.PurePath(file).name: file for file in files_of_tests(asked.tree)}
    hints, wanted = {}, {mutant.identity for mutant in sample}
    for entry in record["mutants"]:
        if entry["identity"] not in wanted:
            continue
        file, _, name = entry.get("by", "").partition("::")
        old = pathlib.PurePath(file).name
        if name and (file := files.get(old) or files.get(MOVED_TESTS.get(old))):
            hints[entry["identity"]] = f"{file}::{name}"
    sound = _passing(asked, set(hints.values()))
    again = [mutant for mutant in sample if hints.get(mutant.identity) in sound]
    tasks = (task(asked.tree, it, [[hints[it.identity]]], {}) for it in again)
    outcomes = forks.run(tasks, asked.workers, asked.work / "mutant")
    return {it.name: it for it in outcomes if _is_killed(it)}


def _passing(asked, names):
    """Those of the tests that are there and pass on the unchanged tree."""
    files = called_lines.files_of(sorted(names))

    def task_of(file):
        def run(tell):
            forks.pytest_on(file, Passed(names, tell), most=0)

        return forks.Task(file, run, lambda told: 300.0)

    outcomes = forks.run(map(task_of, files), asked.workers, asked.work / "passing")
    return {told["passed"] for outcome in outcomes for told in outcome.told}


def _is_killed(outcome):
    return outcome.ended != "done" or any("killed" in told for told in outcome.told)


class Passed:
    """A plugin of pytest that runs only the named tests and tells which passed."""

    def __init__(self, names, tell):
        self.names, self.tell = names, tell

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self.names]

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.tell({"passed": report.nodeid})


class Only:
    """A plugin of pytest that runs the named tests of a file, in their order."""

    def __init__(self, names, tell, most):
        self.names, self.tell = {name: i for i, name in enumerate(names)}, tell
        self.most, self.stopped = most, False

    def pytest_collection_modifyitems(self, items):
        chosen = [item for item in items if item.nodeid in self.names]
        # Tests that would be missing are a change, such as of a table they go through.
        if len(chosen) < len(self.names):
            self.tell({"failed": "collection", "why": "tests are missing"})
            raise RuntimeError("tests are missing")
        items[:] = sorted(chosen, key=lambda item: self.names[item.nodeid])

    def pytest_runtest_protocol(self, item):
        self.stopped = time.process_time() > self.most
        if self.stopped:
            item.session.shouldstop = "it has taken long enough"
            return True
        self.tell({"begun": item.nodeid})

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.tell({"failed": report.nodeid, "why": _last_line(report.longrepr)})

    def pytest_collectreport(self, report):
        if report.failed:
            why = _last_line(report.longrepr)
            self.tell({"failed": report.nodeid or "collection", "why": why})


def _last_line(longrepr):
    crash = getattr(longrepr, "reprcrash", None)
    text = crash.message if crash else str(longrepr)
    return text.strip().splitlines()[0][:160] if text.strip() else ""


def untried(mutant: Mutant, equivalent: dict[str, str]) -> dict:
    """What the record says of a mutant before it is tried."""
    known = mutant.identity in equivalent
    return {
        "identity": mutant.identity,
        "path": mutant.path,
        "line": mutant.place.line,
        "before": mutant.place.before,
        "after": mutant.place.after,
        "result": "equivalent" if known else "not tried",
    }


def entry_of(mutant: Mutant, outcome: forks.Outcome) -> dict:
    """What the record says of a mutant that was tried.

    Raises:
      RuntimeError: if it could not be made.
    """
    if not outcome.told:
        raise RuntimeError(f"{mutant.identity} could not be made: {outcome.ended}")
    begun = [told["begun"] for told in outcome.told if "begun" in told]
    entry = untried(mutant, {})
    entry["seconds"] = round(outcome.seconds, 1)
    if any("stopped" in told for told in outcome.told):
        return entry | {"result": "undecided"}
    if not _is_killed(outcome):
        return entry | {"result": "survived" if begun else "not called"}
    failed = next((told for told in outcome.told if "failed" in told), None)
    if failed is None:
        failed = {"failed": begun[-1] if begun else "collection", "why": outcome.ended}
    return entry | {"result": "killed", "by": failed["failed"], "why": failed["why"]}


def table(entries: Iterable[dict]) -> str:
    """Numbers per room, and the shares killed: of all, and without the equivalent."""
    counts = collections.defaultdict(collections.Counter)
    for entry in entries:
        for room in (room_of(entry["identity"]), "all"):
            counts[room][entry["result"]] += 1
    kinds = ("killed", "survived", "undecided", "not called", "equivalent", "not tried")
    lines = [f"{'room':<12}" + "".join(f"{kind:>12}" for kind in kinds) + "  share"]
    for room in (*(room for room in ROOMS if room in counts), "all"):
        of_all, of_real = shares(counts[room])
        numbers = "".join(f"{counts[room][kind]:>12}" for kind in kinds)
        lines.append(f"{room:<12}{numbers}  {of_all:.1%} of all, {of_real:.1%} of real")
    return "\n".join(lines)


def shares(counts: collections.Counter) -> tuple[float, float]:
    total = sum(counts.values())
    real = total - counts["equivalent"]
    return counts["killed"] / max(total, 1), counts["killed"] / max(real, 1)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tree = HERE.parent.parent
    work = pathlib.Path(tempfile.gettempdir()) / "jaxgan-mutation"
    path = pathlib.Path
    parser.add_argument("--tree", type=path, default=tree, help="what is changed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mutants", type=int, default=300, help="at least so many")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=path, help="the record, as JSON")
    parser.add_argument("--same-as", type=path, help="a record whose mutants to take")
    parser.add_argument("--again", type=path, help="a record whose survivors to try")
    parser.add_argument("--only", default="", help="a part of the identities to take")
    parser.add_argument(
        "--most", type=float, default=math.inf, help="seconds to spend on a mutant"
    )
    parser.add_argument("--work", type=path, default=work, help="what is kept")
    return parser.parse_args()


def sample_of(asked: argparse.Namespace) -> tuple[list[Mutant], dict]:
    """The mutants to try, and the record that is followed.

    Where none is given, it is one that says only the seed.
    """
    mutants = all_mutants(asked.tree)
    given = asked.same_as or asked.again
    if not given:
        sample = drawn(mutants, asked.mutants, asked.seed)
        record = {"seed": asked.seed, "missing": [], "mutants": []}
    else:
        record = json.loads(given.read_text())
        sample, record["missing"] = same(mutants, record)
        if asked.again:
            settled = {
                entry["identity"]
                for entry in record["mutants"]
                if entry["result"] in ("killed", "equivalent")
            }
            sample = [mutant for mutant in sample if mutant.identity not in settled]
    return [it for it in sample if asked.only in it.identity], record


def commit_of(tree: pathlib.Path) -> str:
    """What `git describe` says of a tree."""
    command = ["git", "-C", str(tree), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def files_of_tests(tree: pathlib.Path) -> list[str]:
    found = {}
    for pattern in TESTS:
        pattern += "test_*.py" if pattern.endswith("/") else ""
        for path in sorted((tree / "tests").glob(pattern)):
            found[path.relative_to(tree).as_posix()] = None
    return list(found)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # with all forks
    asked = options()
    asked.tree, asked.work = asked.tree.resolve(), asked.work.resolve()
    asked.out = asked.out and asked.out.resolve()
    sample, followed = sample_of(asked)
    equivalent = json.loads((HERE / "equivalent.json").read_text())
    commit = commit_of(asked.tree)
    (asked.work / "compiled").mkdir(parents=True, exist_ok=True)
    forks.prepare(asked.tree, asked.work / "compiled")
    earlier = followed["mutants"] if asked.again else []
    entries = {entry["identity"]: entry for entry in earlier}
    entries |= {
        mutant.identity: untried(mutant, equivalent)
        for mutant in sample
        if entries.get(mutant.identity, {}).get("result") != "survived"
        or mutant.identity in equivalent
    }
    sample = [mutant for mutant in sample if mutant.identity not in equivalent]
    try:
        for done, (mutant, outcome) in enumerate(outcomes_of(asked, sample, followed)):
            entries[mutant.identity] = entry = entry_of(mutant, outcome)
            print(f"{done + 1}/{len(sample)} {_line(entry)}", flush=True)
    finally:
        record = {
            "seed": followed["seed"],
            "commit": commit,
            "missing": followed["missing"],
            "mutants": sorted(entries.values(), key=lambda entry: entry["identity"]),
        }
        print(table(record["mutants"]))
        print("without a place in this tree:", *record["missing"])
        if asked.out:
            asked.out.write_text(json.dumps(record, indent=1) + "\n")


def outcomes_of(
    asked: argparse.Namespace, sample: list[Mutant], followed: dict
) -> Iterator[tuple[Mutant, forks.Outcome]]:
    """Tries each mutant, those first that are killed as in the record followed."""
    by_identity = {mutant.identity: mutant for mutant in sample}
    done = killed_again(asked, sample, followed)
    yield from ((by_identity[name], outcome) for name, outcome in done.items())
    left = [mutant for mutant in sample if mutant.identity not in done]
    if not left:
        return
    tests = called_lines.measured(
        asked.tree, files_of_tests(asked.tree), asked.work, asked.workers
    )
    usual = {name: test.seconds for name, test in tests.items()}
    killers = collections.defaultdict(collections.Counter)

    def tasks():
        for mutant in left:
            first = [test for test, _ in killers[mutant.path].most_common(KILLERS)]
            groups = first_of_all(first, chosen(mutant, tests))
            yield task(asked.tree, mutant, groups, usual, asked.most)

    for outcome in forks.run(tasks(), asked.workers, asked.work / "mutant"):
        mutant = by_identity[outcome.name]
        killers[mutant.path].update(
            told["failed"] for told in outcome.told if told.get("failed") in tests
        )
        yield mutant, outcome


def _line(entry):
    change = f"{entry['before']} -> {entry['after']}".replace("\n", " ")
    by = entry.get("by", "").rpartition("/")[2]
    return (
        f"{entry['result']} in {entry['seconds']} s: {entry['identity']} "
        f"line {entry['line']}: {change[:120]} {by}"
    )


if __name__ == "__main__":
    main()
