"""The gradient of each player's objective.

A player's objective is differentiated by that player's weights alone, which are the
argument of `grad`; nothing is detached. Its collections advance only here, in its own
gradient; the opponent's are used as they are. Of a generator that draws symbols,
through which there is no derivative, `gradients.policy` has the gradients.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxgan import losses, types
from jaxgan.core import errors, layers
from jaxgan.data import packs
from jaxgan.gradients.accumulation import accumulated as accumulated
from jaxgan.gradients.accumulation import parts as parts

NO_LOSS = types.Loss(*2 * (lambda real_logits, fake_logits: jnp.zeros(()),))
"""Of which penalties alone are left."""


def discriminator(
    gan: types.GAN,
    loss: types.Loss,
    penalties: Mapping[str, types.Penalty] | None = None,
    terms: Mapping[str, types.Pair] | None = None,
) -> types.Gradient:
    """Builds the gradient of `loss.discriminator + sum_i weight_i penalty_i`.

    Real and fake samples pass through the discriminator one batch after the other, so
    that batch normalisation sees them apart. Where the discriminator judges packs of m
    samples (`gan.pack`), the batch has B packs, m B samples, there are as many fake
    ones, and penalties see packs `[B, *n, m C]`.

    Args:
      gan: the two networks.
      loss: the objective.
      penalties: by name; `hparams.penalties` must hold a weight for each name of a
        penalty or term and for no other. Leaving a penalty out saves its second-order
        gradient, a weight of zero does not.
      terms: by name, such as those of `losses.TERMS`, each a `Pair` of `types.Term`;
        the discriminator's is added, None if it has none.

    Returns:
      A `Gradient` whose metrics are `discriminator_loss` (without penalties and terms),
      one entry per penalty (unweighted), one per term as `discriminator_<name>`,
      `discriminator_accuracy` (share of real samples with positive and of fake samples
      with negative logits), `fake_deviation` (standard deviation over the batch of fake
      samples, mean over their elements) and `discriminator_gradient_norm`.

    When:
      For the discriminator of nearly any GAN.
    """
    types.require_gan(gan)
    _check_functions(loss, penalties, terms)
    penalties, terms = dict(penalties or {}), dict(terms or {})

    def gradient(hparams, state, batch, key):
        _check_weights(hparams.penalties, {*penalties, *terms})
        latent_key, *keys = jax.random.split(key, 1 + len(penalties))
        fake, _ = _generate(gan, state, state.params.generator, batch, latent_key)

        def objective(params):
            def discriminate(collections, x):
                return gan.discriminate(params, collections, x, batch.label, train=True)

            def critic(x):
                x = packs.unpack(x, gan.pack)
                output, _ = discriminate(state.collections.discriminator, x)
                return output.logits

            real_output, collections = discriminate(
                state.collections.discriminator, batch.x
            )
            fake_output, collections = discriminate(collections, fake)
            value = loss.discriminator(real_output.logits, fake_output.logits)
            real_packs, fake_packs = (packs.pack(x, gan.pack) for x in (batch.x, fake))
            values = {
                name: penalty(critic, real_packs, fake_packs, penalty_key)
                for (name, penalty), penalty_key in zip(
                    penalties.items(), keys, strict=True
                )
            }
            total = value + _weighted(hparams, values)
            added = _terms("discriminator", terms, real_output, fake_output, batch)
            total += _weighted(hparams, added)
            metrics = {
                "discriminator_loss": value,
                "discriminator_accuracy": _accuracy(
                    real_output.logits, fake_output.logits
                ),
                "fake_deviation": jnp.mean(jnp.std(fake, axis=0)),
                **values,
                **{f"discriminator_{name}": value for name, value in added.items()},
            }
            return total, (collections, metrics)

        grads, (collections, metrics) = jax.grad(objective, has_aux=True)(
            state.params.discriminator
        )
        metrics["discriminator_gradient_norm"] = global_norm(grads)
        return grads, collections, metrics

    return types.played_by("discriminator", gradient, "gradient")


def with_lazy_penalties(
    gan: types.GAN,
    loss: types.Loss,
    penalties: Mapping[str, types.Penalty],
    every: int,
    terms: Mapping[str, types.Pair] | None = None,
) -> types.Gradient:
    """The gradient of `discriminator` with penalties in every k-th step alone.

    `grad l + [t mod k = 0] k sum_i weight_i grad penalty_i`, with t the member's
    `state.step`: over k steps at the same weights the mean is the gradient of
    `discriminator`, for a k-th of the penalties' cost. Weights that move in between see
    the penalty as impulses: it must hold that `rate k weight curvature < 2`, and Adam's
    second moments see peaks. R3GAN is known to lose modes of stacked digits with it;
    take the penalties in every step there.

    In one batch of `vmap` the penalties are computed in the steps in which any member
    is due, and count for those who are: a population in step with itself saves what one
    member does, and nobody's numbers depend on the others'. Nothing but `state.step` is
    remembered, so that a resumed run takes them in the same steps.

    Args:
      gan, loss, penalties, terms: as of `discriminator`.
      every: k, at least 1 (16 in the paper); structure. 1 gives `discriminator`.

    Returns:
      A `Gradient` with the metrics of `discriminator`; a penalty's is k times its value
      in the steps that take it and 0 in the others, with the mean of the former.

    Raises:
      UserError: if k < 1 or there are no penalties.

    When:
      To save time; R3GAN loses modes of stacked digits with it.

    References:
      Karras et al., Analyzing and Improving the Image Quality of StyleGAN, 2020,
      https://arxiv.org/abs/1912.04958 (there in a step of its own, for which Adam's
      numbers are corrected; here it is part of the k-th step, and they are not)
    """
    errors.require_whole(every=every)
    if every < 1 or not penalties:
        raise errors.UserError(
            f"every={every} with the penalties {sorted(penalties)}: lazy penalties are "
            "at least one, in every k-th step with k at least 1."
        )
    if every == 1:
        return discriminator(gan, loss, penalties, terms)
    plain = discriminator(gan, loss, None, terms)
    alone = discriminator(gan, NO_LOSS, penalties)

    def gradient(hparams, state, batch, key):
        _check_weights(hparams.penalties, {*penalties, *(terms or {})})
        due = state.step % every == 0

        def numbers_of(names):
            own = {name: hparams.penalties[name] for name in names}
            return hparams._replace(penalties=own)

        def taken():
            # The same key: the penalties see the generated samples of the loss.
            grads, _, metrics = alone(numbers_of(penalties), state, batch, key)
            values = {name: metrics[name].astype(jnp.float32) for name in penalties}
            return jax.tree.map(lambda x: jnp.where(due, every * x, 0), (grads, values))

        def left_out():
            zeros = jax.tree.map(jnp.zeros_like, state.params.discriminator)
            return zeros, {name: jnp.zeros((), jnp.float32) for name in penalties}

        grads, collections, metrics = plain(numbers_of(terms or {}), state, batch, key)
        added, values = jax.lax.cond(any_member(due), taken, left_out)
        grads = jax.tree.map(jnp.add, grads, added)
        norm = {"discriminator_gradient_norm": global_norm(grads)}
        return grads, collections, {**metrics, **values, **norm}

    return types.played_by("discriminator", gradient, "gradient")


def generator(
    gan: types.GAN, loss: types.Loss, terms: Mapping[str, types.Pair] | None = None
) -> types.Gradient:
    """Builds the gradient of `loss.generator + sum_i weight_i term_i`.

    Args:
      gan: the two networks.
      loss: the objective.
      terms: the same as the discriminator's, by name; the generator's is added, None if
        it has none.

    Returns:
      A `Gradient` whose metrics are `generator_loss` (without terms), one entry per
      term as `generator_<name>` and `generator_gradient_norm`.

    When:
      For the generator of nearly any GAN.
    """

    def as_it_is(hparams, state, batch, key):
        return state

    return _generator_against(gan, loss, as_it_is, dict(terms or {}))


def unrolled(
    gan: types.GAN, loss: types.Loss, discriminator: types.Step, depth: int
) -> types.Gradient:
    """Builds the generator's gradient against the discriminator `depth` steps ahead.

    `d/dtheta l_G(theta, phi_depth(theta))`, where `phi_(i+1)` is what `discriminator`
    makes of `phi_i`: the gradient runs through the steps and their optimiser, and the
    discriminator itself is not moved. All the steps see the whole batch, each with its
    own key. At depth 0 it is `generator(gan, loss)`.

    Adam's square root has no derivative at zero, where the moments of weights without a
    gradient are: bind `eps_root`, as in `functools.partial(steps.adam, eps_root=1e-8)`,
    in the optimiser of `discriminator`.

    Args:
      gan: the two networks.
      loss: the objective.
      discriminator: `Step` of the discriminator, such as that given to `alternating`.
      depth: number of steps, at least 0 (5 or 10 in the paper); structure.

    Returns:
      A `Gradient` with the metrics of `generator`.

    Raises:
      UserError: if the depth is negative, or the step is the generator's.

    When:
      Against mode collapse; costs the updates that it looks ahead.

    References:
      Metz et al., Unrolled Generative Adversarial Networks, 2017,
      https://arxiv.org/abs/1611.02163
    """
    errors.require_whole(depth=depth)
    if depth < 0:
        raise errors.UserError(f"depth={depth} of unrolling must not be negative.")
    types.check_player("discriminator", discriminator, "discriminator")
    if depth == 0:
        return generator(gan, loss)

    def ahead(hparams, state, batch, key):
        def body(state, key):
            state, _ = discriminator(hparams, state, batch, key)
            return state, None

        keys = jax.random.split(jax.random.fold_in(key, depth), depth)
        return jax.lax.scan(body, state, keys)[0]

    return _generator_against(gan, loss, ahead, {})


def supervised(
    gan: types.GAN, gradient: types.Gradient | None, name: str = "supervised"
) -> types.Gradient:
    """Adds to the discriminator's gradient what it learns from `batch.labelled`.

    `w grad CE(class logits, labels)` of the labelled samples, which pass through the
    discriminator by themselves, after the others. With cross-entropies of the evidence
    as the loss this is `losses.semi_supervised` with `unlabelled_weight = 1 / w`, times
    w.

    Args:
      gan: whose discriminator has class logits, such as `gan.make(evidence_classes=K)`.
      gradient: of the discriminator, on the samples without labels; None for none, so
        that it learns from the labelled ones alone.
      name: of the weight w in `hparams.penalties`, and of the metric.

    Returns:
      A `Gradient` with the metrics of the one given, the cross-entropy, in nats, and
      `discriminator_gradient_norm` of the sum.

    Raises:
      UserError: if the gradient is the generator's; when traced, if the batch has no
        labelled samples, there is no weight, or the discriminator has no class logits.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, section 5,
      https://arxiv.org/abs/1606.03498
    """

    def cross_entropy(params, collections, batch):
        x, label = _labelled_of(batch)
        output, after = gan.discriminate(params, collections, x, train=True)
        return losses.cross_entropy(_class_logits_of(output), label), after

    return _with_own_pass(gan, gradient, name, cross_entropy)


def pseudo_labelled(
    gan: types.GAN,
    gradient: types.Gradient,
    teacher: types.GAN,
    name: str = "pseudo_labels",
) -> types.Gradient:
    """Adds what the discriminator learns from its own sure guesses of classes.

    `w grad` of `losses.pseudo_labels` on the samples without labels: what it says of
    them as they are, without noise, teaches what it says of them in training.

    Args:
      gan: whose discriminator has class logits and may see samples changed, see
        `penalties.augmented`.
      gradient: of the discriminator.
      teacher: the same networks, seeing samples as they are.
      name: of the weight w in `hparams.penalties`, and of the metric.

    Returns:
      A `Gradient` as of `supervised`.

    Raises:
      UserError: as `supervised`.
    """

    def consistency(params, collections, batch):
        taught, _ = teacher.discriminate(params, collections, batch.x)
        output, after = gan.discriminate(params, collections, batch.x, train=True)
        pair = _class_logits_of(output), _class_logits_of(taught)
        return losses.pseudo_labels(*pair), after

    return _with_own_pass(gan, gradient, name, consistency)


def _with_own_pass(gan, gradient, name, objective):
    """Adds the discriminator's gradient of an objective that has a pass of its own.

    The objective is `(params, collections, batch) -> (value, collections)`.
    """
    types.require_gan(gan)
    if gradient is not None:
        types.check_player("gradient", gradient, "discriminator", "gradient")

    def added(hparams, state, batch, key):
        weights = dict(hparams.penalties)
        _check_terms(weights, [name])
        weight = weights.pop(name)
        grads, collections, metrics = None, state.collections.discriminator, {}
        if gradient is not None:
            others = hparams._replace(penalties=weights)
            grads, collections, metrics = gradient(others, state, batch, key)

        def weighted(params):
            value, after = objective(params, collections, batch)
            return weight * value, (after, value)

        own, (after, value) = jax.grad(weighted, has_aux=True)(
            state.params.discriminator
        )
        grads = own if grads is None else jax.tree.map(jnp.add, grads, own)
        norm = {"discriminator_gradient_norm": global_norm(grads)}
        return grads, after, {**metrics, name: value, **norm}

    return types.played_by("discriminator", added, "gradient")


def _labelled_of(batch: types.Batch) -> tuple[jax.Array, jax.Array]:
    if batch.labelled is None:
        raise errors.UserError(
            "the batch has no labelled samples, from which a supervised discriminator "
            "learns; draw it by jaxgan.data.label_subsets.draw."
        )
    return batch.labelled.x, batch.labelled.label


def _class_logits_of(output: types.DiscriminatorOutput) -> jax.Array:
    if output.class_logits is None:
        raise errors.UserError(
            "the discriminator has no class logits, by which it would learn labels; "
            "make it with evidence_classes=K."
        )
    return output.class_logits


def with_layer_norms(gradient: types.Gradient) -> types.Gradient:
    """Tells the norm of the gradient by each layer, besides what is told already.

    The gradient itself is untouched.

    Args:
      gradient: of either player.

    Returns:
      The same with the metrics `<player>_gradient_norm/<layer>`, see `core.layers`;
      their squares add up to that of `<player>_gradient_norm`.

    Raises:
      UserError: if it is not known whose gradient it is.
    """
    player = types.require_player_of(gradient)

    def telling(hparams, state, batch, key):
        grads, collections, metrics = gradient(hparams, state, batch, key)
        norms = {
            f"{player}_gradient_norm/{name}": global_norm(own)
            for name, own in layers.split(grads).items()
        }
        return grads, collections, {**metrics, **norms}

    return types.played_by(player, telling, "gradient")


def global_norm(tree: types.Tree) -> jax.Array:
    """Euclidean norm of all leaves of a tree together."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


