"""Tests of the mode laboratory's data: jaxgan.scripts.mode_tables, published_rows."""

import types

import numpy as np
import pytest

from jaxgan import gan
from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scripts import (
    ensemble_kinds,
    ensemble_remedies,
    mode_tables,
    published_rows,
)

# As read in the authors' own table images (PacGAN's results/Table1.png to Table3.png,
# VEEGAN's tab.png) and in the stored outputs of d2l-neu, typed a second time.
READ = {
    "ring": """
        pacgan GAN | 6.3±0.5 | 98.2±0.2 | 0.45±0.09
        pacgan ALI | 6.6±0.3 | 97.6±0.4 | 0.36±0.04
        pacgan PacGAN2 | 7.9±0.1 | 95.6±2.0 | 0.07±0.03
        pacgan PacGAN3 | 7.8±0.1 | 97.7±0.3 | 0.10±0.02
        pacgan PacGAN4 | 7.8±0.1 | 95.9±1.4 | 0.07±0.02
        veegan GAN | 1 | 99.3 |
        veegan ALI | 2.8 | 0.13 |
        veegan Unrolled GAN | 7.6 | 35.6 |
        veegan VEEGAN | 8 | 52.9 |
    """,
    "grid": """
        pacgan GAN | 17.3±0.8 | 94.8±0.7 | 0.70±0.07
        pacgan ALI | 24.1±0.4 | 95.7±0.6 | 0.14±0.03
        pacgan PacGAN2 | 23.8±0.7 | 91.3±0.8 | 0.13±0.04
        pacgan PacGAN3 | 24.6±0.4 | 94.2±0.4 | 0.06±0.02
        pacgan PacGAN4 | 24.8±0.2 | 93.6±0.6 | 0.04±0.01
        veegan GAN | 3.3 | 0.5 |
        veegan ALI | 15.8 | 1.6 |
        veegan Unrolled GAN | 23.6 | 16 |
        veegan VEEGAN | 24.6 | 40 |
        d2l NS-GAN | 20 | 5 | 0.75
        d2l NS-GAN + R1 + R2 | 25 | 3 | 0.19
        d2l RpGAN + R1 + R2 | 25 | 4 | 0.22
    """,
    "stacked3": """
        pacgan DCGAN (VEEGAN) | 99.0 | | 3.40
        pacgan ALI | 16.0 | | 5.40
        pacgan Unrolled GAN | 48.7 | | 4.32
        pacgan VEEGAN | 150.0 | | 2.95
        pacgan DCGAN (PacGAN) | 78.9±6.46 | | 4.50±0.127
        pacgan PacDCGAN2 | 1000.0±0.00 | | 0.06±0.003
        pacgan PacDCGAN3 | 1000.0±0.00 | | 0.06±0.003
        pacgan PacDCGAN4 | 1000.0±0.00 | | 0.07±0.005
        pacgan DCGAN (Metz et al.) | 30.6±20.73 | | 5.99±0.42
        pacgan Unrolled GAN, 1 step | 65.4±34.75 | | 5.91±0.14
        pacgan Unrolled GAN, 5 steps | 236.4±63.30 | | 4.67±0.43
        pacgan Unrolled GAN, 10 steps | 327.2±74.67 | | 4.66±0.46
        pacgan DCGAN (PacGAN) | 78.5±17.56 | | 5.21±0.19
        pacgan PacDCGAN2 | 484.5±32.99 | | 2.61±0.22
        pacgan PacDCGAN3 | 601.3±32.18 | | 2.00±0.17
        pacgan PacDCGAN4 | 667.4±29.00 | | 1.81±0.15
    """,
    "stacked2": "",
    "tail": "",
}
LINKS = {"1712.04086": "pacgan", "1705.07761": "veegan", "smolix/d2l-neu": "d2l"}


def said(row):
    (source,) = (name for link, name in LINKS.items() if link in row.source.link)
    cells = (row.modes, row.high_quality, row.reverse_kl)
    numbers = [(cell or "").replace(" ", "") for cell in cells]
    return " | ".join([f"{source} {row.method}", *numbers])


