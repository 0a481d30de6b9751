"""Trained generators for programs without jaxgan: StableHLO for any backend."""

import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxgan import ensembles, types
from jaxgan.core import errors, files, randomness
from jaxgan.ensembles import mixtures

PLATFORMS = ("cpu", "cuda", "tpu")

OLDEST = "0.10.2"
"""JAX that was seen to run programs of a fixed batch, written by any JAX up to 0.12."""


def stablehlo(
    gan: types.GAN,
    mixture: ensembles.Mixture,
    platforms: Sequence[str] = PLATFORMS,
    batch: int | None = None,
) -> bytes:
    """Compiles a mixture's generators into one portable program, weights included.

    The program is `(member, z [B, D]) -> x [B, ...]` in the units of the data, with
    `member` an int32 scalar in 0 .. M - 1; conditional generators take `label [B]`
    int32 as a third argument. `jax.export.deserialize(program).call` runs it. The
    format is kept readable by JAX for six months, so keep the mixture as well; which
    JAX can read it, see `readers`.

    Args:
      gan: that the members were trained as.
      mixture: of M generators.
      platforms: that the program runs on, of cpu, cuda, rocm and tpu.
      batch: B, or None to leave it free.

    Raises:
      UserError: if the extra `export` is not installed, the networks need to know B, or
        they call a library of this machine, as with `convolution="onednn"`, or
        `"tuned"` where that is chosen.
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
        return mixtures.generated(gan, own, z, label)

    latent = jax.eval_shape(lambda key: gan.latent(key, 1), randomness.key(0))
    (size,) = export.symbolic_shape("batch") if batch is None else (batch,)
    arguments = [
        jax.ShapeDtypeStruct((), jnp.int32),
        jax.ShapeDtypeStruct((size, *latent.shape[1:]), latent.dtype),
    ]
    if mixture.classes is not None:
        arguments.append(jax.ShapeDtypeStruct((size,), jnp.int32))
    try:
        exported = export.export(jax.jit(generate), platforms=platforms)(*arguments)
    except (TypeError, jax.errors.InconclusiveDimensionOperation) as error:
        if batch is not None:
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise errors.UserError(
            f"the generators cannot leave the size of a batch free ({reason}); give it "
            "as batch, --batch N."
        ) from error
    except ValueError as error:
        if "custom calls" not in str(error):
            raise
        raise errors.UserError(
            "the generators call a library of this machine, as convolution='onednn' "
            "and 'tuned' do, and other machines do not have it; give networks of "
            "gan.rebuild(description), or with convolution='auto'."
        ) from error
    return bytes(exported.serialize())


def readers(batch: int | None) -> str:
    """Which JAX can run a program that this one has written.

    A free batch brings in a check of its size, in a form that only the JAX that wrote
    it and later ones are sure to know.

    Args:
      batch: as for `stablehlo`.
    """
    if batch is None:
        return f"any batch; for JAX from {jax.__version__} on"
    return f"batches of {batch}; for JAX from {OLDEST} on"


def save(path: pathlib.Path, program: bytes) -> None:
    """Writes a program into a file, whole or not at all."""
    files.write_whole(path, lambda name: pathlib.Path(name).write_bytes(program))