@jax.custom_batching.custom_vmap
def any_member(holds: jax.Array) -> jax.Array:
    """Whether it holds of any member of a batch of `vmap`, the same for all of them.

    A condition that differs between members would make `cond` compute both branches.
    """
    return holds


@any_member.def_vmap
def _any_of_batch(size, batched, holds):
    return any_member(jnp.any(holds)), False


def _generator_against(gan, loss, opponent, terms):
    """Gradient of `loss.generator` where `opponent` makes the discriminator's state."""
    types.require_gan(gan)
    _check_functions(loss, None, terms)
    if gan.log_probs is not None:
        raise errors.UserError(
            "rollouts=0, but the generator draws symbols, through which no gradient "
            "comes; give rollouts=8, for example: gradients.policy.reinforce(gan, "
            "loss, 8)."
        )

    def gradient(hparams, state, batch, key):
        _check_terms(hparams.penalties, terms)

        def objective(params):
            moved = state._replace(params=state.params._replace(generator=params))
            against = opponent(hparams, moved, batch, key)

            def discriminate(x):
                output, _ = gan.discriminate(
                    against.params.discriminator,
                    against.collections.discriminator,
                    x,
                    batch.label,
                    train=True,
                )
                return output

            fake, collections = _generate(gan, state, params, batch, key)
            outputs = discriminate(batch.x), discriminate(fake)
            value = loss.generator(*(output.logits for output in outputs))
            added = _terms("generator", terms, *outputs, batch)
            metrics = {
                "generator_loss": value,
                **{f"generator_{name}": value for name, value in added.items()},
            }
            return value + _weighted(hparams, added), (collections, metrics)

        grads, (collections, metrics) = jax.grad(objective, has_aux=True)(
            state.params.generator
        )
        metrics["generator_gradient_norm"] = global_norm(grads)
        return grads, collections, metrics

    return types.played_by("generator", gradient, "gradient")


