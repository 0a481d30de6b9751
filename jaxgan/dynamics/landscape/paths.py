"""The field along the straight line from one checkpoint to another.

On the line `w_alpha = alpha w_end + (1 - alpha) w_start` the cosine of v with the way
back, `w_start - w_end`, says what kind of point the end is. Along a way that only
descends v points back, and behind an attracting end forward: the cosine falls from 1 to
-1 at `alpha = 1`. Around an end about which the players turn v stands across the way,
and the cosine has a bump there.

References:
  Berard et al., A Closer Look at the Optimization Landscapes of Generative Adversarial
  Networks, 2020, https://arxiv.org/abs/1906.04848
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import gradients, types
from jaxgan.core import errors
from jaxgan.dynamics.landscape import game, members
from jaxgan.steps import field as field_lib

FROM, TO = -0.1, 1.1
"""The part of the line that is looked at, as published."""


class Path(NamedTuple):
    """The field on the line between two states of each member.

    Attributes:
      alpha: `[A]`, places on the line: 0 at the start, 1 at the end.
      angle: `[P, A]`, the cosine of v with `w_start - w_end`; NaN where v is 0, or the
        two states are the same.
      norm: `[P, A]`, `|v|`.
    """

    alpha: np.ndarray
    angle: np.ndarray
    norm: np.ndarray


def path(
    discriminator: types.Gradient,
    generator: types.Gradient,
    *,
    points: int = 100,
    mapper: types.Mapper | None = None,
) -> Callable[..., Path]:
    """Builds the path angle and the path norm of a population, in one program.

    Args:
      discriminator: its `Gradient`, penalties included.
      generator: its `Gradient`.
      points: A, at equal distances from -0.1 to 1.1 (100 in the paper).
      mapper: see `population.automatic`; None for what suits the members.

    Returns:
      `(hparams, start, end, batch, keys) -> Path`, `start` and `end` states of one
      population. Every leaf is `[P, ...]`, that of the batch `[P, B, ...]`: the whole
      data, or as many as there is time for. The weights alone change on the way;
      collections are those of `end`. It raises `UserError` for what is no population,
      weights that are not finite, and states of different networks.

    Raises:
      UserError: if the players are swapped, or `points` < 2.
    """
    types.check_players(discriminator, generator, "gradient")
    errors.require_whole(points=points)
    if points < 2:
        raise errors.UserError(f"points={points} of a path must be at least 2.")
    alpha = np.linspace(FROM, TO, points)

    def of_member(hparams, end, batch, key, start):
        v = game.field(discriminator, generator, hparams, end, batch, key)
        back = field_lib.add(start, -1.0, end.params)
        length = gradients.global_norm(back)

        def at(place):
            here = v(field_lib.add(end.params, 1.0 - place, back))
            norm = gradients.global_norm(here)
            return field_lib.dot(here, back) / (norm * length), norm

        return jax.lax.map(at, jnp.asarray(alpha, length.dtype))

    measure = members.measured(of_member, mapper)

    def of_population(hparams, start, end, batch, keys):
        members.require(hparams, batch, keys, start=start, end=end)
        angle, norm = measure(hparams, end, batch, keys, start.params)
        return Path(alpha, angle, norm)

    return of_population
