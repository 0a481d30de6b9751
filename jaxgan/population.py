"""Many members as one: every array gets a leading axis `[P]`.

A function of one member is lifted to a population by a *mapper*. Mappers give the same
results and differ in speed: `vmap` for accelerators, `one_by_one` for convolutions on
a CPU, `chunks` in between. Several devices share the members out among themselves, see
`training.compile`.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan import errors, types

vmap: types.Mapper = jax.vmap
"""All members in one batched program."""


def one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mapper that takes the members one after another, in one compiled program."""

    def mapped(*args):
        return jax.lax.map(lambda member: function(*member), args)

    return mapped


def chunks(most: int) -> types.Mapper:
    """Mapper that takes the members in chunks of at most `most`, vmapped inside.

    Keeps the working set in the processor's cache. The chunks are of equal size,
    between `most / 2` and `most`, the one that needs the least padding; what is
    computed for padding is dropped.

    Raises:
      UserError: if `most` < 1.
    """
    if most < 1:
        raise errors.UserError(f"most={most} members in a chunk must be at least 1.")

    def mapper(function: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*args):
            total = size(args)
            each = min(
                range((min(most, total) + 1) // 2, min(most, total) + 1),
                key=lambda n: (-total % n, -n),
            )
            if total % each:
                padded = jnp.minimum(jnp.arange(total + -total % each), total - 1)
                args = take(args, padded)
            args = jax.tree.map(lambda x: x.reshape(-1, each, *x.shape[1:]), args)
            out = jax.lax.map(lambda chunk: jax.vmap(function)(*chunk), args)
            return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:total], out)

        return mapped

    return mapper


def automatic(*, convolutional: bool = False) -> types.Mapper:
    """The mapper that suits this backend.

    On CPUs convolutional members run one by one, as a batched convolution of different
    kernels is slow there, others in chunks of up to 4, which keeps them in cache.
    Elsewhere all members are one batch.
    """
    if jax.default_backend() != "cpu":
        return vmap
    return one_by_one if convolutional else chunks(4)


def use_all_cores() -> None:
    """Makes every core of a CPU one device; call it before anything runs on JAX.

    Members that are shared out over such devices train about twice as fast on two cores
    as members whose matrix products are. Other backends are not affected.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    jax.config.update("jax_num_cpu_devices", cores or os.cpu_count() or 1)


def keys(key: jax.Array, num_members: int) -> jax.Array:
    """One key per member, `[P]`: member i's is `fold_in(key, i)`.

    It depends neither on the population's size nor on the other members.
    """
    return jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(num_members))


def init(
    initialise: Callable[[types.HParams, jax.Array], types.TrainState],
    hparams: types.HParams,
    keys: jax.Array,
) -> types.TrainState:
    """Initial state of a population, every leaf `[P, ...]`.

    Args:
      initialise: of one member, see `steps.initialise`.
      hparams: every leaf `[P, ...]`.
      keys: `[P]`.

    Raises:
      UserError: if the leading axes differ.
    """
    size((hparams, keys))
    return jax.jit(jax.vmap(initialise))(hparams, keys)


def size(tree: types.Tree) -> int:
    """The number of members P of a tree whose leaves are all `[P, ...]`.

    Raises:
      UserError: if a leaf is a scalar or the leading axes differ.
    """
    shapes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(tree)}
    if len(shapes) != 1 or () in shapes:
        found = sorted(shape[0] if shape else "scalar" for shape in shapes)
        raise errors.UserError(
            "every leaf of a population needs the same leading axis [P], but found "
            f"{found}; lift scalars with population.broadcast."
        )
    return shapes.pop()[0]


def broadcast(tree: types.Tree, num_members: int) -> types.Tree:
    """Repeats one member's tree `num_members` times, as float32 where it was a number.

    Use it for `HParams`, then replace what should differ between the members.
    """

    def lift(leaf):
        leaf = jnp.asarray(leaf, jnp.float32) if _is_number(leaf) else leaf
        return jnp.broadcast_to(leaf, (num_members, *jnp.shape(leaf)))

    return jax.tree.map(lift, tree)


def take(tree: types.Tree, members: int | ArrayLike) -> types.Tree:
    """Selects members: an integer drops the axis `[P]`, indices `[M]` give `[M]`."""
    return _take(tree, jnp.asarray(members))


@jax.jit
def _take(tree, members):
    # Jitted as a whole: leaf by leaf, a tree costs a compilation per shape.
    return jax.tree.map(lambda x: x[members], tree)


def stack(trees: Sequence[types.Tree]) -> types.Tree:
    """Makes a population of single members, in their order."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def concatenate(populations: Sequence[types.Tree]) -> types.Tree:
    """Joins populations along the members' axis."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *populations)


def _is_number(leaf) -> bool:
    return isinstance(leaf, (int, float))
