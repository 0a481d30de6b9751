"""The networks of bench_population.py in PyTorch: those of `jaxgan.gan`, NCHW.

Needs PyTorch and nothing of jaxgan. Spectral normalisation is that of
`torch.nn.utils.spectral_norm`, which takes the same half steps of the power iteration
as the paper and as jaxgan; that of `parametrizations` begins with the other half.
"""

import math

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

SLOPE = 0.1  # of SN-DCGAN's leaky ReLU
GAIN = math.sqrt(2 / (1 + 0.2**2))
"""Of the kernels before R3GAN's leaky ReLU of slope 0.2."""


def players(config):
    """The generator and the discriminator of one member."""
    return PLAYERS[config["network"]](config)


def _mlp(config):
    def chain(inputs, outputs, activation):
        layers = []
        for width in config["hidden"]:
            layers += [nn.Linear(inputs, width), activation]
            inputs = width
        return [*layers, nn.Linear(inputs, outputs)]

    latent, (points,) = config["latent_dim"], config["shape"]
    generator = nn.Sequential(*chain(latent, points, nn.ReLU()))
    scores = chain(points, 1, nn.LeakyReLU(0.2))
    return generator, nn.Sequential(*scores, nn.Flatten(0))


def _conv(config):
    latent, width, (height, *_) = config["latent_dim"], config["width"], config["shape"]
    side, channels = height // 4, config["shape"][-1]
    generator = nn.Sequential(
        *_stem(latent, 2 * width, side),
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


def _stem(latent, width, side):
    return [
        nn.Linear(latent, side * side * width, bias=False),
        nn.Unflatten(1, (width, side, side)),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]


def _sn_dcgan(config):
    latent, width, (side, _, channels) = (
        config[name] for name in ("latent_dim", "width", "shape")
    )
    up, down = [], [spectral_norm(nn.Conv2d(channels, width, 3, 1, 1))]
    for scale in (1, 2, 4):
        wide, narrow = 8 * width // scale, 4 * width // scale
        up += [
            nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
        ]
        same, twice = scale * width, 2 * scale * width
        down += [
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(same, same, 4, 2, 1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(same, twice, 3, 1, 1)),
        ]
    places = (side // 8) ** 2
    last = nn.Conv2d(width, channels, 3, 1, 1)
    generator = [*_stem(latent, 8 * width, side // 8), *up, last, nn.Tanh()]
    head = spectral_norm(nn.Linear(places * 8 * width, 1))
    score = [nn.LeakyReLU(SLOPE), nn.Flatten(), head, nn.Flatten(0)]
    pair = nn.Sequential(*generator), nn.Sequential(*down, *score)
    for kernel in _kernels(*pair):
        nn.init.normal_(kernel, std=0.02)
    return pair


class GeneratorBlock(nn.Module):
    """`[B, w, H, W] -> [B, w, 2H, 2W]`, SN-GAN's ResNet, Table 4."""

    def __init__(self, width):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in range(2)
        )
        self.shortcut = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, x):
        y = repeat(functional.relu(self.norms[0](x)))
        y = self.convs[1](functional.relu(self.norms[1](self.convs[0](y))))
        # As in jaxgan, before the places are repeated, at a quarter of the work.
        return y + repeat(self.shortcut(x))


class DiscriminatorBlock(nn.Module):
    """`[B, V, H, W] -> [B, w, H, W]`, or half the sides if it pools."""

    def __init__(self, channels, width, pool, first=False):
        super().__init__()
        self.pool, self.first = pool, first
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(inputs, width, 3, 1, 1))
            for inputs in (channels, width)
        )
        self.shortcut = spectral_norm(nn.Conv2d(channels, width, 1)) if pool else None

    def forward(self, x):
        y = self.convs[0](x if self.first else functional.relu(x))
        y = self.convs[1](functional.relu(y))
        if self.pool:
            y = functional.avg_pool2d(y, 2)
            x = self.shortcut(functional.avg_pool2d(x, 2))
        return x + y


class SumPool(nn.Module):
    """`[B, C, H, W] -> [B, C]`, the sum over places."""

    def forward(self, x):
        return x.sum((2, 3))


