"""What a generator does with its latents: path length, and conditioning."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import decompositions, errors, latent_paths, randomness
from jaxgan.scores import record

INTERPOLATIONS = ("slerp", "lerp")


def perceptual_path_length(
    generate: Callable[[Array], Array],
    feature: Callable[[Array], Array],
    z: ArrayLike,
    other: ArrayLike,
    key: Array,
    epsilon: float = 1e-4,
    interpolation: str = "slerp",
    trimmed: float = 0.01,
    features: str | record.Protocol = "unnamed features",
) -> record.Score:
    """How fast features change along paths between latents.

    `mean d(g(z(t)), g(z(t + epsilon)))^2 / epsilon^2`, d the Euclidean distance of
    features, t uniform in [0, 1 - epsilon]. Steps are small, so features in float32
    lose digits: compare at equal epsilon.

    Args:
      generate: `z [N, D] -> x [N, ...]`.
      feature: `x [N, ...] -> [N, F]`, any differentiable or other function.
      z: `[N, D]`, where paths begin.
      other: `[N, D]`, where they end.
      key: consumed; the places on the paths.
      epsilon: step along the path.
      interpolation: `slerp` on the sphere, for normal latents, or `lerp`.
      trimmed: share of the smallest and of the largest values that is left out, as
        published 0.01; 0 for none.
      features: what the features are.

    Returns:
      The score; less is smoother. `spread` is the standard error.

    Raises:
      UserError: for shapes, names or numbers that do not fit.

    When:
      To see jumps between samples of near latents.

    References:
      Karras et al., A Style-Based Generator Architecture, 2019,
      https://arxiv.org/abs/1812.04948
    """
    z, other = jnp.asarray(z), jnp.asarray(other)
    if z.shape != other.shape or z.ndim != 2:
        raise errors.UserError(
            f"z and other have shapes {z.shape} and {other.shape}; both must be "
            "[samples, latent dimensions]."
        )
    if interpolation not in INTERPOLATIONS:
        raise errors.UserError(
            f"interpolation={interpolation!r} must be one of {INTERPOLATIONS}."
        )
    if not (0 < epsilon < 1 and 0 <= trimmed < 0.5):
        raise errors.UserError(
            f"epsilon={epsilon} must lie between 0 and 1 and trimmed={trimmed} in "
            "[0, 0.5)."
        )
    move = latent_paths.slerp if interpolation == "slerp" else latent_paths.lerp
    key = randomness.threefry(key)
    t = jax.random.uniform(key, (len(z), 1), z.dtype, 0, 1 - epsilon)
    ends = (feature(generate(move(z, other, at))) for at in (t, t + epsilon))
    one, next_one = (end.reshape(len(z), -1) for end in ends)
    values = jnp.sum(jnp.square((next_one - one) / epsilon), axis=1)
    left_out = int(trimmed * len(values))
    kept = jnp.sort(values)[left_out : len(values) - left_out]
    return record.Score(
        value=jnp.mean(kept),
        spread=jnp.std(kept) / jnp.sqrt(len(kept)),
        floor=jnp.zeros(()),
        protocol=record.protocol(
            score="perceptual_path_length",
            num_samples=len(z),
            epsilon=epsilon,
            interpolation=interpolation,
            trimmed=trimmed,
            features=features,
        ),
    )


def generator_conditioning(
    generate: Callable[[Array], Array], z: ArrayLike
) -> record.Score:
    """Mean log condition number of `J^T J`, J the Jacobian of the generator at z.

    `2 log(s_max / s_min)` over the singular values of J, in nats; infinite where the
    generator ignores a direction of its latent.

    Args:
      generate: `z [1, D] -> x [1, ...]`; differentiated backwards, as the fast forms of
        convolution have no forward mode.
      z: `[N, D]`.

    Returns:
      The score; less is better conditioned. `spread` is the standard deviation over
      the latents.

    Raises:
      UserError: if `z` is no `[N, D]`, or the samples have fewer numbers than D.

    When:
      To see directions of the latent that are ignored.

    References:
      Odena et al., Is Generator Conditioning Causally Related to GAN Performance?,
      2018, https://arxiv.org/abs/1802.08768
    """
    values = singular_values(generate, z)
    logs = 2 * (jnp.log(values[:, 0]) - jnp.log(values[:, -1]))
    logs = jnp.where(values[:, -1] == 0, jnp.inf, logs)  # also where all are 0
    return record.Score(
        value=jnp.mean(logs),
        spread=jnp.std(logs),
        floor=jnp.zeros(()),
        protocol=record.protocol(
            score="generator_conditioning",
            num_samples=len(values),
            latent_dim=values.shape[1],
            spread="population standard deviation over the latents",
        ),
    )


def singular_values(generate: Callable[[Array], Array], z: ArrayLike) -> Array:
    """Singular values `[N, D]` of the generator's Jacobian at each z, falling.

    Raises:
      UserError: as `generator_conditioning`.
    """
    z = jnp.asarray(z)
    if z.ndim != 2:
        raise errors.UserError(f"z has shape {z.shape}; it must be [samples, dims].")
    size = jax.eval_shape(lambda own: generate(own[None]).reshape(-1), z[0]).size
    if size < z.shape[1]:
        raise errors.UserError(
            f"samples of {size} numbers cannot show all {z.shape[1]} dimensions of z."
        )

    def of_latent(own):
        jacobian = jax.jacrev(lambda own: generate(own[None]).reshape(-1))(own)
        return decompositions.singular_values(jacobian)

    # Compiled as a whole, the program is let go with the function.
    return jax.jit(lambda z: jax.lax.map(of_latent, z))(z)
