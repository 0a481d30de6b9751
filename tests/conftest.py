"""Settings and fixtures that many tests share."""

from jaxgan.scripts import cli

cli.compile_fast()  # before JAX is imported: tests compile much and compute little

import os

# Lowering, in which tests spend more time than in compiling, need not note which line
# each operation comes from.
os.environ.setdefault("JAX_INCLUDE_FULL_TRACEBACKS_IN_LOCATIONS", "0")
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

if {"JAX_COMPILATION_CACHE_DIR", "PYTEST_XDIST_WORKER"} <= set(os.environ):
    # JAX warns of a file that another process has begun to write, so each has its own.
    os.environ["JAX_COMPILATION_CACHE_DIR"] += "/" + os.environ["PYTEST_XDIST_WORKER"]

import functools
import gc
import importlib
import pathlib
import re
import signal
import sys
import threading

import jax
import numpy as np
import pytest

from jaxgan import population

# Most objects of JAX live as long as the tests do, so that looking through all of them
# again and again finds little.
gc.set_threshold(50_000, 20, 50)

PROGRAMS_A_CONTEXT = 10


def share_contexts():
    """Lowers several programs in one context of MLIR, as JAX does from 0.12 on.

    JAX 0.10 makes one for each, which takes 8 ms, longer than all else of the lowering
    of most programs of the tests. A context keeps what it has met, so that none is used
    for long.
    """
    from jax._src.interpreters import mlir

    make, own = mlir.make_ir_context, threading.local()

    def shared():
        number = getattr(own, "number", 0)
        if number % PROGRAMS_A_CONTEXT == 0:
            own.context = make()
        own.number = number + 1
        return own.context

    mlir.make_ir_context = shared


if jax.__version__.startswith("0.10."):
    share_contexts()

EXPERIMENTS = pathlib.Path(__file__).parents[1] / "experiments"


ANY_JAX = {
    *("data/test_archives.py", "data/test_builders.py", "data/test_formats.py"),
    *("data/test_layouts.py", "data/test_loading_invariants.py", "data/test_own.py"),
    *("data/test_ranges.py", "data/test_resizing.py", "data/test_samples.py"),
    *(
        "data/test_shuffling.py",
        "data/test_tfds.py",
        "core/distributed/test_clusters.py",
    ),
    *("experiments/test_bench.py", "experiments/test_soak.py", "reports"),
    *("scores/test_torch_files.py", "scores/test_weights.py", "scripts/test_cli.py"),
    *("sweeps/test_asynchronous_halving_rule.py", "sweeps/test_importance.py"),
    *("sweeps/test_lineages.py", "sweeps/test_optuna_histories.py"),
    *("sweeps/test_page.py", "sweeps/test_records.py", "sweeps/test_spaces.py"),
    *("sweeps/test_specification.py", "sweeps/test_successive_halving_rule.py"),
    *("scripts/test_console.py", "test_structure.py"),
    *("core/test_signals.py", "sweeps/test_plans.py"),
}
"""Folders and files of which no test compiles a program, so that they show of one
version of JAX what they show of any."""


VARIANTS = {
    "core/distributed/test_devices.py": (
        "number_of_devices[8]",
        "say_why[1-sentence",
    ),
    "core/test_signals.py": (
        *("how_to_go_on[train-1]", "how_to_go_on[train-10]", "how_to_go_on[train-12]"),
        *("stays_ignored[train-1]", "native_code[train_stuck-15]"),
        "native_code[score_stuck-2]",
    ),
    "data/test_modes.py": ("clusters_of_digits_are_mostly_of_one_class",),
    "dynamics/test_covariate_shift.py": (
        *("measured[mlp-none", "measured[mlp-group", "measured[mlp-rms"),
        *("measured[mlp-virtual", "measured[mlp-spectral", "measured[mlp-layer"),
        "measured[mlp-weight",
    ),
    "dynamics/test_spectra.py": ("spectrum_of_networks_is_that_of_their_jacobian",),
    "ensembles/test_export.py": ("leaves_the_batch_free[conv]",),
    "networks/test_attention_and_modern_tables.py": (
        *("[concat-sagan]", "[auxiliary-sagan]", "[projection-biggan_small]"),
        *("[auxiliary-biggan_small]", "[concat-r3gan]", "activations[sagan]"),
    ),
    "networks/test_convolution.py": ("[canonical-True]", "[matmul-False]"),
    "networks/test_layers.py": (
        *("parameters[Conv-Conv-arguments1", "parameters[Conv-Conv-arguments2"),
        "parameters[ConvTranspose-ConvTranspose-arguments4",
    ),
    "networks/test_published_tables.py": (
        *("[sn_dcgan-(8, 16, 1)-bfloat16]", "[resnet-(8, 12, 3)-float32]"),
        *("[dcgan-(12, 8, 1)-bfloat16]", "applies[sn_dcgan-32-normalisation"),
        *("applies[resnet-32-self", "applies[dcgan-28-"),
    ),
    "scores/test_memory_of_scores.py": ("[frechet_dist", "[kernel", "[precision"),
    "steps/test_game_steps.py": ("in_one_trace[competitive]", "in_one_trace[unrolled]"),
    "sweeps/test_studies.py": ("population_and_order[1]",),
    "training/test_training.py": ("agree[vmap]", "agree[one]"),
}
"""By file, variants that show little more than those beside them and take seconds: they
are slow tests. Each is a part of a test's name."""


