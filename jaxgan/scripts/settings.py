"""Settings that scripts share, as dataclasses to inherit from: each field is a flag.

Imports nothing heavy, see `scripts.cli`; `from_settings` makes of them what they name.
"""

import dataclasses
import pathlib
from typing import Any, ClassVar, Literal

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Files:
    """How files are read, and what of a dataset is trained on."""

    image_size: tuple[int, int] | None = None
    """height and width that images are resized to; None to keep theirs"""
    value_range: tuple[float, float] | None = None
    """values of black and white of the images in one's own files, such as -1 1; None to
    find out, which is refused where it cannot be told"""
    num_tuples: int | None = None
    """training tuples of stacked images; None for 128000"""
    imbalance: float | None = None
    """long tail: how many times as many training samples the first class keeps as the
    last one; None to keep all"""
    num_frames: int | None = None
    """of a video: what moves has so many, and each of one's own videos is cut into
    pieces of so many; None for 8, and for all that one's own have"""


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How often which training samples are drawn."""

    balance: Literal["class", "cluster"] | None = None
    """draw classes, or clusters, by --balance-temperature; None as often as they are"""
    balance_temperature: float = 0.0
    """they are drawn in proportion to (samples)^T: 0 all alike, 1 as they are"""
    extra_data: str | None = None
    """further images to train on, without labels: a dataset by name, or a path of
    files; scores stay those of the dataset"""
    extra_share: float = 0.25
    """of a batch that is expected to be --extra-data"""


@dataclasses.dataclass(frozen=True)
class Packing:
    """What a discriminator sees of several samples at once."""

    pack: int = 1
    """samples that the discriminator judges together (PacGAN); a batch then has as many
    packs as it had samples"""
    minibatch: Literal["none", "stddev", "discrimination"] = "none"
    """what its last layer sees of the other samples of the batch: how they deviate, or
    how close they are"""


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How the samples that a discriminator sees are changed, in both players' steps."""

    augment: tuple[str, ...] = ()
    """diffaugment, ada, for grey images diffaugment_grey, ada_grey, or single ones by
    their names in jaxgan.data.augmentation"""
    ada_target: float | None = None
    """apply them with a probability that holds E[sign(D(real))] here, 0.6 in the paper
    (ADA); None to apply them always"""
    ada_images: float = 500_000
    """real images in which that probability can go from 0 to 1"""


@dataclasses.dataclass(frozen=True)
class Images(Files, Drawing):
    """Which images a GAN learns."""

    dataset: str | None = None
    """digits, mnist, fashion_mnist, cifar10, files, or a TFDS image dataset that is
    prepared on disk; stacked2_NAME or stacked3_NAME for two or three grey images of one
    as channels; None for mnist if it is at hand and else digits"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    stream: bool = False
    """train from the host's memory and send each step's samples to the device; the
    classifier that scores still takes labelled images to it"""
    labels: bool = False
    """train conditional GANs on the labels of the dataset"""
    balance_clusters: int | None = None
    """of --balance cluster; None for as many as there are classes"""


@dataclasses.dataclass(frozen=True)
class Sounds(Drawing):
    """Which sounds a GAN learns, and what clips are made of them."""

    dataset: str | None = None
    """spoken_digits, chirps, or sounds for .wav files of one's own; None for
    spoken_digits if they are at hand and else chirps"""
    data_dir: pathlib.Path | None = None
    """of spoken_digits its folder, archive or packed .npz, or a folder in which it
    lies; of sounds the folder of .wav files, with a subfolder for each class; None for
    JAXGAN_DATA_DIR"""
    length: int = 4096
    """samples of a clip"""
    sample_rate: int | None = None
    """Hz to which recordings are resampled; None to keep theirs, which must be one"""
    crop: Literal["start", "middle", "loudest"] = "start"
    """part of a longer recording that is kept"""
    pad: Literal["end", "middle", "refuse"] | None = None
    """where zeros go in a shorter recording: behind it, or on both sides; refuse takes
    none, and None is end for spoken_digits and refuse for sounds"""
    normalise: Literal["peak", "none"] = "peak"
    """peak scales each clip so that its largest absolute value is 0.95"""
    imbalance: float | None = None
    """long tail: how many times as many training samples the first class keeps as the
    last one; None to keep all"""
    stream: bool = False
    """train from the host's memory and send each step's samples to the device"""
    labels: bool = False
    """train conditional GANs on the labels of the dataset"""
    balance_clusters: int | None = None
    """of --balance cluster; None for as many as there are classes"""


@dataclasses.dataclass(frozen=True)
class Sequences:
    """Which sequences of symbols a GAN learns.

    What is no flag is what all of them have: no labels, nothing to balance, and no
    classifier that scores, though `Replicates` has its images; name this before that.
    """

    dataset: str = "grammar"
    """grammar, oracle, or text for a file of one's own"""
    data_dir: pathlib.Path | None = None
    """of --dataset text, the file; None for JAXGAN_DATA_DIR"""
    length: int | None = None
    """symbols of a sequence; None for 32 of a text, 11 of the grammar, 20 of the
    oracle"""
    vocabulary: int | None = None
    """different symbols; None for as many as there are, and 64 of the oracle"""
    unit: str = "characters"
    """what the symbols of a text are: characters of UTF-8, or bytes"""
    stream: bool = False
    """train from the host's memory and send each step's samples to the device"""
    bleu: int = 0
    """samples of each seed of which BLEU and self-BLEU are computed, which takes time
    and the extra text; 0 for none"""
    labels: ClassVar[bool] = False
    balance: ClassVar[None] = None
    balance_temperature: ClassVar[float] = 0.0
    balance_clusters: ClassVar[None] = None
    extra_data: ClassVar[None] = None
    extra_share: ClassVar[float] = 0.25
    classifier_images: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True)
