"""A warning where the Inception Score is high and diversity within classes is low."""

import dataclasses

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import record

HIGH, LOW = 0.9, 0.75


def warn_of_low_diversity(
    inception: record.Score,
    diversity: record.Score,
    real_inception: ArrayLike,
    real_diversity: ArrayLike,
    high: float = HIGH,
    low: float = LOW,
) -> record.Score:
    """The Inception Score with a warning if it is high although diversity is low.

    The warning is true if the score is at least `high` times that of real samples,
    which it then all but takes for real, while `within_class_diversity` is below `low`
    times the real one. Of m real samples per class, repeated equally often, a share of
    `1 - 1/m` of the diversity is left, whatever the features: 3/4 warns of generators
    with fewer than four. Ten images per class, repeated, pass; `nearest_neighbours` and
    `birthday_support` see those.

    Args:
      inception: from `inception_score`.
      diversity: from `within_class_diversity` of the same samples.
      real_inception: of real samples, in splits of the same size.
      real_diversity: of real samples, in the same features.
      high: share of the real score, greater than 0.
      low: share of the real diversity, in (0, 1).

    Returns:
      `inception` with `warning` set, false where a number is NaN, and the rule added to
      its protocol.

    Raises:
      UserError: for records of other scores and shares out of range.

    References:
      Barratt and Sharma, A Note on the Inception Score, 2018,
      https://arxiv.org/abs/1801.01973
    """
    for name, given in (
        ("inception_score", inception),
        ("within_class_diversity", diversity),
    ):
        found = dict(given.protocol).get("score")
        if found != name:
            raise errors.UserError(
                f"a record of {name} is needed, not one of {found}; give the Inception "
                "Score first and the diversity second."
            )
    if not (high > 0 and 0 < low < 1):
        raise errors.UserError(
            f"high={high} must be greater than 0 and low={low} between 0 and 1."
        )
    is_high = inception.value >= high * jnp.asarray(real_inception)
    is_low = diversity.value < low * jnp.asarray(real_diversity)
    rule = (
        f"at least {high:g} of the real score with less than {low:g} of the real "
        "diversity within classes: few images per class"
    )
    return dataclasses.replace(
        inception,
        warning=is_high & is_low,
        protocol=inception.protocol + record.protocol(warning=rule),
    )
