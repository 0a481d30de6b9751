"""A population of video GANs, one per seed: do they move as the data do?

    python experiments/video_gan.py                          # shapes that move
    python experiments/video_gan.py --dataset moving_digits --network mocogan
    python experiments/video_gan.py --dataset videos --data-dir FOLDER --num-frames 16

What moves by itself does so with one of eight velocities, which are the modes: which
one a video has, and whether it has one at all, follows from its pixels. The Frechet
distances of frames, and of their differences, stand beside those of held-out videos,
and of the same with their frames in random order. Expect all eight velocities, and
differences three to six times nearer to the real ones than those of the random order
are, in about six minutes on two idle cores, see docs/video.md. The run folder keeps
what image_gan.py keeps, films of all samples as GIF and WebP, and as
pictures strips, a video in each row.
"""

import dataclasses
import functools
import pathlib

from jaxgan.scripts import cli, settings


@dataclasses.dataclass(frozen=True)
class Settings(
    settings.Training,
    settings.Network,
    settings.Images,
    settings.Replicates,
    settings.Devices,
):
    """One flag each."""

    dataset: str | None = None
    """moving_shapes, moving_digits, or videos for one's own; None for moving_shapes"""
    data_dir: pathlib.Path | None = None
    """one's own videos: a .npz or .npy file, or a folder with a subfolder of frames for
    each video, within one for each class if there are such"""
    network: str = "mocogan"
    """mocogan or video_dcgan"""
    seeds: int = 3
    """members of the population"""
    steps: int = 3000
    """of each member"""
    samples: int = 2000
    """generated samples that are scored, per seed"""
    batch_size: int = 32
    """real samples in a player's step"""
    penalty_every: int = 4
    """k: penalties in every k-th step alone, k times as heavy; not for R3GAN"""
    ema_decay: float | None = 0.99
    """of the generator's moving average, from which samples are drawn; None for none"""


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__, growing=("steps",))
    if SETTINGS.smoke:
        cli.compile_fast()

from jaxgan.scripts import films, from_settings, replicate_runs

SMOKE = {"seeds": 2, "steps": 6, "samples": 100, "pictures": 1, "evaluations": 1}
SMOKE |= {"width": 4}
SMOKE_CLASSIFIER_IMAGES = 5000

VIDEOS = replicate_runs.Kind(
    "video_gan",
    from_settings.load_videos,
    replicate_runs.by_classifier,
    functools.partial(
        replicate_runs.smoke, most_classifier_images=SMOKE_CLASSIFIER_IMAGES, **SMOKE
    ),
    pictures=films.first_strips,
    keep=films.keep,
    in_a_row=1,
)


def main(asked: Settings) -> None:
    replicate_runs.main(asked, VIDEOS)


if __name__ == "__main__":
    cli.run(main, SETTINGS)