class Network(Packing):
    """What the two players are."""

    network: str = "dcgan"
    """architecture of both players, by its name in jaxgan.networks"""
    width: int | None = None
    """channels of the outermost layers; None for 16, or as published where a network
    does not call it so"""
    numbers: tuple[str, ...] = ()
    """further numbers of the network, NAME:NUMBER, such as blocks:3"""
    latent_dim: int = 64
    """dimensions of z"""
    generator_normalisation: str | None = None
    """by its name in jaxgan.networks.layers; None for the published one"""
    discriminator_normalisation: str | None = None
    """likewise"""
    generator_conditioning: str | None = None
    """how labels enter, by name; None for the published way"""
    discriminator_conditioning: str | None = None
    """likewise; auxiliary brings in the term ac_gan with weight 1"""
    convolution: str = "auto"
    """form of the convolutions: auto, lax, canonical, matmul, onednn, an extra, or
    tuned, for each the fastest of them on this machine"""
    dtype: str = "float32"
    """in which networks compute: float32 or bfloat16"""


@dataclasses.dataclass(frozen=True)
class Training(Augmentation):
    """How the two players are trained."""

    loss: str = "non_saturating"
    """objective, by its name in jaxgan.losses"""
    penalties: tuple[str, ...] = ("r1:0.1",)
    """NAME:WEIGHT each, of jaxgan.penalties, jaxgan.losses.TERMS or the rule's own"""
    penalty_every: int = 1
    """k: penalties in every k-th step alone, k times as heavy; not for R3GAN"""
    rule: str = "alternating"
    """how the players move, by its name in jaxgan.steps.RULES"""
    n_critic: int = 1
    """steps of the discriminator to one of the generator"""
    learning_rate: float = 1e-3
    """of the generator's optimiser"""
    discriminator_learning_rate: float = 3e-4
    """of the discriminator's optimiser"""
    betas: tuple[float, float] = (0.5, 0.99)
    """of both players' Adam, or of another optimiser that has b1 and b2"""
    optimizer: str = "adam"
    """of both players, by its name in jaxgan.steps.OPTIMIZERS"""
    optimizer_numbers: tuple[str, ...] = ()
    """further numbers of both players' optimiser, NAME:NUMBER, such as
    weight_decay:0.01 or momentum:0.9; clip_norm of any limits a gradient's norm"""
    schedules: tuple[str, ...] = ()
    """what numbers are multiplied by as training goes on, FIELD.SHAPE.NUMBER:VALUE
    each, such as learning_rate.cosine.steps:6000; shapes are those of
    jaxgan.steps.SHAPES"""
    accumulate: int = 1
    """equal parts of a batch, whose gradients are averaged one after the other, in the
    memory of one"""
    rollouts: int = 0
    """of a policy gradient for a generator that draws symbols, such as seqgan: ends
    drawn from each beginning of a sample, of which the mean is its reward; 0 for the
    gradient through the samples"""
    likelihood_steps: int = 0
    """with --rollouts, the first steps, in which the generator moves by maximum
    likelihood"""
    ema_decay: float | None = 0.999
    """of the generator's moving average, from which samples are drawn; None for none"""
    batch_size: int = 64
    """real samples in a player's step"""
    freeze: tuple[str, ...] = ()
    """layers whose weights stay as they begin, such as discriminator.Conv_0"""
    layer_norms: bool = False
    """log the norm of the gradient by each layer of both players"""
    consistency: tuple[str, ...] = ()
    """augmentations T of the penalties consistency and balanced_consistency, by name"""


