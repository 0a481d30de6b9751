"""Settings and fixtures that many tests share."""

from jaxgan.scripts import cli

cli.compile_fast()  # before JAX is imported: tests compile much and compute little

import functools
import importlib
import pathlib
import re
import signal
import sys

import jax
import numpy as np
import pytest

from jaxgan import population

EXPERIMENTS = pathlib.Path(__file__).parents[1] / "experiments"


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
