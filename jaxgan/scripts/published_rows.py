"""Published rows of tables of mode collapse, and ours beside them.

Every row was read in the authors' own file that its source names, and no row was run
here. What is between brackets or behind a plus-minus sign is as published.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan import reports


class Source(NamedTuple):
    """Where rows were published, and by which protocol.

    Attributes:
      name: authors, year and table.
      link: of the paper, or of the file where there is none.
      seeds: runs behind each number, or None where it is not said.
      samples: that are scored, of each run.
      compute: of each run.
      protocol: how it differs from ours, in a sentence.
    """

    name: str
    link: str
    seeds: int | None
    samples: int
    compute: str
    protocol: str


class Published(NamedTuple):
    """A published row.

    Attributes:
      method: as the source calls it.
      modes: captured.
      high_quality: share of good samples in %, or None where it is not given.
      reverse_kl: likewise, in nats.
      source: of the row.
    """

    method: str
    modes: str
    high_quality: str | None
    reverse_kl: str | None
    source: Source


_PACGAN = "Lin et al. 2018 (PacGAN), table"
_PACGAN_LINK = "https://arxiv.org/abs/1712.04086"
_PACGAN_NETS = (
    "Generator 4 x 400 with batch normalisation, maxout discriminator 3 x 200, Adam "
    "1e-4 (0.8, 0.999), both players at once, 100,000 fixed points that are not "
    "standardised, ± is the standard error; the divergence that the authors' code logs "
    "leaves out samples that are not good, our reverse KL counts all."
)

PACGAN_POINTS = Source(
    *(f"{_PACGAN} 1", _PACGAN_LINK, 10, 2500),
    *("400,000 steps of 100", _PACGAN_NETS),
)

VEEGAN_POINTS = Source(
    *("Srivastava et al. 2017 (VEEGAN), table 1", "https://arxiv.org/abs/1705.07761"),
    *(5, 2500, "not said"),
    "Other networks and steps, of which the table says nothing; unrolled by 5 steps. "
    "The 99.3 % of its GAN are above what a perfect generator shows.",
)

D2L_GRID = Source(
    *("d2l-neu, stored JAX outputs, no year", "https://github.com/smolix/d2l-neu"),
    *(None, 10_000, "20,000 steps of 256"),
    "Two hidden layers of 256, latent 64, Adam 2e-4 (0, 0.99), gamma 1, no rate is "
    "lowered; its good samples are called on-mode there.",
)

PACGAN_STACKED = Source(
    *(f"{_PACGAN} 2, VEEGAN's setting", _PACGAN_LINK, 10, 26_000),
    "100,000 steps of D and 200,000 of G, of 64",
    "28x28 MNIST, 128,000 fixed triples, DCGAN of 64 channels, packs in channels, "
    "another classifier; ± is the standard error. DCGAN (VEEGAN) is the number of that "
    "paper.",
)

PACGAN_UNROLLED = Source(
    *(f"{_PACGAN} 3, D a quarter of G", _PACGAN_LINK, 50, 25_600),
    "500,000 steps of 128",
    "28x28 MNIST, triples drawn on the fly, a discriminator of 2, 4 and 8 channels, "
    "another classifier. DCGAN (Metz et al.) is the number of that paper.",
)


def _rows(source: Source, *rows: tuple[str, ...]) -> tuple[Published, ...]:
    def row(method, modes, good=None, divergence=None):
        return Published(method, modes, good, divergence, source)

    return tuple(row(*own) for own in rows)


RING = (
    *_rows(
        PACGAN_POINTS,
        ("GAN", "6.3 ± 0.5", "98.2 ± 0.2", "0.45 ± 0.09"),
        ("ALI", "6.6 ± 0.3", "97.6 ± 0.4", "0.36 ± 0.04"),
        ("PacGAN2", "7.9 ± 0.1", "95.6 ± 2.0", "0.07 ± 0.03"),
        ("PacGAN3", "7.8 ± 0.1", "97.7 ± 0.3", "0.10 ± 0.02"),
        ("PacGAN4", "7.8 ± 0.1", "95.9 ± 1.4", "0.07 ± 0.02"),
    ),
    *_rows(
        VEEGAN_POINTS,
        ("GAN", "1", "99.3"),
        ("ALI", "2.8", "0.13"),
        ("Unrolled GAN", "7.6", "35.6"),
        ("VEEGAN", "8", "52.9"),
    ),
)

GRID = (
    *_rows(
        PACGAN_POINTS,
        ("GAN", "17.3 ± 0.8", "94.8 ± 0.7", "0.70 ± 0.07"),
        ("ALI", "24.1 ± 0.4", "95.7 ± 0.6", "0.14 ± 0.03"),
        ("PacGAN2", "23.8 ± 0.7", "91.3 ± 0.8", "0.13 ± 0.04"),
        ("PacGAN3", "24.6 ± 0.4", "94.2 ± 0.4", "0.06 ± 0.02"),
        ("PacGAN4", "24.8 ± 0.2", "93.6 ± 0.6", "0.04 ± 0.01"),
    ),
    *_rows(
        VEEGAN_POINTS,
        ("GAN", "3.3", "0.5"),
        ("ALI", "15.8", "1.6"),
        ("Unrolled GAN", "23.6", "16"),
        ("VEEGAN", "24.6", "40"),
    ),
    *_rows(
        D2L_GRID,
        ("NS-GAN", "20", "5", "0.75"),
        ("NS-GAN + R1 + R2", "25", "3", "0.19"),
        ("RpGAN + R1 + R2", "25", "4", "0.22"),
    ),
)

STACKED3 = (
    *_rows(
        PACGAN_STACKED,
        ("DCGAN (VEEGAN)", "99.0", None, "3.40"),
        ("ALI", "16.0", None, "5.40"),
        ("Unrolled GAN", "48.7", None, "4.32"),
        ("VEEGAN", "150.0", None, "2.95"),
        ("DCGAN (PacGAN)", "78.9 ± 6.46", None, "4.50 ± 0.127"),
        ("PacDCGAN2", "1000.0 ± 0.00", None, "0.06 ± 0.003"),
        ("PacDCGAN3", "1000.0 ± 0.00", None, "0.06 ± 0.003"),
        ("PacDCGAN4", "1000.0 ± 0.00", None, "0.07 ± 0.005"),
    ),
    *_rows(
        PACGAN_UNROLLED,
        ("DCGAN (Metz et al.)", "30.6 ± 20.73", None, "5.99 ± 0.42"),
        ("Unrolled GAN, 1 step", "65.4 ± 34.75", None, "5.91 ± 0.14"),
        ("Unrolled GAN, 5 steps", "236.4 ± 63.30", None, "4.67 ± 0.43"),
        ("Unrolled GAN, 10 steps", "327.2 ± 74.67", None, "4.66 ± 0.46"),
        ("DCGAN (PacGAN)", "78.5 ± 17.56", None, "5.21 ± 0.19"),
        ("PacDCGAN2", "484.5 ± 32.99", None, "2.61 ± 0.22"),
        ("PacDCGAN3", "601.3 ± 32.18", None, "2.00 ± 0.17"),
        ("PacDCGAN4", "667.4 ± 29.00", None, "1.81 ± 0.15"),
    ),
)

OURS = "here"
COLUMNS = (
    *("", "modes", "good samples, %", "at most, %", "reverse KL", "its floor"),
    *("seeds", "compute", "source"),
)


NOTES = (
    "Rows from here are means over the seeds with their 95 % intervals (Student's t), "
    "all of the same operations; the published ones are as published, of other "
    "networks, and of much more compute or unknown. The floor is what a perfect "
    "generator shows on average with as many samples, and “at most” its share of good "
    "ones: beyond it modes are too narrow."
)
TITLE = "Ours, and published rows by other protocols"


def beside(
    records: Mapping[str, Mapping[str, Any]],
    published: Sequence[Published],
    num_modes: int,
) -> reports.Table:
    """Our rows, and below them the published ones.

    Args:
      records: of our arms, with `coverage` among their scores.
      published: rows of the same data, perhaps none.
      num_modes: K of the data.
    """
    first = next(iter(records.values()))["scores"]["coverage"]
    share = first["protocol"].get("high_quality_ceiling")
    top = None if share is None else 100 * share
    ours = [_own(record, num_modes, top) for record in records.values()]
    return reports.Table(COLUMNS, [*ours, *(_of(r, num_modes, top) for r in published)])


def notes(published: Sequence[Published]) -> list[str]:
    """How to read rows, and a sentence on each source: where, and how it differs."""
    found = dict.fromkeys(row.source for row in published)
    own = [f"{own.name}, {own.link}: {own.protocol}" for own in found]
    return [NOTES, *own] if own else [NOTES, "Of these data no row is published."]


def as_records(published: Sequence[Published]) -> list[dict[str, Any]]:
    """The rows as plain values, for a file."""
    return [row._asdict() | {"source": row.source._asdict()} for row in published]


def _own(record, num_modes, top):
    found = record["scores"]["coverage"]
    good = [100 * share for share in found["high_quality"]]
    return [
        record["title"],
        reports.interval(found["modes"], possible=(0.0, num_modes)),
        reports.interval(good, possible=(0.0, 100.0)),
        top,
        reports.interval(found["reverse_kl"], possible=(0.0, float("inf"))),
        reports.interval(found["floor"]).mean,
        len(found["modes"]),
        f"{record['teraflops']:.3g} TFLOP, {record['steps']:,} steps",
        OURS,
    ]


def _of(row, num_modes, top):
    source = row.source
    return [
        *(row.method, row.modes, row.high_quality, top, row.reverse_kl),
        (num_modes - 1) / (2 * source.samples),
        "not said" if source.seeds is None else source.seeds,
        *(source.compute, source.name),
    ]