@pytest.mark.parametrize("name", mode_tables.TABLES)
def test_published_rows_are_those_of_the_source_that_they_name(name):
    found = [said(row) for row in mode_tables.TABLES[name].published]
    wanted = [line.strip() for line in READ[name].strip().splitlines()]
    squeezed = [" | ".join(c.strip() for c in line.split("|")) for line in wanted]
    assert found == squeezed
    for row in mode_tables.TABLES[name].published:
        assert row.source.link.startswith("https://") and row.source.protocol
        dated = any(year in row.source.name for year in ("2017", "2018", "no year"))
        assert dated and len(published_rows.notes([row])) == 2


@pytest.mark.parametrize(
    ("name", "num_modes", "floors"),
    [
        # (K - 1) / 2n of 2,500 samples, of 10,000 and of 26,000 and 25,600.
        ("ring", 8, {0.0014}),
        ("grid", 25, {0.0048, 0.0012}),
        ("stacked3", 1000, {999 / 52_000, 999 / 51_200}),
    ],
)
def test_every_row_has_seeds_interval_floor_ceiling_and_compute(
    name, num_modes, floors
):
    ceiling = 1 - np.exp(-4.5)
    coverage = {
        "modes": [num_modes, num_modes - 2],
        "high_quality": [0.5, 0.7],
        "reverse_kl": [0.25, 0.75],
        "floor": [0.125, 0.125],
        "protocol": {"high_quality_ceiling": ceiling},
    }
    own = {"title": "an arm", "teraflops": 2.0, "steps": 7}
    records = {"arm": own | {"scores": {"coverage": coverage}}}
    published = mode_tables.TABLES[name].published
    table = published_rows.beside(records, published, num_modes)
    ours, *others = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    # Of two values the half width of Student's t is 12.706 |a - b| / 2.
    assert ours["modes"].mean == num_modes - 1 and ours["modes"].high == num_modes
    assert ours["good samples, %"].mean == pytest.approx(60)
    assert ours["reverse KL"].low == 0
    assert ours["reverse KL"].high == pytest.approx(0.5 + 12.706 * 0.25, rel=1e-3)
    assert ours["its floor"] == 0.125 and ours["seeds"] == 2
    assert ours["at most, %"] == pytest.approx(98.889, abs=1e-3)
    assert ours["compute"] == "2 TFLOP, 7 steps" and ours["source"] == "here"
    found = sorted({row["its floor"] for row in others})
    assert found == pytest.approx(sorted(floors))
    for row, whole in zip(others, published, strict=True):
        assert row["source"] == whole.source.name
        assert row["seeds"] and row["compute"] and row["at most, %"]


@pytest.mark.parametrize("name", mode_tables.TABLES)
def test_arms_and_networks_of_every_table_can_be_made(name):
    table = mode_tables.get(name)
    ensemble_kinds.check(table.arms)
    x = np.zeros((1, 2) if name in ("ring", "grid") else (1, 8, 8, 3), np.float32)
    data = dataset.Dataset(name, dataset.Split(x), dataset.Split(x))
    networks, described = mode_tables.networks(table, data)
    assert isinstance(networks, type(gan.mlp((2,), latent_dim=2)))
    assert described["shape"] == list(x.shape[1:])
    remedied = mode_tables.known(table).remedied
    # The ensembles train as the one GAN does, so that they share its program.
    assert ensemble_remedies.relativistic(remedied) == remedied
    assert remedied.weights == {"r1": table.gamma, "r2": table.gamma}


def test_a_table_that_does_not_exist_is_refused_with_the_nearest_name():
    with pytest.raises(errors.UserError, match="'rings'.*did you mean 'ring'"):
        mode_tables.get("rings")


@pytest.mark.parametrize(
    ("table", "images", "folder", "flag"),
    [
        ("ring", "mnist", None, "--images mnist"),
        ("grid", "digits", "folder", "--data-dir folder"),
        ("tail", "digits", "folder", "--data-dir folder"),
    ],
)
def test_images_that_a_table_would_not_look_at_are_refused(table, images, folder, flag):
    asked = types.SimpleNamespace(images=images, data_dir=folder)
    with pytest.raises(errors.UserError, match=flag):
        mode_tables.check_images(mode_tables.TABLES[table], asked)