BEGIN_WITH = [
    *("experiments/test_experiments.py", "networks/test_architectures.py"),
    *("training/test_training.py", "core/distributed/test_devices.py"),
    *("sweeps/test_killed_searches.py", "experiments/test_image_gan.py"),
    *("experiments/test_compare_losses.py", "core/test_decompositions.py"),
]
"""Files that take longest come first, as one worker runs each as a whole."""


LONG = set(pathlib.Path(__file__).with_name("long_tests.txt").read_text().splitlines())
"""Tests that take 0.3 s of a processor or more. The default tests are quick
without them; continuous integration runs them with the newest JAX."""


def pytest_collection_modifyitems(items):
    tests = pathlib.Path(__file__).parent
    for item in items:
        path = item.path.relative_to(tests)
        if {str(own) for own in (path, *path.parents)} & ANY_JAX:
            item.add_marker("any_jax")
        if any(part in item.name for part in VARIANTS.get(str(path), ())):
            item.add_marker("slow")
        if f"{path}::{item.name}" in LONG:
            item.add_marker("long")

    def place(item):
        name = str(item.path.relative_to(tests))
        return BEGIN_WITH.index(name) if name in BEGIN_WITH else len(BEGIN_WITH)

    items.sort(key=place)


@pytest.fixture
def x64():
    """Runs a test in float64, for constants that are known to many digits."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def interruptible():
    """Signals interrupt, also where the tests were started in the background."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def refused(monkeypatch, capsys):
    """Calls a script as the command line would, in this process, where JAX is at hand.

    Gives what it says on standard error when it refuses with status 2.
    """

    def call(script, *words):
        monkeypatch.syspath_prepend(str(EXPERIMENTS))
        module = importlib.import_module(script)
        # This process has begun with one device.
        monkeypatch.setattr(population, "use_all_cores", lambda: None)
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.run(module.main, cli.parse(module.Settings, module.__doc__))
        assert stop.value.code == 2
        return capsys.readouterr().err

    return call


@pytest.fixture
def compiled_once(tmp_path):
    """The environment of processes that run one program: the first one compiles it.

    The others read what it compiled, so that most moments of theirs, at which they may
    be killed, are of what they compute and save.
    """
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


@pytest.fixture
def traces():
    """Wraps functions so that `traces.count` says how often they were traced."""
    return Traces()


class Traces:
    """A counter of Python calls, which under `jit` are traces."""

    def __init__(self):
        self.count = 0

    def __call__(self, function):
        @functools.wraps(function)
        def counted(*args, **kwargs):
            self.count += 1
            return function(*args, **kwargs)

        return counted


CALL = re.compile(r'custom_call[ "]*@(?:lapack|blas)_(\w+?)(?:_ffi)?\(')
OPERAND = re.compile(r": \(tensor<([0-9x]*?)x?[fc]\d+>")


@pytest.fixture
def decomposed():
    """The kernel and the batch of each decomposition in a program on a CPU."""

    def of(function, *args):
        found = []
        for line in jax.jit(function).lower(*args).as_text().splitlines():
            if call := CALL.search(line):
                shape = [int(size) for size in OPERAND.search(line).group(1).split("x")]
                found.append((call.group(1), int(np.prod(shape[:-2]))))
        return found

    return of


@pytest.fixture
def check_one_at_a_time(decomposed):
    """Asserts that a program decomposes no batch, which on a CPU could hang.

    It must decompose something, unless `some` is False: then nothing at all.
    """

    def check(function, *args, some=True):
        found = decomposed(function, *args)
        assert bool(found) == some
        assert all(batch == 1 for _, batch in found), found

    return check
