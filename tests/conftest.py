"""Settings and fixtures that many tests share."""

from jaxgan import cli

cli.compile_fast()  # before JAX is imported: tests compile much and compute little

import functools

import jax
import pytest


@pytest.fixture
def x64():
    """Runs a test in float64, for constants that are known to many digits."""
    with jax.enable_x64(True):
        yield


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
