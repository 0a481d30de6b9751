"""Tests of the recipes that image_gan.py has by name."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import types
from jaxgan.core import errors
from jaxgan.scripts import cli, settings
from jaxgan.steps import schedules
from jaxgan.training import methods


@dataclasses.dataclass(frozen=True)
class Settings(
    settings.Training, settings.Network, settings.FewLabels, settings.Replicates
):
    pass


def test_r3gan_goes_from_the_published_numbers_to_the_published_numbers():
    asked = settings.of_recipe(Settings(preset="r3gan", steps=1000))
    adam = {"learning_rate": asked.learning_rate, "b2": asked.betas[1]}
    changing = cli.named_numbers("--schedules", asked.schedules)
    method = methods.Method(
        asked.loss,
        cli.named_numbers("--penalties", asked.penalties),
        types.Pair(adam, {**adam, "learning_rate": asked.discriminator_learning_rate}),
        schedules=changing,
    )
    hparams = methods.numbers(method)
    # Half a cosine of the whole run, of Huang et al.: lr, beta_2 and gamma / 2.
    for step, share in ((0, 0.0), (500, 0.5), (1000, 1.0), (1500, 1.0)):
        now = schedules.at(hparams, jnp.int32(step))
        for player in now.optimizer:
            rate = 2e-4 + share * (5e-5 - 2e-4)
            np.testing.assert_allclose(player["learning_rate"], rate, rtol=1e-5)
            np.testing.assert_allclose(player["b2"], 0.9 + share * 0.09, rtol=1e-5)
        for weight in now.penalties.values():
            half = (0.05 + share * (0.005 - 0.05)) / 2
            np.testing.assert_allclose(weight, half, rtol=1e-5)
    assert asked.betas[0] == 0 and set(hparams.penalties) == {"r1", "r2"}


def test_a_preset_and_few_labels_exclude_each_other():
    with pytest.raises(errors.UserError, match="--preset r3gan: it goes without"):
        settings.of_recipe(Settings(preset="r3gan", labels_per_class=3))
    assert settings.of_recipe(Settings()) == Settings()
