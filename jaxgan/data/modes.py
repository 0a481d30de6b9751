"""Modes of a dataset as an index table: from labels, found by clustering, or drawn.

A mode is a set of samples that some member of an ensemble is to learn. The table
`[K, N_max]` lists the samples of each mode, so that a GAN per mode, an ensemble of bags
and one GAN on everything are the same program with other numbers.

References:
  van der Maaten and Hinton, Visualizing Data using t-SNE, 2008,
  https://www.jmlr.org/papers/v9/vandermaaten08a.html
  Ward, Hierarchical Grouping to Optimize an Objective Function, 1963,
  https://doi.org/10.1080/01621459.1963.10500845
  Breiman, Bagging Predictors, 1996, https://doi.org/10.1007/BF00058655
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness

MAX_FITTED = 5_000
"""`cluster` looks for structure in at most so many samples."""

PERPLEXITY = 30.0
"""The effective number of neighbours in the embedding that `cluster` makes."""

MAX_PLAIN_FEATURES = 3
"""`cluster` embeds samples that have more features than this."""


class Modes(NamedTuple):
    """Which samples belong to which mode.

    Attributes:
      table: `[K, N_max]` int32 indices of samples. A row shorter than `N_max` repeats
        itself cyclically, so that every entry belongs to its mode.
      counts: `[K]` int32, how many leading entries of a row are its own, at least 1.
    """

    table: ArrayLike
    counts: ArrayLike


def from_labels(labels: ArrayLike, num_modes: int | None = None) -> Modes:
    """One mode per label value.

    Args:
      labels: `[N]` integers in 0 .. K - 1, on the host.
      num_modes: K, or None for one more than the largest label.

    Returns:
      The modes; row k lists the samples of label k in their order.

    Raises:
      UserError: if a label is out of range, or no sample carries one of the labels.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise errors.UserError(
            "labels must be one integer per sample, but they have shape "
            f"{labels.shape} and type {labels.dtype}."
        )
    if labels.size == 0:
        raise errors.UserError("labels is empty; at least one sample is needed.")
    num_modes = int(labels.max()) + 1 if num_modes is None else num_modes
    _check_num_modes(num_modes, len(labels))
    if labels.min() < 0 or labels.max() >= num_modes:
        raise errors.UserError(
            f"labels run from {labels.min()} to {labels.max()}; with num_modes = "
            f"{num_modes} they must lie in 0..{num_modes - 1}."
        )
    counts = np.bincount(labels, minlength=num_modes)
    if counts.min() == 0:
        raise errors.UserError(
            f"No sample has the label {int(counts.argmin())}; every one of the "
            f"{num_modes} modes needs at least one sample."
        )
    rows = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    table = np.stack([np.resize(row, counts.max()) for row in rows])
    return Modes(table.astype(np.int32), counts.astype(np.int32))


def cluster(x: ArrayLike, num_modes: int, seed: int = 0) -> Modes:
    """Modes found without labels: clusters of Ward's method in a t-SNE embedding.

    Samples of more than 3 features are embedded in the plane first (t-SNE, perplexity
    30), where groups that are curved or elongated in pixel space become compact; points
    of up to 3 features are clustered as they are. Ward's method then merges, pair by
    pair, the clusters whose union adds the least variance. Distances are Euclidean in
    the units of `x`.

    On the 1,433 training digits the `purity` for K = 10 is 0.94 (0.89 to 0.94 on random
    subsets of 1,200), against 0.80 for k-means on pixels, 0.85 for Ward on pixels and
    0.83 to 0.88 for spectral clustering with 5 to 60 neighbours. The method was chosen
    by that figure; the perplexity is the usual one and was not tuned.

    Equal samples are in one cluster, and count once. At most 5,000 samples are fitted,
    a random subset if there are more; every other sample joins the majority of its 5
    nearest fitted neighbours. For n fitted samples the embedding costs O(n log n), Ward
    O(n^2) time and memory (0.1 GB at the most), and assigning the rest O(n N).

    Args:
      x: `[N, ...]` images or points, on the host.
      num_modes: K, the number of clusters, between 1 and the number of different
        samples.
      seed: of the subset and the embedding.

    Returns:
      The modes, none of them empty; equal arguments give equal modes.

    Raises:
      UserError: if `num_modes` is out of range or `x` holds a value that is not finite.
    """
    x = np.asarray(x)
    _check_num_modes(num_modes, len(x))
    x = x.reshape(len(x), -1)
    if not np.isfinite(x).all():
        raise errors.UserError(
            "x holds values that are not finite; drop those samples."
        )
    if x.dtype == np.float64:
        # Far from the origin float32 has no digits left for the distances.
        x = x - x.mean(axis=0)
    x = x.astype(np.float32)
    rows, copy_of = _distinct(x)
    if num_modes > len(rows):
        raise errors.UserError(
            f"num_modes is {num_modes}, but only {len(rows)} of the {len(x)} samples "
            f"are different; ask for at most {len(rows)} clusters."
        )
    return from_labels(_clustered(x[rows], num_modes, seed)[copy_of], num_modes)


