"""The rules by name: from the players' gradients to a step of both."""

from collections.abc import Callable
from typing import NamedTuple

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import (
    adaptive,
    averages,
    competition,
    core,
    extrapolation,
    order,
    rotation,
)
from jaxgan.steps import optimizers as optimizers_lib

LOOKAHEAD = 5
"""Steps between two returns of `lookahead`, k in the paper."""


class Rule(NamedTuple):
    """A way in which two players move.

    Attributes:
      build: `(discriminator, generator, optimizer, n_critic) -> Step`, the players as
        `Gradient`s.
      optimizer: what becomes of the optax factory that both players would use.
      takes: of `n_critic` steps, the number of parts that the batch is cut into.
      alternates: whether `n_critic` may be more than 1.
      weight: of the rule's own term in `hparams.penalties`, as published, or None if it
        has none.
      forward_mode: whether networks need convolutions in the plain form.
      differentiates: whether it takes derivatives of the players' gradients.
    """

    build: Callable[..., types.Step]
    optimizer: Callable[[core.Optimizer], core.Optimizer] = lambda optimizer: optimizer
    takes: Callable[[int], int] = lambda n_critic: n_critic
    alternates: bool = False
    weight: float | None = None
    forward_mode: bool = False
    differentiates: bool = False


class Made(NamedTuple):
    """A rule made ready.

    Attributes:
      step: of both players.
      optimizer: to be given to `initialise`; a `Pair` if the rule was given one.
      parts: batches that a step consumes, one after the other.
    """

    step: types.Step
    optimizer: core.Optimizers
    parts: int


def make(
    name: str,
    discriminator: types.Gradient,
    generator: types.Gradient,
    *,
    optimizer: core.Optimizers = adaptive.adam,
    n_critic: int = 1,
) -> Made:
    """Makes the step of a rule.

    Args:
      name: a key of `RULES`.
      discriminator: its `Gradient`.
      generator: its `Gradient`.
      optimizer: optax factory of both players, or a `Pair` of theirs.
      n_critic: steps of the discriminator to one of the generator.

    Returns:
      The step, what it needs to begin, and how many batches it takes at once.

    Raises:
      UserError: if there is no such rule or it takes no `n_critic` but 1.
    """
    rule = get(name)
    if n_critic < 1 or (n_critic > 1 and not rule.alternates):
        alternating = ", ".join(key for key in RULES if RULES[key].alternates)
        raise errors.UserError(
            f"n_critic={n_critic} does not suit the rule {name!r}: it must be 1, or "
            f"more with one of {alternating}."
        )
    if isinstance(optimizer, types.Pair):
        optimizer = types.Pair(*map(rule.optimizer, optimizer))
    else:
        optimizer = rule.optimizer(optimizer)
    step = rule.build(discriminator, generator, optimizer, n_critic)
    return Made(step, optimizer, rule.takes(n_critic))


def get(name: str) -> Rule:
    """The rule of that name.

    Raises:
      UserError: if there is no such rule.
    """
    if name not in RULES:
        raise errors.UserError(
            f"rule is {name!r}, which does not exist: {errors.choice(name, RULES)}"
        )
    return RULES[name]


def _updates(discriminator, generator, optimizer) -> tuple[types.Step, types.Step]:
    return (
        core.update("discriminator", discriminator, optimizer),
        core.update("generator", generator, optimizer),
    )


def _alternating(discriminator, generator, optimizer, n_critic):
    updates = _updates(discriminator, generator, optimizer)
    return order.alternating(*updates, n_critic=n_critic)


def _simultaneous(discriminator, generator, optimizer, n_critic):
    return order.simultaneous(*_updates(discriminator, generator, optimizer))


def _lookahead(*arguments):
    return averages.lookahead(_alternating(*arguments), k=LOOKAHEAD)


def _extragradient(*arguments):
    return extrapolation.extragradient(_simultaneous(*arguments))


def _from_the_past(discriminator, generator, optimizer, n_critic):
    step = _simultaneous(discriminator, generator, optimizer, n_critic)
    return extrapolation.extragradient_from_the_past(step, optimizer)


def _lola(discriminator, generator, optimizer, n_critic):
    return extrapolation.lola(*_updates(discriminator, generator, optimizer))


def _mixing(combinator) -> Callable[..., types.Step]:
    def build(discriminator, generator, optimizer, n_critic):
        return combinator(discriminator, generator, optimizer)

    return build


RULES: dict[str, Rule] = {
    "alternating": Rule(_alternating, alternates=True),
    "simultaneous": Rule(_simultaneous),
    "lookahead": Rule(
        _lookahead, takes=lambda n_critic: LOOKAHEAD * n_critic, alternates=True
    ),
    "extragradient": Rule(_extragradient),
    "extragradient_from_the_past": Rule(
        _from_the_past, optimizer=optimizers_lib.remembering
    ),
    "optimistic": Rule(_simultaneous, optimizer=optimizers_lib.optimistic),
    "lola": Rule(_lola),
    "consensus": Rule(_mixing(rotation.consensus), weight=10.0, differentiates=True),
    "symplectic": Rule(
        _mixing(rotation.symplectic),
        weight=1.0,
        forward_mode=True,
        differentiates=True,
    ),
    "competitive": Rule(
        _mixing(competition.competitive), forward_mode=True, differentiates=True
    ),
}
"""All rules by name; `optimistic` is `simultaneous` with an optimistic optimiser, and
`lookahead` goes back after every five alternating steps."""
