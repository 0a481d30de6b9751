"""Divergences of two samples by counting them into bins, and what chance alone gives.

Two finite samples of one distribution differ, so a binned divergence is never zero.
The floor, the mean over random relabellings of the pooled points, is what a perfect
generator would score with these sample sizes and bins, empty bins and all.

References:
  Fisher, The Design of Experiments, 1935, section 21 (permutation tests).
  Krichevsky and Trofimov, The Performance of Universal Encoding, 1981.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness
from jaxgan.divergences import categorical, checks

MOST_CELLS = 2**24
"""Cells of a histogram, which are held for each relabelling."""


class HistogramDivergence(NamedTuple):
    """A binned divergence and its value under pure chance.

    Attributes:
      value: scalar.
      floor: scalar, its mean if both samples came from one distribution.
      floor_deviation: scalar, its standard deviation in that case; a value within
        about two of the floor says nothing.
    """

    value: Array
    floor: Array
    floor_deviation: Array


def histogram_kl(
    x: ArrayLike,
    y: ArrayLike,
    key: Array,
    bins: int | ArrayLike = 32,
    pseudo_count: float = 0.5,
    num_permutations: int = 100,
    base: float | None = None,
) -> HistogramDivergence:
    """Kullback-Leibler divergence of the histograms of two samples, with its floor.

    Not differentiable in the samples, which are only counted; batch it with `vmap`.

    Args:
      x: `[N]` or `[N, F]` samples of P.
      y: `[M]` or `[M, F]` samples of Q.
      key: consumed; it draws the relabellings.
      bins: number K of bins of equal width between the least and largest value of each
        coordinate, or increasing edges `[K + 1]` or `[F, K + 1]`. The outer bins reach
        to infinity. F coordinates give K^F cells.
      pseudo_count: added to every cell of both histograms; 0 for the plain histograms,
        for which an empty cell of y where x is found makes the value infinite.
      num_permutations: relabellings to find the floor from, at least 2.
      base: of the logarithm; None for nats.

    Returns:
      A `HistogramDivergence`, all NaN if a sample is.

    Raises:
      UserError: if shapes do not fit, a sample is empty, there are no bins or known
        edges do not increase, or `pseudo_count` is negative.

    When:
      For samples in few dimensions; comes with its finite-sample floor.
    """
    return _with_floor(
        categorical.kl, x, y, key, bins, pseudo_count, num_permutations, base
    )


def histogram_js(
    x: ArrayLike,
    y: ArrayLike,
    key: Array,
    bins: int | ArrayLike = 32,
    pseudo_count: float = 0.0,
    num_permutations: int = 100,
    base: float | None = None,
) -> HistogramDivergence:
    """Jensen-Shannon divergence of the histograms of two samples, with its floor.

    Arguments, result and errors are those of `histogram_kl`; being finite anyway, it
    needs no pseudo-count.

    When:
      For samples in few dimensions; comes with its finite-sample floor.
    """
    return _with_floor(
        categorical.js, x, y, key, bins, pseudo_count, num_permutations, base
    )


def _with_floor(
    divergence: Callable[..., Array],
    x: ArrayLike,
    y: ArrayLike,
    key: Array,
    bins: int | ArrayLike,
    pseudo_count: float,
    num_permutations: int,
    base: float | None,
) -> HistogramDivergence:
    if np.ndim(bins):  # edges lie where they lie
        x, y = map(checks.floating, (x, y))
    x, y = checks.two_samples(x, y)
    checks.no_batch("x", x, 2, "[N, F]")
    checks.no_batch("y", y, 2, "[M, F]")
    checks.not_negative("pseudo_count", pseudo_count)
    checks.at_least("num_permutations", num_permutations, 2)
    pooled = jnp.concatenate([x, y])
    if np.ndim(bins) == 0:
        pooled = pooled - pooled.min(axis=0)  # or edges are rounded with the offset
    cells, num_cells = _cells(pooled, _edges(pooled, bins))
    total = jnp.zeros(num_cells, x.dtype).at[cells].add(1)

    def of_first(chosen):
        first = jnp.zeros(num_cells, x.dtype).at[chosen].add(1)
        p = _frequencies(first, len(x), pseudo_count)
        q = _frequencies(total - first, len(y), pseudo_count)
        return divergence(p, q, base)

    def of_permutation(key):
        return of_first(jax.random.permutation(key, cells)[: len(x)])

    keys = jax.random.split(randomness.threefry(key), num_permutations)
    chance = jax.lax.map(of_permutation, keys)
    record = HistogramDivergence(
        of_first(cells[: len(x)]), jnp.mean(chance), jnp.std(chance, ddof=1)
    )
    # A NaN would otherwise be counted, as if it were larger than every edge.
    unknown = jnp.any(jnp.isnan(pooled))
    return HistogramDivergence(*(jnp.where(unknown, jnp.nan, v) for v in record))


def _frequencies(counts: Array, num: int, pseudo_count: float) -> Array:
    return (counts + pseudo_count) / (num + pseudo_count * counts.shape[-1])


def _edges(pooled: Array, bins: int | ArrayLike) -> Array:
    """Edges `[F, K + 1]`, one set per coordinate."""
    num_features = pooled.shape[-1]
    if np.ndim(bins) == 0:
        checks.at_least("bins", bins, 1)
        return jnp.linspace(pooled.min(axis=0), pooled.max(axis=0), bins + 1, axis=-1)
    edges = _known_edges(bins, num_features)
    return jnp.broadcast_to(edges, (num_features, edges.shape[-1]))


def _known_edges(bins: ArrayLike, num_features: int) -> Array:
    """Asks for increasing edges `[K + 1]`, or `[F, K + 1]` for each of F features."""
    array = checks.floating(bins)
    if array.shape[:-1] not in ((), (num_features,)) or array.shape[-1] < 2:
        raise errors.UserError(
            f"bins has shape {array.shape} for {num_features} features; give a "
            f"number of bins, or edges of shape [K + 1] or [{num_features}, K + 1]."
        )
    values = checks.concrete(bins)
    if values is not None and not np.all(np.diff(values) > 0):
        raise errors.UserError(f"bins is {values}; give edges that increase.")
    return array


def _cells(points: Array, edges: Array) -> tuple[Array, int]:
    """The cell that each of `points [N, F]` falls into, and how many there are."""
    num_bins = edges.shape[-1] - 1
    inner = edges[:, 1:-1].astype(points.dtype)

    def locate(values, inner):
        return jnp.searchsorted(inner, values, side="right")

    places = jax.vmap(locate, in_axes=(1, 0), out_axes=1)(points, inner)
    if num_bins ** points.shape[-1] > MOST_CELLS:
        raise errors.UserError(
            f"bins gives {num_bins} bins in each of {points.shape[-1]} dimensions, "
            f"more than {MOST_CELLS} cells; take fewer or project the samples first."
        )
    powers = num_bins ** jnp.arange(points.shape[-1])
    return jnp.sum(places * powers, axis=-1), num_bins ** points.shape[-1]
