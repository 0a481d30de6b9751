"""Many members as one: every array gets a leading axis `[P]`.

A function of one member is lifted to a population by a *mapper*. Mappers compute the
same and differ in speed: `vmap` for accelerators, `one_by_one` for wide or
convolutional members on a CPU, `chunks` for narrow ones. With `one_by_one` and `chunks`
a member has the same bits alone and among any others, at XLA's usual optimisation:
`cli.compile_fast` may inline the loop of a single member. In one batch of `vmap` last
bits may depend on how many there are, and training can make much of last bits. Several
devices share the members out among themselves, see `training.compile`.
"""

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors, precision, randomness
from jaxgan.core.distributed import placement

MEMBERS = PartitionSpec("pop")
"""How a population lies on a mesh of devices."""

vmap: types.Mapper = jax.vmap
"""All members in one batched program, whose last bits may depend on their number."""


def one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mapper that takes the members one after another, in one compiled program."""

    def mapped(*args):
        return jax.lax.map(lambda member: function(*member), args)

    return mapped


def chunks(size: int) -> types.Mapper:
    """Mapper that takes the members in chunks of `size`, vmapped inside.

    Keeps the working set in the processor's cache. All chunks are of that size, however
    few members there are, so that a member's numbers do not depend on how many others
    its device has; what is computed for padding is dropped.

    Raises:
      UserError: if `size` < 1.
    """
    errors.require_whole(size=size)
    if size < 1:
        raise errors.UserError(f"size={size} of a chunk of members must be at least 1.")

    def mapper(function: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*args):
            total = len(jax.tree.leaves(args)[0])
            if total % size:
                padded = jnp.minimum(jnp.arange(total + -total % size), total - 1)
                args = take(args, padded)
            args = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), args)
            out = jax.lax.map(lambda chunk: jax.vmap(function)(*chunk), args)
            return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:total], out)

        return mapped

    return mapper


ARRANGEMENT = 2
"""Of members on the threads of a CPU, on which last bits depend; runs keep it. In the
first one members in a chunk, and threads, followed from the machine's cores."""

TOGETHER = 4
"""Narrow members that a CPU takes at once."""


FEWEST = 2
"""Devices of a CPU, and so threads, from which on their number changes no bits."""

CACHED = 16_384
"""Numbers of one array, in all members of a chunk, up to which chunks are faster."""


def automatic(
    num_members: int | None = None,
    *,
    convolutional: bool = False,
    widest: int | None = None,
) -> types.Mapper:
    """The mapper that suits this backend and such members.

    On CPUs convolutional members run one by one, as a batched convolution of different
    kernels is slow there, and so do wide ones; narrow ones run in chunks of four, if
    four of them keep an array of 16,384 numbers, which stays in cache: MLPs of width 64
    with batches of 64 do, of width 128 do not. Elsewhere all members are one batch.

    What is chosen on a CPU depends neither on the number of members nor on the cores or
    devices, and so a member's bits do not either: they are the same alone and in any
    population. That costs something where there are fewer narrow members than four to
    a core, as each then takes as long as four. In one batch, as on accelerators, last
    bits may depend on the number of members.

    Args:
      num_members: P; of no effect, for the reason above.
      convolutional: whether convolutions take most of the time.
      widest: numbers that a member's widest layer makes of a batch, see `widest`, or
        None if it is not known, for chunks.
    """
    if num_members is not None and num_members < 1:
        raise errors.UserError(f"num_members={num_members} must be at least 1.")
    if jax.default_backend() != "cpu":
        return vmap
    if convolutional or (widest is not None and TOGETHER * widest > CACHED):
        return one_by_one
    return chunks(TOGETHER)


def widest(params: types.Tree, batch_size: int) -> int:
    """Numbers that the widest layer of a member makes of a batch.

    Args:
      params: of one member, or their shapes.
      batch_size: samples in a player's step.
    """
    widths = (leaf.shape[-1] for leaf in jax.tree.leaves(params) if leaf.shape)
    return batch_size * max(widths, default=1)


def is_convolutional(params: types.Tree) -> bool:
    """Whether a member's weights, or their shapes, include kernels with places."""
    return any(len(leaf.shape) > 2 for leaf in jax.tree.leaves(params))


def use_all_cores() -> None:
    """Makes every core of a CPU one device; call it before anything runs on JAX.

    Members that are shared out over such devices train about twice as fast on two cores
    as members whose matrix products are. Other backends are not affected. A single core
    becomes two devices: XLA's code for one thread sums large layers in another order
    than its code for two or more, which gives the same bits on any number.
    """
    jax.config.update("jax_num_cpu_devices", max(_cores(), FEWEST))


def _cores() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return available or os.cpu_count() or 1


def keys(key: jax.Array, num_members: int) -> jax.Array:
    """One key per member, `[P]`: member i's is `fold_in(key, i)`.

    It depends neither on the population's size nor on the other members. Keys are
    threefry's, also where `key` is another generator's, see `core.randomness`.

    Raises:
      UserError: if `key` is none, or there are no members.
    """
    randomness.require("key", key, "give jax.random.key(seed)")
    errors.require_whole(num_members=num_members)
    if num_members < 1:
        raise errors.UserError(f"num_members={num_members} must be at least 1.")
    key = randomness.threefry(key)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(num_members))


