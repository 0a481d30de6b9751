"""From settings to the data, the networks and the method that they name.

What cannot be made is said in a sentence that begins with the flag, see `scripts.cli`.
"""

import dataclasses
import inspect
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jax
import numpy as np

from jaxgan import gan as gan_lib
from jaxgan import networks, population, runs, steps, training, types
from jaxgan.core import errors, precision, randomness
from jaxgan.core.distributed import processes
from jaxgan.data import augmentation, dataset, pool, streaming
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import cli, drawing, settings
from jaxgan.steps import families, freezing, schedules
from jaxgan.training import methods

WIDTH = 16
"""Channels that train in minutes on two cores."""

AS_THEY_ARE = (
    *("latent_dim", "convolution", "dtype"),
    *("generator_normalisation", "discriminator_normalisation"),
    *("generator_conditioning", "discriminator_conditioning"),
)

Images = TypeVar("Images", bound=settings.Images)


def devices(asked: settings.Devices) -> None:
    """Makes JAX ready as asked; call it before anything runs on JAX.

    Raises:
      UserError: if the processes do not come together, or the folder of compiled
        programs is open to others.
    """
    size = asked.microbatch_members
    known = size == "auto" or size >= 1
    need = "it must be at least 1, or auto"
    cli.require(known, "--microbatch-members", size, need)
    if asked.compilation_cache is not None:
        compilation_cache(asked.compilation_cache)
    precision.set_64_bits_aside()
    population.use_all_cores()
    processes.join(
        asked.coordinator,
        asked.num_processes,
        asked.process_id,
        seconds=asked.wait,
    )
    for difference in journal.differences(getattr(asked, "resume", None)):
        print(f"note: {difference}; last bits may differ from those of a run at one go")


