"""Looks by their names, and which settings each has a use for."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from jaxgan import ensembles, types
from jaxgan.ensembles import latents
from jaxgan.scripts import cli, look_settings, looking, looking_beside, sheets


class Named(NamedTuple):
    """A look.

    Attributes:
      show: makes the sheet.
      uses: settings that it reads, besides those that all do.
      moves: whether its sheet of images has a film.
      beside: whether it needs real samples.
      levels: whether it reads several levels of truncation.
    """

    show: looking.Function
    uses: tuple[str, ...] = ()
    moves: bool = False
    beside: bool = False
    levels: bool = False


ALL = ("look", "n", "seed", "truncation", "truncation_rule")
REAL = ("real", "image_size", "value_range", "data_dir")

LOOKS = {
    "samples": Named(looking.samples),
    "classes": Named(looking.classes),
    "linear": Named(looking.linear, ("frames",), moves=True),
    "spherical": Named(looking.spherical, ("frames",), moves=True),
    "walk": Named(looking.walk, ("frames", "step", "persistence"), moves=True),
    "truncation": Named(
        looking_beside.truncated,
        ("features", "samples", *REAL),
        beside=True,
        levels=True,
    ),
    "projection": Named(
        looking_beside.projection, ("starts", "descent_steps", *REAL), beside=True
    ),
    "neighbours": Named(looking_beside.neighbours, ("features", *REAL), beside=True),
}

CHECKS = {
    "n": cli.AT_LEAST_ONE,
    "seed": cli.SEED,
    "frames": cli.at_least(2),
    "step": cli.POSITIVE,
    "persistence": cli.Check(lambda x: 0 <= x <= 1, "it must lie between 0 and 1"),
    "samples": cli.AT_LEAST_ONE,
    "starts": cli.AT_LEAST_ONE,
    "descent_steps": cli.AT_LEAST_ONE,
}


def check(asked: look_settings.Look) -> None:
    """Asks that all settings are in range and of use to the look.

    Raises:
      UserError: naming the first that is not.
    """
    cli.check(asked, CHECKS)
    own = LOOKS[asked.look]
    for field in dataclasses.fields(look_settings.Look):
        value = getattr(asked, field.name)
        if field.name in (*ALL, *own.uses) or value == field.default:
            continue
        fitting = [name for name, other in LOOKS.items() if field.name in other.uses]
        flag = "--" + field.name.replace("_", "-")
        cli.require(False, flag, value, f"it goes with --look {' or '.join(fitting)}")
    need = "it needs --real, such as NAME:train of a dataset or a folder of images"
    cli.require(not own.beside or asked.real is not None, "--look", asked.look, need)
    shown = " ".join(f"{level:g}" for level in asked.truncation)
    for level in asked.truncation:
        cli.require(
            0 < level < math.inf, "--truncation", shown, "levels must be positive"
        )
    need = "several levels are for --look truncation, so give one"
    cli.require(own.levels or len(asked.truncation) < 2, "--truncation", shown, need)
    named = asked.truncation_rule is None or own.levels or bool(asked.truncation)
    need = "it goes with --truncation LEVEL"
    cli.require(named, "--truncation-rule", asked.truncation_rule, need)


def show(
    networks: types.GAN,
    mixture: ensembles.Mixture,
    notes: Mapping[str, Any],
    asked: look_settings.Look,
    key: jax.Array,
) -> sheets.Sheet:
    """The sheet of the look that was asked for.

    Args:
      networks: that the members were trained as.
      mixture: of generators, of one class if asked.
      notes: of its file.
      asked: checked by `check`.
      key: consumed.

    Raises:
      UserError: for samples that the look has no use for, and as the look.
    """
    own = LOOKS[asked.look]
    shape = looking.sample_shape(networks, mixture)
    need = f"it is for images and points, but the samples have the shape {shape}"
    fits = asked.look == "samples" or len(shape) in (1, 3)
    cli.require(fits, "--look", asked.look, need)
    if asked.truncation and not own.levels:
        rule, (level,) = asked.truncation_rule or "resampling", asked.truncation
        networks = latents.truncated(networks, rule, level)
    return own.show(looking.Trained(networks, mixture, notes, shape), asked, key)
