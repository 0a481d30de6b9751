"""A reference batch that goes through a network with every other batch."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.core import errors
from jaxgan.networks.layers import recipe as recipes


class WithReference(nn.Module):
    """Runs a network whose recipe says `virtual_batch` on the reference and on a batch.

    The reference are the first samples of the first batch in training: of the real
    samples for a discriminator, of the latents for a generator. They are kept in the
    collection `reference`; until there are any, a batch is its own reference.

    Attributes:
      network: maps `[B, ...]` to an array or a record of arrays `[B, ...]`.
      recipe: of the network.
    """

    network: nn.Module
    recipe: recipes.Recipe

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Any:
        """Maps `[B, ...]` as the network does.

        Raises:
          UserError: if a batch in training has fewer samples than the reference.
        """
        size = self.recipe.reference_size
        kept = self.variable("reference", "x", jnp.zeros, (size, *x.shape[1:]))
        known = self.variable("reference", "known", jnp.zeros, (), bool)
        first = _first(x, size)
        reference = jnp.where(known.value, kept.value, first.astype(jnp.float32))
        if train and not self.is_initializing():
            if len(x) < size:
                raise errors.UserError(
                    f"a batch of {len(x)} samples cannot give the {size} reference "
                    "samples of normalisation='virtual_batch'; set reference_size to "
                    "at most the batch size."
                )
            kept.value, known.value = reference, jnp.ones((), bool)
        both = jnp.concatenate([reference.astype(x.dtype), x])
        return jax.tree.map(lambda y: y[size:], self.network(both, train=train))


def _first(x: Array, size: int) -> Array:
    """The first samples, repeated where there are fewer."""
    # Not `len(x)`: in an exported program the size of the batch is a symbol.
    return x[jnp.arange(size) % x.shape[0]]
