"""Schedules: hyperparameters that change with the member's step.

A schedule multiplies a number by a factor of the steps taken, t = 0, 1, ...:
`value(t) = number * factor_1(t) * factor_2(t) ...`. Which factors a number has is
structure; what they are made of (their lengths, their ends) are hyperparameters, so
that a population compares schedules in one program. They lie in `HParams.schedules` by
the names `FIELD.SHAPE.NUMBER`:

    "optimizer.generator.learning_rate.cosine.steps": 6000.0
    "optimizer.generator.learning_rate.warm_up.steps": 100.0
    "penalties.r1.linear.steps": 3000.0

A number without a schedule is constant. Steps are those of the training loop, whatever
a step does inside: a step with five updates of the discriminator is one.
"""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors

Named = Mapping[str, ArrayLike]
"""Numbers of schedules by `FIELD.SHAPE.NUMBER`."""

POINT = re.compile(r"(at|factor)_([1-9]\d*)")


def linear(
    t: jax.Array, steps: ArrayLike, final: ArrayLike = 0.0, begin: ArrayLike = 0.0
) -> ArrayLike:
    """`final + (1 - final) r`, with r falling from 1 to 0 in so many steps.

    Args:
      t: steps taken.
      steps: how long r falls, positive.
      final: the factor at the end, not negative; above 1 the number grows.
      begin: the step up to which r is 1.
    """
    return final + (1 - final) * _remaining(t, steps, begin)


def cosine(
    t: jax.Array, steps: ArrayLike, final: ArrayLike = 0.0, begin: ArrayLike = 0.0
) -> ArrayLike:
    """`final + (1 - final) (1 + cos(pi (1 - r))) / 2`, r as in `linear`.

    References:
      Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017,
      https://arxiv.org/abs/1608.03983
    """
    # As a squared sine, which keeps its digits where it is nearly 0.
    half = jnp.sin(jnp.pi / 2 * _remaining(t, steps, begin))
    return final + (1 - final) * half**2


def warm_up(t: jax.Array, steps: ArrayLike, first: ArrayLike = 0.0) -> ArrayLike:
    """`first + (1 - first) min(t / steps, 1)`.

    Args:
      t: steps taken.
      steps: after how many the factor is 1, positive.
      first: the factor at step 0, not negative.

    References:
      Goyal et al., Accurate, Large Minibatch SGD, 2017,
      https://arxiv.org/abs/1706.02677
    """
    return first + (1 - first) * jnp.minimum(t / steps, 1.0)


def inverse_square_root(t: jax.Array, steps: ArrayLike) -> jax.Array:
    """`1 / sqrt(max(t / steps, 1))`: constant for so many steps, then falling.

    References:
      Karras et al., Analyzing and Improving the Training Dynamics of Diffusion Models,
      2024, https://arxiv.org/abs/2312.02696
    """
    return jax.lax.rsqrt(jnp.maximum(t / steps, 1.0))


def piecewise(t: jax.Array, **points: ArrayLike) -> jax.Array:
    """The product of all `factor_i` whose step `at_i` has come, i = 1, 2, ..."""
    found = jnp.ones((), jnp.float32)
    for name, step in points.items():
        if name.startswith("at_"):
            factor = points[name.replace("at", "factor", 1)]
            found = found * jnp.where(t >= step, factor, 1.0)
    return found


DECAYS = ("ema_decay", "b1", "b2", "adam_b1", "adam_b2", "beta", "decay", "momentum")
"""Numbers of `HParams` that must stay below 1."""

DIVISORS = ("approximate_sigma", "images")
"""Numbers of `HParams` that must stay above 0, as something is divided by them."""

SHAPES: dict[str, Callable[..., ArrayLike]] = {
    "linear": linear,
    "cosine": cosine,
    "warm_up": warm_up,
    "inverse_square_root": inverse_square_root,
    "piecewise": piecewise,
}
"""Factors by name; `piecewise` has as many points as it is given."""


def scheduled(step: types.Step) -> types.Step:
    """Gives a step its numbers as they are at `state.step`.

    Args:
      step: a `Step`. Wrap this around `averaged`, whose decay may have a schedule, and
        `quarantine` around this.

    Returns:
      A `Step` that looks `hparams.schedules` up; without any it adds no operation.

    Raises:
      UserError: when traced, as `check`.
    """

    def scheduling(hparams, state, batch, key):
        return step(at(hparams, state.step), state, batch, key)

    return types.played_by(types.player_of(step), scheduling)


