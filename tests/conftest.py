"""Fixtures that many tests share."""

import jax
import pytest


@pytest.fixture
def x64():
    """Runs a test in float64, for constants that are known to many digits."""
    with jax.enable_x64(True):
        yield
