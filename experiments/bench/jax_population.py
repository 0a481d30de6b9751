"""A population of GANs in jaxgan, timed on orders of bench_population.py.

What to run comes as one argument of JSON; orders come and answers go as lines of JSON.
"""

import json
import os
import sys
import time

import jax
import numpy as np

from jaxgan import (
    gan,
    gradients,
    losses,
    penalties,
    population,
    steps,
    training,
    types,
)
from jaxgan.core import randomness
from jaxgan.data import pool
from jaxgan.runs import journal

LEARNING_RATE = 2e-4
STRUCTURE = ("width", "hidden", "generator_width", "groups", "blocks", "expansion")
"""What architectures are made with, each with its own."""


def stored(dtype):
    """The dtype that numbers are kept in; tf32 is how products of float32 are taken."""
    return "float32" if dtype == "tf32" else dtype


def set_precision(dtype):
    """On a GPU, makes products of float32 exact to float32, or lets them be in tf32."""
    if dtype == "bfloat16" or jax.default_backend() == "cpu":
        return
    name = "tensorfloat32" if dtype == "tf32" else "highest"
    jax.config.update("jax_default_matmul_precision", name)


def networks(config):
    """The two networks, whose layers have the form that is asked for."""
    numbers = {name: config[name] for name in STRUCTURE if name in config}
    if "generator_width" in numbers:
        numbers["discriminator_width"] = numbers.pop("width")
    return gan.make(
        config["network"],
        config["shape"],
        latent_dim=config["latent_dim"],
        convolution=config["form"],
        dtype=stored(config["dtype"]),
        **numbers,
        **config.get("recipe", {}),
    )


def training_step(config):
    """Both players' steps, and the numbers they need."""
    pair, loss = networks(config), losses.get(config["loss"])
    weights = {name: config[name] for name in ("r1", "r2") if config[name] is not None}
    terms = {name: penalties.PENALTIES[name] for name in weights}
    d = steps.update("discriminator", gradients.discriminator(pair, loss, terms))
    g = steps.update("generator", gradients.generator(pair, loss))
    b1, b2 = config["betas"]
    adam = {"learning_rate": LEARNING_RATE, "b1": b1, "b2": b2}
    return pair, steps.alternating(d, g), types.HParams(types.Pair(adam, adam), weights)


def mapper(config):
    """A mapper by name: vmap, map, chunks:N or auto."""
    name, _, most = config["mapper"].partition(":")
    if name == "chunks":
        return population.chunks(int(most))
    if name == "auto":
        return population.automatic(
            convolutional=config["network"] != "mlp",
            widest=config["batch_size"] * max(config.get("hidden", [0])),
        )
    return {"vmap": population.vmap, "map": population.one_by_one}[name]


def observed(program):
    """The same program, and what its first call says of compiling it and of memory."""
    seen = {}

    def over(mesh):
        run = program.over(mesh)

        def observe(*arguments):
            if not seen:
                began = time.perf_counter()
                # The call that follows finds this in the cache.
                compiled = run.lower(*arguments).compile()
                seen["compile_seconds"] = time.perf_counter() - began
                seen["program_bytes"] = mesh.size * size(compiled)
            return run(*arguments)

        return observe

    return program._replace(over=over), seen


def size(compiled):
    """Bytes of arguments, results and temporaries on a device."""
    memory = compiled.memory_analysis()
    return (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes
    )


def matmul_rate(dtype):
    """Floating-point operations per second of a large matrix product."""
    n = 2048 if jax.default_backend() == "cpu" else 8192
    a = jax.random.normal(randomness.key(0), (n, n), stored(dtype))
    product = jax.jit(jax.numpy.matmul)
    product(a, a).block_until_ready()
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        product(a, a).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return 2 * n**3 / min(seconds)


def main(config, answer):
    if config["devices"] == "cores":
        population.use_all_cores()
    set_precision(config["dtype"])
    pair, step, hparams = training_step(config)
    data = pool.put(np.load(config["data"]))
    hparams = population.broadcast(hparams, config["members"])
    keys = population.keys(randomness.key(config["seed"]), config["members"])
    state = population.init(steps.initialise(pair), hparams, keys)
    program = training.compile(step, pool.draw(config["batch_size"]), mapper(config))
    program, compiled = observed(program)
    state = training.train(program, hparams, state, keys, data, num_steps=0)
    answer(
        **compiled,
        device=jax.devices()[0].device_kind,
        devices=jax.device_count(),
        versions=journal.environment()["versions"],
    )
    for line in sys.stdin:
        order, reports = json.loads(line), []
        state = training.train(
            program,
            hparams,
            state,
            keys,
            data,
            num_steps=order["steps"],
            chunk_steps=1 if config["loop"] == "python" else order["steps"],
            on_chunk=reports.append,
        )
        memory = jax.devices()[0].memory_stats() or {}
        answer(
            seconds=sum(report.seconds for report in reports),
            matmul_rate=matmul_rate(config["dtype"]),
            device_peak_bytes=memory.get("peak_bytes_in_use"),
        )


if __name__ == "__main__":
    # What libraries print must not get between the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(
        json.loads(sys.argv[1]),
        lambda **fields: print(json.dumps(fields), file=channel, flush=True),
    )
