"""A small study on points, which many tests share."""

import functools

import pytest

from jaxgan.data import dataset
from jaxgan.scores import suites
from jaxgan.scripts import settings
from jaxgan.sweeps import recipes, studies

BASE = recipes.Recipe(batch_size=8, network={"architecture": "mlp", "hidden": (4,)})


@functools.cache
def made(steps):
    """Programs are those of the study, whichever folder its files lie in."""
    data = dataset.load("ring", num_samples=512)
    return studies.make(
        data,
        functools.partial(recipes.changed, BASE),
        suites.of_dataset(data, num_samples=64, seed=0).suite,
        settings.Devices(),
        steps=steps,
        samples=64,
        folder=None,
        shared=None,
    )


@pytest.fixture(scope="session")
def study_in():
    """Makes the study whose files lie in a folder."""

    def make(folder, *, steps=6):
        return made(steps)._replace(folder=folder, shared=folder)

    return make
