"""A population of GANs of text, one per seed: what do they know of it?

    python experiments/text_gan.py                           # sentences of a grammar
    python experiments/text_gan.py --dataset text --data-dir FILE
    python experiments/text_gan.py --network gumbel_text     # symbols are sampled
    python experiments/text_gan.py --dataset oracle --network seqgan --loss seqgan \\
        --penalties --n-critic 1 --learning-rate 0.01 --ema-decay None --rollouts 2 \\
        --steps 960 --likelihood-steps 720 --evaluations 3

Sentences are read by a parser, sequences of SeqGAN's oracle have an exact likelihood,
and all are compared with held-out ones by their n-grams, beside n-gram models. The run
folder keeps what image_gan.py keeps, and the samples as texts; docs/text.md has the
commands that each network trains well with, and what came out.
"""

import dataclasses

from jaxgan.scripts import cli, settings


@dataclasses.dataclass(frozen=True)
class Settings(
    settings.Training,
    settings.Network,
    settings.Sequences,
    settings.Replicates,
    settings.Devices,
):
    """One flag each."""

    network: str = "text_resnet"
    """architecture of both players: text_resnet, gumbel_text, seqgan, or any other of
    jaxgan.networks that makes samples of that shape"""
    width: int | None = 32
    """channels of the networks"""
    latent_dim: int | None = None
    """dimensions of z; None for as many as the network needs"""
    loss: str = "wasserstein"
    """objective, by its name in jaxgan.losses"""
    penalties: tuple[str, ...] = ("wgan_gp:10",)
    """NAME:WEIGHT each, of jaxgan.penalties, jaxgan.losses.TERMS or the rule's own"""
    n_critic: int = 5
    """steps of the discriminator to one of the generator"""
    discriminator_learning_rate: float = 1e-3
    """of the discriminator's optimiser"""
    betas: tuple[float, float] = (0.5, 0.9)
    """of both players' Adam, or of another optimiser that has b1 and b2"""


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__, growing=("steps",))
    if SETTINGS.smoke:
        cli.compile_fast()

from jaxgan.scripts import replicate_runs, texts, writing

TEXTS = replicate_runs.Kind(
    "text_gan",
    texts.load,
    texts.score,
    texts.smoke,
    in_a_row=writing.IN_A_ROW,
    knowing=texts.knowing,
)


def main(asked: Settings) -> None:
    replicate_runs.main(asked, TEXTS)


if __name__ == "__main__":
    cli.run(main, SETTINGS)
