"""A population of GANs in PyTorch, members one after another, to compare with.

Started by bench_population.py, which says what to run in one argument of JSON; orders
come and answers go as lines of JSON. The networks are those of `torch_networks`, the
mathematics of a step is that of `jaxgan.gan`, but for one thing: spectral normalisation
takes a power iteration in every pass, and the vectors of those in the generator's step
are kept too, as code in PyTorch has it. Needs PyTorch and nothing of jaxgan.

Variants: `eager`, as it is usually written; `tuned` by hand: channels last, the
discriminator frozen in the generator's step, no graph for the fakes of the
discriminator's step; `fused`, tuned with the fused Adam; `compile`, tuned with
`torch.compile`, but for the discriminator's loss with R1 or R2, as what it compiles has
no second derivatives; `func`, all members at once by `torch.func.vmap`; `graph`, all
members' steps in one CUDA graph.
"""

import copy
import functools
import json
import os
import platform
import sys
import time

import torch
from bench import torch_losses, torch_networks

LEARNING_RATE = 2e-4
WARM_UP = 3


def adam(config, weights, **options):
    """The optimiser of one player."""
    betas = tuple(config["betas"])
    return torch.optim.Adam(weights, LEARNING_RATE, betas, **options)


def member_step(config, data, device, players=None):
    """Builds the step of a new member, as a function without arguments.

    `players` makes its networks of the configuration, None as it says.
    """
    players = players or torch_networks.players
    variant, batch_size, loss = (config[k] for k in ("variant", "batch_size", "loss"))
    tuned, latent_dim = variant != "eager", config["latent_dim"]
    penalties = config["r1"], config["r2"]
    generator, discriminator = (player.to(device) for player in players(config))
    if tuned and config["network"] != "mlp":
        generator.to(memory_format=torch.channels_last)
        discriminator.to(memory_format=torch.channels_last)
    options = {"fused": variant == "fused" or None, "capturable": variant == "graph"}
    g_optimizer = adam(config, generator.parameters(), **options)
    d_optimizer = adam(config, discriminator.parameters(), **options)
    d_loss_of, g_loss_of, apply = FUNCTIONS
    if variant == "compile":
        d_compiled, g_loss_of, apply = compiled()
        d_loss_of = d_compiled if penalties == (None, None) else d_loss_of

    def latent():
        return torch.randn(batch_size, latent_dim, device=device)

    def mixed():
        return torch.autocast(
            device.type, torch.bfloat16, enabled=config["dtype"] == "bfloat16"
        )

    def step():
        real = data[torch.randint(len(data), (batch_size,), device=device)]
        with mixed():
            with torch.set_grad_enabled(not tuned):
                fake = apply(generator, latent()).detach()
            value = d_loss_of(discriminator, real, fake, loss, *penalties)
        d_optimizer.zero_grad()
        value.backward()
        d_optimizer.step()

        discriminator.requires_grad_(not tuned)
        with mixed():
            fake = apply(generator, latent())
            value = g_loss_of(discriminator, real, fake, loss)
        g_optimizer.zero_grad()
        value.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)

    return step


def forward(module, x):
    return module(x)


FUNCTIONS = torch_losses.discriminator_loss, torch_losses.generator_loss, forward
_COMPILED = []


def compiled():
    """The functions of a step, compiled once for all members."""
    if not _COMPILED:
        # Members have other weights but the same code.
        torch._dynamo.config.cache_size_limit = 64
        _COMPILED.extend(map(torch.compile, FUNCTIONS))
    return _COMPILED


def in_turn(config, data, device):
    """The step of a population whose members take theirs one after another."""
    steps = [member_step(config, data, device) for _ in range(config["members"])]

    def step():
        for of_member in steps:
            of_member()

    return step