def at(hparams: types.HParams, t: ArrayLike) -> types.HParams:
    """The numbers of a member after t steps, without schedules.

    Raises:
      UserError: as `check`.
    """
    if not hparams.schedules:
        return hparams._replace(schedules=None)
    check(hparams)
    t = jnp.asarray(t, jnp.float32)
    now = hparams._replace(schedules=None)
    for (field, shape), numbers in _grouped(hparams.schedules).items():
        now = _scaled(now, field.split("."), SHAPES[shape](t, **numbers))
    return now


def check(hparams: types.HParams) -> None:
    """Asks that schedules are of numbers that there are, and whole.

    Raises:
      UserError: if a name is no `FIELD.SHAPE.NUMBER`, there is no such number, shape or
        number of the shape, or one is missing.
    """
    fields, named = _fields(hparams), hparams.schedules or {}
    check_names(named)
    for (field, shape), numbers in _grouped(named).items():
        if field not in fields:
            raise errors.UserError(
                f"the schedule {field}.{shape} is of {field!r}, which is no number of "
                f"the method; {errors.choice(field, fields)}"
            )
        _check_whole(f"{field}.{shape}", shape, set(numbers))


def check_names(names: Iterable[str]) -> None:
    """Asks for names `FIELD.SHAPE.NUMBER` with a shape and a number that there are.

    Raises:
      UserError: naming the nearest.
    """
    for name in names:
        _, shape, number = _parts(name)
        if shape not in SHAPES:
            raise errors.UserError(
                f"the schedule {name!r} has the shape {shape!r}, which does not exist; "
                f"{errors.choice(shape, SHAPES)}"
            )
        known = numbers_of(shape)
        point = shape == "piecewise" and POINT.fullmatch(number)
        if number not in known and not point:
            raise errors.UserError(
                f"the schedule {name!r} has {number!r}, which {shape} does not take; "
                f"{errors.choice(number, known)}"
            )


def of_both(schedules: Mapping[str, Any]) -> dict[str, Any]:
    """Schedules in which a plain `learning_rate` is that of both players.

    Args:
      schedules: by `FIELD.SHAPE.NUMBER`; a field without a dot, other than
        `ema_decay`, is a number of the optimisers.

    Raises:
      UserError: if a name is no `FIELD.SHAPE.NUMBER`.
    """
    found: dict[str, Any] = {}
    for name, value in schedules.items():
        field, *_ = _parts(name)
        if "." not in field and field != "ema_decay":
            for player in types.Pair._fields:
                found.setdefault(f"optimizer.{player}.{name}", value)
        else:
            found[name] = value
    return found


def check_values(hparams: types.HParams) -> None:
    """Asks for positive lengths, nothing negative, decays below 1 and no divisor of 0.

    Args:
      hparams: of one member, numbers of Python that `check` passes.

    Raises:
      UserError: naming the number and its value.
    """
    named = hparams.schedules or {}
    for name, value in named.items():
        length = name.endswith(".steps")
        if not 0 <= value < math.inf or (length and value == 0):
            need = "positive, as it is a number of steps" if length else "not negative"
            raise errors.UserError(
                f"the schedule {name!r} is {value:g}, but must be finite and {need}."
            )
    grouped = _grouped(named)
    for field in dict.fromkeys(field for field, _ in grouped):
        own = {shape: grouped[name, shape] for name, shape in grouped if name == field}
        least, greatest = _ends_of(own)
        path = field.split(".")
        peak = _value(hparams, path) * greatest if path[-1] in DECAYS else 0.0
        if peak >= 1:
            raise errors.UserError(
                f"the schedule {field}.{' and '.join(own)} reaches {peak:g}, but "
                f"{field} must stay below 1; lower the factors above 1."
            )
        if path[-1] in DIVISORS and least <= 0:
            raise errors.UserError(
                f"the schedule {field}.{' and '.join(own)} reaches 0, but {field} must "
                "stay above it; raise the factors that are 0, such as final or first."
            )