@dataclasses.dataclass(frozen=True)
class Replicates:
    """One GAN trained from several seeds, see `replicate_runs`."""

    seeds: int = 4
    """members of the population"""
    steps: int = 6000
    """of each member"""
    minutes: float | None = None
    """of training, after which no further chunk of steps begins; None for no limit"""
    samples: int = 10_000
    """generated samples that are scored, per seed"""
    classifier_images: int = 200_000
    """training images, counted anew in each epoch, that the classifier sees; 0 for no
    classifier and no scores"""
    pictures: int = 5
    """pictures of the progress, from the same latents"""
    evaluations: int = 0
    """times that all seeds are scored while they train, evenly spread"""
    init_from: pathlib.Path | None = None
    """weights to begin with where they fit: a run's folder, a generator's .safetensors,
    or a state dictionary of PyTorch; None to begin anew"""
    init_mapping: pathlib.Path | None = None
    """of PyTorch's weights, a JSON file that says by their names those here"""
    log_to: tuple[str, ...] = ()
    """where numbers go besides the run folder: wandb, mlflow, each with the extra of
    its name; locally, unless WANDB_MODE or MLFLOW_TRACKING_URI say otherwise"""
    keep: str = "last"
    """last for each seed's last weights; best:SCORE, such as best:frechet_distance, for
    those that scored best at one of the --evaluations, on half of the held-out samples,
    which the final scores do not use"""
    patience: int | None = None
    """with --keep best:SCORE, evaluations in a row without a better score after which a
    seed stops; None to train all to the end"""
    averages: tuple[float, ...] = ()
    """relative widths of averages of the generators' weights, such as 0.05 0.10, which
    are kept so that the length of the average can be chosen after the run, by --average
    of score.py and sample.py"""
    snapshots: int = 30
    """of --averages: times that they are saved, evenly spread, at most once for each
    line of the log"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/SCRIPT-DATASET-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped, or to train on with more --steps; other flags
    are as they were"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a population runs on."""

    data_devices: int = 1
    """devices that share the batches of each member; the others share the members"""
    microbatch_members: int | Literal["auto"] = "auto"
    """members that a device trains at once; auto for what suits and fits it"""
    coordinator: str | None = None
    """with several processes, HOST:PORT of process 0, or auto under Slurm, Open MPI
    and Kubernetes; None for one process"""
    num_processes: int | None = None
    """of the run, where --coordinator is HOST:PORT"""
    process_id: int | None = None
    """of this process, from 0, where --coordinator is HOST:PORT"""
    wait: float = 300.0
    """seconds for the other processes to come"""
    compilation_cache: pathlib.Path | None = None
    """folder in which compiled programs are kept, your own: who can write to it can run
    code as you; None for none"""
    tensorboard: bool = False
    """write what TensorBoard shows, into the run folder; needs the extra tensorboard"""
    dry_run: bool = False
    """compile, say what the population would take and how fast it is, and end"""


@dataclasses.dataclass(frozen=True)
class Search:
    """How the settings of a sweep are found, and how many."""

    search: Literal[
        "grid",
        "random",
        "sobol",
        "latin_hypercube",
        "halving",
        "successive_halving",
        "hyperband",
        "pbt",
        "optuna",
    ] = "sobol"
    """grid, draws that are random, sobol or latin_hypercube; both halvings and
    hyperband stop the worst early: halving (ASHA) as soon as some are there,
    successive_halving when all are; pbt changes numbers in training; optuna learns
    where to look"""
    settings: int | None = None
    """to try; None for 24, for all of a grid, for all of hyperband's brackets"""
    seeds: int = 1
    """of each setting"""
    by: str | None = None
    """score that decides; None for frechet_distance, or reverse_kl of points"""
    probe_labels: int | None = None
    """labelled images of each class with which a linear classifier of the
    discriminator's layers is scored too, as probe_accuracy; None for no such score"""
    levels: int = 3
    """of a grid, for each number"""
    eta: int = 3
    """of both halvings and hyperband: one setting in so many trains on"""
    rounds: int = 9
    """that the steps are cut into: rungs of both halvings and hyperband are 1, eta,
    eta^2 ... of them, and generations of pbt all"""
    places: int | None = None
    """settings that both halvings and hyperband train at once; None for one in eta"""
    batch: int = 16
    """settings that optuna is asked for at once"""
    storage: str | None = None
    """of optuna: URL of a database or path of a journal that machines share; None for a
    journal in the run folder"""
    study: str | None = None
    """name of optuna's study in the storage; None for one of its own for each search,
    which those of the same data, base, space, steps, score, seeds and seed share"""
    members: int | None = None
    """of a population, at most; None for as many as fit into memory"""
    allow_groups: int = 32
    """compiled programs that the sweep may need"""
    seed: int = 0
    """of the settings, the data, the classifier and the search"""


