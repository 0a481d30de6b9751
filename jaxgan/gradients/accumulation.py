"""A gradient of a large batch, in the memory of a part of it."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxgan import types
from jaxgan.core import errors, randomness


def accumulated(gradient: types.Gradient, n: int) -> types.Gradient:
    """Averages a gradient over n equal parts of the batch, in the memory of one.

    Equal to the gradient of the whole batch where the objective is a mean over samples
    that do not see one another; batch normalisation sees the parts apart. Collections
    and metrics are means over the parts too (of counters, the last part's), so a
    reported gradient norm is the mean of the parts' norms. Layers draw other noise for
    each part, and a reference batch of virtual batch normalisation is of the first.

    Args:
      gradient: of either player.
      n: number of parts, at least 1; structure. 1 returns `gradient` itself.

    Raises:
      UserError: if n < 1, or (when traced) if n does not divide the batch.

    When:
      Where a batch does not fit into memory.
    """
    errors.require_whole(n=n)
    if n < 1:
        raise errors.UserError(f"n={n} parts of a batch must be at least 1.")
    if n == 1:
        return gradient

    player = types.player_of(gradient)
    # Traced once, for the shapes, and taken over into the loop as it is.
    of_part = jax.jit(gradient, inline=True)

    def accumulating(hparams, state, batch, key):
        def body(carry, share):
            total, reference = carry
            number, *part_and_key = share
            own = of_part(hparams, seen_by(number, reference), *part_and_key)
            after = None if reference is None else _reference(own[1])
            return (jax.tree.map(plus_share, total, own), after), None

        def seen_by(number, reference):
            collections = _with_other_noise(state.collections, number)
            if player is None:
                return state._replace(collections=collections)
            moved = _with_reference(getattr(collections, player), reference)
            return state._replace(collections=collections._replace(**{player: moved}))

        def plus_share(total, part):
            inexact = jnp.issubdtype(part.dtype, jnp.inexact)
            return total + part / n if inexact else part

        every = jnp.arange(n), parts(batch, n), jax.random.split(key, n)
        shapes = jax.eval_shape(
            of_part, hparams, state, *jax.tree.map(lambda x: x[0], every[1:])
        )
        zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        # Nobody has said whose a gradient is that has no player.
        begin = zero, _reference(getattr(state.collections, player or "", None))
        (grads, collections, metrics), reference = jax.lax.scan(body, begin, every)[0]
        return grads, _with_reference(collections, reference), metrics

    return types.played_by(player, accumulating, "gradient")


# Collections of `networks.layers`, by name: a reference is samples that occurred, of
# which there is no mean, and noise that is the same in all parts would be less noise.
REFERENCE, NOISE = "reference", "noise"


def _reference(collections: types.Tree) -> types.Tree:
    return collections.get(REFERENCE) if isinstance(collections, Mapping) else None


def _with_reference(collections: types.Tree, reference: types.Tree) -> types.Tree:
    return collections if reference is None else {**collections, REFERENCE: reference}


def _with_other_noise(collections: types.Pair, number: jax.Array) -> types.Pair:
    """Streams of noise of each part's own, for both players."""

    def of_player(own):
        if not isinstance(own, Mapping) or NOISE not in own:
            return own
        keys = jax.tree.map(lambda key: _folded(key, number), own[NOISE])
        return {**own, NOISE: keys}

    return types.Pair(*map(of_player, collections))


def _folded(key_data: jax.Array, number: jax.Array) -> jax.Array:
    folded = jax.random.fold_in(randomness.threefry(key_data), number)
    return jax.random.key_data(folded)


def parts(batch: types.Batch, n: int) -> types.Batch:
    """Cuts a batch into n equal parts: leaves `[B, ...]` become `[n, B / n, ...]`.

    Raises:
      UserError: if n does not divide the batch.
    """
    size = batch.x.shape[0]
    if size % n:
        raise errors.UserError(
            f"a batch of {size} samples cannot be cut into {n} equal parts; "
            f"draw a multiple of {n}."
        )
    return jax.tree.map(lambda x: x.reshape(n, size // n, *x.shape[1:]), batch)
