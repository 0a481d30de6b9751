"""Vanishing gradients: what is left of a generator's as its discriminator gets better.

A generator is frozen and discriminators are trained from scratch against it, one per
member of a population. Where data and samples lie apart, the better they are, the less
a saturating loss tells the generator (Arjovsky and Bottou 2017).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import steps, training, types
from jaxgan.core import errors


class Retraining(NamedTuple):
    """A frozen generator's gradients while a fresh discriminator trains.

    Attributes:
      steps: `[T]`, steps that the discriminator has taken.
      accuracy: `[T]`, of the discriminator, from 0 to 1.
      norm: by name of a gradient `[T]`, its Euclidean norm, mean over the batches.
      mean_norm: likewise, the norm of the mean over the batches.
      deviation: likewise, the root of the variance over the batches, which is summed
        over the weights.
    """

    steps: Array
    accuracy: Array
    norm: Mapping[str, Array]
    mean_norm: Mapping[str, Array]
    deviation: Mapping[str, Array]


def fresh_discriminator(
    gan: types.GAN,
    discriminator: types.Gradient,
    watched: Mapping[str, types.Gradient],
    sample: training.Sample,
    *,
    num_steps: int,
    every: int,
    optimizer: steps.Optimizer = steps.adam,
    num_batches: int = 8,
) -> Callable[[types.HParams, types.TrainState, types.Tree, Array], Retraining]:
    """Builds `(hparams, state, data, key) -> Retraining` of one frozen generator.

    A pure function, to be lifted to a population of generators or of keys by `vmap` and
    to be jitted. Of the state only the generator counts; its batch statistics are those
    of each batch, as in training. What is measured is measured on the same batches each
    time, which are not those of training.

    Args:
      gan: the two networks.
      discriminator: its gradient, by which it trains.
      watched: gradients of the generator that are recorded, by any names; their losses
        need not be that of the discriminator.
      sample: `(data, hparams, key) -> Batch`, such as `pool.draw` gives.
      num_steps: of the discriminator.
      every: steps between two records, which divide `num_steps`; `T` is
        `num_steps / every + 1`, as the first is of the discriminator before any step.
      optimizer: of the discriminator, called with `hparams.optimizer.discriminator`.
      num_batches: M that gradients are measured on, at least 2; they are held at once.

    Raises:
      UserError: if a number is out of range, nothing is watched, or a gradient is the
        other player's.

    References:
      Arjovsky and Bottou, Towards Principled Methods for Training Generative
      Adversarial Networks, 2017, https://arxiv.org/abs/1701.04862
    """
    types.require_gan(gan)
    types.check_player("discriminator", discriminator, "discriminator", "gradient")
    _check_watched(watched)
    _check_numbers(num_steps, every, num_batches)
    update = steps.update("discriminator", discriminator, optimizer)
    initialise = steps.initialise(gan, optimizer)

    def of_member(hparams, state, data, key):
        begin_key, train_key, measure_key = jax.random.split(key, 3)
        keys = jax.random.split(measure_key, num_batches)
        fresh = initialise(hparams, begin_key)
        fresh = _with_generator(fresh, state)

        def advance(_, state):
            own = jax.random.fold_in(train_key, state.step)
            batch_key, step_key = jax.random.split(own)
            batch = sample(data, hparams, batch_key)
            state, _ = update(hparams, state, batch, step_key)
            return state._replace(step=state.step + 1)

        def record(state, number):
            # None before the first record, so that one program measures them all.
            state = jax.lax.fori_loop(0, jnp.where(number, every, 0), advance, state)
            return state, measure(state)

        def measure(state):
            def on_batch(key):
                batch_key, step_key = jax.random.split(key)
                given = hparams, state, sample(data, hparams, batch_key), step_key
                _, _, metrics = discriminator(*given)
                grads = {name: own(*given)[0] for name, own in watched.items()}
                return metrics["discriminator_accuracy"], grads

            accuracy, grads = jax.lax.map(on_batch, keys)
            found = {name: spread(own) for name, own in grads.items()}
            parts = ({n: own[i] for n, own in found.items()} for i in range(3))
            return Retraining(state.step, jnp.mean(accuracy), *parts)

        numbers = jnp.arange(num_steps // every + 1)
        return jax.lax.scan(record, fresh, numbers)[1]

    return of_member


def spread(grads: types.Tree) -> tuple[Array, Array, Array]:
    """How gradients of several batches lie.

    Args:
      grads: every leaf `[M, ...]`.

    Returns:
      The mean of their norms, the norm of their mean, and the root of their variance,
      `sqrt(sum_m |g_m - mean|^2 / (M - 1))`. Exact down to norms of 1e-38.
    """
    leaves = jax.tree.leaves(grads)
    total = len(leaves[0])
    rows = jnp.concatenate([leaf.reshape(total, -1) for leaf in leaves], axis=1)
    # Squares of numbers below 1e-19 would be lost.
    largest = jnp.max(jnp.abs(rows))
    rows = rows / jnp.where(largest > 0, largest, 1)
    middle = rows.mean(axis=0)
    squares = jnp.sum(jnp.square(rows - middle)) / (total - 1)
    norms = jnp.linalg.norm(rows, axis=1)
    return (
        largest * jnp.mean(norms),
        largest * jnp.linalg.norm(middle),
        largest * jnp.sqrt(squares),
    )


class GaussianGradients(NamedTuple):
    """The generator's gradient against the best discriminator, float64 `[N]` each.

    Attributes:
      distance: d.
      accuracy: of the best discriminator, `Phi(|d| / (2 sigma))`.
      saturating: `d/dd E log(1 - D)`, `(d / sigma^2) E_q D`.
      non_saturating: `d/dd -E log D`, `(d / sigma^2) E_q (1 - D)`.
      wasserstein: `d/dd W_1(p, q)`, the sign of d.
    """

    distance: np.ndarray
    accuracy: np.ndarray
    saturating: np.ndarray
    non_saturating: np.ndarray
    wasserstein: np.ndarray


def gaussian_gradients(distance: ArrayLike, sigma: float = 1.0) -> GaussianGradients:
    """The exact case: data `p = N(0, sigma^2)`, a generator `q = N(d, sigma^2)` of d.

    The generator minimises each loss over d while `D = p / (p + q)` is held fixed, or
    the critic is the best Lipschitz one. With `r = d / sigma` and t standard normal,
    `E_q D = exp(-r^2 / 8) E[sech(r t / 2)] / 2`, so that for large r the saturating
    gradient falls as `sqrt(pi / 2) exp(-r^2 / 8) / sigma` while the non-saturating one
    grows as `r / sigma`; that of W_1 is 1. The expectation is a sum over a grid so fine
    that it is exact to rounding.

    Args:
      distance: `[N]`, finite.
      sigma: positive.

    Raises:
      UserError: if a number is out of range.

    References:
      Arjovsky and Bottou, Towards Principled Methods for Training Generative
      Adversarial Networks, 2017, https://arxiv.org/abs/1701.04862
    """
    from scipy import special

    distance = np.atleast_1d(np.asarray(distance, np.float64))
    if distance.ndim != 1 or not np.isfinite(distance).all():
        raise errors.UserError(
            f"distance={errors.shown(distance.tolist())} must be finite numbers [N]."
        )
    if not 0 < sigma < np.inf:
        raise errors.UserError(f"sigma={sigma} must be a positive number.")
    ratio = distance / sigma
    believed = np.exp(-(ratio**2) / 8) * np.array([_mean_sech(r / 2) for r in ratio])
    slope = distance / sigma**2
    return GaussianGradients(
        distance,
        special.ndtr(np.abs(ratio) / 2),
        slope * believed / 2,
        slope * (1 - believed / 2),
        np.sign(distance),
    )


REACH, END, FINEST = 12.0, 45.0, 0.5
"""Of the grid on each side, in standard deviations and in widths of the sech, beyond
which there is less than 1e-19; and its step in such widths."""


def _mean_sech(scale: float) -> float:
    """`E sech(scale t)` of a standard normal t.

    The trapezoidal rule errs by `exp(-2 pi a / h)` where the integrand has no poles
    within a of the real line, and those of the sech are at `pi / (2 scale)`.
    """
    step = FINEST / max(2.0, 2 * abs(scale))
    number = int(min(REACH, END / max(abs(scale), 1.0)) / step)
    t = step * np.arange(-number, number + 1)
    small = np.exp(-np.abs(scale * t))
    sech = 2 * small / (1 + small**2)
    return float(step * np.sum(sech * np.exp(-(t**2) / 2)) / np.sqrt(2 * np.pi))


def _with_generator(fresh: types.TrainState, state: types.TrainState):
    """The fresh state with the generator of another one."""
    generator = state.params.generator, state.collections.generator
    params, collections = (
        pair._replace(generator=own)
        for pair, own in zip((fresh.params, fresh.collections), generator, strict=True)
    )
    return fresh._replace(params=params, collections=collections)


def _check_watched(watched: Mapping[str, types.Gradient]) -> None:
    if not isinstance(watched, Mapping) or not watched:
        raise errors.UserError(
            f"watched is {errors.shown(watched)}, but must map names to gradients of "
            "the generator; gradients.generator(gan, loss) gives one."
        )
    for name, gradient in watched.items():
        argument = f"watched[{name!r}]"
        types.check_player(argument, gradient, "generator", "gradient")


def _check_numbers(num_steps: int, every: int, num_batches: int) -> None:
    errors.require_whole(num_steps=num_steps, every=every, num_batches=num_batches)
    if num_steps < 1 or every < 1 or num_steps % every:
        raise errors.UserError(
            f"num_steps={num_steps} must be a positive multiple of every={every}."
        )
    if num_batches < 2:
        raise errors.UserError(
            f"num_batches={num_batches} must be at least 2, as there is a variance."
        )