def compilation_cache(folder: pathlib.Path) -> None:
    """Keeps compiled programs in a folder from run to run.

    What lies there is machine code that is run without a question. So the folder must
    be the user's own, and nobody else may write to it.

    Raises:
      UserError: if it is not.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise errors.UserError(
            f"--compilation-cache {folder}: it cannot be used ({error.strerror}); give "
            "another folder."
        ) from None
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    need = "others can write to it, and so run code as you; try chmod 700"
    cli.require(own and not status.st_mode & 0o022, "--compilation-cache", folder, need)
    jax.config.update("jax_compilation_cache_dir", str(folder.absolute()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def mappers(
    asked: settings.Devices, *, convolutional: bool, num_members: int, widest: int
) -> list[types.Mapper]:
    """How members may be lifted to a population, the fastest first.

    On a CPU the fastest takes few members at once already.

    Args:
      asked: `microbatch_members`.
      convolutional, num_members, widest: see `population.automatic`.
    """
    if asked.microbatch_members == 1:
        return [population.one_by_one]
    if asked.microbatch_members != "auto":
        return [population.chunks(asked.microbatch_members)]
    fastest = population.automatic(convolutional=convolutional, widest=widest)
    if jax.default_backend() == "cpu":
        return [fastest]
    return [fastest, *map(population.chunks, _halvings(num_members))]


def trainer_for(
    asked: settings.Devices,
    made: methods.Made,
    batch_size: int,
    hparams: types.HParams,
    example: types.Tree,
    data: types.Tree,
    chunk_steps: int,
    *,
    convolutional: bool,
    draw: Callable[[int], training.Sample] = pool.draw,
) -> runs.Trainer:
    """Makes the program of a population, of as many members at once as fit.

    Args:
      asked: the devices.
      made: the method.
      batch_size: samples in a player's step.
      hparams: of the population.
      example: a `pool.Pool` like the data; how many samples it has is free.
      data: to train on, see `place`.
      chunk_steps: of the training.
      convolutional: whether the networks are.
      draw: makes the sampler of so many samples.
    """
    total = population.size(hparams)
    one = population.take(hparams, 0)
    begun = jax.eval_shape(made.initialise, one, randomness.key(0))
    choices = mappers(
        asked,
        convolutional=convolutional,
        num_members=total,
        widest=population.widest(begun.params, batch_size),
    )
    with cli.flag("--data-devices", asked.data_devices):
        trainers = [
            runs.trainer(
                made, batch_size, one, example, mapper, asked.data_devices, draw
            )
            for mapper in choices
        ]
        return runs.first_that_fits(trainers, hparams, data, chunk_steps)


def _halvings(number: int) -> Iterator[int]:
    while number > 1:
        number = -(-number // 2)
        yield number


def load_images(asked: Images) -> tuple[Images, dataset.Dataset]:
    """Loads the images, and says which and why where that was left open.

    Returns:
      The settings with the name of the dataset, and the dataset.

    Raises:
      UserError: if there are no such images, they have more than three channels, or
        labels are asked for and absent.
    """
    name = asked.dataset
    if name is not None and dataset.is_built_in(name):
        need = f"{name} is built in and reads no folder"
        cli.require(asked.data_dir is None, "--data-dir", asked.data_dir, need)
    if name is None:
        there = dataset.is_at_hand("mnist", asked.data_dir)
        need = "MNIST is not whole there; say what is there by --dataset NAME"
        cli.require(there or asked.data_dir is None, "--data-dir", asked.data_dir, need)
        name = "mnist" if there else "digits"
        why = "is at hand" if there else "is not at hand (its place is --data-dir)"
        print(f"dataset {name}, because mnist {why}")
    data = load(dataclasses.replace(asked, dataset=name))
    shape = np.shape(data.train.x)[1:]
    need = f"it has samples of shape {shape}, not images of one to three channels"
    cli.require(len(shape) == 3 and shape[2] in (1, 2, 3), "--dataset", name, need)
    check_labels(asked, data)
    print(dataset.about(data))
    return dataclasses.replace(asked, dataset=name), data


def load_videos(asked: Images) -> tuple[Images, dataset.Dataset]:
    """Loads the videos: those asked for, or moving shapes.

    Returns:
      The settings with the name of the dataset, and the dataset.

    Raises:
      UserError: if there are no such videos, they have more than three channels, or
        labels are asked for and absent.
    """
    name = asked.dataset or "moving_shapes"
    if dataset.is_built_in(name):
        need = f"{name} is built in and reads no folder; give --dataset videos"
        cli.require(asked.data_dir is None, "--data-dir", asked.data_dir, need)
    asked = dataclasses.replace(asked, dataset=name)
    data = load(asked, videos=True)
    shape = np.shape(data.train.x)[1:]
    need = f"it has samples of shape {shape}, not videos of one to three channels"
    cli.require(len(shape) == 4 and shape[3] in (1, 2, 3), "--dataset", name, need)
    check_labels(asked, data)
    print(dataset.about(data))
    return asked, data


def check_labels(asked: settings.Images, data: dataset.Dataset) -> None:
    """Asks for labels where a conditional GAN is to learn them.

    Raises:
      UserError: if there are none.
    """
    labelled = not asked.labels or data.train.label is not None
    need = f"the samples of {data.name} have no labels, of two classes at least"
    cli.require(labelled, "--labels", True, need)


def load(asked: Any, *, videos: bool = False) -> dataset.Dataset:
    """Loads what a study is of, points, images or, if it can be, videos.

    Args:
      asked: settings with those of `settings.Files`, `dataset`, `data_dir` and, if data
        are drawn by it, `seed`.
      videos: whether it may be of videos.

    Raises:
      UserError: as `dataset.load`, and for videos.
    """
    with cli.flag("--dataset", asked.dataset):
        data = dataset.load(
            asked.dataset,
            data_dir=asked.data_dir,
            seed=getattr(asked, "seed", 0),
            image_size=asked.image_size,
            value_range=asked.value_range,
            num_tuples=asked.num_tuples,
            imbalance=asked.imbalance,
            num_frames=asked.num_frames,
        )
    need = "it has videos, which are for video_gan.py and sweep.py"
    cli.require(videos or not suites.is_of_videos(data), "--dataset", data.name, need)
    return data


def check_scores(asked: Any, data: dataset.Dataset) -> None:
    """Asks for data that can be scored, before anything runs and a folder is made.

    Args:
      asked: settings with `dataset` and `samples`.
      data: of that name.

    Raises:
      UserError: for data without labels that need them, and for too few samples.
    """
    known = suites.is_known(data)
    cli.require(known, "--dataset", asked.dataset, "the scores need its labels")
    with cli.flag("--dataset", asked.dataset):
        suites.check(data, num_samples=asked.samples)


def check_resumed(folder: pathlib.Path | None, data: dataset.Dataset) -> None:
    """Asks for the training samples that a run had, so that its trials are comparable.

    Args:
      folder: of the run that goes on, or None for a new one.
      data: that it would go on with.

    Raises:
      UserError: if its samples were others, or it was begun by a version that held out
        other images of one's own and did not say which.
    """
    if folder is None:
        return
    stored = json.loads((folder / cli.CONFIG).read_text(encoding="utf-8")).get("data")
    own = dataset.fingerprint(data.train.x)
    need = f"its training samples were {stored} and are {own} now; put them back"
    if stored is None:
        need = "it was begun by a version that held out other images; start anew"
    same = stored == own or stored is None and data.name != dataset.FILES
    cli.require(same, "--resume", folder, need)


def place(
    asked: settings.Images, drawn: drawing.Drawn, label: Any, batch_size: int
) -> types.Tree:
    """Puts the training images where they are drawn from: on the device, or streamed.

    Args:
      asked: whether to stream.
      drawn: the images, see `drawing`.
      label: of the images, or None.
      batch_size: samples that one step consumes.
    """
    if asked.stream:
        return streaming.host(drawn.x, drawn.modes, label, batch_size=batch_size)
    return pool.put(drawn.x, drawn.modes, label)


def networks_for(
    asked: settings.Network,
    data: dataset.Dataset,
    *,
    labels: bool,
    rule: str,
    evidence: bool = False,
) -> tuple[types.GAN, dict[str, Any]]:
    """Builds the GAN for some images.

    Args:
      asked: the networks.
      data: images.
      labels: whether the GAN is conditional.
      rule: a key of `steps.RULES`, some of which need convolutions in the plain form.
      evidence: whether the discriminator of an unconditional GAN tells classes apart.

    Returns:
      The GAN, and the description that `gan.build` made it of.

    Raises:
      UserError: if a name is not known or the network cannot make such images.
    """
    described = {
        "architecture": asked.network,
        "shape": list(np.shape(data.train.x)[1:]),
        "num_classes": data.num_classes if labels else None,
        **{name: getattr(asked, name) for name in AS_THEY_ARE},
    }
    if evidence:
        described["evidence_classes"] = data.num_classes
    known = networks.ARCHITECTURES.get(asked.network)
    takes = {} if known is None else inspect.signature(known.build).parameters
    # What is usual in a script is not asked for, where a network has no width.
    if "width" in takes or asked.width not in (None, type(asked).width):
        described["width"] = asked.width or WIDTH
    if "bounded" in takes:
        described["bounded"] = True
    if rule in steps.RULES and steps.RULES[rule].forward_mode:
        fits = asked.convolution in ("auto", "lax")
        need = f"the rule {rule} needs the form lax"
        cli.require(fits, "--convolution", asked.convolution, need)
        described["convolution"] = "lax"
    described |= numbers_for(asked, takes)
    size = "x".join(map(str, described["shape"]))
    described |= packed(asked, labels=labels)
    with cli.flag(
        "--network", f"{asked.network} for {suites.noun_of(data)[0]} of {size}"
    ):
        gan = gan_lib.build(described)
        params_of(gan)
        return gan, described


def params_of(gan: types.GAN) -> types.Pair:
    """Shapes of the parameters of both players, of which nothing is computed.

    Raises:
      UserError: if the latent dimension or the labels do not suit the networks.
    """
    params, _ = jax.eval_shape(gan.init, jax.eval_shape(lambda: jax.random.key(0)))
    return params


def numbers_for(asked: settings.Network, takes: Mapping[str, Any]) -> dict[str, Any]:
    """The further numbers of a network.

    Args:
      asked: the network and its numbers.
      takes: the parameters of what builds it.

    Raises:
      UserError: if it takes no such number, or a whole one is not whole.
    """
    kinds = {key: type(own.default) for key, own in takes.items()}
    kinds = {key: kind for key, kind in kinds.items() if kind in (int, float)}
    numbers = cli.named_numbers("--numbers", asked.numbers)
    for number, value in numbers.items():
        shown = f"{number}:{value:g}"
        need = f"{asked.network} takes {', '.join(kinds) or 'no numbers'}"
        cli.require(number in kinds, "--numbers", shown, need)
        whole = kinds[number] is float or value == int(value)
        cli.require(whole, "--numbers", shown, "it must be a whole number")
    return {number: kinds[number](value) for number, value in numbers.items()}


def packed(asked: settings.Packing, *, labels: bool = False) -> dict[str, Any]:
    """The arguments of `gan.make` that are not as usual.

    Raises:
      UserError: for packs of samples with labels.
    """
    need = "it goes without --labels, as the samples of a pack have labels of their own"
    cli.require(asked.pack == 1 or not labels, "--pack", asked.pack, need)
    return {
        field.name: getattr(asked, field.name)
        for field in dataclasses.fields(settings.Packing)
        if getattr(asked, field.name) != field.default
    }


def augmented(asked: settings.Augmentation, data: dataset.Dataset) -> dict[str, Any]:
    """The fields of `methods.Method` that say what is augmented.

    Args:
      asked: the augmentations.
      data: that they change.

    Raises:
      UserError: if an augmentation is not known or does not fit the data, or is
        missing.
    """
    check_together(asked)
    shape = np.shape(data.train.x)[1:]
    with cli.flag("--augment", " ".join(asked.augment)):
        augmentation.check(asked.augment, shape)
    there = asked.ada_target is None or bool(asked.augment)
    need = "it needs augmentations, such as --augment ada, whose probability moves"
    cli.require(there, "--ada-target", asked.ada_target, need)
    fields = (field.name for field in dataclasses.fields(settings.Augmentation))
    return {name: getattr(asked, name) for name in fields}


def check_together(asked: Any) -> None:
    """Asks for no setting of `settings.TOGETHER` without the one that it goes with.

    Raises:
      UserError: if one is given alone.
    """
    usual = {field.name: field.default for field in dataclasses.fields(asked)}
    for name, other in settings.TOGETHER.items():
        if name in usual and getattr(asked, other) is None:
            value = getattr(asked, name)
            shown, needed = ("--" + own.replace("_", "-") for own in (name, other))
            cli.require(value == usual[name], shown, value, f"it goes with {needed}")


def optimizer_numbers(asked: settings.Training) -> types.Pair:
    """The numbers of both players' optimisers.

    Raises:
      UserError: if there is no such optimiser, or it takes no such number.
    """
    with cli.flag("--optimizer", asked.optimizer):
        takes = families.takes(asked.optimizer)
    usual = type(asked).betas
    has_betas = {"b1", "b2"} <= set(takes)
    need = f"the optimiser {asked.optimizer} has no b1 and b2; leave it out"
    shown = " ".join(map(str, asked.betas))
    cli.require(has_betas or asked.betas == usual, "--betas", shown, need)
    betas = dict(zip(("b1", "b2"), asked.betas, strict=True)) if has_betas else {}
    further = cli.named_numbers("--optimizer-numbers", asked.optimizer_numbers)
    flags = {"learning_rate": "--learning-rate and --discriminator-learning-rate"}
    flags |= dict.fromkeys(betas, "--betas")
    for name, value in further.items():
        need = f"{name} is given by {flags.get(name)}"
        given = f"{name}:{value:g}"
        cli.require(name not in flags, "--optimizer-numbers", given, need)
        need = f"{asked.optimizer} takes no {name}; {errors.choice(name, takes)[:-1]}"
        cli.require(name in takes, "--optimizer-numbers", given, need)
        holds = name not in schedules.DECAYS or value < 1
        cli.require(holds, "--optimizer-numbers", given, "it must be below 1")
        holds = name != families.CLIP_NORM or value > 0
        cli.require(holds, "--optimizer-numbers", given, "it must be positive")
    rates = (asked.learning_rate, asked.discriminator_learning_rate)
    found = [{"learning_rate": rate, **betas, **further} for rate in rates]
    with cli.flag("--betas", shown):
        families.check(asked.optimizer, found[0], types.Pair._fields[0])
    return types.Pair(*found)


def method_for(
    asked: settings.Training,
    gan: types.GAN,
    data: dataset.Dataset,
    *,
    auxiliary: bool,
    semi_supervised: bool = False,
    make: Callable[[types.GAN, methods.Method], methods.Made] = methods.make,
) -> methods.Made:
    """Makes the method, see `methods.make`.

    Args:
      asked: the method.
      gan: the networks.
      data: images.
      auxiliary: whether the discriminator has a classifier that must be trained.
      semi_supervised: whether it learns from few labels too.
      make: of the networks and the method.

    Raises:
      UserError: if a name is not known.
    """
    weights = cli.named_numbers("--penalties", asked.penalties)
    if auxiliary:
        weights.setdefault("ac_gan", 1.0)
    changing = cli.named_numbers("--schedules", asked.schedules)
    method = methods.Method(
        asked.loss,
        weights,
        optimizer_numbers(asked),
        asked.ema_decay,
        warm_up=True,
        rule=asked.rule,
        n_critic=asked.n_critic,
        layer_norms=asked.layer_norms,
        consistency=asked.consistency,
        optimizer_family=asked.optimizer,
        schedules=changing,
        accumulate=asked.accumulate,
        penalty_every=asked.penalty_every,
        rollouts=asked.rollouts,
        likelihood_steps=asked.likelihood_steps,
        freeze=asked.freeze,
        semi_supervised=semi_supervised,
        **augmented(asked, data),
    )
    need = f"it must divide --batch-size {asked.batch_size}"
    fits = asked.batch_size % asked.accumulate == 0
    cli.require(fits, "--accumulate", asked.accumulate, need)
    with cli.flag("--schedules", " ".join(asked.schedules)):
        numbers = methods.numbers(method)
        schedules.check(numbers)
        schedules.check_values(numbers)
    if asked.freeze:
        with cli.flag("--freeze", " ".join(asked.freeze)):
            freezing.check(params_of(gan), asked.freeze)
    with cli.flag("--consistency", " ".join(asked.consistency)):
        augmentation.check(asked.consistency, np.shape(data.train.x)[1:])
    named = f"{asked.loss} --penalties {' '.join(asked.penalties)} --rule {asked.rule}"
    with cli.flag("--loss", named):
        return make(gan, method)
