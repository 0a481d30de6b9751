"""The error of classifiers that are told few labels, one by one and together."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import record


def error_rate(probs: ArrayLike, labels: ArrayLike) -> record.Score:
    """The share of samples whose likeliest class is wrong.

    Args:
      probs: `[..., M, K]` class probabilities, or logits: their order counts alone.
      labels: int `[M]` in [0, K).

    Returns:
      A share in [0, 1] for each classifier, `[...]`, less is better; NaN where a
      probability is. `spread` is the binomial standard error of the test.

    Raises:
      UserError: if they do not fit together.
    """
    probs, labels = _checked(probs, labels)
    wrong = jnp.argmax(probs, axis=-1) != labels
    dead = jnp.isnan(probs).any(axis=(-2, -1))
    value = jnp.where(dead, jnp.nan, jnp.mean(wrong, axis=-1))
    return _score(value, probs, "error_rate")


def ensemble_error_rate(probs: ArrayLike, labels: ArrayLike) -> record.Score:
    """`error_rate` of the mean of the class probabilities of several classifiers.

    `argmax_k sum_p probs[p, i, k]`. Classifiers with NaN are left out.

    Args:
      probs: `[P, M, K]` class probabilities, each summing to 1.
      labels: int `[M]`.

    Returns:
      One share; NaN if no classifier is left. `num_classifiers` is in its protocol.

    Raises:
      UserError: if they do not fit together.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, Table 1, whose
      ensembles are of ten, https://arxiv.org/abs/1606.03498
    """
    probs, labels = _checked(probs, labels)
    alive = ~np.isnan(probs).any(axis=(-2, -1))
    together = jnp.mean(probs[alive], axis=0) if alive.any() else probs[0]
    own = error_rate(together, labels)
    number = int(alive.sum())
    return _score(own.value, together, "ensemble_error_rate", num_classifiers=number)


def _checked(probs: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    probs, labels = jnp.asarray(probs), jnp.asarray(labels)
    if probs.ndim < 2 or probs.shape[-2:-1] != labels.shape or not labels.size:
        raise errors.UserError(
            f"probs has shape {probs.shape} and labels {labels.shape}; give "
            "[..., M, K] probabilities and M labels, at least one."
        )
    return probs, labels


def _score(value: Array, probs: Array, name: str, **entries: int) -> record.Score:
    number, num_classes = probs.shape[-2:]
    protocol = record.protocol(
        score=name,
        num_held_out=number,
        num_classes=num_classes,
        spread="binomial standard error of the test",
        **entries,
    )
    spread = jnp.sqrt(value * (1 - value) / number)
    return record.Score(value=value, spread=spread, protocol=protocol)
