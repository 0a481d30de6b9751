"""What bench_population.py can measure: models, configurations and suites of them."""

import itertools
from typing import Any, NamedTuple

import numpy as np

CONV = {"network": "conv", "latent_dim": 64, "width": 32, "batch_size": 64}
COLOURS = {"shape": [32, 32, 3], "batch_size": 64}
POINTS = {"network": "mlp", "shape": [2], "batch_size": 128}
FIRST = {"loss": "non_saturating", "betas": [0.5, 0.999]}
MODELS = {
    "dcgan28": FIRST | CONV | {"shape": [28, 28, 1]},
    "dcgan32": FIRST | CONV | COLOURS,
    "sn_dcgan": FIRST
    | COLOURS
    | {"network": "sn_dcgan", "latent_dim": 128, "width": 64},
    "resnet": COLOURS
    | {"network": "resnet", "latent_dim": 128, "generator_width": 256, "width": 128}
    | {"loss": "hinge", "betas": [0.0, 0.9]},
    "r3gan": COLOURS
    | {"network": "r3gan", "latent_dim": 64, "width": 64, "groups": 8}
    | {"blocks": 2, "expansion": 2, "loss": "relativistic", "betas": [0.0, 0.99]},
    "mlp": FIRST | POINTS | {"latent_dim": 16, "hidden": [128, 128, 128]},
    "mlp_small": FIRST | POINTS | {"latent_dim": 64, "hidden": [128, 128]},
}
"""Networks, batches, losses and the betas of Adam as published, for images of CIFAR-10:
SN-DCGAN and SN-GAN's ResNet of Miyato et al. 2018, https://arxiv.org/abs/1802.05957,
with one step of the discriminator for each of the generator; R3GAN of Huang et al.
2024, https://arxiv.org/abs/2501.05441, whose width of 768 is cut to 64, its channels in
a group, 16, being kept."""

SPECTRAL = ("sn_dcgan", "resnet")
"""Models whose discriminators are normalised spectrally."""

R1_AND_R2 = {"r1": 0.025, "r2": 0.025}
"""The weights `gamma / 2` that R3GAN begins with on CIFAR-10."""

OPTIONS = {"form": "auto", "mapper": "auto", "devices": "cores", "loop": "scan"}
"""The usual ones of jaxgan."""


class Case(NamedTuple):
    """One configuration; `options` are those of its library alone.

    `r1`, `r2` are the weights of penalties, `width` and `batch_size` take the place of
    the model's; None leaves them out.
    """

    library: str
    model: str
    members: int
    options: dict[str, str]
    dtype: str = "float32"
    r1: float | None = None
    r2: float | None = None
    width: int | None = None
    batch_size: int | None = None


COMMON = ("model", "r1", "r2", "width", "batch_size")
"""What all configurations of a group share."""