def captured(step):
    """The same step as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def stacked_players(config, device):
    """Weights of each player stacked along the members, its code, and its optimiser."""
    members, stacked, functions, optimizers = config["members"], [], [], []
    pairs = (torch_networks.players(config) for _ in range(members))
    for of_player in zip(*pairs, strict=True):
        modules = [module.to(device) for module in of_player]
        for module in modules:
            # Under vmap there is no place for running statistics.
            torch.func.replace_all_batch_norm_modules_(module)
        weights, _ = torch.func.stack_module_state(modules)
        stacked.append(weights)
        functions.append(functional(modules[0]))
        # Adam acts element by element, so one optimiser serves all the members.
        optimizers.append(adam(config, weights.values(), foreach=True))
    return stacked, functions, optimizers


def functional(module):
    """The function `(weights, x) -> y` of a module, with its buffers as they are."""
    fixed = dict(module.named_buffers())
    template = copy.deepcopy(module).to("meta")

    def apply(weights, x):
        return torch.func.functional_call(template, {**fixed, **weights}, (x,))

    return apply


def vmapped(config, data, device):
    """The step of a population by `torch.func`, weights stacked along the members."""
    members, batch_size, loss = (config[k] for k in ("members", "batch_size", "loss"))
    stacked, (generate, judge), optimizers = stacked_players(config, device)
    (g_weights, d_weights), (g_optimizer, d_optimizer) = stacked, optimizers

    def of_discriminator(weights, g_weights, real, z):
        critic, fake = functools.partial(judge, weights), generate(g_weights, z)
        return torch_losses.discriminator_loss(critic, real, fake, loss)

    def of_generator(weights, d_weights, real, z):
        critic, fake = functools.partial(judge, d_weights), generate(weights, z)
        return torch_losses.generator_loss(critic, real, fake, loss)

    d_gradient = torch.func.vmap(torch.func.grad(of_discriminator))
    g_gradient = torch.func.vmap(torch.func.grad(of_generator))

    def latent():
        return torch.randn(members, batch_size, config["latent_dim"], device=device)

    def move(optimizer, weights, gradients):
        for name, gradient in gradients.items():
            weights[name].grad = gradient
        optimizer.step()

    def step():
        index = torch.randint(len(data), (members, batch_size), device=device)
        real = data[index]
        mixed = torch.autocast(
            device.type, torch.bfloat16, enabled=config["dtype"] == "bfloat16"
        )
        with mixed, torch.no_grad():
            gradients = d_gradient(d_weights, g_weights, real, latent())
        move(d_optimizer, d_weights, gradients)
        with mixed, torch.no_grad():
            gradients = g_gradient(g_weights, d_weights, real, latent())
        move(g_optimizer, g_weights, gradients)

    return step


def stored(dtype):
    """The dtype that numbers are kept in; tf32 is how products of float32 are taken."""
    return torch.float32 if dtype == "tf32" else getattr(torch, dtype)


def matmul_rate(device, dtype):
    """Floating-point operations per second of a large matrix product."""
    n = 2048 if device.type == "cpu" else 8192
    a = torch.randn(n, n, device=device, dtype=stored(dtype))
    seconds = [timed(lambda: a @ a, 1, device) for _ in range(4)]
    return 2 * n**3 / min(seconds)


def timed(step, num_steps, device):
    """Seconds of so many steps."""
    began = time.perf_counter()
    for _ in range(num_steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def load(config, device):
    """The data, `[N, ...]` float32, channels first."""
    import numpy as np

    x = torch.from_numpy(np.load(config["data"]))
    x = x / 127.5 - 1 if x.dtype == torch.uint8 else x
    x = x.movedim(-1, 1).contiguous() if x.ndim == 4 else x
    if config["network"] != "mlp" and config["variant"] not in ("eager", "func"):
        x = x.contiguous(memory_format=torch.channels_last)
    return x.to(device)


def prepared(config):
    """The device, PyTorch being set up for it."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["cores"])
    torch.set_flush_denormal(True)  # as XLA does
    narrow = config["dtype"] == "tf32"
    torch.set_float32_matmul_precision("high" if narrow else "highest")
    torch.backends.cudnn.allow_tf32 = narrow
    torch.backends.cudnn.benchmark = config["variant"] != "eager"
    return device


def name(device):
    return torch.cuda.get_device_name() if device.type == "cuda" else "cpu"


def main(config, answer):
    device = prepared(config)
    on_gpu = device.type == "cuda"
    if config["variant"] == "graph" and not on_gpu:
        sys.exit("the variant graph needs a GPU and a PyTorch that was built for it")
    population = vmapped if config["variant"] == "func" else in_turn
    step = population(config, load(config, device), device)
    began = time.perf_counter()
    if config["variant"] == "graph":
        step = captured(step)
    timed(step, 1, device)
    first = time.perf_counter() - began
    answer(
        compile_seconds=max(0.0, first - timed(step, 1, device)),
        program_bytes=None,
        device=name(device),
        versions={"python": platform.python_version(), "torch": torch.__version__},
    )
    for line in sys.stdin:
        order = json.loads(line)
        answer(
            seconds=timed(step, order["steps"], device),
            matmul_rate=matmul_rate(device, config["dtype"]),
            device_peak_bytes=torch.cuda.max_memory_allocated() if on_gpu else None,
        )


if __name__ == "__main__":
    # What libraries print must not get between the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(
        json.loads(sys.argv[1]),
        lambda **fields: print(json.dumps(fields), file=channel, flush=True),
    )
