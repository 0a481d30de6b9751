"""Many members as one: every array gets a leading axis `[P]`.

A function of one member is lifted to a population by a *mapper*. Mappers give the same
results and differ in speed: `vmap` for accelerators, `one_by_one` for convolutions on
a CPU, `chunks` in between, `over_devices` around any of them.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

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


def over_devices(
    mapper: types.Mapper, devices: Sequence[jax.Device] | None = None
) -> types.Mapper:
    """Mapper that gives each device a share of the members.

    Members do not communicate. Where the devices do not divide them, the last member is
    computed several times and the copies are dropped. What comes out is on every
    device.

    Args:
      mapper: applied on each device to its share.
      devices: all of this backend's if not given. With one device it is `mapper`.
    """
    devices = jax.devices() if devices is None else devices
    if len(devices) == 1:
        return mapper
    mesh = Mesh(np.array(devices), ("pop",))
    members = PartitionSpec("pop")

    def over(function: Callable[..., Any]) -> Callable[..., Any]:
        shares = jax.shard_map(
            mapper(function),
            mesh=mesh,
            in_specs=members,
            out_specs=members,
            check_vma=False,
        )

        def mapped(*args):
            total = size(args)
            if total % len(devices):
                padded = jnp.arange(total + -total % len(devices))
                args = take(args, jnp.minimum(padded, total - 1))
            out = jax.tree.map(lambda x: x[:total], shares(*args))
            return jax.lax.with_sharding_constraint(
                out, NamedSharding(mesh, PartitionSpec())
            )

        return mapped

    return over


def automatic(*, convolutional: bool = False) -> types.Mapper:
    """The mapper that suits this backend.

    On CPUs the members are shared out over the devices, of which `use_all_cores` makes
    one per core; convolutional members run one by one, as a batched convolution of
    different kernels is slow there, others in chunks of up to 8, which keeps them in
    cache. Elsewhere all members are one batch.
    """
    if jax.default_backend() != "cpu":
        return over_devices(vmap)
    return over_devices(one_by_one if convolutional else chunks(8))


def use_all_cores() -> None:
    """Makes every core of a CPU one device; call it before anything runs on JAX.

    Has no effect on other backends.
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
    mapper: types.Mapper = vmap,
) -> types.TrainState:
    """Initial state of a population, every leaf `[P, ...]`.

    Args:
      initialise: of one member, see `steps.initialise`.
      hparams: every leaf `[P, ...]`.
      keys: `[P]`.
      mapper: the one that the population will be trained with, so that its state
        starts on the devices where it will stay.

    Raises:
      UserError: if the leading axes differ.
    """
    size((hparams, keys))
    return jax.jit(mapper(initialise))(hparams, keys)


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


def take(tree: types.Tree, members: int | Sequence[int] | jax.Array) -> types.Tree:
    """Selects members: an integer drops the axis, a sequence keeps it."""
    index = members if isinstance(members, int) else jnp.asarray(members)
    return jax.tree.map(lambda x: x[index], tree)


def stack(trees: Sequence[types.Tree]) -> types.Tree:
    """Makes a population of single members, in their order."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def concatenate(populations: Sequence[types.Tree]) -> types.Tree:
    """Joins populations along the members' axis."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *populations)


def _is_number(leaf) -> bool:
    return isinstance(leaf, (int, float))