def _ends_of(factors: Mapping[str, Mapping[str, float]]) -> tuple[float, float]:
    """The least and greatest product of the factors of a number, by their shape.

    Factors are monotonic between the steps at which any of them turns.
    """
    turns = {0.0}
    for numbers in factors.values():
        begin = numbers.get("begin", 0.0)
        turns |= {begin, begin + numbers.get("steps", 0.0)}
        turns |= {at for name, at in numbers.items() if name.startswith("at_")}
    t = np.array(sorted(turns), np.float32)
    with jax.ensure_compile_time_eval():  # also where a method is made while traced
        found = [SHAPES[shape](t, **numbers) for shape, numbers in factors.items()]
    product = np.prod(np.broadcast_arrays(*found), axis=0)
    return float(product.min()), float(product.max())


def longer(schedules: Mapping[str, float], num_steps: int) -> list[str]:
    """A sentence for each schedule that goes on after the end of a run."""
    return [
        f"the schedule {name} ends at step {end:g}, after the {num_steps} steps of "
        "the run, and is cut off there"
        for name, end in ends(schedules).items()
        if end > num_steps
    ]


def ends(schedules: Mapping[str, float]) -> dict[str, float]:
    """The step at which each factor stops changing, by its `FIELD.SHAPE`.

    `inverse_square_root` never does and is left out.
    """
    found = {}
    for (field, shape), numbers in _grouped(schedules).items():
        if shape == "piecewise":
            steps = [numbers[name] for name in numbers if name.startswith("at_")]
            found[f"{field}.{shape}"] = max(steps)
        elif shape != "inverse_square_root":
            end = numbers["steps"] + numbers.get("begin", 0.0)
            found[f"{field}.{shape}"] = end
    return found


def numbers_of(shape: str) -> list[str]:
    """What a shape may be given; of `piecewise` the first two points."""
    if shape == "piecewise":
        return ["at_1", "factor_1", "at_2", "factor_2"]
    return list(inspect.signature(SHAPES[shape]).parameters)[1:]


def _remaining(t, steps, begin) -> jax.Array:
    return jnp.clip((begin + steps - t) / steps, 0.0, 1.0)


def _parts(name: str) -> list[str]:
    parts = name.rsplit(".", 2)
    if len(parts) != 3 or not all(parts):
        raise errors.UserError(
            f"the schedule {name!r} must be named FIELD.SHAPE.NUMBER, such as "
            "learning_rate.cosine.steps."
        )
    return parts


def _grouped(schedules: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    # In the order of the names: that of factors is one of roundings, and a tree that
    # went through JAX has its keys sorted.
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name in sorted(schedules):
        field, shape, number = _parts(name)
        found.setdefault((field, shape), {})[number] = schedules[name]
    return found


def _check_whole(named: str, shape: str, given: set[str]) -> None:
    """Asks for all that a shape needs."""
    if shape == "piecewise":
        twin = {"at": "factor", "factor": "at"}
        points = (name.split("_") for name in given)
        needed = {f"{twin[kind]}_{number}" for kind, number in points}
    else:
        parameters = list(inspect.signature(SHAPES[shape]).parameters.values())[1:]
        needed = {p.name for p in parameters if p.default is p.empty}
    for missing in sorted(needed - given):
        raise errors.UserError(
            f"the schedule {named} has no {missing!r}; give {named}.{missing} too."
        )


def _fields(hparams: types.HParams) -> list[str]:
    """The names of all numbers that may have a schedule."""
    found = []
    for player, numbers in hparams.optimizer._asdict().items():
        found += [f"optimizer.{player}.{name}" for name in numbers]
    found += [f"penalties.{name}" for name in hparams.penalties]
    found += [f"augmentation.{name}" for name in hparams.augmentation or ()]
    return found if hparams.ema_decay is None else [*found, "ema_decay"]


def _value(tree: Any, path: list[str]) -> Any:
    for part in path:
        tree = tree[part] if isinstance(tree, Mapping) else getattr(tree, part)
    return tree


def _scaled(tree: Any, path: list[str], factor: ArrayLike) -> Any:
    """A tree of NamedTuples and mappings, one number of which is multiplied."""
    if not path:
        return tree * factor
    first, *rest = path
    if isinstance(tree, Mapping):
        # Names of penalties have no dots.
        return {**tree, first: _scaled(tree[first], rest, factor)}
    return tree._replace(**{first: _scaled(getattr(tree, first), rest, factor)})
