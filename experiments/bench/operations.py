"""The linear maps of the networks that are measured, and what a step does with them.

Written down layer by layer, without JAX or PyTorch, so that what is measured does not
count itself.
"""

import collections
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Layer(NamedTuple):
    """A convolution, a transposed one, or a dense layer, of inputs `[B, *size, C]`.

    Attributes:
      size: places of the input, none of a dense layer.
      kernel: places of the kernel.
      channels, features: C, and those of the output.
      stride: in every direction.
      groups: that the channels are split into.
      transposed: whether strides make it larger.
      padding: "SAME" or "VALID".
      first: whether its inputs are samples or latents themselves, with respect to which
        a step takes no gradient unless a penalty asks for it.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    channels: int
    features: int
    stride: int = 1
    groups: int = 1
    transposed: bool = False
    padding: str = "SAME"
    first: bool = False


class Maps(NamedTuple):
    """How often each map of a layer is computed in a step of both players."""

    forward: int
    input_gradient: int
    kernel_gradient: int


def kernel_shape(layer: Layer) -> tuple[int, ...]:
    """`[*k, C / groups, F]`."""
    return (*layer.kernel, layer.channels // layer.groups, layer.features)


def output_size(layer: Layer) -> tuple[int, ...]:
    """Places of the output."""
    if layer.transposed:
        return tuple(n * layer.stride for n in layer.size)
    if layer.padding == "VALID":
        pairs = zip(layer.size, layer.kernel, strict=True)
        return tuple((n - k) // layer.stride + 1 for n, k in pairs)
    return tuple(-(-n // layer.stride) for n in layer.size)


def products(layer: Layer) -> int:
    """Multiplications of a pass of one sample, those with padded zeros as others."""
    places = layer.size if layer.transposed else output_size(layer)
    return math.prod(places) * math.prod(kernel_shape(layer))


def layers(of: Mapping[str, Any]) -> dict[str, list[Layer]]:
    """The layers of each player of a model of `cases.MODELS`, in order."""
    generator, discriminator = LAYERS[of["network"]](of)
    return {"generator": generator, "discriminator": discriminator}


def step_maps(of: Mapping[str, Any], player: str, layer: Layer) -> Maps:
    """What a step of both players computes of a layer, of a whole batch each.

    The discriminator's step has a pass of the generator, two of the discriminator and
    their gradients; the generator's one of each, and where the loss compares pairs one
    of the discriminator for real samples too. R1 and R2 each add the gradient with
    respect to samples, and its gradient, which is a pass and a gradient of the kernel.
    """
    if player == "generator":
        return Maps(2, 0 if layer.first else 1, 1)
    pairs = of["loss"] == "relativistic"
    penalties = sum(of[name] is not None for name in ("r1", "r2"))
    through = 1 if layer.first else 3
    return Maps(3 + pairs + penalties, through + penalties, 2 + penalties)


def uses(of: Mapping[str, Any]) -> Iterator[tuple[str, str, Layer, int]]:
    """Player, map and layer, equal layers together, and how often a step takes it."""
    for player, own in layers(of).items():
        for layer, number in collections.Counter(own).items():
            for name, times in step_maps(of, player, layer)._asdict().items():
                if times:
                    yield player, name, layer, times * number


def part(
    player: str, map_: str, layer: Layer, times: int, seconds: float, batch_size: int
) -> dict[str, Any]:
    """What is recorded of one of `uses` that takes so long."""
    return {
        "player": player,
        "map": map_,
        "layer": title(layer),
        "times": times,
        "seconds": seconds,
        "flops": 2.0 * batch_size * products(layer),
    }


def title(layer: Layer) -> str:
    """Such as `conv 4x4 s2, 64 to 128 at 16x16`; `at` are the places of the input."""
    if not layer.size:
        return f"dense, {layer.channels} to {layer.features}"
    kind = "transposed conv" if layer.transposed else "conv"
    kernel, size = ("x".join(map(str, own)) for own in (layer.kernel, layer.size))
    stride = f" s{layer.stride}" if layer.stride > 1 else ""
    groups = f" in {layer.groups} groups" if layer.groups > 1 else ""
    channels = f"{layer.channels} to {layer.features}"
    return f"{kind} {kernel}{stride}{groups}, {channels} at {size}"


def member_step_flops(of: Mapping[str, Any]) -> float:
    """Floating-point operations of the linear maps in a step of one member.

    Args:
      of: a model, with the weights `r1` and `r2` of penalties, or None.
    """
    found = sum(
        sum(step_maps(of, player, layer)) * products(layer)
        for player, own in layers(of).items()
        for layer in own
    )
    return 2.0 * of["batch_size"] * found


def _dense(channels: int, features: int, first: bool = False) -> Layer:
    return Layer((), (), channels, features, first=first)


def _conv(side: int, kernel: int, channels: int, features: int, **rest: Any) -> Layer:
    return Layer((side, side), (kernel, kernel), channels, features, **rest)


def _strided(side: int, channels: int, features: int, **rest: Any) -> Layer:
    return _conv(side, 4, channels, features, stride=2, **rest)


def _mlp(of):
    def chain(inputs: int, outputs: int) -> list[Layer]:
        pairs = itertools.pairwise([inputs, *of["hidden"], outputs])
        return [_dense(*pair, first=i == 0) for i, pair in enumerate(pairs)]

    (points,) = of["shape"]
    return chain(of["latent_dim"], points), chain(points, 1)


def _plain(of):
    """`gan.conv`: two strided convolutions."""
    (side, _, colours), w = of["shape"], of["width"]
    stem = (side // 4) ** 2 * 2 * w
    generator = [
        _dense(of["latent_dim"], stem, True),
        _strided(side // 4, 2 * w, w, transposed=True),
        _strided(side // 2, w, colours, transposed=True),
    ]
    discriminator = [
        _strided(side, colours, w, first=True),
        _strided(side // 2, w, 2 * w),
        _dense(stem, 1),
    ]
    return generator, discriminator


def _sn_dcgan(of):
    (side, _, colours), w = of["shape"], of["width"]
    stem = (side // 8) ** 2 * 8 * w
    generator = [_dense(of["latent_dim"], stem, True)]
    discriminator = [_conv(side, 3, colours, w, first=True)]
    for scale in (1, 2, 4):
        up = _strided(side // 8 * scale, 8 * w // scale, 4 * w // scale)
        generator.append(up._replace(transposed=True))
        discriminator += [
            _strided(side // scale, scale * w, scale * w),
            _conv(side // (2 * scale), 3, scale * w, 2 * scale * w),
        ]
    return [*generator, _conv(side, 3, w, colours)], [*discriminator, _dense(stem, 1)]


def _resnet(of):
    (side, _, colours), w = of["shape"], of["width"]
    wide, small = of["generator_width"], doublings(side)[0]
    generator = [_dense(of["latent_dim"], small**2 * wide, True)]
    for here in doublings(side)[1:]:
        inner = _conv(here, 3, wide, wide)
        generator += [inner, inner, _conv(here // 2, 1, wide, wide)]
    half, quarter = side // 2, side // 4
    discriminator = [
        _conv(side, 3, colours, w, first=True),
        _conv(side, 3, w, w),
        _conv(half, 1, colours, w, first=True),
        *[_conv(half, 3, w, w)] * 2,
        _conv(quarter, 1, w, w),
        *[_conv(quarter, 3, w, w)] * 4,
        _dense(w, 1),
    ]
    return [*generator, _conv(side, 3, wide, colours)], discriminator


def _r3gan(of):
    (side, _, colours), w = of["shape"], of["width"]
    sides = doublings(side)

    def stage(here: int) -> list[Layer]:
        inner = of["expansion"] * w
        block = [
            _conv(here, 1, w, inner),
            _conv(here, 3, inner, inner, groups=of["groups"]),
            _conv(here, 1, inner, w),
        ]
        return block * of["blocks"]

    generator = [_dense(of["latent_dim"], w, True), *_flat(map(stage, sides))]
    discriminator = [
        _conv(side, 1, colours, w, first=True),
        *_flat(map(stage, reversed(sides))),
        _conv(sides[0], sides[0], w, w, groups=w, padding="VALID"),
        _dense(w, 1),
    ]
    return [*generator, _conv(side, 1, w, colours)], discriminator


def doublings(side: int) -> list[int]:
    """4, 8, ... up to the side."""
    return [4 << i for i in range((side // 4).bit_length())]


def _flat(parts: Sequence[list[Layer]] | map) -> list[Layer]:
    return list(itertools.chain.from_iterable(parts))


LAYERS = {
    "mlp": _mlp,
    "conv": _plain,
    "sn_dcgan": _sn_dcgan,
    "resnet": _resnet,
    "r3gan": _r3gan,
}
