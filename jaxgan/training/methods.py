"""From the names of a training method to the step that trains.

A `Method` is plain and storable: a loss, penalties with their weights, a rule by which
the players move, the optimiser's numbers and the averaging. `make` turns its names into
structure and its numbers into hyperparameters.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxgan import gradients, losses, penalties, steps, types
from jaxgan.core import errors
from jaxgan.data import augmentation
from jaxgan.gradients import policy
from jaxgan.penalties import adaptive, differences
from jaxgan.steps import families, freezing, power_averages, rules, schedules

CLIP = "weight_clip"

CONSISTENCY = {
    "consistency": penalties.consistency,
    "balanced_consistency": penalties.balanced_consistency,
}
"""Penalties of a method's `consistency` augmentations, by name."""

CROSS_ENTROPIES = ("minimax", "non_saturating")
"""Losses by which a discriminator of K + 1 classes learns which is which."""

SUPERVISED, MATCHING = "supervised", "feature_matching"
PSEUDO_LABELS = "pseudo_labels"
SEMI_SUPERVISED = {SUPERVISED: 2.0, MATCHING: 1.0}
"""Weights of a semi-supervised method."""


class Method(NamedTuple):
    """How a GAN is trained.

    Attributes:
      loss: a key of `losses.LOSSES`.
      weights: of penalties, terms on class logits and features, and of the rule's own
        correction, by their names in `penalties.PENALTIES`, `losses.TERMS` and
        `steps.RULES`; `weight_clip` is the limit of the discriminator's weights, and
        `approximate_sigma` the sigma of the penalties `approximate_r1` and
        `approximate_r2`.
      optimizer: per player, the numbers of the optimiser, see `steps.families`.
      ema_decay: of the generator's moving average, or None for none.
      warm_up: whether the average begins with a short memory, see `steps.warmed_up`.
      rule: a key of `steps.RULES`.
      n_critic: steps of the discriminator to one of the generator.
      layer_norms: whether the norm of each layer's gradient is told as a metric, see
        `gradients.with_layer_norms`.
      augment: what changes the samples that the discriminator sees, in both players'
        gradients, by their names in `data.augmentation`; none for none.
      ada_target: of r_t, towards which the probability of the augmentations moves, see
        `penalties.adaptive`, or None to apply them always.
      ada_images: real images in which that probability can go from 0 to 1.
      consistency: what changes the samples that the penalties of `CONSISTENCY` compare
        with the unchanged ones, by name; these penalties and it go together.
      optimizer_family: of both players, a key of `steps.OPTIMIZERS`.
      schedules: what numbers change by with the steps, by `FIELD.SHAPE.NUMBER`, see
        `steps.schedules`; the field `learning_rate`, and any other number of the
        optimiser by itself, is that of both players.
      accumulate: equal parts of a batch whose gradients are averaged one after the
        other, see `gradients.accumulated`.
      penalty_every: k, the penalties are taken in every k-th step, k times as heavy,
        see `gradients.with_lazy_penalties`.
      rollouts: of a generator's policy gradient, see `policy.reinforce`; 0
        for the gradient through its samples.
      likelihood_steps: in which the generator moves by maximum likelihood before it
        plays, see `policy.likelihood`.
      freeze: layers of the players whose weights stay as they are, see
        `steps.freezing`; their norms are told like the others'.
      semi_supervised: whether the discriminator also learns the classes of the batch's
        labelled samples, with the weight `supervised`, and the generator matches its
        features in the place of its own loss; of the two weights, which may be given,
        `supervised` is 2 and `feature_matching` 1, as in Salimans et al. 2016. With
        the weight `pseudo_labels` it also learns from what it says of samples before
        they are augmented, see `gradients.pseudo_labelled`. The loss must be a
        cross-entropy, one of `CROSS_ENTROPIES`.
      averages: relative widths of further averages of the generator's weights, see
        `steps.power_averages`; none for none.
    """

    loss: str
    weights: Mapping[str, float]
    optimizer: types.Pair
    ema_decay: float | None = None
    warm_up: bool = False
    rule: str = "alternating"
    n_critic: int = 1
    layer_norms: bool = False
    augment: Sequence[str] = ()
    ada_target: float | None = None
    ada_images: float = adaptive.IMAGES
    consistency: Sequence[str] = ()
    optimizer_family: str = "adam"
    schedules: Mapping[str, float] = {}
    accumulate: int = 1
    penalty_every: int = 1
    rollouts: int = 0
    likelihood_steps: int = 0
    freeze: Sequence[str] = ()
    semi_supervised: bool = False
    averages: Sequence[float] = ()


