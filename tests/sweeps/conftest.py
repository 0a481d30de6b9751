"""A small study on points, which many tests share."""

import functools

import pytest

from jaxgan import settings
from jaxgan.data import dataset
from jaxgan.scores import panels
from jaxgan.studies import populations, recipes

BASE = recipes.Recipe(batch_size=8, network={"architecture": "mlp", "hidden": (4,)})


@functools.cache
def made(steps):
    """Programs are those of the study, whichever folder its files lie in."""
    data = dataset.load("ring", num_samples=512)
    return populations.make(
        data,
        functools.partial(recipes.changed, BASE),
        panels.of_dataset(data, num_samples=64, seed=0).panel,
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
