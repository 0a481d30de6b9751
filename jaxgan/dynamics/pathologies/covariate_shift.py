"""Internal covariate shift: how a step changes what a layer has to learn from.

A layer learns from what the layers before it make of the data. When these move, its
inputs have another distribution (`by_activations`) and its gradient is another one
(`by_gradients`). The opponent may stay frozen, so that only the player's own step
counts, or move as well; both are measured by an argument. Collections, which are batch
statistics and spectral vectors, are those before the step in both cases, so that the
weights alone matter.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import divergences, gradients, types
from jaxgan.core import errors
from jaxgan.core import layers as layers_lib
from jaxgan.dynamics.pathologies import layers as own_layers

BINS = 32
"""Of a histogram, over the range of a feature before and after the step together."""


class GradientShift(NamedTuple):
    """How the gradient of each layer changed as the layers before it moved.

    Attributes:
      norm: `[L]`, `|G_i - G'_i|`.
      angle: `[L]` between them in radians, from 0 to pi; NaN where one of them is zero.
      gradient_norm: `[L]`, `|G_i|`; `norm / gradient_norm` has no unit.
    """

    norm: Array
    angle: Array
    gradient_norm: Array


class ActivationShift(NamedTuple):
    """How the inputs of each layer changed; sums run over its C features.

    Attributes:
      mean: `[L]`, `sqrt(sum_c (m'_c - m_c)^2 / sum_c s_c^2)` of their means m and
        standard deviations s, at least 0.
      scale: `[L]`, `sqrt(sum_c (s'_c - s_c)^2 / sum_c s_c^2)`, at least 0.
      js: `[L]`, mean over the features of the Jensen-Shannon divergence of their
        histograms, in nats, from 0 to log 2.
    """

    mean: Array
    scale: Array
    js: Array


def by_gradients(
    gradient: types.Gradient,
    layers: Sequence[str],
    hparams: types.HParams,
    before: types.TrainState,
    after: types.TrainState,
    batch: types.Batch,
    key: Array,
    *,
    opponent: str = "frozen",
) -> GradientShift:
    """Shift of one player's gradients over a step, layer by layer.

    `G_i` is the gradient by layer i at `before`, and `G'_i` that at the weights of
    which the layers 1 to i - 1 are those of `after`; batch and key are the same. With
    the opponent frozen the first layer has no shift. The definition is of one network;
    that the opponent may move is what a game adds to it.

    Costs `L + 1` gradients, one after the other in one program.

    Args:
      gradient: of the player.
      layers: names of its L layers in the order of application, see `layer_order`.
      hparams: of the gradient.
      before, after: the states around a step, or further apart.
      batch, key: of the gradient.
      opponent: "frozen", or "moved" for `G'_i` against the opponent of `after`.

    Raises:
      UserError: if it is not known whose gradient it is, names are not those of the
        layers, or the states do not fit.

    References:
      Santurkar et al., How Does Batch Normalization Help Optimization?, 2018,
      definition 2.1, https://arxiv.org/abs/1805.11604
    """
    player = types.require_player_of(gradient)
    own_layers.check_opponent(opponent)
    own_layers.check_states(before, after)
    old, new = (getattr(state.params, player) for state in (before, after))
    own_layers.check_names(layers, old)

    def at(number: Array) -> dict[str, list[Array]]:
        """The gradient with so many layers moved; below zero nobody has moved."""
        follows = (number >= 0) & (opponent == "moved")
        params = jax.tree.map(
            lambda old, new: jnp.where(follows, new, old), before.params, after.params
        )
        moved = {name: place < number for place, name in enumerate(layers)}
        params = params._replace(**{player: layers_lib.chosen(old, new, moved)})
        grads, _, _ = gradient(hparams, before._replace(params=params), batch, key)
        return layers_lib.split(grads)

    def body(first, number):
        # All gradients come from one body, so that equal weights give equal bits.
        grads = at(number)
        first = jax.tree.map(lambda a, b: jnp.where(number < 0, b, a), first, grads)
        found = [compared(first[name], grads[name]) for name in layers]
        every = jax.tree.map(lambda *values: jnp.stack(values), *found)
        return first, jax.tree.map(lambda x: x[jnp.maximum(number, 0)], every)

    zero = jax.tree.map(jnp.zeros_like, layers_lib.split(old))
    _, shifts = jax.lax.scan(body, zero, jnp.arange(-1, len(layers)))
    return jax.tree.map(lambda x: x[1:], shifts)


def compared(first: types.Tree, other: types.Tree) -> GradientShift:
    """Two gradients of the same weights: their difference, angle and the first's norm.

    Args:
      first, other: trees of one structure.

    Returns:
      Scalars.
    """
    difference = jax.tree.map(jnp.subtract, other, first)
    norms = gradients.global_norm(first), gradients.global_norm(other)
    # Kahan's formula: an arccosine loses half of the digits of a small angle.
    units = [
        jax.tree.map(lambda x, norm=norm: x / norm, tree)
        for tree, norm in zip((first, other), norms, strict=True)
    ]
    apart = gradients.global_norm(jax.tree.map(jnp.subtract, *units))
    along = gradients.global_norm(jax.tree.map(jnp.add, *units))
    angle = 2 * jnp.arctan2(apart, along)
    return GradientShift(gradients.global_norm(difference), angle, norms[0])


def by_activations(
    gan: types.GAN,
    player: str,
    layers: Sequence[str],
    before: types.TrainState,
    after: types.TrainState,
    batch: types.Batch,
    key: Array,
    *,
    opponent: str = "frozen",
    bins: int = BINS,
) -> ActivationShift:
    """Shift of the inputs of one player's layers over a step, layer by layer.

    The same latents and real samples pass the networks before and after. What goes into
    the discriminator are real and generated samples together; with the opponent moved,
    those after the step come from the generator after it. Nothing of the generator's
    depends on the discriminator. All places of an image count as samples of a feature.

    Args:
      gan: whose networks are Flax modules.
      player: "generator" or "discriminator".
      layers: names of its L layers, see `layer_order`.
      before, after: the states around a step, or further apart.
      batch: real samples.
      key: of the latents.
      opponent: "frozen" or "moved".
      bins: of the histograms, at least 2.

    Raises:
      UserError: if a word or the names are not known, or the states do not fit.

    References:
      Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training by
      Reducing Internal Covariate Shift, 2015, https://arxiv.org/abs/1502.03167
    """
    _check_player(player)
    own_layers.check_opponent(opponent)
    own_layers.check_states(before, after)
    own_layers.check_names(layers, getattr(before.params, player))
    errors.require_whole(bins=bins)
    if bins < 2:
        raise errors.UserError(f"bins={bins} of a histogram must be at least 2.")
    own = {player: getattr(after.params, player)}
    last = after.params if opponent == "moved" else before.params._replace(**own)

    def given(params):
        pair = own_layers.inputs(gan, params, before.collections, batch, key)
        return getattr(pair, player)

    first, other = given(before.params), given(last)
    found = [_drift(first[name], other[name], bins) for name in layers]
    return jax.tree.map(lambda *values: jnp.stack(values), *found)


def _check_player(player: str) -> None:
    """Asks for one of the two players.

    Raises:
      UserError: if it is another word.
    """
    known = types.Pair._fields
    if player not in known:
        raise errors.UserError(
            f"player={errors.shown(player)} is not known; "
            f"{errors.choice(player, known)}"
        )


def _drift(first: Array, other: Array, bins: int) -> ActivationShift:
    """The shift of one layer's inputs `[N, ..., C]`."""
    first, other = (x.reshape(-1, x.shape[-1]) for x in (first, other))
    deviations = first.std(axis=0), other.std(axis=0)
    spread = jnp.sum(deviations[0] ** 2)

    def relative(differences):
        total = jnp.sum(differences**2)
        # Inputs that do not vary at all, and stay as they are, have not shifted.
        return jnp.sqrt(jnp.where(total > 0, total / spread, 0.0))

    return ActivationShift(
        relative(other.mean(axis=0) - first.mean(axis=0)),
        relative(deviations[1] - deviations[0]),
        jnp.mean(jax.vmap(_histogram_js, (1, 1, None))(first, other, bins)),
    )


def _histogram_js(first: Array, other: Array, bins: int) -> Array:
    """Jensen-Shannon divergence of the histograms of two samples `[N]`."""
    low = jnp.minimum(first.min(), other.min())
    width = jnp.maximum(first.max(), other.max()) - low

    def frequencies(x):
        place = (x - low) / jnp.where(width > 0, width, 1) * bins
        cells = jnp.clip(place.astype(jnp.int32), 0, bins - 1)
        return jnp.zeros(bins, x.dtype).at[cells].add(1) / x.shape[0]

    return divergences.js(frequencies(first), frequencies(other))
