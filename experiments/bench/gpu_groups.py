"""What gpu_record.py measures, in groups, the most wanted ones first."""

from bench import cases

USUAL = {"dtype": "tf32"}
"""What products on such cards are taken in by most who train on them."""


def groups() -> list[list[cases.Case]]:
    """Groups of one model each, whose configurations are on the card at once."""
    return [
        populations("mlp", (64, 256, 1024), ("eager", "func", "graph")),
        populations("dcgan28", (1, 8, 64), ("eager", "tuned", "graph")),
        populations("sn_dcgan", (1, 8, 64), ("tuned", "graph")),
        # All 64 at once would take more memory than a card of 80 GB has.
        populations("r3gan", (1, 8, 64), ("tuned", "graph"), 8, **cases.R1_AND_R2),
        populations("dcgan32", (1, 8, 64), ("tuned", "func")),
        dtypes("sn_dcgan", 8),
        forms("dcgan28", 8),
        mappers("dcgan28", 8, ("vmap", "map", "chunks:4")),
        mappers("mlp", 64, ("vmap", "map", "chunks:8")),
        dtypes("r3gan", 8, **cases.R1_AND_R2),
        dtypes("mlp", 64),
    ]


def toy() -> list[list[cases.Case]]:
    """The same, less CUDA graphs, with networks that a CPU trains in a moment."""
    return [
        [smaller(case) for case in group if case.options.get("variant") != "graph"]
        for group in groups()
    ]


def smaller(case: cases.Case) -> cases.Case:
    """Small networks and batches; the populations keep their order."""
    members = {1: 1, 8: 2, 64: 3, 256: 4, 1024: 5}[case.members]
    width = 16 if "width" in cases.MODELS[case.model] else None
    return case._replace(members=members, width=width, batch_size=4)


def populations(
    model: str,
    sizes: tuple[int, ...],
    variants: tuple[str, ...],
    most: int | None = None,
    **penalties: float,
) -> list[cases.Case]:
    """jaxgan with so many members each, PyTorch with as many as are its usual ones.

    Larger populations than `most` train in chunks of so many.
    """
    members = 64 if model == "mlp" else 8
    rest = USUAL | penalties
    chunked = [most is not None and size > most for size in sizes]
    mappers = [f"chunks:{most}" if large else "auto" for large in chunked]
    return [
        *(cases.of_torch(model, members, variant, **rest) for variant in variants),
        *(
            cases.of_jax(model, size, mapper=mapper, **rest)
            for size, mapper in zip(sizes, mappers, strict=True)
        ),
    ]


def dtypes(model: str, members: int, **penalties: float) -> list[cases.Case]:
    names = ("float32", "tf32", "bfloat16")
    return [
        *(cases.of_torch(model, members, "tuned", dtype=d, **penalties) for d in names),
        *(cases.of_jax(model, members, dtype=d, **penalties) for d in names),
    ]


def forms(model: str, members: int) -> list[cases.Case]:
    names = ("auto", "lax", "canonical", "matmul")
    return [cases.of_jax(model, members, form=name, **USUAL) for name in names]


def mappers(model: str, members: int, names: tuple[str, ...]) -> list[cases.Case]:
    return [cases.of_jax(model, members, mapper=name, **USUAL) for name in names]
