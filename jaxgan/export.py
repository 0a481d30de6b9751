"""Trained generators for programs without jaxgan: StableHLO for any backend."""

import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxgan import ensembles, errors, files, randomness, types
from jaxgan.data import standardise

PLATFORMS = ("cpu", "cuda", "tpu")


def stablehlo(
    gan: types.GAN,
    mixture: ensembles.Mixture,
    platforms: Sequence[str] = PLATFORMS,
) -> bytes:
    """Compiles a mixture's generators into one portable program, weights included.

    The program is `(member, z [B, D]) -> x [B, ...]` in the units of the data, with B
    free and `member` an int32 scalar in 0 .. M - 1; conditional generators take
    `label [B]` int32 as a third argument. `jax.export.deserialize(program).call` runs
    it. The format is kept readable by JAX for six months, so keep the mixture as well.

    Args:
      gan: that the members were trained as.
      mixture: of M generators.
      platforms: that the program runs on, of cpu, cuda, rocm and tpu.

    Raises:
      UserError: if the extra `export` is not installed.
    """
    from jax import export

    try:
        import flatbuffers  # noqa: F401  what `serialize` needs
    except ImportError:
        raise errors.UserError(
            "the package flatbuffers is missing; install jaxgan with the extra, "
            "pip install 'jaxgan[export]'."
        ) from None

    mixture = jax.tree.map(jnp.asarray, mixture)

    def generate(member, z, label=None):
        own = jax.tree.map(lambda leaf: leaf[member], mixture)
        x, _ = gan.generate(own.params, own.collections, z, label)
        if own.standardiser is not None:
            x = standardise.unstandardise(own.standardiser, x)
        return x

    latent = jax.eval_shape(lambda key: gan.latent(key, 1), randomness.key(0))
    (batch,) = export.symbolic_shape("batch")
    arguments = [
        jax.ShapeDtypeStruct((), jnp.int32),
        jax.ShapeDtypeStruct((batch, *latent.shape[1:]), latent.dtype),
    ]
    if mixture.classes is not None:
        arguments.append(jax.ShapeDtypeStruct((batch,), jnp.int32))
    exported = export.export(jax.jit(generate), platforms=platforms)(*arguments)
    return bytes(exported.serialize())


def save(path: pathlib.Path, program: bytes) -> None:
    """Writes a program into a file, whole or not at all."""
    files.write_whole(path, lambda name: pathlib.Path(name).write_bytes(program))