class Made(NamedTuple):
    """A method made ready.

    Attributes:
      step: of one member, which is quarantined when it diverges.
      initialise: `(hparams, key) -> TrainState` of one member, see `steps.initialise`.
      hparams: of one member.
      parts: batches that a step consumes, one after the other; for a discriminator of
        packs these are batches of packs, and each pack counts once for each sample.
    """

    step: types.Step
    initialise: Callable[..., types.TrainState]
    hparams: types.HParams
    parts: int


def make(gan: types.GAN, method: Method) -> Made:
    """Makes the step, the beginning and the numbers of a method.

    A rule's own correction has its published weight unless the method gives one. If the
    discriminator judges packs, a batch is one of packs: a step draws `gan.pack` times
    as many samples.

    Raises:
      UserError: if a name is not known, a weight belongs to another rule, there is a
        number of an augmentation without the augmentation, or of another optimiser, or
        a schedule of what is no number.
    """
    hparams = numbers(method)
    weights = hparams.penalties
    known = _known(method)
    _check_augmentation(method)
    _check_semi_supervised(method)
    _check_optimisation(method, hparams)
    if CLIP in weights and (method.rule != "alternating" or not weights[CLIP] > 0):
        raise errors.UserError(
            f"weight of {CLIP!r}={weights[CLIP]} with the rule {method.rule!r}: it is "
            "a limit above zero, and goes with the rule alternating."
        )
    for name in weights:
        if name not in known:
            raise errors.UserError(
                f"weight of {name!r}={weights[name]}: there is no such penalty with "
                f"the rule {method.rule!r}; {errors.choice(name, sorted(known))}"
            )
    loss = losses.get(method.loss)
    of_critic = _chosen(penalties.PENALTIES, weights)
    changed = augmentation.of_packs(augmentation.always(method.consistency), gan.pack)
    of_critic |= {
        name: build(changed) for name, build in _chosen(CONSISTENCY, weights).items()
    }
    terms = _chosen(losses.TERMS, weights)
    _check_differences(method)
    _check_lazy(method, of_critic)
    if method.ada_target is not None:
        gan = adaptive.with_probability(gan)

    def discriminator(own: types.GAN) -> types.Gradient:
        unlabelled = without_labels(own)
        if not method.semi_supervised:
            return unlabelled
        told = gradients.supervised(own, unlabelled, SUPERVISED)
        if PSEUDO_LABELS not in weights:
            return told
        return gradients.pseudo_labelled(own, told, gan, PSEUDO_LABELS)

    def without_labels(own: types.GAN) -> types.Gradient:
        def penalised(chosen: Mapping[str, types.Penalty]) -> types.Gradient:
            every = method.penalty_every
            if every == 1:
                return gradients.discriminator(own, loss, chosen, terms)
            return gradients.with_lazy_penalties(own, loss, chosen, every, terms)

        if differences.NUMBER in weights:
            return differences.with_sigma(penalised, of_critic)
        return penalised(of_critic)

    def generator(own: types.GAN) -> types.Gradient:
        if method.rollouts or method.likelihood_steps:
            return _policy(method, own, loss, terms)
        objective = gradients.NO_LOSS if method.semi_supervised else loss
        return gradients.generator(own, objective, terms)

    players = (
        _augmented(method, gan, discriminator),
        _augmented(method, gan, generator),
    )
    players = tuple(gradients.accumulated(own, method.accumulate) for own in players)
    if method.layer_norms:
        players = tuple(map(gradients.with_layer_norms, players))
    optimizer: steps.Optimizers = families.make(method.optimizer_family)
    if method.freeze:
        players = tuple(freezing.still(own, method.freeze) for own in players)
        optimizer = freezing.holding(optimizer, method.freeze)
    made = rules.make(
        method.rule, *players, optimizer=optimizer, n_critic=method.n_critic
    )
    if CLIP in weights:
        made = made._replace(step=_clipped(*players, optimizer, method))
    step = made.step
    if method.ema_decay is not None:
        decay = steps.warmed_up if method.warm_up else steps.constant
        step = steps.averaged(step, decay)
    if method.averages:
        step = steps.power_averaged(step)
    if method.schedules:
        step = steps.scheduled(step)
    return Made(
        steps.quarantine(step),
        steps.initialise(gan, made.optimizer),
        hparams,
        made.parts * gan.pack,
    )


