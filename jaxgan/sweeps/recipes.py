"""A GAN and its training in plain names and numbers, all of which a sweep may vary.

The fields of a recipe have dotted names, such as `optimizer.generator.learning_rate`,
`penalties.r1` or `network.hidden`; `learning_rate`, `b1` and `b2` alone are those of
both players. Numbers of the optimisers, weights of penalties and the decay of the
average are *traced*, everything else is *structure*.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import gan, losses, networks, penalties, steps, types
from jaxgan.core import errors
from jaxgan.data import augmentation, dataset, modes
from jaxgan.penalties import adaptive, differences
from jaxgan.steps import families, schedules
from jaxgan.sweeps import fields, spaces
from jaxgan.training import methods

PLAYERS = types.Pair._fields

ADAM = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.999}
BOTH = tuple(
    dict.fromkeys(name for own in steps.OPTIMIZERS for name in families.takes(own))
)
"""Names that stand for the field of either player, of whatever optimiser."""

SCHEDULES = "schedules."

NUMBERS = ("ema_decay", "ada_target", "ada_images", "balance_temperature")
"""Fields that are numbers in the same program, besides those of optimisers and
penalties; None is another program."""

NAMES = ("augment", "consistency")
"""Fields that are names of augmentations."""


class Recipe(NamedTuple):
    """How a GAN is made and trained.

    Attributes:
      loss, penalties, optimizer, ema_decay, rule, n_critic: as of `methods.Method`,
        which calls the penalties `weights`.
      optimizer_family, schedules, accumulate: likewise.
      batch_size: real samples, or packs of them (`network.pack`), in a player's step.
      network: arguments of `gan.make` but for the shape.
      augment, ada_target, ada_images, consistency, penalty_every: as of
        `methods.Method`; the names of augmentations may be words of one string.
      balance_temperature: with which classes are drawn, see `modes.tempered`, or None
        to draw samples alike.
    """

    loss: str = "non_saturating"
    penalties: Mapping[str, float] = {}
    optimizer: types.Pair = types.Pair(ADAM, ADAM)
    ema_decay: float | None = None
    rule: str = "alternating"
    n_critic: int = 1
    batch_size: int = 64
    network: Mapping[str, Any] = {"architecture": "mlp", "hidden": (64, 64)}
    augment: str | Sequence[str] = ()
    ada_target: float | None = None
    ada_images: float = adaptive.IMAGES
    consistency: str | Sequence[str] = ()
    balance_temperature: float | None = None
    optimizer_family: str = "adam"
    schedules: Mapping[str, float] = {}
    accumulate: int = 1
    penalty_every: int = 1


def known(recipe: Recipe, asked: Iterable[str] = ()) -> list[str]:
    """The names of all fields that a sweep may vary.

    Those of the network are the arguments of `gan.make` and of its architecture, those
    of penalties all that there are.

    Args:
      recipe: whose fields they are.
      asked: names, of which those of schedules of such fields are added: all that there
        might be are too many to choose from.

    Raises:
      UserError: if a schedule has no such shape, or the shape no such number.
    """
    tables = ("penalties", "network", "schedules")
    bare = recipe._replace(**dict.fromkeys(tables, {}))
    names = [*BOTH, *(name for name in fields.names(bare) if name not in tables)]
    family = recipe.optimizer_family
    own = families.takes(family) if family in steps.OPTIMIZERS else ()
    names += [f"optimizer.{player}.{name}" for player in PLAYERS for name in own]
    weights = [*penalties.PENALTIES, *methods.CONSISTENCY, *losses.TERMS, methods.CLIP]
    weights += [differences.NUMBER]
    weights += [name for name, rule in steps.RULES.items() if rule.weight is not None]
    arguments = {**inspect.signature(gan.make).parameters}
    architecture = networks.ARCHITECTURES.get(recipe.network["architecture"])
    if architecture is not None:
        arguments |= inspect.signature(architecture.build).parameters
    own = [
        name
        for name, parameter in arguments.items()
        if name == "architecture"
        or (parameter.kind is parameter.KEYWORD_ONLY and name != "num_classes")
    ]
    names = [
        *dict.fromkeys(names),
        *(f"penalties.{name}" for name in dict.fromkeys(weights)),
    ]
    changing = _schedules(asked, [name for name in names if is_traced(name)])
    return [*names, *(f"network.{name}" for name in own), *changing]


def _schedules(asked: Iterable[str], numbers: Sequence[str]) -> list[str]:
    """The names of schedules, among those asked for, that are of some numbers."""
    front = [name for name in asked if name.startswith(SCHEDULES)]
    schedules.check_names(name.removeprefix(SCHEDULES) for name in front)
    of = (*numbers, "augmentation.target")
    return [
        name for name in front if name.removeprefix(SCHEDULES).rsplit(".", 2)[0] in of
    ]


def changed(recipe: Recipe, setting: spaces.Setting) -> Recipe:
    """The recipe with the values of a setting.

    A name of `BOTH` comes first, so that a player's own field may differ from it.

    Raises:
      UserError: if there is no such field, with the nearest name, or a traced one is no
        number.
    """
    if "optimizer_family" in setting:
        recipe = _of_family(recipe, setting["optimizer_family"])
    names = known(recipe, setting)
    for name, value in setting.items():
        if name not in names:
            raise errors.UserError(fields.unknown(name, names))
        if is_traced(name) and not _is_number(value):
            raise errors.UserError(f"{name}={value!r} must be a number.")
    own = {}
    for name in BOTH:
        if name in setting:
            own |= {f"optimizer.{p}.{name}": setting[name] for p in PLAYERS}
    own |= {name: value for name, value in setting.items() if name not in BOTH}
    changing = {name: own.pop(name) for name in setting if name.startswith(SCHEDULES)}
    recipe = fields.replaced(recipe, own)
    if not changing:
        return recipe
    added = {name.removeprefix(SCHEDULES): value for name, value in changing.items()}
    return recipe._replace(schedules={**recipe.schedules, **added})


def check(recipe: Recipe, space: spaces.Space) -> None:
    """Asks that the choices of a space's traced fields are numbers.

    Raises:
      UserError: naming the field.
    """
    for name, distribution in space.items():
        inner = spaces.unwrapped(distribution)[0]
        if is_traced(name) and isinstance(inner, spaces.Categorical):
            for choice in inner.choices:
                changed(recipe, {name: choice})


def is_traced(name: str) -> bool:
    """Whether a new value of a field is a number in the same program."""
    tables = ("optimizer.", "penalties.", SCHEDULES)
    return name in (*BOTH, *NUMBERS) or name.startswith(tables)


def structural(space: Iterable[str]) -> list[str]:
    """The fields of a space whose values change the program."""
    return [name for name in space if not is_traced(name)]


def structure(recipe: Recipe) -> dict[str, Any]:
    """What two recipes of one program have in common, as JSON can hold it."""
    names = types.Pair(*map(sorted, recipe.optimizer))._asdict()
    return recipe._asdict() | {
        "penalties": sorted(recipe.penalties),
        "schedules": sorted(schedules.of_both(recipe.schedules)),
        "optimizer": names,
        **{name: getattr(recipe, name) is not None for name in NUMBERS},
        **{name: list(_names(getattr(recipe, name))) for name in NAMES},
        "network": {k: _plain(v) for k, v in sorted(recipe.network.items())},
    }


def networks_of(recipe: Recipe, data: dataset.Dataset) -> types.GAN:
    """The two networks, for samples such as those of a dataset.

    A generator that can be bounded is so for images, which lie in [-1, 1], and layers
    have the plain form where the rule needs forward-mode derivatives.

    Raises:
      UserError: as `gan.make`, and if augmentations do not fit the samples.
    """
    for name in NAMES:
        augmentation.check(_names(getattr(recipe, name)), np.shape(data.train.x)[1:])
    described = {name: _hashable(value) for name, value in recipe.network.items()}
    known_one = networks.ARCHITECTURES.get(described["architecture"])
    takes = () if known_one is None else inspect.signature(known_one.build).parameters
    if "bounded" in takes:
        described.setdefault("bounded", data.mixture is None)
    if recipe.rule in steps.RULES and steps.RULES[recipe.rule].forward_mode:
        described.setdefault("convolution", "lax")
    return gan.build({"shape": np.shape(data.train.x)[1:], **described})


def is_convolutional(recipe: Recipe) -> bool:
    """Whether its networks have convolutions, by which the mapper is chosen."""
    return networks.ARCHITECTURES[recipe.network["architecture"]].convolutional


def method(recipe: Recipe) -> methods.Method:
    """How it is trained, for `methods.make`."""
    return methods.Method(
        recipe.loss,
        recipe.penalties,
        recipe.optimizer,
        recipe.ema_decay,
        warm_up=True,
        rule=recipe.rule,
        n_critic=recipe.n_critic,
        augment=_names(recipe.augment),
        ada_target=recipe.ada_target,
        ada_images=recipe.ada_images,
        consistency=_names(recipe.consistency),
        optimizer_family=recipe.optimizer_family,
        schedules=recipe.schedules,
        accumulate=recipe.accumulate,
        penalty_every=recipe.penalty_every,
    )


def classes(data: dataset.Dataset) -> modes.Modes | None:
    """The classes that `balance_temperature` is of, or None if there are none."""
    if data.train.label is None:
        return None
    # Of the classes that there are.
    _, label = np.unique(np.asarray(data.train.label), return_inverse=True)
    return modes.from_labels(label)


def numbers(
    recipes: Sequence[Recipe], found: modes.Modes | None = None
) -> types.HParams:
    """The hyperparameters of recipes of one structure, a leaf `[P, ...]` each.

    Args:
      recipes: P of them.
      found: the `classes` of their data.

    Raises:
      UserError: as `mode_weights`.
    """
    own = [
        methods.numbers(method(recipe))._replace(
            mode_weights=mode_weights(recipe, found)
        )
        for recipe in recipes
    ]
    return jax.tree.map(lambda *leaves: jnp.array(leaves, jnp.float32), *own)


def mode_weights(recipe: Recipe, found: modes.Modes | None) -> jax.Array | None:
    """How often each class is drawn, `[K]`, or None to draw samples alike.

    Raises:
      UserError: if a recipe balances classes where there are none.
    """
    if recipe.balance_temperature is None:
        return None
    if found is None:
        raise errors.UserError(
            f"balance_temperature={recipe.balance_temperature} balances classes, but "
            "the data have no labels; leave it out."
        )
    return modes.tempered(found, recipe.balance_temperature)


def _of_family(recipe: Recipe, family: str) -> Recipe:
    """The recipe with another optimiser, without usual numbers that it does not take.

    Others than the usual ones stay, for `methods.make` to refuse: they were asked for.
    """
    taken = families.takes(family)

    def fitting(numbers):
        return {
            name: value
            for name, value in numbers.items()
            if name in taken or ADAM.get(name) != value
        }

    return recipe._replace(optimizer=types.Pair(*map(fitting, recipe.optimizer)))


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(given.split() if isinstance(given, str) else given)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value
