"""Where the time of a member's step goes in PyTorch, part by part.

What to run comes as one argument of JSON, as for `bench.torch_members`; the parts go as
one line of JSON. Needs PyTorch and NumPy and nothing of jaxgan.
"""

import json
import os
import statistics
import sys

import torch
from bench import operations, torch_members, torch_networks
from torch import nn
from torch.nn import functional
from torch.nn.utils import remove_spectral_norm


def maps(layer):
    """The three maps of a layer as functions of `(x, y, kernel)`."""
    if not layer.size:
        return operations.Maps(
            lambda x, y, kernel: x @ kernel.T,
            lambda x, y, kernel: y @ kernel,
            lambda x, y, kernel: y.T @ x,
        )
    strides, padding = [layer.stride] * 2, [edge(layer)] * 2

    def forward(x, y, kernel):
        apply = functional.conv_transpose2d if layer.transposed else functional.conv2d
        return apply(x, kernel, None, strides, padding, groups=layer.groups)

    def gradient(place):
        wanted = [place == 0, place == 1, False]

        def apply(x, y, kernel):
            fixed = strides, padding, [1, 1], layer.transposed, [0, 0], layer.groups
            found = torch.ops.aten.convolution_backward(
                y, x, kernel, None, *fixed, wanted
            )
            return found[place]

        return apply

    return operations.Maps(forward, gradient(0), gradient(1))


def edge(layer):
    """Zeros around the input; the strides here halve or double the sides."""
    if layer.padding == "VALID":
        return 0
    return (layer.kernel[0] - layer.stride + 1) // 2


def timed(call, config, device):
    """Seconds of a call, the median of rounds of about the wanted length."""
    torch_members.timed(call, 1, device)
    seconds, times = torch_members.timed(call, 1, device), 1
    while seconds < config["seconds"] / 4:
        times *= 4
        seconds = torch_members.timed(call, times, device)
    times = max(1, round(times * config["seconds"] / seconds))
    rounds = [torch_members.timed(call, times, device) for _ in range(config["rounds"])]
    return statistics.median(rounds) / times


def of_layers(config, device):
    """Each map of each kind of layer, and how often a step takes it."""
    last = config["variant"] != "eager"

    def draw(*shape):
        x = torch.randn(
            shape, device=device, dtype=torch_members.stored(config["dtype"])
        )
        spatial = last and x.ndim == 4
        return x.contiguous(memory_format=torch.channels_last) if spatial else x

    for player, map_, layer, times in operations.uses(config):
        batch, (*places, inputs, outputs) = (
            config["batch_size"],
            operations.kernel_shape(layer),
        )
        kernel = (inputs, outputs) if layer.transposed else (outputs, inputs)
        arguments = (
            draw(batch, layer.channels, *layer.size),
            draw(batch, layer.features, *operations.output_size(layer)),
            draw(*kernel, *places),
        )
        function = getattr(maps(layer), map_)
        with torch.no_grad():
            seconds = timed(lambda f=function, a=arguments: f(*a), config, device)
        yield operations.part(player, map_, layer, times, seconds, batch)


def bare(player):
    """A player without normalisation."""
    for module in list(player.modules()):
        if hasattr(module, "weight_u"):
            remove_spectral_norm(module)
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    return player


def of_optimiser(config, device):
    """Seconds of moving both players, the gradients being there."""
    optimizers = []
    for player in torch_networks.players(config):
        for weight in player.to(device).parameters():
            weight.grad = torch.ones_like(weight)
        fused = config["variant"] == "fused" or None
        optimizers.append(torch_members.adam(config, player.parameters(), fused=fused))
    return timed(lambda: [one.step() for one in optimizers], config, device)


def of_random_numbers(config, device):
    """Seconds of the latents of both players and of the batch's places."""
    shape = config["batch_size"], config["latent_dim"]

    def draw():
        torch.randn(shape, device=device)
        torch.randn(shape, device=device)
        torch.randint(2048, shape[:1], device=device)

    return timed(draw, config, device)


def main(config):
    device = torch_members.prepared(config)
    # The better of two, as other work on the machine only lowers it.
    before = torch_members.matmul_rate(device, config["dtype"])
    data = torch_members.load(config, device)
    step, without = (
        timed(torch_members.member_step(config, data, device, make), config, device)
        for make in (None, players_without_norms)
    )
    return {
        "step_seconds": step,
        "parts": list(of_layers(config, device)),
        "normalisation": step - without,
        "optimiser": of_optimiser(config, device),
        "random numbers": of_random_numbers(config, device),
        "matmul_rate": max(before, torch_members.matmul_rate(device, config["dtype"])),
        "device": torch_members.name(device),
    }


def players_without_norms(config):
    return tuple(map(bare, torch_networks.players(config)))


if __name__ == "__main__":
    # What libraries print must not get between the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps(main(json.loads(sys.argv[1]))), file=channel, flush=True)