def num_distinct(x: ArrayLike) -> int:
    """The number of different samples of `x` `[N, ...]`, on the host."""
    return len({_content(sample) for sample in np.asarray(x)})


def everything(num_samples: int) -> Modes:
    """One mode that holds all the data, in order."""
    _check_num_modes(1, num_samples)
    table = np.arange(num_samples, dtype=np.int32)[None]
    return Modes(table, np.full(1, num_samples, np.int32))


def bootstrap(key: Array, num_samples: int, num_bags: int) -> Modes:
    """Bags of the size of the data, drawn from it with replacement.

    Args:
      key: consumed.
      num_samples: N, at least 1.
      num_bags: K, at least 1.

    Returns:
      Modes of N entries each, among which a sample may occur several times; a bag is
      expected to hold a share `1 - (1 - 1/N)^N`, about 63 %, of the samples.

    Raises:
      UserError: if a number is below 1.
    """
    _check_num_modes(1, num_samples)
    if num_bags < 1:
        raise errors.UserError(f"num_bags is {num_bags}; it must be at least 1.")
    key = randomness.threefry(key)
    table = jax.random.randint(key, (num_bags, num_samples), 0, num_samples, jnp.int32)
    return Modes(table, jnp.full(num_bags, num_samples, jnp.int32))


def weighted(weights: ArrayLike) -> Modes:
    """Bags in which samples occur as often as their weights say, without chance.

    Bag k has N entries, among which sample i occurs `floor(N w_ki)` times or once more
    (systematic resampling). A member that draws from it alone draws by these weights,
    at the cost of a plain draw whatever N is.

    Args:
      weights: w `[K, N]` on the host, not negative, each row summing to 1.

    Returns:
      K modes of N entries each.

    Raises:
      UserError: if the weights are not those of K bags, or do not sum to 1.
    """
    given = np.asarray(weights, np.float64)
    if given.ndim != 2 or not given.size:
        raise errors.UserError(
            f"weights have shape {given.shape}, but must be [K, N], a row for each bag."
        )
    sums = given.sum(axis=1)
    if not (given.min() >= 0 and np.allclose(sums, 1, rtol=0, atol=1e-6)):
        raise errors.UserError(
            f"weights have rows that sum to {sums.min():g} to {sums.max():g} and a "
            f"least entry of {given.min():g}; they must not be negative and sum to 1."
        )
    num_bags, num_samples = given.shape
    at = (np.arange(num_samples) + 0.5) / num_samples
    table = [np.searchsorted(np.cumsum(row) / row.sum(), at) for row in given]
    counts = np.full(num_bags, num_samples, np.int32)
    return Modes(np.asarray(table, np.int32), counts)


def labels(modes: Modes, num_samples: int) -> np.ndarray:
    """The mode int32 `[N]` of each sample, where modes are a partition of N samples.

    It undoes `from_labels`.

    Raises:
      UserError: if a sample is in no mode or in several.
    """
    table, counts = np.asarray(modes.table), np.asarray(modes.counts)
    own = np.arange(table.shape[1]) < counts[:, None]
    found = np.full(num_samples, -1, np.int32)
    found[table[own]] = np.nonzero(own)[0]
    if counts.sum() != num_samples or found.min(initial=0) < 0:
        raise errors.UserError(
            f"modes hold {counts.sum()} entries and are no partition of "
            f"{num_samples} samples; from_labels and cluster give one."
        )
    return found


def proportions(modes: Modes) -> Array:
    """The share `[K]` of the data that each mode holds, summing to 1."""
    counts = jnp.asarray(modes.counts)
    return counts / counts.sum()


def tempered(modes: Modes, temperature: ArrayLike = 0.0) -> Array:
    """Weights `[K]` proportional to `count ** temperature`, summing to 1.

    At 0 all modes are drawn alike, at 1 as often as the data have them (`proportions`),
    in between the rare ones more often than that: the sampling of long-tailed data.

    Args:
      modes: with counts of at least 1.
      temperature: a number, which may be traced.

    References:
      Kang et al., Decoupling Representation and Classifier for Long-Tailed
      Recognition, 2019, https://arxiv.org/abs/1910.09217
    """
    logs = jnp.log(jnp.asarray(modes.counts).astype(jnp.float32))
    return jax.nn.softmax(temperature * logs)


def with_extra(modes: Modes, num_samples: int, num_extra: int) -> Modes:
    """One mode more, of samples that stand behind those of the modes.

    Args:
      modes: K of them.
      num_samples: N, that the extra samples come after: theirs are N ... N + E - 1.
      num_extra: E, at least 1.

    Returns:
      K + 1 modes, the last one of the extra samples.

    Raises:
      UserError: if there are no extra samples.
    """
    if num_extra < 1:
        raise errors.UserError(
            f"num_extra is {num_extra}; at least one more sample is needed."
        )
    rows = [np.asarray(row) for row in np.asarray(modes.table)]
    counts = [*np.asarray(modes.counts).tolist(), num_extra]
    rows.append(np.arange(num_samples, num_samples + num_extra, dtype=np.int32))
    # A row of the old table repeats its own entries, so that it may be cut or go on.
    own = [row[:count] for row, count in zip(rows, counts, strict=True)]
    table = np.stack([np.resize(row, max(counts)) for row in own])
    return Modes(table.astype(np.int32), np.asarray(counts, np.int32))