def numbers(case: Case) -> dict[str, Any]:
    """The model of a configuration, with the weights of its penalties."""
    of = dict(MODELS[case.model])
    if case.width is not None:
        for name in ("generator_width", "groups"):
            if name in of:
                # The same shares of the width; no group has fewer channels.
                of[name] = max(1, of[name] * case.width // of["width"])
        of["width"] = case.width
    if case.batch_size is not None:
        of["batch_size"] = case.batch_size
    return of | {"r1": case.r1, "r2": case.r2}


def of_jax(model: str, members: int, **changes: Any) -> Case:
    own = {name: value for name, value in changes.items() if name in OPTIONS}
    case = {name: value for name, value in changes.items() if name not in OPTIONS}
    return Case("jax", model, members, OPTIONS | own, **case)


def of_torch(model: str, members: int, variant: str, **case: Any) -> Case:
    return Case("torch", model, members, {"variant": variant}, **case)


def of_flags(asked: Any) -> list[Case]:
    """All combinations of the flags of bench_population.py, the baselines first."""
    common = {name: getattr(asked, name) for name in COMMON if name != "model"}
    baselines = [
        of_torch(asked.model, members, variant, dtype=dtype, **common)
        for variant, dtype, members in itertools.product(
            asked.torch, asked.dtypes, asked.members
        )
    ]
    names = ("form", "mapper", "devices", "loop", "dtype")
    values = (asked.forms, asked.mappers, asked.devices, asked.loops, asked.dtypes)
    own = [
        of_jax(asked.model, members, **common, **dict(zip(names, each, strict=True)))
        for *each, members in itertools.product(*values, asked.members)
    ]
    return baselines + own


def quick() -> list[list[Case]]:
    return [
        [
            of_torch("dcgan28", 8, "eager"),
            of_torch("dcgan28", 8, "tuned"),
            of_jax("dcgan28", 8),
            of_jax("dcgan28", 8, form="onednn"),
            of_jax("dcgan28", 8, form="lax", mapper="vmap", devices="one"),
        ],
        [
            of_torch("mlp", 64, "eager"),
            of_torch("mlp", 64, "func"),
            of_jax("mlp", 64),
            of_jax("mlp", 64, mapper="vmap", devices="one"),
        ],
    ]


def images(model: str, members: int = 8, **penalties: float) -> list[list[Case]]:
    variants = ("eager", "tuned", "fused", "compile")
    own = ({}, {"form": "onednn"}, {"devices": "one"}, {"loop": "python"})
    return [
        [of_torch(model, members, variant, **penalties) for variant in variants]
        + [of_jax(model, members, **penalties, **changes) for changes in own]
    ]


def points(model: str) -> list[list[Case]]:
    variants = ("eager", "fused", "compile", "func")
    own = (
        {},
        {"mapper": "vmap", "devices": "one"},
        {"mapper": "vmap"},
        {"loop": "python"},
    )
    return [
        [of_torch(model, 64, variant) for variant in variants]
        + [of_jax(model, 64, **changes) for changes in own]
    ]


def scaling() -> list[list[Case]]:
    sizes = {"dcgan28": (8, 1, 64, 128), "mlp": (64, 8, 512, 1024)}
    return [[of_jax(model, n) for n in sizes[model]] for model in sizes]


def forms() -> list[list[Case]]:
    images = [
        of_jax("dcgan28", 8, form=form, mapper=mapper)
        for mapper, form in itertools.product(
            ("map", "vmap"), ("canonical", "auto", "matmul", "lax")
        )
    ]
    points = [
        of_jax("mlp", 64, form=form, mapper=mapper)
        for mapper, form in itertools.product(
            ("map", "chunks:2", "chunks:4"), ("canonical", "lax")
        )
    ]
    return [
        [of_torch("dcgan28", 8, "eager"), *images],
        [of_torch("mlp", 64, "func"), *points],
    ]


def mappers() -> list[list[Case]]:
    names = ("vmap", "map", "chunks:2", "chunks:4", "chunks:8", "chunks:16")
    images = [of_jax("dcgan28", 8, mapper=name) for name in names[:4]]
    points = [
        of_jax("mlp", 64, mapper=name, devices=devices)
        for devices, name in itertools.product(("cores", "one"), names)
    ]
    return [
        [of_torch("dcgan28", 8, "eager"), *images],
        [of_torch("mlp", 64, "eager"), *points],
    ]


def dtypes() -> list[list[Case]]:
    names = ("float32", "bfloat16")
    return [
        [of_torch(model, members, "tuned", dtype=dtype) for dtype in names]
        + [of_jax(model, members, dtype=dtype) for dtype in names]
        for model, members in (("dcgan28", 8), ("mlp", 64))
    ]


def gpu() -> list[list[Case]]:
    """Groups are small, as all of their members are on the card at once."""
    groups, usual = [], {"dtype": "tf32"}
    for model in ("mlp", "dcgan28", "dcgan32"):
        eager = of_torch(model, 8, "eager", **usual)
        variants = ("tuned", "compile", "graph", "func")
        kept = [{"form": "lax"}, {"form": "canonical"}, {"form": "matmul"}]
        changes = kept if MODELS[model]["network"] != "mlp" else []
        changes += [{"mapper": "map"}, {"mapper": "chunks:8"}, {"loop": "python"}]
        changes += [{"dtype": "float32"}, {"dtype": "bfloat16"}]
        groups += [
            [eager, *(of_jax(model, n, **usual) for n in (1, 8, 64))],
            *([eager, of_jax(model, n, **usual)] for n in (256, 1024)),
            [eager, *(of_torch(model, 64, name, **usual) for name in variants)],
            [eager, *(of_jax(model, 64, **usual | change) for change in changes)],
        ]
    return groups


SUITES = {
    "quick": quick,
    "dcgan28": lambda: images("dcgan28"),
    "dcgan28_r1": lambda: images("dcgan28", r1=1.0),
    "dcgan32": lambda: images("dcgan32"),
    "sn_dcgan": lambda: images("sn_dcgan", 2),
    "sn_dcgan_r1": lambda: images("sn_dcgan", 2, r1=1.0),
    "resnet": lambda: images("resnet", 1),
    "resnet_r1": lambda: images("resnet", 1, r1=1.0),
    "r3gan": lambda: images("r3gan", 2),
    "r3gan_r1_r2": lambda: images("r3gan", 2, **R1_AND_R2),
    "mlp": lambda: points("mlp"),
    "mlp_small": lambda: points("mlp_small"),
    "scaling": scaling,
    "forms": forms,
    "mappers": mappers,
    "dtypes": dtypes,
    "gpu": gpu,
}


def make_data(model: str, seed: int) -> np.ndarray:
    """Points on a ring of eight, or uint8 images of a bright spot: `[N, ...]`."""
    random, shape = np.random.default_rng(seed), MODELS[model]["shape"]
    if len(shape) == 1:
        angle = random.integers(8, size=16384) * (2 * np.pi / 8)
        centre = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        noise = random.normal(scale=0.02, size=centre.shape)
        return (centre + noise).astype(np.float32)
    height, width, _ = shape
    y, x, size = random.uniform([[0.2], [0.2], [0.1]], [[0.8], [0.8], [0.3]], (3, 2048))
    rows = (np.arange(height) / height)[None] - y[:, None]
    columns = (np.arange(width) / width)[None] - x[:, None]
    square = rows[:, :, None] ** 2 + columns[:, None, :] ** 2
    spots = 255 * np.exp(-square / (2 * size[:, None, None] ** 2))
    return np.repeat(spots[..., None].astype(np.uint8), shape[-1], axis=-1)