def numbers(method: Method) -> types.HParams:
    """The numbers of a method, of one member, as `make` gives them.

    Methods that differ in these alone have the same step.
    """
    rule = steps.RULES.get(method.rule)
    weights = dict(method.weights)
    if method.semi_supervised:
        weights = SEMI_SUPERVISED | weights
    if rule is not None and rule.weight is not None:
        weights.setdefault(method.rule, rule.weight)
    changing = schedules.of_both(method.schedules) or None
    hparams = types.HParams(
        method.optimizer, weights, method.ema_decay, schedules=changing
    )
    if method.averages:
        powers = [power_averages.exponent(width) for width in method.averages]
        hparams = hparams._replace(averages=np.array(powers, np.float32))
    if method.ada_target is None:
        return hparams
    own = {"target": method.ada_target, "images": method.ada_images}
    return hparams._replace(augmentation=own)


def supervised_only(gan: types.GAN, method: Method) -> Made:
    """What a semi-supervised method is compared with: the labelled samples alone.

    The same network, optimiser, schedules and labelled batches, from the same weights,
    and as many updates of the discriminator in a step; the generator stays as it is,
    and nothing else is learnt from.

    Args:
      gan: as for `make`.
      method: that is semi-supervised, and would pass `make`.
    """

    def discriminator(own: types.GAN) -> types.Gradient:
        return gradients.supervised(own, None, SUPERVISED)

    gradient = _augmented(method, gan, discriminator)
    optimizer = families.make(method.optimizer_family)
    if method.freeze:
        gradient = freezing.still(gradient, method.freeze)
        optimizer = freezing.holding(optimizer, method.freeze)
    rule = rules.get(method.rule)
    optimizer = rule.optimizer(optimizer)
    parts = rule.takes(method.n_critic)
    hparams = numbers(method)._replace(ema_decay=None, averages=None)
    own = steps.update("discriminator", gradient, optimizer)
    if CLIP in hparams.penalties:
        own = _within_limit(own, method)
    step = steps.repeat(own, parts)
    if method.schedules:
        step = steps.scheduled(step)
    begin = steps.initialise(gan, optimizer)
    return Made(steps.quarantine(step), begin, hparams, parts)


def _known(method: Method) -> set[str]:
    rule = method.rule
    own = {rule} if rule in steps.RULES and steps.RULES[rule].weight is not None else ()
    numbers = {CLIP, differences.NUMBER}
    if method.semi_supervised:
        numbers |= {SUPERVISED, PSEUDO_LABELS}
    return {*penalties.PENALTIES, *CONSISTENCY, *losses.TERMS, *own, *numbers}


def _check_semi_supervised(method: Method) -> None:
    if method.semi_supervised and method.loss not in CROSS_ENTROPIES:
        raise errors.UserError(
            f"loss={method.loss!r} gives no probability of K + 1 classes, as semi-"
            f"supervised training needs; choose {' or '.join(CROSS_ENTROPIES)}."
        )
    if method.semi_supervised and method.ada_target is not None:
        raise errors.UserError(
            f"ada_target={method.ada_target} does not go with semi-supervised "
            "training, as labels alone, which it is compared with, show p nothing to "
            "follow; leave it out, and the augmentation is always applied."
        )


def _check_differences(method: Method) -> None:
    asked = [name for name in differences.APPROXIMATE if name in method.weights]
    sigma = method.weights.get(differences.NUMBER, differences.SIGMA)
    if not sigma > 0:
        raise errors.UserError(
            f"weight of {differences.NUMBER!r}={sigma}: it is the size of a change of "
            f"samples, and must be above zero, such as {differences.SIGMA}."
        )
    if asked and method.augment:
        raise errors.UserError(
            f"augment={tuple(method.augment)} with the penalty {asked[0]}, which "
            "compares two passes of the discriminator, each of which would draw its "
            f"own augmentation; use {asked[0].removeprefix('approximate_')}."
        )


def _check_lazy(method: Method, of_critic: Mapping[str, types.Penalty]) -> None:
    every = method.penalty_every
    errors.require_whole(penalty_every=every)
    if every < 1 or (every > 1 and not of_critic):
        raise errors.UserError(
            f"penalty_every={every} with the penalties {sorted(of_critic)}: it must be "
            "1, or more where there is a penalty of the discriminator."
        )