def _generate(gan, state, params, batch, key):
    z = gan.latent(key, batch.x.shape[0])
    return gan.generate(params, state.collections.generator, z, batch.label, train=True)


def _accuracy(real_logits, fake_logits):
    return (jnp.mean(real_logits > 0) + jnp.mean(fake_logits < 0)) / 2


def _terms(player, terms, real_output, fake_output, batch):
    own = {name: getattr(pair, player) for name, pair in terms.items()}
    return {
        name: term(real_output, fake_output, batch)
        for name, term in own.items()
        if term is not None
    }


def _weighted(hparams, values):
    return sum(hparams.penalties[name] * value for name, value in values.items())


def _check_functions(loss, penalties, terms):
    """Asks for functions where their names may have been given."""
    if not isinstance(loss, types.Loss):
        raise errors.UserError(
            f"loss is {errors.shown(loss)}, but must be a Loss; losses.get(name) gives "
            "one."
        )
    _check_mapping("penalties", penalties, callable, "penalties.get(name)")
    _check_mapping("terms", terms, _is_pair, "losses.TERMS[name]")


def _check_mapping(argument, given, fits, gives):
    if given is not None and not isinstance(given, Mapping):
        raise errors.UserError(
            f"{argument} is {errors.shown(given)}, but must be a mapping from names to "
            f"functions; {gives} gives one."
        )
    for name, value in (given or {}).items():
        if not fits(value):
            raise errors.UserError(
                f"{argument}[{name!r}] is {errors.shown(value)}, which is no function; "
                f"{gives} gives one."
            )


def _is_pair(term):
    return isinstance(term, types.Pair)


def _check_weights(weights, names):
    _require_weights(weights)
    if set(weights) != names:
        raise errors.UserError(
            f"hparams.penalties has weights for {sorted(weights)} but the gradient was "
            f"built with the penalties and terms {sorted(names)}; give one weight for "
            "each."
        )


def _require_weights(weights):
    if not isinstance(weights, Mapping):
        raise errors.UserError(
            f"hparams.penalties is {errors.shown(weights)}, but must be a mapping from "
            "names to weights; give {} if there are none."
        )


def _check_terms(weights, terms):
    _require_weights(weights)
    missing = sorted(set(terms) - set(weights))
    if missing:
        raise errors.UserError(
            f"hparams.penalties has no weight for the terms {missing}; give each one."
        )