def _resnet(config):
    (side, _, channels), latent = config["shape"], config["latent_dim"]
    wide, width = config["generator_width"], config["width"]
    generator = nn.Sequential(
        nn.Linear(latent, 16 * wide),
        nn.Unflatten(1, (wide, 4, 4)),
        *(GeneratorBlock(wide) for _ in range((side // 4).bit_length() - 1)),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
        nn.Conv2d(wide, channels, 3, 1, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        DiscriminatorBlock(channels, width, pool=True, first=True),
        DiscriminatorBlock(width, width, pool=True),
        *(DiscriminatorBlock(width, width, pool=False) for _ in range(2)),
        nn.ReLU(),
        SumPool(),
        spectral_norm(nn.Linear(width, 1)),
        nn.Flatten(0),
    )
    for kernel in _kernels(generator, discriminator):
        # Before a ReLU Glorot's variance is doubled.
        inner = kernel.ndim == 4 and kernel.shape[-1] == 3 and len(kernel) != channels
        nn.init.xavier_uniform_(kernel, math.sqrt(2) if inner else 1.0)
    return generator, discriminator


def repeat(x):
    """Each place of `[B, C, H, W]` twice in both directions."""
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class ResidualBlock(nn.Module):
    """`[B, C, H, W] -> [B, C, H, W]`, R3GAN's, of a network with `depth` of them."""

    def __init__(self, channels, groups, expansion, depth):
        super().__init__()
        middle = expansion * channels
        self.expand = nn.Conv2d(channels, middle, 1)
        self.mix = nn.Conv2d(middle, middle, 3, 1, 1, groups=groups)
        self.reduce = nn.Conv2d(middle, channels, 1, bias=False)
        for conv in (self.expand, self.mix):
            _draw(conv.weight, GAIN * depth ** (-1 / 4))
            nn.init.zeros_(conv.bias)
        nn.init.zeros_(self.reduce.weight)

    def forward(self, x):
        y = functional.leaky_relu(self.expand(x), 0.2)
        return x + self.reduce(functional.leaky_relu(self.mix(y), 0.2))


class Resample(nn.Module):
    """The low pass (1, 3, 3, 1) a side, to twice the places or to half of them.

    Depthwise, which on a CPU is faster than what PyTorch has for interpolation, zero
    beyond the edges.
    """

    def __init__(self, up):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / (4 if up else 8)
        self.register_buffer("kernel", taps[:, None] * taps)
        self.apply_ = functional.conv_transpose2d if up else functional.conv2d

    def forward(self, x):
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, 4, 4)
        return self.apply_(x, kernel, stride=2, padding=1, groups=x.shape[1])


class Basis(nn.Module):
    """`z [B, D] -> [B, C, 4, 4]`, learned maps, each times a linear function of z."""

    def __init__(self, latent, channels):
        super().__init__()
        self.maps = nn.Parameter(torch.randn(channels, 4, 4))
        self.modulate = nn.Linear(latent, channels, bias=False)
        _draw(self.modulate.weight)

    def forward(self, z):
        return self.maps * self.modulate(z)[:, :, None, None]


def _r3gan(config):
    (side, _, colours), width = config["shape"], config["width"]
    stages = (side // 4).bit_length()
    numbers = width, config["groups"], config["expansion"], stages * config["blocks"]

    def stage():
        return [ResidualBlock(*numbers) for _ in range(config["blocks"])]

    generator = [Basis(config["latent_dim"], width), *stage()]
    discriminator = [nn.Conv2d(colours, width, 1, bias=False), *stage()]
    for _ in range(stages - 1):
        generator += [Resample(up=True), *stage()]
        discriminator += [Resample(up=False), *stage()]
    generator.append(nn.Conv2d(width, colours, 1, bias=False))
    discriminator += [
        nn.Conv2d(width, width, 4, groups=width, bias=False),
        nn.Flatten(),
        nn.Linear(width, 1, bias=False),
        nn.Flatten(0),
    ]
    for layer in (generator[-1], discriminator[0], *discriminator[-4:]):
        if hasattr(layer, "weight"):
            _draw(layer.weight)
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


def _draw(kernel, gain=1.0):
    """A normal kernel of variance `gain^2 / n` for n inputs."""
    nn.init.normal_(kernel, std=gain / math.sqrt(kernel[0].numel()))


def _kernels(*modules):
    """What normalisation and biases are not; biases begin at zero."""
    for module in modules:
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                yield parameter
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


PLAYERS = {
    "mlp": _mlp,
    "conv": _conv,
    "sn_dcgan": _sn_dcgan,
    "resnet": _resnet,
    "r3gan": _r3gan,
}
