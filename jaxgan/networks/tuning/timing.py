"""How long the same map takes in several forms."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgan.networks import forms
from jaxgan.networks.tuning import cases

SECONDS = 0.02
"""Of the fastest form in a round, unless one call takes longer."""

ROUNDS, SLOW_ROUNDS = 7, 3
"""The second where one call takes longer."""

GLANCES = 3
"""Most single calls of each form before the rounds, of which the fastest counts."""

HOPELESS = 3
"""A form that takes so many times as long as another in those is left at that."""

Map = Callable[[Array, Array, forms.Geometry], Array]


def seconds(case: cases.Case, maps: Mapping[str, Map]) -> dict[str, float]:
    """Seconds of a call of each map, on one device.

    It may be called while a program is traced: what JAX knows of tracing it knows for
    each thread, and so the calls are those of a thread of their own. It may not be
    called by a callback of a running program, whose threads it would wait for.

    Args:
      case: that the maps compute.
      maps: by the name of their form.
    """
    with futures.ThreadPoolExecutor(1) as own:
        return own.submit(_seconds, case, maps).result()


def medians(
    calls: Mapping[str, Callable[[int], object]],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds of one call of each, in rounds in which each has its turn.

    Args:
      calls: `call(times)` by name, which the first time may take longer.
      clock: in seconds.

    Returns:
      the medians, and of what was left at its first calls at least `HOPELESS` times
      the least one: those may have been at a quieter time than the rounds.
    """

    def lasting(call, times):
        began = clock()
        call(times)
        return (clock() - began) / times

    def glance(call):
        call(1)
        taken = [lasting(call, 1)]
        while len(taken) < GLANCES and sum(taken) < SECONDS:
            taken.append(lasting(call, 1))
        return min(taken)

    found = {name: glance(call) for name, call in calls.items()}
    fastest = min(found.values())
    times = max(1, math.ceil(SECONDS / max(fastest, 1e-6)))
    hopeful = [name for name in calls if found[name] <= HOPELESS * fastest]
    rounds = [
        {name: lasting(calls[name], times) for name in hopeful}
        for _ in range(SLOW_ROUNDS if fastest > SECONDS else ROUNDS)
    ]
    taken = {name: statistics.median(each[name] for each in rounds) for name in hopeful}
    least = HOPELESS * min(taken.values())
    return {name: taken.get(name) or max(found[name], least) for name in calls}


def _seconds(case: cases.Case, maps: Mapping[str, Map]) -> dict[str, float]:
    with jax.enable_x64(case.dtype == "float64"):
        device = jax.local_devices(backend="cpu")[0]
        arguments = [jax.device_put(array, device) for array in _arrays(case)]

        def calling(map_):
            loop = _loop(map_, case.geometry)
            return lambda times: loop(times, *arguments).block_until_ready()

        return medians({name: calling(map_) for name, map_ in maps.items()})


def _arrays(case: cases.Case) -> list[np.ndarray]:
    random, dtype = np.random.default_rng(0), jnp.dtype(case.dtype)
    wanted = cases.shapes(case, cases.batch(case, dtype.itemsize))
    return [random.standard_normal(shape, np.float32).astype(dtype) for shape in wanted]


def _loop(map_: Map, geometry: forms.Geometry) -> Callable[..., Array]:
    """So many calls, in a loop: XLA's code is another one there."""

    @jax.jit
    def loop(times, a, b):
        def body(_, carried):
            a, b, last = carried
            # Another array in each turn for all that XLA knows, or else it would
            # take what is the same in all turns out of the loop.
            a = a.at[(0,) * a.ndim].add(0 * last)
            result = map_(*lax.optimization_barrier((a, b)), geometry)
            return a, b, lax.optimization_barrier(result).ravel()[0]

        return lax.fori_loop(0, times, body, (a, b, jnp.zeros((), a.dtype)))[2]

    return loop
