"""Arms by name: all ways in which an ensemble experiment can spend its operations.

asked = Asked(...)
arms, makes = by_name(("single", "per_mode", "adagan"), asked)
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan import (
    ensembles,
    gradients,
    losses,
    penalties,
    reports,
    runs,
    steps,
    types,
)
from jaxgan.core import errors
from jaxgan.data import dataset, modes
from jaxgan.ensembles import gman, mix_gan, shared
from jaxgan.scripts import (
    ensemble_arms,
    ensemble_boosting,
    ensemble_lowering,
    ensemble_members,
    ensemble_reclustering,
    ensemble_remedies,
    mode_partitions,
)
from jaxgan.training import methods

PLAYERS = 3
"""Generators, and discriminators, of mixtures on both sides: all pairs of them play."""

ENTROPY = 1e-3
"""Weight of the term that keeps learnt weights even."""

HARDNESS = 1.0
"""Of the softmax over several discriminators."""

SUFFIX, LOWERED, BY_LABEL = "_weighted", "_lowered", "_by_label"
"""After an arm's name: its generators are weighted, before that its rates lowered, and
before that its modes are the labels."""


class Asked(NamedTuple):
    """What the arms of an experiment are made of.

    Attributes:
      remedied: the method of all arms but those below; `rpgan` has its numbers.
      classic: that of `minimax`; its optimiser is that of `plain`, `pac2`, `pac4` and
        `unrolled` too, see `ensemble_remedies`.
      data: the dataset.
      modes: K of them, in data space.
      part: what one of them is called.
      steps: of each of K GANs.
      plan: a plan of these modes as one of what is drawn, see `drawing.plan`.
      remedied_networks: whether the networks themselves have a remedy, such as packs,
        which `minimax` then has too.
    """

    remedied: methods.Method
    classic: methods.Method
    data: dataset.Dataset
    modes: modes.Modes
    part: str
    steps: int
    plan: Callable[[ensembles.Plan], ensembles.Plan] = lambda plan: plan
    remedied_networks: bool = False


Makes = dict[str, ensemble_arms.Make]
Kind = Callable[[str, Asked], ensemble_arms.Arm]


def by_name(
    names: Sequence[str], asked: Asked
) -> tuple[tuple[ensemble_arms.Arm, ...], Makes]:
    """Makes arms, and the methods by which they train.

    Args:
      names: of `ARMS`, each perhaps with "_by_label" added: its modes are then the
        labels, whatever those of the others are; perhaps with "_lowered": its learning
        rates are then lowered in stages; and perhaps with "_weighted": its generators
        are then weighted by held-out data.
      asked: what they are made of.

    Raises:
      UserError: if there is no such arm, none, or one comes twice.
    """
    check(names)
    arms = tuple(_arm(name, asked) for name in names)
    return arms, _makes(asked)


def check(names: Sequence[str]) -> None:
    """Asks for names of arms, each once.

    Raises:
      UserError: if not.
    """
    if not names:
        raise errors.UserError(f"no arm is named; {errors.choice('', ARMS)}")
    for place, name in enumerate(names):
        kind, plain = base(name), name.removesuffix(SUFFIX)
        constant = plain.removesuffix(LOWERED)
        if kind not in ARMS:
            raise errors.UserError(
                f"there is no arm {name!r}; {errors.choice(name, ARMS)}"
            )
        if plain != name and kind in ALONE:
            raise errors.UserError(
                f"there is no arm {name!r}, as {plain} has one generator and nothing "
                "to weight; leave it out."
            )
        if plain != constant and kind in PACED:
            raise errors.UserError(
                f"there is no arm {name!r}, as {kind} has rounds, rates or an end of "
                f"its own; leave {LOWERED} out."
            )
        if constant != kind and kind not in OF_MODES:
            raise errors.UserError(
                f"there is no arm {name!r}, as {kind} does not train by the modes; "
                f"leave {BY_LABEL} out."
            )
        if name in names[:place]:
            raise errors.UserError(f"the arm {name!r} comes twice; name each once.")


def base(name: str) -> str:
    """The name of an arm without what may be added to it."""
    return name.removesuffix(SUFFIX).removesuffix(LOWERED).removesuffix(BY_LABEL)


def check_drawing(names: Sequence[str], asked: Any) -> None:
    """Asks that no arm leaves out what is packed, balanced, added or augmented.

    Args:
      names: as for `by_name`.
      asked: settings with those of `settings.Drawing`, `settings.Augmentation` and
        `settings.Packing`.

    Raises:
      UserError: naming the arm and the flag.
    """
    given = {
        "--pack": (asked.pack > 1, ARMS.keys() - {*PACKED}),
        "--balance": (asked.balance is not None, OWN_DATA),
        "--extra-data": (asked.extra_data is not None, OWN_DATA),
        "--augment": (bool(asked.augment), (*OWN_GRADIENTS, *BARE)),
        "--ada-target": (asked.ada_target is not None, LOOKING),
    }
    for flag, (present, unfit) in given.items():
        for name in names:
            kinds = {base(name), name.removesuffix(SUFFIX).removesuffix(LOWERED)}
            if present and not kinds.isdisjoint(unfit):
                raise errors.UserError(
                    f"the arm {name!r} goes without {flag}; leave one of them out."
                )


def _arm(name: str, asked: Asked) -> ensemble_arms.Arm:
    if name.endswith(SUFFIX):
        own = _arm(name.removesuffix(SUFFIX), asked)
        return ensemble_members.weighted(own, asked.data)
    if name.endswith(LOWERED):
        return ensemble_lowering.lowered(_arm(name.removesuffix(LOWERED), asked))
    if name.endswith(BY_LABEL):
        return _by_label(name, asked)
    return ARMS[name](name, asked)


def _by_label(name: str, asked: Asked) -> ensemble_arms.Arm:
    """An arm of the modes, in whose experiment these are the labels."""
    kind, found = name.removesuffix(BY_LABEL), mode_partitions.of_labels(asked.data)
    own = asked._replace(modes=found, part=mode_partitions.PARTS["labels"])

    def adapt(experiment, arm):
        table = jax.tree.map(jnp.asarray, found)
        data = experiment.data._replace(modes=table)
        return dataclasses.replace(experiment, data=data), arm

    return ARMS[kind](kind, own)._replace(name=name, adapt=adapt)


def _makes(asked: Asked) -> Makes:
    """All methods by name."""
    number = len(asked.modes.counts)
    remedied, weights = asked.remedied, asked.remedied.weights
    plain = ensemble_remedies.plain(asked.classic)

    def of_shared(build, terms):
        method = remedied._replace(weights=weights | terms)
        return lambda networks: methods.make(build(networks, number), method)

    return {
        "remedied": lambda networks: methods.make(networks, remedied),
        "classic": lambda networks: methods.make(networks, asked.classic),
        "mgan": of_shared(shared.mgan, shared.MGAN),
        "mad_gan": of_shared(shared.mad_gan, shared.MAD_GAN),
        "conditional": lambda networks: methods.make(networks, remedied),
        "mix_gan": functools.partial(_mix_gan, remedied),
        "gman": functools.partial(_gman, remedied),
        "rpgan": lambda networks: methods.make(
            networks, ensemble_remedies.relativistic(remedied)
        ),
        "unrolled": functools.partial(_unrolled, plain),
        # Packs make other programs of one method.
        **dict.fromkeys(
            ("plain", *ensemble_remedies.PACKS),
            lambda networks: methods.make(networks, plain),
        ),
    }


def _plain(title: str, method: str, number: Callable[[Asked], int]) -> Kind:
    def make(name, asked):
        plan = _bagged(asked, number(asked))
        return ensemble_arms.Arm(name, title.format(_gans(asked)), plan, method)

    return make


def _bagged(asked: Asked, number: int) -> ensembles.Plan:
    """So many members that learn all the data, as they are drawn."""
    return asked.plan(ensembles.bagged(asked.modes, number))


def _minimax(name, asked):
    title = f"one minimax GAN, {_no_remedy(asked)}"
    return ensemble_arms.Arm(name, title, _bagged(asked, 1), "classic")


def _no_remedy(asked: Asked) -> str:
    return "no remedy" + (" but its networks" if asked.remedied_networks else "")


def _bare(name, asked):
    title = f"one GAN, {_no_remedy(asked)}"
    return ensemble_arms.Arm(name, title, _bagged(asked, 1), "plain")


def _pac(name, asked):
    number = ensemble_remedies.PACKS[name]
    title, plan = f"one GAN, packs of {number} (PacGAN)", _bagged(asked, 1)
    adapt = ensemble_remedies.packing(number)
    return ensemble_arms.Arm(name, title, plan, name, adapt=adapt)


def _ahead(name, asked):
    title = f"one GAN, unrolled {ensemble_remedies.UNROLLED} steps"
    return ensemble_arms.Arm(name, title, _bagged(asked, 1), name)


def _rpgan(name, asked):
    """One GAN, of the program of all arms if that is of the same method."""
    same = ensemble_remedies.relativistic(asked.remedied) == asked.remedied
    method, plan = "remedied" if same else name, _bagged(asked, 1)
    arm = ensemble_arms.Arm(name, "one relativistic GAN, R1 + R2", plan, method)
    return ensemble_lowering.lowered(arm)._replace(name=name)


def _balanced(name, asked):
    number = _number(asked)
    plan = ensembles.Plan(jnp.full((1, number), 1 / number), jnp.ones(1))
    title = f"one GAN, each {asked.part} drawn alike"
    return ensemble_arms.Arm(name, title, plan, "remedied")


def _number(asked: Asked) -> int:
    return len(asked.modes.counts)


def _gans(asked: Asked) -> str:
    return reports.count(_number(asked), "GAN")


def _per_mode(name, asked):
    plan = asked.plan(ensembles.per_mode(asked.modes))
    title = f"{_gans(asked)}, one per {asked.part}"
    return ensemble_arms.Arm(name, title, plan, "remedied")


def _per_mode_balanced(name, asked):
    number, arm = _number(asked), _per_mode(name, asked)
    plan = ensembles.per_mode(asked.modes)
    plan = plan._replace(weights=jnp.full(number, 1 / number))
    return arm._replace(title=f"{arm.title}, mixed alike", plan=plan)


def _per_mode_features(name, asked):
    number = _number(asked)
    arm = _per_mode(name, asked)
    adapt = ensemble_reclustering.in_features(
        _makes(asked)["remedied"], number, asked.steps
    )
    title = f"{_gans(asked)}, one per cluster of features"
    return arm._replace(title=title, adapt=adapt)


def _self_conditioned(name, asked):
    number = _number(asked)
    one = _bagged(asked, 1)
    return ensemble_arms.Arm(
        name,
        f"one GAN, conditional on {number} clusters of its features",
        one,
        "conditional",
        adapt=ensemble_reclustering.conditional(number),
        driver=ensemble_reclustering.driver(number),
    )


def _adagan(name, asked):
    number = _number(asked)
    return ensemble_arms.Arm(
        name,
        f"{_gans(asked)}, boosted (AdaGAN)",
        _bagged(asked, 1),
        "remedied",
        driver=ensemble_boosting.driver(asked.remedied, number),
    )


def _snapshots(name, asked):
    number = _number(asked)
    return ensemble_arms.Arm(
        name,
        f"{number} snapshots of one GAN",
        _bagged(asked, 1),
        "remedied",
        driver=ensemble_members.snapshots(number),
    )


def _neighbours(name, asked):
    number = _number(asked)
    return ensemble_arms.Arm(
        name,
        f"{_gans(asked)}, exchanging with neighbours",
        _bagged(asked, number),
        "remedied",
        driver=ensemble_members.exchanging(asked.remedied.loss),
    )


def _shared(title: str) -> Kind:
    def make(name, asked):
        number = _number(asked)
        plan = _bagged(asked, 1)
        return ensemble_arms.Arm(
            name,
            f"{number} generators, one discriminator ({title})",
            plan._replace(weights=jnp.full(number, 1 / number)),
            name,
            adapt=functools.partial(_in_parts, number),
            view=_separated,
        )

    return make


def _in_parts(number, experiment, arm):
    """Batches that all generators can share, the next larger ones."""
    size = experiment.batch_size + -experiment.batch_size % number
    return dataclasses.replace(experiment, batch_size=size), arm


def _separated(members: runs.Members, part=lambda params: params) -> runs.Members:
    state, hparams = ensembles.separated(members.state, members.hparams, part)
    return runs.Members(hparams, state, members.keys)


def _mixed(name, asked):
    one = _bagged(asked, 1)
    return ensemble_arms.Arm(
        name,
        f"{PLAYERS} generators, {PLAYERS} discriminators (MIX+GAN)",
        one._replace(weights=jnp.full(PLAYERS, 1 / PLAYERS)),
        name,
        view=functools.partial(_separated, part=mix_gan.players),
        driver=ensemble_members.learnt(mix_gan.weights),
    )


def _several(name, asked):
    title = f"one generator, {PLAYERS} discriminators (GMAN)"
    return ensemble_arms.Arm(name, title, _bagged(asked, 1), name)


def _mix_gan(method: methods.Method, networks: types.GAN) -> methods.Made:
    whole = mix_gan.with_players(networks, PLAYERS, PLAYERS)
    own, loss = _penalties(method), losses.get(method.loss)
    players = mix_gan.discriminator(whole, loss, own), mix_gan.generator(whole, loss)
    return _made(method, whole, players, {mix_gan.ENTROPY: ENTROPY})


def _gman(method: methods.Method, networks: types.GAN) -> methods.Made:
    whole = gman.with_discriminators(networks, PLAYERS)
    own, loss = _penalties(method), losses.get(method.loss)
    players = gman.discriminator(whole, loss, own), gman.generator(whole, loss)
    return _made(method, whole, players, {gman.HARDNESS: HARDNESS})


def _unrolled(method: methods.Method, networks: types.GAN) -> methods.Made:
    players = ensemble_remedies.unrolled(method, networks)
    return _made(method, networks, players, {})


def _penalties(method: methods.Method) -> Mapping[str, types.Penalty]:
    return {name: penalties.PENALTIES[name] for name in method.weights}


def _made(method, whole, players, weights) -> methods.Made:
    """Alternating steps of gradients that no `Method` has a name for."""
    numbers = methods.numbers(method)
    if method.layer_norms:
        players = tuple(map(gradients.with_layer_norms, players))
    made = steps.RULES["alternating"].build(*players, steps.adam, 1)
    if method.ema_decay is not None:
        decay = steps.warmed_up if method.warm_up else steps.constant
        made = steps.averaged(made, decay)
    return methods.Made(
        steps.quarantine(made),
        steps.initialise(whole),
        numbers._replace(penalties={**numbers.penalties, **weights}),
        1,
    )


ARMS: dict[str, Kind] = {
    "single": _plain("one GAN", "remedied", lambda asked: 1),
    "independent": _plain("{} on all data", "remedied", _number),
    "per_mode": _per_mode,
    "minimax": _minimax,
    "per_mode_features": _per_mode_features,
    "self_conditioned": _self_conditioned,
    "adagan": _adagan,
    "mgan": _shared("MGAN"),
    "mad_gan": _shared("MAD-GAN"),
    "mix_gan": _mixed,
    "gman": _several,
    "snapshots": _snapshots,
    "neighbours": _neighbours,
    "plain": _bare,
    "pac2": _pac,
    "pac4": _pac,
    "unrolled": _ahead,
    "rpgan": _rpgan,
    "balanced": _balanced,
    "per_mode_balanced": _per_mode_balanced,
}
"""All arms by name."""

PACKED = (
    *("single", "independent", "per_mode", "minimax", "snapshots"),
    *("plain", "rpgan", "balanced", "per_mode_balanced"),
)
"""Arms whose discriminators may judge packs."""

OF_MODES = ("per_mode", "balanced", "per_mode_balanced")
"""Arms whose plan alone depends on the modes, which may be the labels."""

OWN_DATA = (
    *("per_mode_features", "self_conditioned", "adagan"),
    *("balanced", "per_mode_balanced", *(f"{name}{BY_LABEL}" for name in OF_MODES)),
)
"""Arms that say themselves how often each sample is drawn."""

OWN_GRADIENTS = ("mix_gan", "gman", "unrolled")
"""Arms with gradients that no `Method` has a name for."""

BARE = ("pac2", "pac4")
"""Arms whose networks are their only remedy."""

LOOKING = ("per_mode_features", "self_conditioned", "neighbours")
"""Arms that ask a discriminator by itself, without the state of its augmentation."""

PACED = (
    *("self_conditioned", "adagan", "mix_gan", "snapshots", "neighbours"),
    "rpgan",
)
"""Arms with a driver."""

ALONE = (
    *("single", "minimax", "self_conditioned", "gman", "plain"),
    *("pac2", "pac4", "unrolled", "rpgan", "balanced"),
)
"""Arms of one generator."""