def with_extra_share(mode_weights: ArrayLike, share: ArrayLike) -> Array:
    """Mode weights `[..., K]` as `[..., K + 1]`, with a share for the last mode.

    `[(1 - share) w / sum w, share]`: of a batch a share of extra samples is expected.

    Args:
      mode_weights: `[..., K]`, non-negative, not all 0.
      share: in [0, 1).
    """
    weights = jnp.asarray(mode_weights, jnp.float32)
    weights = (1 - share) * weights / weights.sum(-1, keepdims=True)
    last = jnp.broadcast_to(jnp.asarray(share, jnp.float32), (*weights.shape[:-1], 1))
    return jnp.concatenate([weights, last], axis=-1)


def purity(modes: Modes, labels: ArrayLike) -> float:
    """The share of samples whose label is the commonest one in their mode.

    `purity = sum_k max_c n_kc / sum_kc n_kc` with `n_kc` samples of class c in mode k.
    It is 1 if no mode mixes classes, and never below the share of the commonest class;
    it does not fall when a class is split over several modes.

    Args:
      modes: of N samples, on the host.
      labels: `[N]` integers, the true classes.

    Returns:
      A number in (0, 1].
    """
    most = [number.max() for _, number in _by_label(modes, labels)]
    return float(sum(most) / np.asarray(modes.counts).sum())


def commonest(modes: Modes, labels: ArrayLike) -> np.ndarray:
    """The commonest label in each mode, int `[K]`; of several the least.

    Args:
      modes: of N samples, on the host.
      labels: `[N]` integers, the true classes.
    """
    return np.array([own[n.argmax()] for own, n in _by_label(modes, labels)])


def _by_label(modes: Modes, labels: ArrayLike) -> list[tuple[np.ndarray, np.ndarray]]:
    """The labels that each mode has, and how many samples of each."""
    labels, table = np.asarray(labels), np.asarray(modes.table)
    own = zip(table, np.asarray(modes.counts), strict=True)
    return [np.unique(labels[row[:n]], return_counts=True) for row, n in own]


def _distinct(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows `[M]` of the first of each kind of equal samples, and `[N]`, which of them.

    Where all samples differ both are 0 ... N-1.
    """
    place: dict[bytes, int] = {}
    copy_of = np.array([place.setdefault(_content(own), len(place)) for own in x])
    _, rows = np.unique(copy_of, return_index=True)
    return rows, copy_of


def _content(sample: np.ndarray) -> bytes:
    # Zero may be negative, too.
    return (sample + np.zeros((), sample.dtype)).tobytes()


def _clustered(x: np.ndarray, num_modes: int, seed: int) -> np.ndarray:
    """The cluster int32 `[N]` of each of some samples `[N, F]` that are different."""
    num_fitted = min(len(x), max(MAX_FITTED, num_modes))
    order = np.random.default_rng(seed).permutation(len(x))
    fitted, rest = np.sort(order[:num_fitted]), np.sort(order[num_fitted:])
    labels = np.empty(len(x), np.int32)
    labels[fitted] = _ward(_embed(x[fitted], seed), num_modes)
    if rest.size:
        labels[rest] = _nearest(x[fitted], labels[fitted], x[rest])
    return labels


def _embed(x: np.ndarray, seed: int) -> np.ndarray:
    # The embedding looks at 3 * perplexity neighbours and divides by the data's spread.
    too_few = len(x) <= 3 * PERPLEXITY or (x == x[0]).all()
    if too_few or x.shape[1] <= MAX_PLAIN_FEATURES:
        return x
    import threadpoolctl
    from sklearn import manifold

    tsne = manifold.TSNE(
        perplexity=PERPLEXITY, init="pca", learning_rate="auto", random_state=seed
    )
    # One thread: its threads wait for one another by spinning, which on busy cores took
    # 35 s instead of 4, and their number would enter the rounding.
    with threadpoolctl.threadpool_limits(limits=1):
        return tsne.fit_transform(x)


def _ward(x: np.ndarray, num_modes: int) -> np.ndarray:
    from sklearn import cluster as clustering

    if len(x) == 1:
        return np.zeros(1, np.int32)
    return clustering.AgglomerativeClustering(num_modes).fit_predict(x)


def _nearest(x: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
    from sklearn import neighbors

    num_neighbors = min(5, len(x))
    return neighbors.KNeighborsClassifier(num_neighbors).fit(x, labels).predict(queries)


def _check_num_modes(num_modes: int, num_samples: int) -> None:
    if num_samples < 1:
        raise errors.UserError(
            f"There are {num_samples} samples; at least one is needed."
        )
    if not 1 <= num_modes <= num_samples:
        raise errors.UserError(
            f"num_modes is {num_modes}; it must lie in 1..{num_samples}, the number "
            "of samples."
        )