def _check_augmentation(method: Method) -> None:
    if method.ada_target is not None and not method.augment:
        raise errors.UserError(
            f"ada_target={method.ada_target} moves the probability of augmentations, "
            "but there are none; give augment=('ada',), or leave it out."
        )
    if method.ada_target is None and method.ada_images != adaptive.IMAGES:
        raise errors.UserError(
            f"ada_images={method.ada_images:g} is of a probability that adapts; give "
            f"ada_target={adaptive.TARGET} too, or leave it out."
        )
    if not method.ada_images > 0:
        raise errors.UserError(f"ada_images={method.ada_images} must be positive.")
    asked = sorted(set(CONSISTENCY) & set(method.weights))
    if bool(asked) != bool(method.consistency):
        raise errors.UserError(
            f"consistency={tuple(method.consistency)} and the penalties {asked} go "
            "together; give both, such as consistency=('translation',) and the weight "
            "10 of consistency, or neither."
        )


def _check_optimisation(method: Method, hparams: types.HParams) -> None:
    for player, own in zip(types.Pair._fields, method.optimizer, strict=True):
        families.check(method.optimizer_family, own, player)
    schedules.check(hparams)
    schedules.check_values(hparams)
    for name in hparams.schedules or ():
        if method.optimizer_family == "schedule_free" and ".b1." in name:
            raise errors.UserError(
                f"the schedule {name!r} does not suit the optimiser schedule_free, "
                "whose average is found by the b1 of the step before; leave it out."
            )
    errors.require_whole(accumulate=method.accumulate)
    if method.accumulate < 1:
        raise errors.UserError(
            f"accumulate={method.accumulate} parts of a batch must be at least 1."
        )
    if method.accumulate > 1 and method.ada_target is not None:
        raise errors.UserError(
            f"accumulate={method.accumulate} goes without ada_target="
            f"{method.ada_target}, whose probability moves once for each whole batch."
        )


def _policy(
    method: Method, gan: types.GAN, loss: types.Loss, terms: Mapping
) -> types.Gradient:
    """The gradient of a generator that draws symbols."""
    errors.require_whole(
        rollouts=method.rollouts, likelihood_steps=method.likelihood_steps
    )
    if method.rollouts < 1 or method.likelihood_steps < 0:
        raise errors.UserError(
            f"rollouts={method.rollouts} with likelihood_steps="
            f"{method.likelihood_steps}: a policy gradient has at least 1 roll-out, "
            "and begins after 0 or more steps."
        )
    if terms:
        raise errors.UserError(
            f"weight of {sorted(terms)[0]!r} with rollouts={method.rollouts}: a term "
            "has no policy gradient; leave one of them out."
        )
    if rules.get(method.rule).differentiates:
        # Its estimate would lack what the draw of the symbols depends on.
        raise errors.UserError(
            f"rule={method.rule!r} with rollouts={method.rollouts}: it differentiates "
            "gradients, which do not pass through symbols that are drawn; choose "
            "another rule, such as alternating or extragradient."
        )
    return policy.after(
        policy.likelihood(gan, loss),
        policy.reinforce(gan, loss, method.rollouts),
        method.likelihood_steps,
    )


def _augmented(
    method: Method, gan: types.GAN, build: Callable[[types.GAN], types.Gradient]
) -> types.Gradient:
    """The gradient that `build` makes of a GAN, of augmented samples if so asked."""
    if not method.augment:
        return build(gan)
    if method.ada_target is None:
        return penalties.augmented(build, gan, augmentation.always(method.augment))
    return adaptive.augmented(build, gan, augmentation.sometimes(method.augment))


def _clipped(discriminator, generator, optimizer, method: Method) -> types.Step:
    """Alternating steps in which the discriminator's weights are clipped."""
    update = steps.update("discriminator", discriminator, optimizer)
    clipped = _within_limit(update, method)
    own = steps.update("generator", generator, optimizer)
    return steps.alternating(clipped, own, n_critic=method.n_critic)


def _within_limit(update: types.Step, method: Method) -> types.Step:
    """The discriminator's step, after which its weights are clipped."""

    def clipped(hparams, state, batch, key):
        weights = dict(hparams.penalties)
        limit = weights.pop(CLIP)
        step = penalties.weight_clip(update, limit)
        step = freezing.frozen(step, method.freeze)
        return step(hparams._replace(penalties=weights), state, batch, key)

    return types.played_by("discriminator", clipped)


def _chosen(table: Mapping, weights: Mapping[str, float]) -> dict:
    return {name: table[name] for name in weights if name in table}
