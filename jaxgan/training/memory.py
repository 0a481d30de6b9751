"""How much memory a population needs, known before it trains.

XLA says what a compiled program takes; nothing is allocated for that.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxgan import population, reports, training, types
from jaxgan.core import errors, randomness
from jaxgan.core.distributed import processes


class Need(NamedTuple):
    """What a program takes on each of its devices.

    Attributes:
      members: of the population.
      state_bytes: parameters, optimisers, averages and settings, and the data.
      total_bytes: with what the program needs while it runs.
      num_devices: of this process that the program runs on.
    """

    members: int
    state_bytes: int
    total_bytes: int
    num_devices: int


def need(
    program: training.Program,
    initialise: Callable[[types.HParams, jax.Array], types.TrainState],
    hparams: types.HParams,
    data: types.Tree,
    num_members: int,
    chunk_steps: int = 500,
) -> Need:
    """Compiles a program for a population and asks how much it takes.

    Args:
      program: from `training.compile`.
      initialise: of one member.
      hparams: of one member.
      data: what the sampler draws from; only shapes are used.
      num_members: of the population.
      chunk_steps: of the training, see `training.advance`.
    """
    keys = jax.eval_shape(lambda: population.keys(randomness.key(0), num_members))
    many = jax.eval_shape(lambda h: population.broadcast(h, num_members), hparams)
    state = jax.eval_shape(jax.vmap(initialise), many, keys)
    compiled = training.ahead_of_time(program, many, state, keys, data, chunk_steps)
    stats = compiled.memory_analysis()
    arguments = stats.argument_size_in_bytes
    outputs = stats.output_size_in_bytes - stats.alias_size_in_bytes
    mesh = program.mesh(num_members)
    return Need(
        num_members,
        arguments,
        arguments + outputs + stats.temp_size_in_bytes,
        len(mesh.local_devices),
    )


def available() -> tuple[int, bool]:
    """Free bytes, and whether all devices share them, as those of a CPU do.

    With several processes, all of which call it, what the one with the least has, in
    MiB, so that all of them decide alike.
    """
    free, shared = _own()
    if jax.process_count() > 1:
        (least,) = processes.maximum([-(free >> 20)])
        free = -least << 20
    return free, shared


def _own() -> tuple[int, bool]:
    stats = jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0), False
    return _of_host(), True


def fits(need: Need) -> bool:
    """Whether there is so much memory."""
    free, shared = available()
    return need.total_bytes * (need.num_devices if shared else 1) <= free


def largest(few: Need, many: Need) -> int:
    """The largest population that fits, on the line through what two of them need."""
    free, shared = available()
    each = [n.total_bytes * (n.num_devices if shared else 1) for n in (few, many)]
    slope = max((each[1] - each[0]) / (many.members - few.members), 1e-9)
    return max(0, int((free - each[0]) / slope + few.members))


def member_bytes(few: Need, many: Need) -> float:
    """What one more member takes, over all devices of this process."""
    totals = [need.total_bytes * need.num_devices for need in (few, many)]
    return (totals[1] - totals[0]) / (many.members - few.members)


def sizes(num_devices: int) -> tuple[int, int]:
    """Two populations to measure, whose members divide alike among the devices."""
    return 8 * num_devices, 24 * num_devices


def require_fits(wanted: Need, few: Need, many: Need) -> None:
    """Refuses a population that needs more memory than there is.

    Raises:
      UserError: naming the largest that fits.
    """
    if not fits(wanted):
        free, shared = available()
        total = wanted.total_bytes * (wanted.num_devices if shared else 1)
        raise errors.UserError(
            f"a population of {reports.count(wanted.members, 'member')} needs "
            f"{reports.size(total)} and {reports.size(free)} are free; train at most "
            f"{reports.count(largest(few, many), 'member')} at once, smaller networks, "
            "or fewer of them at a time "
            "(--microbatch-members)."
        )


def _of_host() -> int:
    """Bytes that this machine, or the container, has left."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    numbers = _meminfo()
    return min(numbers.get("MemAvailable", free), _container())


def _meminfo() -> dict[str, int]:
    try:
        with open("/proc/meminfo") as file:
            rows = [line.split() for line in file]
    except OSError:
        return {}
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[2:] == ["kB"]}


def _container() -> int:
    """What the limits of a control group leave; version 2 of them."""
    try:
        with open("/sys/fs/cgroup/memory.max") as most:
            limit = most.read().strip()
        with open("/sys/fs/cgroup/memory.current") as current:
            used = int(current.read())
    except (OSError, ValueError):
        return 2**62
    return int(limit) - used if limit.isdecimal() else 2**62
