"""A population of WaveGANs, one per seed: do they make all sounds, and which?

    python experiments/sound_gan.py                                  # chirps
    python experiments/sound_gan.py --data-dir fsdd                  # spoken digits
    python experiments/sound_gan.py --dataset sounds --data-dir my/wavs --pad end

All seeds train as one compiled program on waveforms. Of spoken digits, and of folders
of .wav files with a subfolder for each class, a classifier of log-mel spectrograms then
says which classes each seed makes; of chirps, matched filters say it exactly. The run
folder keeps what image_gan.py keeps, with spectrograms as pictures, and a WAV file of
each seed's samples, seed-0.wav ..., beside real.wav. See docs/sound.md.
"""

import dataclasses

from jaxgan.scripts import cli, settings


@dataclasses.dataclass(frozen=True)
class Settings(
    settings.Training,
    settings.Network,
    settings.Sounds,
    settings.Replicates,
    settings.Devices,
):
    """One flag each, with what suits waveforms."""

    network: str = "wavegan"
    """architecture of both players, by its name in jaxgan.networks"""
    width: int | None = 8
    """channels of the outermost layers; 64 as published"""
    loss: str = "wasserstein"
    """objective, by its name in jaxgan.losses"""
    penalties: tuple[str, ...] = ("wgan_gp:10",)
    """NAME:WEIGHT each, of jaxgan.penalties, jaxgan.losses.TERMS or the rule's own"""
    n_critic: int = 2
    """steps of the discriminator to one of the generator; 5 as published"""
    learning_rate: float = 5e-4
    """of the generator's optimiser; 1e-4 as published, for longer training"""
    discriminator_learning_rate: float = 5e-4
    """of the discriminator's optimiser"""
    betas: tuple[float, float] = (0.5, 0.9)
    """of both players' Adam, or of another optimiser that has b1 and b2"""
    seeds: int = 2
    """members of the population"""
    steps: int = 2000
    """of each member"""
    samples: int = 1000
    """generated samples that are scored, per seed"""
    classifier_images: int = 50_000
    """training clips, counted anew in each epoch, that the classifier sees"""


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__, growing=("steps",))
    if SETTINGS.smoke:
        cli.compile_fast()

from jaxgan.scripts import replicate_runs, sound_kinds

SMOKE = {"seeds": 2, "steps": 10, "samples": 100, "pictures": 1, "evaluations": 1}
SMOKE_LENGTH, SMOKE_WIDTH, SMOKE_CLASSIFIER_IMAGES = 1024, 4, 2_000


def smoke(asked: Settings) -> Settings:
    """Settings of a run of seconds; clips are no longer than was asked for."""
    return replicate_runs.smoke(
        asked,
        most_classifier_images=SMOKE_CLASSIFIER_IMAGES,
        length=min(asked.length, SMOKE_LENGTH),
        width=SMOKE_WIDTH,
        **SMOKE,
    )


SOUNDS = replicate_runs.Kind(
    "sound_gan",
    sound_kinds.load,
    replicate_runs.by_classifier,
    smoke,
    knowing=sound_kinds.knowing,
)


def main(asked: Settings) -> None:
    replicate_runs.main(asked, SOUNDS)


if __name__ == "__main__":
    cli.run(main, SETTINGS)
