"""A population of GANs in PyTorch, members one after another, to compare with.

Started by bench_population.py, which says what to run in one argument of JSON; orders
come and answers go as lines of JSON. The networks and the mathematics of a step are
those of `jaxgan.gan`, in the layout of PyTorch. Needs PyTorch and nothing of jaxgan.

Variants: `eager`, as it is usually written; `tuned` by hand: channels last, the
discriminator frozen in the generator's step, no graph for the fakes of the
discriminator's step; `fused`, tuned with the fused Adam; `compile`, tuned with
`torch.compile`; `func`, all members at once by `torch.func.vmap`; `graph`, all members'
steps in one CUDA graph.
"""

import copy
import json
import os
import platform
import sys
import time

import torch
from torch import nn
from torch.nn import functional

ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}
WARM_UP = 3


def players(config):
    """The generator and the discriminator of one member."""
    latent, width, (height, *_) = config["latent_dim"], config["width"], config["shape"]
    if config["network"] == "mlp":
        hidden, points = config["hidden"], config["shape"][0]
        return _mlp(latent, hidden, points, nn.ReLU()), nn.Sequential(
            _mlp(points, hidden, 1, nn.LeakyReLU(0.2)), nn.Flatten(0)
        )
    side, channels = height // 4, config["shape"][-1]
    generator = nn.Sequential(
        nn.Linear(latent, side * side * 2 * width, bias=False),
        nn.Unflatten(1, (2 * width, side, side)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, channels, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(channels, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(side * side * 2 * width, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


def _mlp(inputs, hidden, outputs, activation):
    layers = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), activation]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def discriminator_loss(discriminator, real, fake, r1=None):
    """Non-saturating, with R1 of that weight unless it is None."""
    if r1 is not None:
        real = real.requires_grad_()
    real_logits, fake_logits = discriminator(real), discriminator(fake)
    loss = functional.softplus(-real_logits).mean()
    loss = loss + functional.softplus(fake_logits).mean()
    if r1 is None:
        return loss
    (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return loss + r1 * gradient.square().flatten(1).sum(1).mean()


def generator_loss(discriminator, fake):
    """Non-saturating."""
    return functional.softplus(-discriminator(fake)).mean()


def member_step(config, data, device):
    """Builds the step of a new member, as a function without arguments."""
    variant, batch_size, r1 = config["variant"], config["batch_size"], config["r1"]
    tuned, latent_dim = variant != "eager", config["latent_dim"]
    generator, discriminator = (player.to(device) for player in players(config))
    if tuned and config["network"] == "conv":
        generator.to(memory_format=torch.channels_last)
        discriminator.to(memory_format=torch.channels_last)
    numbers = ADAM | {"fused": variant == "fused" or None}
    numbers |= {"capturable": variant == "graph"}
    g_optimizer = torch.optim.Adam(generator.parameters(), **numbers)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **numbers)
    d_loss_of, g_loss_of = discriminator_loss, generator_loss
    apply = lambda module, x: module(x)  # noqa: E731
    if variant == "compile":
        d_loss_of, g_loss_of, apply = compiled()

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
            loss = d_loss_of(discriminator, real, fake, r1)
        d_optimizer.zero_grad()
        loss.backward()
        d_optimizer.step()

        discriminator.requires_grad_(not tuned)
        with mixed():
            loss = g_loss_of(discriminator, apply(generator, latent()))
        g_optimizer.zero_grad()
        loss.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)

    return step


_COMPILED = []


def compiled():
    """The functions of a step, compiled once for all members."""
    if not _COMPILED:
        # Members have other weights but the same code.
        torch._dynamo.config.cache_size_limit = 64
        functions = discriminator_loss, generator_loss, lambda module, x: module(x)
        _COMPILED.extend(map(torch.compile, functions))
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
    members, stacked, templates, optimizers = config["members"], [], [], []
    for of_player in zip(*(players(config) for _ in range(members)), strict=True):
        modules = [module.to(device) for module in of_player]
        for module in modules:
            # Under vmap there is no place for running statistics.
            torch.func.replace_all_batch_norm_modules_(module)
        weights, _ = torch.func.stack_module_state(modules)
        stacked.append(weights)
        templates.append(copy.deepcopy(modules[0]).to("meta"))
        # Adam acts element by element, so one optimiser serves all the members.
        optimizers.append(torch.optim.Adam(weights.values(), foreach=True, **ADAM))
    return stacked, templates, optimizers


def vmapped(config, data, device):
    """The step of a population by `torch.func`, weights stacked along the members."""
    members, batch_size = config["members"], config["batch_size"]
    stacked, templates, optimizers = stacked_players(config, device)
    (g_weights, d_weights), (g_optimizer, d_optimizer) = stacked, optimizers

    def generate(weights, z):
        return torch.func.functional_call(templates[0], weights, (z,))

    def of_discriminator(weights, g_weights, real, z):
        def discriminator(x):
            return torch.func.functional_call(templates[1], weights, (x,))

        return discriminator_loss(discriminator, real, generate(g_weights, z))

    def of_generator(weights, d_weights, z):
        def discriminator(x):
            return torch.func.functional_call(templates[1], d_weights, (x,))

        return generator_loss(discriminator, generate(weights, z))

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
        mixed = torch.autocast(
            device.type, torch.bfloat16, enabled=config["dtype"] == "bfloat16"
        )
        with mixed, torch.no_grad():
            gradients = d_gradient(d_weights, g_weights, data[index], latent())
        move(d_optimizer, d_weights, gradients)
        with mixed, torch.no_grad():
            gradients = g_gradient(g_weights, d_weights, latent())
        move(g_optimizer, g_weights, gradients)

    return step


def matmul_rate(device, dtype):
    """Floating-point operations per second of a large matrix product."""
    n = 2048 if device.type == "cpu" else 8192
    a = torch.randn(n, n, device=device, dtype=getattr(torch, dtype))
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
    if config["network"] == "conv" and config["variant"] not in ("eager", "func"):
        x = x.contiguous(memory_format=torch.channels_last)
    return x.to(device)


def main(config, answer):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    if config["variant"] == "graph" and not on_gpu:
        sys.exit("the variant graph needs a GPU and a PyTorch that was built for it")
    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["cores"])
    torch.set_flush_denormal(True)  # as XLA does
    torch.set_float32_matmul_precision("high" if device.type == "cuda" else "highest")
    torch.backends.cudnn.benchmark = config["variant"] != "eager"
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
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
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
