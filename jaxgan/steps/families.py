"""Optimisers by name, with the numbers of each that a population may vary.

A `Family` is structure: it fixes the program and what the optimiser remembers. Its
numbers are arguments that optax computes with and never compares in Python, so that
they may be traced and differ between members; `docs/optimisation.md` has the table.
Everything else that the factories take (Nesterov's form, dtypes, masks, the number of
Newton-Schulz iterations) is structure and is left as published.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import optax
import optax.contrib
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import adaptive, core

CLIP_NORM = "clip_norm"
"""Number of every family: the Euclidean norm that a player's gradient may have."""


class Family(NamedTuple):
    """An optimiser but for its numbers.

    Attributes:
      factory: optax factory, to be called with the numbers.
      numbers: arguments that may be traced, `learning_rate` first.
    """

    factory: core.Optimizer
    numbers: tuple[str, ...]


def make(name: str) -> core.Optimizer:
    """The optax factory of a family, for `initialise`, `update` and `rules.make`.

    Besides the numbers of the family it takes `clip_norm`, see `clipped`.

    Raises:
      UserError: if there is no such family.
    """
    return clipped(get(name).factory)


def get(name: str) -> Family:
    """The family of that name.

    Raises:
      UserError: if there is none.
    """
    if name not in OPTIMIZERS:
        raise errors.UserError(
            f"optimizer_family is {name!r}, which does not exist: "
            f"{errors.choice(name, OPTIMIZERS)}"
        )
    return OPTIMIZERS[name]


def takes(name: str) -> tuple[str, ...]:
    """The numbers that a family takes, `clip_norm` among them."""
    return (*get(name).numbers, CLIP_NORM)


def check(name: str, numbers: Mapping[str, ArrayLike], player: str) -> None:
    """Asks for numbers that a family takes, a learning rate among them.

    Args:
      name: of the family.
      numbers: of one member, numbers of Python.
      player: whose they are.

    Raises:
      UserError: if there is no such family, it takes no such number, the learning rate
        is missing, or b1 is 0 where it is divided by.
    """
    known = takes(name)
    for number in numbers:
        if number not in known:
            raise errors.UserError(
                f"optimizer.{player} has {number!r}, which is no number of the "
                f"optimiser {name}; {errors.choice(number, known)}"
            )
    if "learning_rate" not in numbers:
        raise errors.UserError(
            f"optimizer.{player} has no 'learning_rate'; it has {sorted(numbers)}."
        )
    # What it averages is found by dividing by b1.
    b1 = numbers.get("b1")
    if name == "schedule_free" and b1 is not None and not b1 > 0:
        raise errors.UserError(
            f"optimizer.{player} has b1={b1}, but the optimiser {name} needs one above "
            "0, such as 0.9."
        )


def clipped(optimizer: core.Optimizer) -> core.Optimizer:
    """Shortens gradients that are longer than `clip_norm` before the optimiser.

    `g <- g min(1, clip_norm / |g|)`, |g| over all weights of the player.

    Args:
      optimizer: optax factory.

    Returns:
      An optax factory that takes `clip_norm` too; without it, the optimiser as it is.

    References:
      Pascanu et al., On the difficulty of training recurrent neural networks, 2013,
      https://arxiv.org/abs/1211.5063
    """

    def factory(**numbers) -> optax.GradientTransformation:
        own = dict(numbers)
        norm = own.pop(CLIP_NORM, None)
        inner = core.with_numbers(optimizer, own)
        if norm is None:
            return inner
        return optax.chain(optax.clip_by_global_norm(norm), inner)

    return factory


def kernels(params: types.Tree) -> types.Tree:
    """Which weights decay: kernels, and not the biases and scales of normalisation.

    Returns:
      A bool for each leaf, True where it has two axes or more.
    """
    return jax.tree.map(lambda leaf: len(leaf.shape) > 1, params)


def schedule_free(
    learning_rate: ArrayLike,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    weight_decay: ArrayLike = 0.0,
    weight_lr_power: ArrayLike = 2.0,
) -> optax.GradientTransformation:
    """Schedule-free AdamW whose weight decay spares normalisation.

    `y = (1 - b1) z + b1 x`, z moved by Adam without momentum at the gradient of y, x
    the mean of the z so far. A player's weights are y; x is what the paper evaluates,
    `optax.contrib.schedule_free_eval_params` gives it. A moving average of the
    generator, if there is one, is of y.

    Args:
      learning_rate: positive; like all numbers here it may be traced.
      b1: share of x in y, in (0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: added to the root, positive.
      weight_decay: of `kernels`.
      weight_lr_power: steps count in the mean by the largest learning rate so far to
        this power.

    References:
      Defazio et al., The Road Less Scheduled, 2024, https://arxiv.org/abs/2405.15682
    """
    without_momentum = optax.chain(
        optax.scale_by_rms(b2, eps, eps_in_sqrt=False, bias_correction=True),
        optax.add_decayed_weights(weight_decay, kernels),
        optax.scale_by_learning_rate(learning_rate),
    )
    return optax.contrib.schedule_free(
        without_momentum, learning_rate, b1, weight_lr_power
    )


def _matrices(params: types.Tree) -> types.Tree:
    """How Muon sees each kernel: `[*n, I, O]` as a matrix of O columns."""

    def of_leaf(leaf):
        axes = len(leaf.shape)
        if axes < 2:
            return None
        return optax.contrib.MuonDimensionNumbers(tuple(range(axes - 1)), axes - 1)

    return jax.tree.map(of_leaf, params)


_MOMENTS = ("learning_rate", "b1", "b2", "eps")
_ROOTED = (*_MOMENTS, "eps_root")

OPTIMIZERS: dict[str, Family] = {
    "adam": Family(adaptive.adam, _ROOTED),
    "adamw": Family(
        functools.partial(optax.adamw, mask=kernels), (*_ROOTED, "weight_decay")
    ),
    "rmsprop": Family(optax.rmsprop, ("learning_rate", "decay", "eps", "momentum")),
    "sgd": Family(optax.sgd, ("learning_rate", "momentum")),
    "lion": Family(
        functools.partial(optax.lion, mask=kernels),
        ("learning_rate", "b1", "b2", "weight_decay"),
    ),
    "adabelief": Family(optax.adabelief, _ROOTED),
    "radam": Family(optax.radam, (*_ROOTED, "threshold")),
    "muon": Family(
        functools.partial(
            optax.contrib.muon,
            weight_decay_mask=kernels,
            muon_weight_dimension_numbers=_matrices,
        ),
        (
            *("learning_rate", "beta", "eps", "weight_decay"),
            *("adam_learning_rate", "adam_b1", "adam_b2"),
        ),
    ),
    "schedule_free": Family(
        schedule_free, (*_MOMENTS, "weight_decay", "weight_lr_power")
    ),
}
"""All families by name. Decay of weights is of `kernels` alone; Muon moves kernels and
leaves the other weights to Adam."""
