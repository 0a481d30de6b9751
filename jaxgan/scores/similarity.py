"""How alike generated images are: MS-SSIM of pairs, and how soon samples repeat."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness
from jaxgan.scores import checks, distances, record

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, DEVIATION = 11, 1.5
RANGE = 2.0
K1, K2 = 0.01, 0.03


def ms_ssim(x: ArrayLike, y: ArrayLike) -> Array:
    """Structural similarity of images on up to five scales, 1 for equal ones.

    `l_M^w_M prod_j (c_j s_j)^w_j` with the published weights, over as many scales as an
    11 x 11 Gaussian window fits into; fewer scales have their weights brought to sum 1,
    and images below 11 pixels a smaller window. Means over channels and places;
    negative structure counts as none. Luminance is that of `x + 1`, 0 for black, as in
    the paper.

    Args:
      x: `[..., H, W, C]`, in [-1, 1].
      y: likewise.

    Returns:
      `[...]`, in [0, 1].

    Raises:
      UserError: if shapes differ or are not of images.

    References:
      Wang et al., Multi-Scale Structural Similarity for Image Quality Assessment, 2003
    """
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    if x.shape != y.shape or x.ndim < 3:
        raise errors.UserError(
            f"x and y have shapes {x.shape} and {y.shape}; both must be [..., height, "
            "width, channels]."
        )
    scales = num_scales(x.shape[-3], x.shape[-2])
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    total = 1.0
    for scale, weight in enumerate(weights):
        luminance, structure = _ssim(x, y)
        last = scale == scales - 1
        value = jnp.mean(luminance * structure if last else structure, (-3, -2, -1))
        total *= jnp.maximum(value, 0) ** weight
        x, y = _halved(x), _halved(y)
    return jnp.asarray(total)


def num_scales(height: int, width: int) -> int:
    """Scales, of five, at which the window fits into an image; at least one."""
    fits = [min(height, width) >> scale >= WINDOW for scale in range(len(WEIGHTS))]
    return max(1, sum(fits))


def ms_ssim_diversity(
    images: ArrayLike, key: Array, num_pairs: int = 1000
) -> record.Score:
    """Mean MS-SSIM of random pairs of different samples: high where they are alike.

    Take samples of one class, and compare with the same of real samples: pixels that
    agree are no fault by themselves.

    Args:
      images: `[N, H, W, C]` in [-1, 1], N at least 2.
      key: consumed; which pairs.
      num_pairs: drawn with replacement.

    Returns:
      The score; less is more diverse. `spread` is its standard error.

    Raises:
      UserError: for other shapes, fewer than two images or pairs, and known values
        outside of [-1, 1].

    When:
      To see images of a class that are all alike.

    References:
      Odena et al., Conditional Image Synthesis with Auxiliary Classifier GANs, 2017,
      https://arxiv.org/abs/1610.09585
    """
    images = jnp.asarray(images, jnp.float32)
    if images.ndim != 4 or len(images) < 2 or num_pairs < 2:
        raise errors.UserError(
            f"images of shape {images.shape} and num_pairs={num_pairs}: there must be "
            "at least two images [samples, height, width, channels] and two pairs."
        )
    checks.image_range("images", images)
    n = len(images)
    first_key, other_key = jax.random.split(randomness.threefry(key))
    first = jax.random.randint(first_key, (num_pairs,), 0, n)
    other = (first + jax.random.randint(other_key, (num_pairs,), 1, n)) % n
    values = _of_pairs(images, first, other)
    return record.Score(
        value=jnp.mean(values),
        spread=jnp.std(values) / np.sqrt(num_pairs),
        protocol=record.protocol(
            score="ms_ssim_diversity",
            num_samples=n,
            num_pairs=num_pairs,
            num_scales=num_scales(*images.shape[1:3]),
            window=WINDOW,
            spread="standard error over the pairs",
        ),
    )


def birthday_support(
    features: ArrayLike,
    threshold: float,
    chunk: int = 1024,
    name: str | record.Protocol = "unnamed features",
) -> record.Score:
    """How many different samples a generator makes, from how often two are alike.

    A law over k equally likely samples repeats itself with probability 1/k, so `1 / c`
    with c the share of pairs within `threshold`, which is unbiased for `sum p^2`. A
    batch of about `sqrt(2 log 2 / c)` has a repetition with probability 1/2, which is
    the test of the paper. What is alike is the threshold's to say: look at pairs.

    Args:
      features: `[N, F]`, N at least 2; NaN for a dead generator, whose support is NaN.
      threshold: Euclidean distance up to which two samples count as one.
      chunk: rows of distances that are in memory at once.
      name: what the features are.

    Returns:
      The score; more is more diverse, infinity if no pair is alike, of which N samples
      say only that the support is above the `ceiling`: N (N - 1) / 6, at 95 %.

    Raises:
      UserError: for other shapes or a negative threshold.

    When:
      To estimate how many different samples there are.

    References:
      Arora and Zhang, Do GANs Actually Learn the Distribution?, 2018,
      https://arxiv.org/abs/1706.08224
    """
    (points,) = distances.points(features)
    x = checks.features("features", points.value, at_least=2)
    if not threshold >= 0 or chunk < 1:
        raise errors.UserError(
            f"threshold={threshold} must not be negative and chunk={chunk} at least 1."
        )
    n = len(x)
    pairs = n * (n - 1) / 2
    share = jnp.sum(_alike(points, threshold, chunk)) / pairs
    support = jnp.where(share > 0, 1 / jnp.where(share > 0, share, 1), jnp.inf)
    return record.Score(
        value=jnp.where(jnp.isfinite(x).all(), support, jnp.nan),
        floor=jnp.ones(()),
        ceiling=jnp.asarray(pairs / 3, jnp.float32),
        protocol=record.protocol(
            score="birthday_support",
            num_samples=n,
            threshold=threshold,
            features=name,
        ),
    )


# These map over a local function, which by itself would be compiled anew, and kept, at
# each call.


@jax.jit
def _of_pairs(images: Array, first: Array, other: Array) -> Array:
    def of_pair(pair):
        return ms_ssim(images[pair[0]], images[pair[1]])

    return jax.lax.map(of_pair, (first, other))


@functools.partial(jax.jit, static_argnums=2)
def _alike(x: distances.Points, threshold: ArrayLike, chunk: int) -> Array:
    """How many later samples `[N]` are within the threshold of each."""
    number = jnp.arange(len(x.value))

    def of_rows(carry, index, squares):
        near = (squares <= threshold**2) & (number > index[:, None])
        return carry, jnp.sum(near, axis=1)

    return distances.sweep(of_rows, None, x, x, chunk)[1]


def _ssim(x: Array, y: Array) -> tuple[Array, Array]:
    """Luminance, and contrast with structure, at every place of the window."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x = _blurred(x * x) - mean_x**2
    variance_y = _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    light_x, light_y = mean_x + 1, mean_y + 1  # of 0 where it is black
    luminance = (2 * light_x * light_y + c1) / (light_x**2 + light_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return luminance, structure


def _blurred(x: Array) -> Array:
    rows, columns = (_window_matrix(size) for size in x.shape[-3:-1])
    return jnp.einsum("ih,...hwc,jw->...ijc", rows, x, columns, precision="highest")


def _window_matrix(size: int) -> np.ndarray:
    """`[size - w + 1, size]`: a Gaussian window of width w at every place."""
    width = min(WINDOW, size)
    place = np.arange(width) - (width - 1) / 2
    window = np.exp(-(place**2) / (2 * DEVIATION**2))
    window /= window.sum()
    matrix = np.zeros((size - width + 1, size), np.float32)
    for i in range(len(matrix)):
        matrix[i, i : i + width] = window
    return matrix


def _halved(x: Array) -> Array:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = (size // 2 * 2 for size in x.shape[-3:-1])
    if not (height and width):
        return x
    x = x[..., :height, :width, :]
    shape = (*x.shape[:-3], height // 2, 2, width // 2, 2, x.shape[-1])
    return x.reshape(shape).mean((-4, -2))
