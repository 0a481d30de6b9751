"""Ways between latents: along a line, along a great circle, and at random on a shell.

Normal latents `z ~ N(0, I_D)` lie near a shell of radius `sqrt(D)`. The middle of the
line between two of them lies inside, where a generator was hardly ever trained; great
circles and the walk stay outside.

References:
  Shoemake, Animating Rotation with Quaternion Curves, 1985,
  https://doi.org/10.1145/325334.325242
  White, Sampling Generative Networks, 2016, https://arxiv.org/abs/1609.04468
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.core import errors, randomness

PARALLEL = 1e-5
"""Sine of an angle below which two directions are taken for one line: in float32 what
is left of their difference is rounding."""


def lerp(a: Array, b: Array, t: Array) -> Array:
    """`a + t (b - a)`, of anything that broadcasts."""
    return a + t * (b - a)


def slerp(a: Array, b: Array, t: Array) -> Array:
    """Along the great circle of the directions, at equal speed.

    With unit vectors `u = a / |a|`, `v = b / |b|` and the angle `A` between them,

        r(t) (sin((1 - t) A) u + sin(t A) v) / sin(A),  r(t) = |a| + t (|b| - |a|)

    which is `r(t) (cos(t A) u + sin(t A) w)`, w the direction in the plane of both at
    right angles to u. Directions that are equal are kept; of all half circles between
    opposite ones it takes that through the axis to which u is nearest to a right angle,
    and in one dimension, where there is none, the line. A latent of zero has the
    direction of the other one.

    Args:
      a: `[..., D]`, where t is 0.
      b: `[..., D]`, where t is 1.
      t: `[..., 1]`.
    """
    length_a, length_b = (jnp.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    u, v = _unit(a, length_a), _unit(b, length_b)
    u, v = jnp.where(length_a > 0, u, v), jnp.where(length_b > 0, v, u)
    cosine = jnp.sum(u * v, axis=-1, keepdims=True)
    across = v - cosine * u
    sine = jnp.linalg.norm(across, axis=-1, keepdims=True)
    line = sine < PARALLEL
    # Twice, as the first difference of near directions is inexact.
    w = jnp.where(line, _right_angled(u), _across(_unit(across, sine), u))
    # On a line rounding is not to turn anything.
    angle = jnp.where(line, jnp.where(cosine < 0, jnp.pi, 0), jnp.arctan2(sine, cosine))
    direction = jnp.cos(t * angle) * u + jnp.sin(t * angle) * w
    return direction * lerp(length_a, length_b, t)


def walk(
    key: Array, start: Array, num_steps: int, angle: float, persistence: float = 0.0
) -> Array:
    """A random walk on the shell of its beginning, by equal angles.

    With the direction u and a unit vector v at right angles to it, in which it moves,

        u' = cos(angle) u + sin(angle) v,  v' = cos(angle) v - sin(angle) u

    and then `v'' ~ m v' + sqrt(1 - m^2) e`, normalised, e a random direction at right
    angles to u'. Lengths stay as they are, so that the latents of a walk from
    `z ~ N(0, I)` are each distributed so.

    Args:
      key: consumed.
      start: `[..., D]`, D at least 2.
      num_steps: T, static.
      angle: of a step, in radians.
      persistence: m in [0, 1], 0 for steps that are independent, 1 for a great circle.

    Returns:
      `[..., T + 1, D]`, the beginning first.

    Raises:
      UserError: for latents of one dimension, whose shell is two points.
    """
    if jnp.shape(start)[-1] < 2:
        raise errors.UserError(
            f"start has shape {jnp.shape(start)}, but a walk on a shell needs latents "
            "of at least two dimensions."
        )
    length = jnp.linalg.norm(start, axis=-1, keepdims=True)
    first, key = jax.random.split(randomness.threefry(key))
    u = _unit(start, length)

    def step(carry, step_key):
        u, v = carry
        ahead = jnp.cos(angle) * u + jnp.sin(angle) * v
        # What rounding adds to the length would add up.
        ahead = _unit(ahead, jnp.linalg.norm(ahead, axis=-1, keepdims=True))
        kept = jnp.cos(angle) * v - jnp.sin(angle) * u
        fresh = jnp.sqrt(1 - persistence**2) * _tangent(step_key, ahead)
        return (ahead, _across(persistence * kept + fresh, ahead)), ahead

    carry = u, _tangent(first, u)
    _, directions = jax.lax.scan(step, carry, jax.random.split(key, num_steps))
    path = jnp.concatenate([start[None], directions * length])
    return jnp.moveaxis(path, 0, -2)


def _unit(x: Array, length: Array) -> Array:
    return x / jnp.where(length > 0, length, 1)


def _across(x: Array, u: Array) -> Array:
    """The direction of what of x is at right angles to the unit vector u."""
    x = x - jnp.sum(x * u, axis=-1, keepdims=True) * u
    return _unit(x, jnp.linalg.norm(x, axis=-1, keepdims=True))


def _tangent(key: Array, u: Array) -> Array:
    """A random direction at right angles to the unit vector u."""
    return _across(jax.random.normal(key, u.shape, u.dtype), u)


def _right_angled(u: Array) -> Array:
    """The direction at right angles to u that lies with it in the plane of an axis."""
    size = u.shape[-1]
    axis = jax.nn.one_hot(jnp.argmin(jnp.abs(u), axis=-1), size, dtype=u.dtype)
    return _across(axis, u)
