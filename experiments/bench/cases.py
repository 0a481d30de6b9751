"""What bench_population.py can measure: models, configurations and suites of them."""

import itertools
from typing import Any, NamedTuple

import numpy as np

IMAGES = {"network": "conv", "latent_dim": 64, "width": 32, "hidden": []}
POINTS = {"network": "mlp", "shape": [2], "width": 0, "batch_size": 128}
MODELS = {
    "dcgan28": IMAGES | {"shape": [28, 28, 1], "batch_size": 64},
    "dcgan32": IMAGES | {"shape": [32, 32, 3], "batch_size": 64},
    "mlp": POINTS | {"latent_dim": 16, "hidden": [128, 128, 128]},
    "mlp_small": POINTS | {"latent_dim": 64, "hidden": [128, 128]},
}


OPTIONS = {"form": "auto", "mapper": "auto", "devices": "cores", "loop": "scan"}
"""The usual ones of jaxgan."""


class Case(NamedTuple):
    """One configuration; `options` are those of its library alone."""

    library: str
    model: str
    members: int
    options: dict[str, str]
    dtype: str = "float32"
    r1: float | None = None


def of_jax(model: str, members: int, **changes: Any) -> Case:
    case = {name: changes.pop(name) for name in ("dtype", "r1") if name in changes}
    return Case("jax", model, members, OPTIONS | changes, **case)


def of_torch(model: str, members: int, variant: str, **case: Any) -> Case:
    return Case("torch", model, members, {"variant": variant}, **case)


def of_flags(asked: Any) -> list[Case]:
    """All combinations of the flags of bench_population.py, the baselines first."""
    baselines = [
        of_torch(asked.model, members, variant, dtype=dtype, r1=asked.r1)
        for variant, dtype, members in itertools.product(
            asked.torch, asked.dtypes, asked.members
        )
    ]
    names = ("form", "mapper", "devices", "loop", "dtype")
    values = (asked.forms, asked.mappers, asked.devices, asked.loops, asked.dtypes)
    own = [
        of_jax(asked.model, members, r1=asked.r1, **dict(zip(names, each, strict=True)))
        for *each, members in itertools.product(*values, asked.members)
    ]
    return baselines + own


def quick() -> list[list[Case]]:
    return [
        [
            of_torch("dcgan28", 8, "eager"),
            of_torch("dcgan28", 8, "tuned"),
            of_jax("dcgan28", 8),
            of_jax("dcgan28", 8, form="lax", mapper="vmap", devices="one"),
        ],
        [
            of_torch("mlp", 64, "eager"),
            of_torch("mlp", 64, "func"),
            of_jax("mlp", 64),
            of_jax("mlp", 64, mapper="vmap", devices="one"),
        ],
    ]


def images(model: str, r1: float | None = None) -> list[list[Case]]:
    variants = ["eager", "tuned", "fused"] + (["compile"] if r1 is None else [])
    own = ({}, {"devices": "one"}, {"loop": "python"})
    return [
        [of_torch(model, 8, variant, r1=r1) for variant in variants]
        + [of_jax(model, 8, r1=r1, **changes) for changes in own]
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
    groups = []
    for model in ("mlp", "dcgan28", "dcgan32"):
        eager, conv = of_torch(model, 8, "eager"), MODELS[model]["network"] == "conv"
        variants = ("tuned", "compile", "graph", "func")
        kept = [{"form": "lax"}, {"form": "canonical"}, {"form": "matmul"}]
        changes = (kept if conv else []) + [{"mapper": "map"}, {"mapper": "chunks:8"}]
        changes += [{"dtype": "bfloat16"}, {"loop": "python"}]
        groups += [
            [eager, *(of_jax(model, n) for n in (1, 8, 64))],
            *([eager, of_jax(model, n)] for n in (256, 1024)),
            [eager, *(of_torch(model, 64, variant) for variant in variants)],
            [eager, *(of_jax(model, 64, **change) for change in changes)],
        ]
    return groups


SUITES = {
    "quick": quick,
    "dcgan28": lambda: images("dcgan28"),
    "dcgan28_r1": lambda: images("dcgan28", r1=1.0),
    "dcgan32": lambda: images("dcgan32"),
    "mlp": lambda: points("mlp"),
    "mlp_small": lambda: points("mlp_small"),
    "scaling": scaling,
    "forms": forms,
    "mappers": mappers,
    "dtypes": dtypes,
    "gpu": gpu,
}


def member_step_flops(model: str, r1: float | None = None) -> float:
    """Floating-point operations of the linear maps in a step of one member.

    A forward pass of the generator costs g, of the discriminator d, and a gradient with
    respect to weights or input costs as much again; no gradient is taken with respect
    to z or, in the discriminator's step, to samples. The discriminator's step has a
    pass of g and two of d, the generator's one of each. R1 adds the gradient with
    respect to samples, and its gradient, which is a pass and a gradient of weights.
    Products with the zeros that convolutions are padded with count as others do.
    """
    of = MODELS[model]
    if of["network"] == "mlp":
        g = [a * b for a, b in itertools.pairwise([of["latent_dim"], *of["hidden"], 2])]
        d = [a * b for a, b in itertools.pairwise([2, *of["hidden"], 1])]
    else:
        (height, width, channels), n, taps = of["shape"], of["width"], 16
        places = height * width // 16
        stem, inner = places * 2 * n, places * taps * 2 * n * n
        outer = 4 * places * taps * n * channels
        g = [of["latent_dim"] * stem, inner, outer]
        d = [outer, inner, stem]
    d_step = sum(g) + 2 * (3 * sum(d) - d[0])
    g_step = 3 * sum(g) - g[0] + 2 * sum(d)
    penalty = 0 if r1 is None else 3 * sum(d)
    return 2.0 * of["batch_size"] * (d_step + g_step + penalty)


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
