"""The record of a value that was found from random samples."""

from typing import NamedTuple

from jax import Array


class Estimate(NamedTuple):
    """A value found from samples.

    Attributes:
      value: `[...]`.
      standard_error: `[...]`, the standard deviation that the value has over draws of
        the samples, estimated from the samples at hand.
    """

    value: Array
    standard_error: Array
