"""Settings of looking at a trained generator, for experiments/sample.py.

Imports nothing heavy, see `scripts.cli`. None stands for what a look does by itself;
what is given to a look that has no use for it is refused.
"""

import dataclasses
import pathlib
from typing import Literal

LookName = Literal[
    "samples",
    "classes",
    "linear",
    "spherical",
    "walk",
    "truncation",
    "projection",
    "neighbours",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What is looked at, and the numbers of each look."""

    look: LookName = "samples"
    """samples; classes: one latent in all classes; linear, spherical: ways between two
    latents; walk: a random walk of constant length; truncation: samples, precision and
    recall at several levels; projection: real samples in the latents; neighbours:
    samples beside the nearest real ones"""
    n: int | None = None
    """number of samples, or of rows of the sheet; None for 64 samples or 8 rows"""
    seed: int = 0
    """of the samples, and of which real ones are taken"""
    frames: int | None = None
    """of each way or walk; None for 16"""
    step: float | None = None
    """degrees between the frames of a walk; None for 10"""
    persistence: float | None = None
    """of the direction of a walk, from 0, which forgets it at each step, to 1, a great
    circle; None for 0.9"""
    truncation: tuple[float, ...] = ()
    """levels of --look truncation, or the one at which others draw their latents; none
    for all of z"""
    truncation_rule: Literal["resampling", "scaling"] | None = None
    """coordinates up to the level (BigGAN), or times the level; None for resampling"""
    real: str | None = None
    """real samples like those that are generated: NAME:train or NAME:test of a dataset,
    a folder of images, a .npz or .npy file"""
    features: Literal["raw", "classifier", "inception"] | None = None
    """in which precision, recall and neighbours are found, as in score.py; None for
    raw, the samples themselves"""
    samples: int | None = None
    """at each level, and real ones, for precision and recall; None for 2000"""
    starts: int | None = None
    """descents of each projection in each generator's latents; None for 4"""
    descent_steps: int | None = None
    """of each of these; None for 200"""
    image_size: tuple[int, int] | None = None
    """height and width to which real images are resized"""
    value_range: tuple[float, float] | None = None
    """values of black and white of the real images in files, such as -1 1"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets; None for JAXGAN_DATA_DIR"""