@dataclasses.dataclass(frozen=True)
class FewLabels(Images):
    """Which images a GAN learns, and the little that it may be told of classes."""

    labels_per_class: int | None = None
    """semi-supervised: labelled images of each class, others for each seed; the
    discriminator tells K + 1 classes apart, and other flags are FEW_LABELS in
    jaxgan/scripts/settings.py unless they are given; None for none"""
    preset: Literal["r3gan"] | None = None
    """r3gan: the network, loss, penalties and schedules of that paper, over --steps,
    unless they are given; None for this project's own"""


FEW_LABELS: dict[str, Any] = {
    "network": "noisy_conv",
    "width": 16,
    "latent_dim": 100,
    "penalties": ("supervised:10", "pseudo_labels:10"),
    "augment": ("affine",),
    "learning_rate": 1e-3,
    "discriminator_learning_rate": 3e-3,
    "betas": (0.5, 0.999),
}
"""How a GAN of few labels is trained; as published is `noisy_mlp` without the rest."""


def r3gan(steps: int) -> dict[str, Any]:
    """R3GAN's recipe, its CIFAR-10 numbers, with schedules that are as long as the run.

    gamma / 2 is the weight of both penalties here. Of the authors' recipe the
    augmentation, of a probability that grows to 0.55, is left out, and the average of
    the weights is the usual one.

    References:
      Huang et al., The GAN is dead; long live the GAN! A Modern GAN Baseline, 2024,
      https://arxiv.org/abs/2501.05441
    """
    finals = {
        "learning_rate": 0.25,
        "b2": 1.1,
        "penalties.r1": 0.1,
        "penalties.r2": 0.1,
    }
    return {
        "network": "r3gan",
        "loss": "relativistic",
        "penalties": ("r1:0.025", "r2:0.025"),
        "learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "betas": (0.0, 0.9),
        "schedules": tuple(
            f"{field}.cosine.{number}"
            for field, final in finals.items()
            for number in (f"steps:{steps}", f"final:{final:g}")
        ),
    }


def of_recipe(asked: Any) -> Any:
    """Settings as a preset, or few labels, have them where asked; for `cli.parse`.

    Raises:
      UserError: if both are asked for.
    """
    few, preset = asked.labels_per_class is not None, asked.preset
    need = "it goes without --labels-per-class, which has a recipe of its own"
    cli.require(not (few and preset), "--preset", preset, need)
    if preset is not None:
        return dataclasses.replace(asked, **r3gan(asked.steps))
    return dataclasses.replace(asked, **FEW_LABELS) if few else asked


DIVERSITY: dict[str, cli.Check] = {
    "pack": cli.AT_LEAST_ONE,
    "ada_target": cli.Check(
        lambda value: -1 <= value <= 1, "it must lie between -1 and 1"
    ),
    "ada_images": cli.POSITIVE,
    "balance_temperature": cli.NOT_NEGATIVE,
    "extra_share": cli.SHARE,
}
"""For `cli.check`, of what `Augmentation`, `Packing` and `Drawing` have."""

TOGETHER = {
    "ada_images": "ada_target",
    "balance_temperature": "balance",
    "balance_clusters": "balance",
    "extra_share": "extra_data",
}
"""Settings that say something only with another one."""


@dataclasses.dataclass(frozen=True)
class Ensemble(Augmentation, Packing, Drawing, Files, Devices):
    """What the arms of an ensemble experiment have in common."""


CHECKS: dict[str, cli.Check] = DIVERSITY | {
    "width": cli.AT_LEAST_ONE,
    "learning_rate": cli.POSITIVE,
    "discriminator_learning_rate": cli.POSITIVE,
    "betas": cli.SHARES,
    "ema_decay": cli.SHARE,
    "batch_size": cli.AT_LEAST_ONE,
    "accumulate": cli.AT_LEAST_ONE,
    "penalty_every": cli.AT_LEAST_ONE,
    "rollouts": cli.NOT_NEGATIVE,
    "likelihood_steps": cli.NOT_NEGATIVE,
    "data_devices": cli.AT_LEAST_ONE,
    "wait": cli.POSITIVE,
}
"""For `cli.check`: what does not need to know the data or the networks."""
