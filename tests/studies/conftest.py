"""A small study on points, which many tests share."""

import functools

import pytest

from jaxgan import settings
from jaxgan.data import dataset
from jaxgan.scores import panels
from jaxgan.studies import populations, recipes

BASE = recipes.Recipe(batch_size=8, network={"architecture": "mlp", "hidden": (4,)})


@functools.cache
def scored(num_samples):
    data = dataset.load("ring", num_samples=512)
    panel = panels.of_dataset(data, num_samples=num_samples, seed=0).panel
    return data, panel


@pytest.fixture(scope="session")
def study_in():
    """Makes the study whose files lie in a folder."""

    def make(folder, *, steps=6, samples=64, base=BASE):
        data, panel = scored(samples)
        return populations.make(
            data,
            functools.partial(recipes.changed, base),
            panel,
            settings.Devices(),
            steps=steps,
            samples=samples,
            folder=folder,
            shared=folder,
        )

    return make
