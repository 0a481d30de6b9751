"""Where the time of a member's step goes in jaxgan, part by part.

What to run comes as one argument of JSON, as for `bench.jax_population`; the parts go
as one line of JSON.
"""

import json
import os
import sys
import time

import jax
import numpy as np
from bench import jax_population, operations

from jaxgan import population, steps, training, types
from jaxgan.core import randomness
from jaxgan.data import pool
from jaxgan.networks import convolution, products


def maps(layer, form):
    """The three maps of a layer as functions of `(x, y, kernel)`."""

    def forward(x, y, kernel):
        if not layer.size:
            return products.multiply(x, kernel, form=form)
        options = {"strides": [layer.stride] * len(layer.size), "form": form}
        options["padding"] = layer.padding
        if layer.transposed:
            return convolution.convolve_transposed(x, kernel, **options)
        return convolution.convolve(x, kernel, groups=layer.groups, **options)

    def input_gradient(x, y, kernel):
        return jax.vjp(lambda x: forward(x, y, kernel), x)[1](y)[0]

    def kernel_gradient(x, y, kernel):
        return jax.vjp(lambda kernel: forward(x, y, kernel), kernel)[1](y)[0]

    return operations.Maps(forward, input_gradient, kernel_gradient)


def in_a_loop(function):
    """So many calls as one program, as steps are one; nothing of them is shared."""

    @jax.jit
    def loop(times, *arguments):
        def body(_, carried):
            own, last = jax.lax.optimization_barrier(carried)
            # A barrier alone does not keep calls of other libraries in the loop.
            own = jax.tree.map(lambda leaf: moved(leaf, last), own)
            results = jax.lax.optimization_barrier(function(*own))
            first = [leaf.ravel()[0].astype("float32") for leaf in leaves(results)]
            return own, sum(first)

        return jax.lax.fori_loop(0, times, body, (arguments, np.float32(0)))[1]

    return loop


def moved(leaf, last):
    """The same array, for all that XLA knows another one in each turn of a loop."""
    if not leaf.size or not jax.numpy.issubdtype(leaf.dtype, jax.numpy.floating):
        return leaf
    return leaf.at[(0,) * leaf.ndim].add((0 * last).astype(leaf.dtype))


def leaves(tree):
    """Those that are numbers, keys being none."""
    return [leaf for leaf in jax.tree.leaves(tree) if leaf.size]


def seconds_of(function, arguments, config):
    """Seconds of a call, the median of rounds of about the wanted length."""
    loop = in_a_loop(function)
    return timed(lambda times: loop(times, *arguments).block_until_ready(), config)


def timed(call, config):
    """Seconds of one of so many calls, `call(times)`; the first one compiles."""
    call(1)
    seconds, times = lasting(call, 1), 1
    while seconds < config["seconds"] / 4:
        times *= 4
        seconds = lasting(call, times)
    times = max(1, round(times * config["seconds"] / seconds))
    rounds = [lasting(call, times) / times for _ in range(config["rounds"])]
    return float(np.median(rounds))


def lasting(call, times):
    began = time.perf_counter()
    call(times)
    return time.perf_counter() - began


def of_layers(config):
    """Each map of each kind of layer, and how often a step takes it."""
    random = np.random.default_rng(0)

    def draw(*shape):
        return jax.numpy.asarray(
            random.normal(size=shape), jax_population.stored(config["dtype"])
        )

    for player, map_, layer, times in operations.uses(config):
        batch = config["batch_size"]
        arguments = (
            draw(batch, *layer.size, layer.channels),
            draw(batch, *operations.output_size(layer), layer.features),
            draw(*operations.kernel_shape(layer)),
        )
        function = getattr(maps(layer, config["form"]), map_)
        seconds = seconds_of(function, arguments, config)
        yield operations.part(player, map_, layer, times, seconds, batch)


def of_step(config):
    """Seconds of a whole step of one member, in a loop as it is trained."""
    pair, step, hparams = jax_population.training_step(config)
    hparams = population.broadcast(hparams, 1)
    keys = population.keys(randomness.key(config["seed"]), 1)
    data = pool.put(np.load(config["data"]))
    mapper = jax_population.mapper(config)
    program = training.compile(step, pool.draw(config["batch_size"]), mapper)
    state = [population.init(steps.initialise(pair), hparams, keys)]

    def take(times):
        arguments = hparams, state[0], keys, data
        state[0] = training.train(program, *arguments, num_steps=times)
        jax.block_until_ready(state[0])

    return timed(take, config)


def of_optimiser(config):
    """Seconds of moving both players, the gradients being there."""
    pair, _, hparams = jax_population.training_step(config)
    state = jax.jit(steps.initialise(pair))(hparams, randomness.key(0))

    def move(state, gradients):
        for player in types.Pair._fields:

            def known(hparams, state, batch, key, player=player):
                own = getattr(gradients, player)
                return own, getattr(state.collections, player), {}

            known = types.played_by(player, known, "gradient")
            state, _ = steps.update(player, known)(hparams, state, None, None)
        return state.params, state.opt_state

    return seconds_of(move, (state, state.params), config)


def of_random_numbers(config):
    """Seconds of the latents of both players and of the batch's places."""
    pair, _, _ = jax_population.training_step(config)

    def draw(key):
        keys, batch = jax.random.split(key, 3), config["batch_size"]
        index = jax.random.randint(keys[2], (batch,), 0, 2048)
        return *(pair.latent(own, batch) for own in keys[:2]), index

    return seconds_of(draw, (randomness.key(0),), config)


def main(config):
    jax_population.set_precision(config["dtype"])
    # The better of two, as other work on the machine only lowers it.
    before = jax_population.matmul_rate(config["dtype"])
    bare = {"generator_normalisation": "none", "discriminator_normalisation": "none"}
    step = of_step(config)
    return {
        "step_seconds": step,
        "parts": list(of_layers(config)),
        "normalisation": step - of_step(config | {"recipe": bare}),
        "optimiser": of_optimiser(config),
        "random numbers": of_random_numbers(config),
        "matmul_rate": max(before, jax_population.matmul_rate(config["dtype"])),
        "device": jax.devices()[0].device_kind,
    }


if __name__ == "__main__":
    # What libraries print must not get between the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps(main(json.loads(sys.argv[1]))), file=channel, flush=True)
