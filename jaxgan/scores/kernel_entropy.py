"""Modes counted, and new ones found, by the eigenvalues of a kernel.

Where samples come in clusters that are narrow beside a Gaussian kernel's bandwidth and
wide apart, the eigenvalues of the kernel's matrix, divided by the number of samples,
are the shares of the clusters. No clusters need be found, and no modes be known.

References:
  Jalali et al., An Information-Theoretic Evaluation of Generative Models in Learning
  Multi-modal Distributions, 2023, https://arxiv.org/abs/2306.06804
  Zhang et al., An Interpretable Evaluation of Entropy-based Novelty of Generative
  Models, 2024, https://arxiv.org/abs/2402.17287
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import decompositions, errors
from jaxgan.divergences import offsets
from jaxgan.scores import checks, distances, record


def bandwidth(features: ArrayLike) -> float:
    """A bandwidth for samples of classes: half the median distance of two samples.

    The kernel of two samples at the median distance is then `exp(-2)`; of clusters that
    are further apart than they are wide it sees each by itself.

    Args:
      features: `[N, F]` of real samples, on the host, N at least 2.

    Returns:
      The bandwidth, 0 if most samples are alike.

    Raises:
      UserError: for another shape.
    """
    from scipy.spatial import distance

    checks.features("features", features, at_least=2)
    return float(np.median(distance.pdist(np.asarray(features, np.float64)))) / 2


def rke_mode_count(
    features: ArrayLike,
    bandwidth: ArrayLike,
    name: str | record.Protocol = "unnamed features",
    target: ArrayLike | None = None,
) -> record.Score:
    """How many modes there are: exp of the Renyi kernel entropy of order 2.

    `1 / mean_ij k(x_i, x_j)^2` with `k(x, y) = exp(-|x - y|^2 / 2 s^2)`, the pairs
    i = j included: K for K equal clusters that are narrow beside the bandwidth s and
    far apart, and 1 if all samples are alike. It knows nothing of real samples: as much
    as as many of these show is right.

    Args:
      features: `[N, F]`; not finite for a dead generator, whose score is NaN.
      bandwidth: s, positive; the same for all that are compared.
      name: what the features are.
      target: what as many real samples show, to be carried in the record.

    Returns:
      The score, between 1 and N.

    Raises:
      UserError: for another shape, and a known bandwidth that is not positive.

    When:
      To count modes without knowing them; as much as real samples have is right.

    References:
      Jalali et al., An Information-Theoretic Evaluation of Generative Models, 2023,
      https://arxiv.org/abs/2306.06804
    """
    (centred,) = offsets.centred(features)
    x = checks.features("features", centred)
    _check_bandwidth(bandwidth)
    gram = _gram(x, x, bandwidth)
    n = len(x)
    return record.Score(
        value=1 / jnp.mean(gram**2),
        floor=jnp.ones((), gram.dtype),
        ceiling=jnp.asarray(n, gram.dtype),
        target=None if target is None else jnp.asarray(target),
        protocol=record.protocol(
            score="rke_mode_count",
            kernel="gaussian",
            bandwidth=_shown(bandwidth),
            num_samples=n,
            features=name,
        ),
    )


def kernel_entropic_novelty(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    bandwidth: ArrayLike,
    eta: float = 1.0,
    features: str | record.Protocol = "unnamed features",
) -> record.Score:
    """KEN: modes that are commoner among the generated samples than eta times the real.

    With the positive eigenvalues l of `C_fake - eta C_real`, the difference of the
    kernel's covariances `E phi(x) phi(x)^T`, and their sum S,

        sum_i l_i log(S / l_i),

    S times the entropy of their shares. A single new mode has no entropy, and samples
    of the same modes only what chance leaves: compare with real samples of the same
    number, as novelty is no fault by itself, and noise is most novel of all.

    Args:
      real_features: `[N, F]`.
      fake_features: `[M, F]`; not finite for a dead generator, whose score is NaN.
      bandwidth: of the Gaussian kernel, as for `rke_mode_count`.
      eta: how many times as often as among the real samples a mode must occur, above 0.
      features: what the features are.

    Returns:
      The score in nats, not negative.

    Raises:
      UserError: if widths differ, or eta or a known bandwidth is not positive.

    When:
      To find modes that real data do not have; noise scores most of all.

    References:
      Zhang et al., An Interpretable Evaluation of Entropy-based Novelty, 2024,
      https://arxiv.org/abs/2402.17287
    """
    real_features, fake_features = offsets.centred(real_features, fake_features)
    real = checks.features("real_features", real_features)
    fake = checks.features("fake_features", fake_features)
    checks.same_width("real_features", real, "fake_features", fake)
    _check_bandwidth(bandwidth)
    if not 0 < eta < math.inf:
        raise errors.UserError(f"eta={eta} must be a positive number.")
    alive = jnp.isfinite(real).all() & jnp.isfinite(fake).all()
    # Decompositions of what is not finite need not end.
    pair = (jnp.where(alive, x, 0) for x in (real, fake))
    value = _novelty(*pair, jnp.asarray(bandwidth, fake.dtype), eta)
    return record.Score(
        value=jnp.where(alive, value, jnp.nan),
        floor=jnp.zeros((), fake.dtype),
        protocol=record.protocol(
            score="kernel_entropic_novelty",
            kernel="gaussian",
            bandwidth=_shown(bandwidth),
            eta=eta,
            num_real=len(real),
            num_fake=len(fake),
            features=features,
        ),
    )


@functools.partial(jax.jit, static_argnums=3)
def _novelty(real: Array, fake: Array, bandwidth: Array, eta: float) -> Array:
    n, m = len(real), len(fake)
    x = jnp.concatenate([fake, real])
    root = jnp.concatenate([jnp.full(m, m**-0.5), jnp.full(n, (eta / n) ** 0.5)])
    sign = jnp.concatenate([jnp.ones(m), -jnp.ones(n)])
    gram = _gram(x, x, bandwidth) * root[:, None] * root
    # Phi D Phi^T has the eigenvalues of D K, but for zeros, and these those of
    # L^(1/2) V^T D V L^(1/2), which is symmetric.
    values, vectors = decompositions.eigh(gram)
    # What is rounding stays out of the root, which would make much of it.
    rounding = jnp.finfo(gram.dtype).eps * (n + m) ** 0.5 * jnp.max(values)
    half = vectors * jnp.sqrt(jnp.where(values > rounding, values, 0))
    signed = jnp.matmul(half.T, sign[:, None] * half, precision="highest")
    own = decompositions.eigh((signed + signed.T) / 2)[0]
    own = jnp.where(own > rounding, own, 0)
    total = jnp.sum(own)
    logs = jnp.log(jnp.where(own > 0, own, 1)) - jnp.log(jnp.where(total > 0, total, 1))
    return -jnp.sum(own * logs)


# Compiled as a whole: by itself what maps over blocks is compiled anew at each call.
@jax.jit
def _gram(x: Array, y: Array, bandwidth: ArrayLike) -> Array:
    squares = distances.squared(*distances.points(x, y))
    return jnp.exp(-squares / (2 * jnp.asarray(bandwidth, squares.dtype) ** 2))


def _check_bandwidth(bandwidth: ArrayLike) -> None:
    if isinstance(bandwidth, jax.core.Tracer):
        return
    if not 0 < float(bandwidth) < math.inf:
        raise errors.UserError(
            f"bandwidth={float(bandwidth):g} must be a positive number; samples that "
            "are all alike have none."
        )


def _shown(bandwidth: ArrayLike) -> float | str:
    return "traced" if isinstance(bandwidth, jax.core.Tracer) else float(bandwidth)