@precision.single
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
      UserError: if an argument is something else, or the leading axes differ.
    """
    if not callable(initialise):
        raise errors.UserError(
            f"initialise is {errors.shown(initialise)}, which is no function; "
            "steps.initialise(gan) gives one."
        )
    types.require_hparams(hparams)
    randomness.require("keys", keys, "population.keys(key, P) gives one per member")
    size((hparams, keys))
    hparams, keys = precision.narrowed(hparams), randomness.threefry(keys)
    return _init(_by_identity(initialise), hparams, keys)


def _by_identity(function: Callable) -> Callable:
    """A function that can be hashed, also where it is a tuple that holds arrays."""
    try:
        hash(function)
    except TypeError:
        return functools.partial(function)
    return function


@functools.partial(jax.jit, static_argnums=0)
def _init(initialise, hparams, keys):
    # A function that `vmap` makes anew at each call would be compiled anew as well.
    return jax.vmap(initialise)(hparams, keys)


def size(tree: types.Tree) -> int:
    """The number of members P of a tree whose leaves are all `[P, ...]`.

    Raises:
      UserError: if a leaf is a scalar or the leading axes differ.
    """
    # The first leaf of each size stands for all that have it.
    first: dict[int | str, str] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        shape = jnp.shape(leaf)
        first.setdefault(shape[0] if shape else "no axis", jax.tree_util.keystr(path))
    if len(first) != 1 or "no axis" in first:
        found = ", ".join(f"{size} at {path or 'it'}" for size, path in first.items())
        raise errors.UserError(
            "every leaf of a population needs the same leading axis [P], but found "
            f"{found or 'no leaves'}; lift scalars with population.broadcast."
        )
    return int(next(iter(first)))


def broadcast(tree: types.Tree, num_members: int) -> types.Tree:
    """Repeats one member's tree `num_members` times, as float32 where it was a number.

    Use it for `HParams`, then replace what should differ between the members.
    """

    errors.require_whole(num_members=num_members)

    def lift(leaf):
        leaf = jnp.asarray(leaf, jnp.float32) if _is_number(leaf) else leaf
        return jnp.broadcast_to(leaf, (num_members, *jnp.shape(leaf)))

    return jax.tree.map(lift, tree)


def take(tree: types.Tree, members: int | ArrayLike) -> types.Tree:
    """Selects members: an integer drops the axis `[P]`, indices `[M]` give `[M]`.

    Raises:
      UserError: if there is no such member, as far as `members` are not traced.
    """
    if not isinstance(members, jax.core.Tracer):
        _require_members(tree, np.asarray(members))
    return _take(tree, jnp.asarray(members))


def _require_members(tree, members) -> None:
    total = len(jax.tree.leaves(tree)[0])
    if members.dtype == bool or not np.issubdtype(members.dtype, np.integer):
        raise errors.UserError(
            f"members={errors.shown(members.tolist())} must be whole numbers."
        )
    outside = members[(members < -total) | (members >= total)]
    if outside.size:
        raise errors.UserError(
            f"there is no member {outside.flat[0]} in a population of {total}; they "
            f"are numbered from 0 to {total - 1}."
        )


@jax.jit
def _take(tree, members):
    # Jitted as a whole: leaf by leaf, a tree costs a compilation per shape.
    return jax.tree.map(lambda x: x[members], tree)


def shard(tree: types.Tree, mesh: Mesh) -> types.Tree:
    """Shares a population out over the axis "pop" of a mesh, on its devices.

    Where the devices do not divide the members, copies of the last one fill the mesh.
    They compute what it computes and change nothing for the others; `unshard` drops
    them.

    Args:
      tree: every leaf `[P, ...]`, on the host or on any device; it is copied.
      mesh: of devices, of this process or of several that all call this.

    Returns:
      The same, every leaf `[Q, ...]`, Q the next multiple of the devices along "pop".

    Raises:
      UserError: if the leading axes differ.
    """
    total = size(tree)
    index = np.minimum(np.arange(total + -total % mesh.shape["pop"]), total - 1)

    def padded(leaf):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return take(leaf, index)
        # By way of the host, where arrays are cut up without a compilation per shape.
        return jax.device_get(leaf)[index]

    return placement.put(jax.tree.map(padded, tree), NamedSharding(mesh, MEMBERS))


def unshard(tree: types.Tree, num_members: int) -> types.Tree:
    """Brings the members of a population that was shared out to the host's memory.

    Args:
      tree: from `shard`, or what was computed from it; without keys.
      num_members: P; what fills the mesh beyond them is dropped.

    Returns:
      NumPy arrays `[P, ...]`, in every process.
    """
    # A copy, as the devices of a CPU would else write into it in the next chunk.
    return jax.tree.map(lambda leaf: np.array(leaf[:num_members]), placement.get(tree))


def stack(trees: Sequence[types.Tree]) -> types.Tree:
    """Makes a population of single members, in their order."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def concatenate(populations: Sequence[types.Tree]) -> types.Tree:
    """Joins populations along the members' axis."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *populations)


def _is_number(leaf) -> bool:
    return isinstance(leaf, (int, float))
