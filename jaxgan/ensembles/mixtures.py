"""Ensembles of GANs: which member learns which modes, and the mixture they make.

An ensemble is a population whose members differ in `HParams.mode_weights`, so that one
compiled program trains any of them. Afterwards its generators are mixed:

    p(x) = sum_m weight_m p_m(x)

References:
  Tolstikhin et al., AdaGAN: Boosting Generative Models, 2017,
  https://arxiv.org/abs/1701.02386
  Wang et al., Ensembles of Generative Adversarial Networks, 2016,
  https://arxiv.org/abs/1612.00991
"""

import functools
import pathlib
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import checkpoint, types
from jaxgan import gan as gan_lib
from jaxgan.core import errors, precision, randomness
from jaxgan.data import modes as modes_lib
from jaxgan.data import sampling, standardise

BLOCK = 64
"""Samples that a member makes at a time; what does not fill a block is dropped."""


class Plan(NamedTuple):
    """Who learns what. `M` is the number of members of the ensemble.

    Attributes:
      mode_weights: `[M, K]`, row m holds the probabilities with which member m draws
        its training data from the modes.
      weights: `[M]`, the share of each member in the mixture, summing to 1.
    """

    mode_weights: jax.Array
    weights: jax.Array


class Mixture(NamedTuple):
    """A trained mixture of M generators.

    Attributes:
      weights: `[M]`, summing to 1.
      params: of the generators, every leaf `[M, ...]`.
      collections: of the generators, every leaf `[M, ...]`.
      standardiser: of the data that each generator learnt, `[M, ...]`, or None.
      classes: `[M, K]` probabilities of the labels that each generator is asked for, or
        None if the generators are unconditional.
    """

    weights: jax.Array
    params: types.Tree
    collections: types.Tree
    standardiser: standardise.Standardiser | None = None
    classes: jax.Array | None = None


def per_mode(modes: modes_lib.Modes) -> Plan:
    """A GAN per mode, each with its mode's share of the data as its weight."""
    shares = modes_lib.proportions(modes)
    return Plan(jnp.eye(len(shares)), shares)


def bagged(modes: modes_lib.Modes, num_members: int) -> Plan:
    """Independent GANs on all the data, mixed alike (eGAN, Wang et al. 2016).

    The members see the same distribution and differ in their seeds. For bags drawn with
    replacement (Breiman 1996) give `per_mode` the modes that `modes.bootstrap` makes.

    Raises:
      UserError: if `num_members` < 1.
    """
    if num_members < 1:
        raise errors.UserError(f"num_members={num_members} must be at least 1.")
    shares = modes_lib.proportions(modes)
    return Plan(
        jnp.tile(shares, (num_members, 1)), jnp.full(num_members, 1 / num_members)
    )


def mixture(
    gan: types.GAN,
    state: types.TrainState,
    hparams: types.HParams,
    weights: jax.Array,
    key: jax.Array,
    classes: jax.Array | None = None,
) -> Mixture:
    """Mixes the trained generators of an ensemble, ready to be sampled and kept.

    Takes the moving average of the weights where there is one. The batch statistics of
    the training belong to the weights that are not averaged, so each generator has them
    collected anew, see `with_standing_statistics`; those without any cost nothing.
    Members that are not alive get no weight; if none is, the weights are NaN and so is
    every sample.

    Args:
      gan: that the members were trained as.
      state: of the M members.
      hparams: of the M members.
      weights: `[M]`, non-negative.
      key: consumed by the standing statistics.
      classes: `[M, K]` probabilities of the labels, or None for unconditional
        generators.

    Raises:
      UserError: if an argument is something else, or there is not a weight of at least
        0 for each member, as far as they are not traced.
    """
    types.require_state(state)
    types.require_hparams(hparams)
    _require_weights(weights, jnp.shape(state.alive))
    weights = jnp.where(state.alive, jnp.asarray(weights), 0.0)
    trained = Mixture(
        weights / weights.sum(),
        state.params.generator if state.ema is None else state.ema,
        state.collections.generator,
        hparams.standardiser,
        classes,
    )
    return with_standing_statistics(gan, precision.narrowed(trained), key)


def separated(
    state: types.TrainState,
    hparams: types.HParams,
    part: Callable[[types.Tree], types.Tree] = lambda params: params,
) -> tuple[types.TrainState, types.HParams]:
    """The K generators that each of P members has, as P K members of their own.

    Those of a member lie side by side. They come without discriminators, ready for
    `mixture`; each has its member's standardiser.

    Args:
      state: of P members with several generators each, see `ensembles.shared`.
      hparams: of the P members.
      part: gives the generators `[P, K, ...]` where `params.generator` holds more.
    """
    generators, collections = part(state.params.generator), state.collections.generator
    total, number = jnp.shape(jax.tree.leaves(generators)[0])[:2]

    def flat(tree):
        return jax.tree.map(lambda x: x.reshape(total * number, *x.shape[2:]), tree)

    def repeated(tree):
        return jax.tree.map(lambda x: np.repeat(np.asarray(x), number, axis=0), tree)

    own = types.TrainState(
        step=repeated(state.step),
        params=types.Pair(flat(generators), {}),
        collections=types.Pair(flat(collections), {}),
        opt_state=types.Pair({}, {}),
        ema=None if state.ema is None else flat(part(state.ema)),
        alive=repeated(state.alive),
    )
    return own, repeated(hparams)


@functools.partial(jax.jit, static_argnums=(0, 3))
def with_standing_statistics(
    gan: types.GAN, mixture: Mixture, key: jax.Array, num_passes: int = 100
) -> Mixture:
    """Gives each generator the batch statistics of the weights that it samples with.

    The statistics collected in training belong to weights that have since moved on, and
    not to their moving average. Here each generator makes `num_passes` batches of 64 as
    in training, its weights fixed, and keeps the statistics that it then has: with
    running averages of momentum 0.9 they look back over about 20 batches. Generators
    without statistics are returned as they are.

    Args:
      gan: that the members were trained as.
      mixture: of M generators.
      key: consumed.
      num_passes: batches, static.

    References:
      Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis,
      2019, section 3 and appendix C.1, https://arxiv.org/abs/1809.11096
    """
    if not jax.tree.leaves(mixture.collections):
        return mixture

    def settle(member):
        own, member_key = member

        def one_pass(collections, pass_key):
            latent_key, label_key = jax.random.split(pass_key)
            z = gan.latent(latent_key, BLOCK)
            label = _labels(own.classes, label_key)
            _, collections = gan.generate(own.params, collections, z, label, train=True)
            return collections, None

        keys = jax.random.split(member_key, num_passes)
        return jax.lax.scan(one_pass, own.collections, keys)[0]

    keys = jax.random.split(key, mixture.weights.shape[0])
    return mixture._replace(collections=jax.lax.map(settle, (mixture, keys)))


@functools.partial(jax.jit, static_argnums=(0, 3))
def sample(
    gan: types.GAN, mixture: Mixture, key: jax.Array, n: int
) -> tuple[jax.Array, jax.Array]:
    """Draws from the mixture, one compiled call whatever the number of members.

    Each sample draws its member from the weights, and its label from the member's
    classes if there are any. Members then generate in blocks of
    64, so that the work is that of n samples and a block per member, and not of n
    samples from every member.

    Args:
      gan: that the members were trained as.
      mixture: of M generators.
      key: consumed.
      n: number of samples, static.

    Returns:
      `x [n, ...]` in the units of the data, and `member [n]` int32 that made each.

    Raises:
      UserError: if an argument is something else.
    """
    if not isinstance(mixture, Mixture):
        raise errors.UserError(
            f"mixture is {errors.shown(mixture)}, but must be a Mixture; "
            "ensembles.mixture and ensembles.load give one."
        )
    errors.require_whole(n=n)
    if n < 0:
        raise errors.UserError(f"n={n} samples must not be negative.")
    key = randomness.threefry(key)
    if key.shape:
        raise errors.UserError(
            f"key has shape {key.shape}, but one key draws from one mixture; give one, "
            "or call it under jax.vmap."
        )
    conditional = mixture.classes is not None
    member_key, z_key, *label_key = jax.random.split(key, 2 + conditional)
    places = _places(mixture.weights, member_key, n)

    def generate(block):
        own = jax.tree.map(lambda x: x[places.owner[block]], mixture)
        z = gan.latent(jax.random.fold_in(z_key, block), BLOCK)
        label = None
        if conditional:
            label = _labels(own.classes, jax.random.fold_in(label_key[0], block))
        x = generated(gan, own, z, label)
        return jnp.where(jnp.isfinite(own.weights), x, jnp.nan)

    x = jax.lax.map(generate, jnp.arange(len(places.owner)))
    return x[places.block, places.row], places.member


@functools.partial(jax.jit, static_argnums=2)
def asked_labels(mixture: Mixture, key: jax.Array, n: int) -> jax.Array:
    """The labels that the samples of `sample` were asked for, without making these.

    Args:
      mixture: of M conditional generators.
      key: as `sample` had.
      n: likewise, static.

    Returns:
      `[n]` int32 in 0 ... K-1, sample by sample.

    Raises:
      UserError: if the generators are unconditional.
    """
    if mixture.classes is None:
        raise errors.UserError(
            "the generators are unconditional, so that none is asked for a class; take "
            "conditional ones, which --labels trains."
        )
    member_key, _, label_key = jax.random.split(randomness.threefry(key), 3)
    places = _places(mixture.weights, member_key, n)

    def of_block(block):
        own = mixture.classes[places.owner[block]]
        return _labels(own, jax.random.fold_in(label_key, block))

    label = jax.lax.map(of_block, jnp.arange(len(places.owner)))
    return label[places.block, places.row]


class _Places(NamedTuple):
    """Who makes each of n samples, and where, in blocks of one member each.

    Attributes:
      member: int32 `[n]`.
      owner: `[blocks]`, the member of each block, the last one of those not needed.
      block, row: `[n]`, where each sample lies.
    """

    member: jax.Array
    owner: jax.Array
    block: jax.Array
    row: jax.Array


def _places(weights: jax.Array, key: jax.Array, n: int) -> _Places:
    num_members = len(weights)
    member = sampling.categorical(weights, key, n)
    # Where no member is alive the weights are NaN and the draw falls off the end.
    member = jnp.minimum(member, num_members - 1)
    one_hot = member[:, None] == jnp.arange(num_members)
    rank = jnp.take_along_axis(jnp.cumsum(one_hot, 0), member[:, None], 1)[:, 0] - 1
    blocks = -(-one_hot.sum(axis=0) // BLOCK)
    ends = jnp.cumsum(blocks)
    num_blocks = -(-n // BLOCK) + num_members
    owner = jnp.searchsorted(ends, jnp.arange(num_blocks), side="right")
    owner = jnp.minimum(owner, num_members - 1)
    start = (ends - blocks)[member]
    return _Places(member, owner, start + rank // BLOCK, rank % BLOCK)


def generated(
    gan: types.GAN, own: Mixture, z: jax.Array, label: jax.Array | None = None
) -> jax.Array:
    """What one generator of a mixture makes of latents, in the units of the data.

    Args:
      gan: that it was trained as.
      own: a mixture's leaves of one member, without their first axis.
      z: `[B, D]`.
      label: `[B]`, or None for an unconditional generator.

    Returns:
      `[B, ...]`.
    """
    x, _ = gan.generate(own.params, own.collections, z, label)
    if own.standardiser is not None:
        x = standardise.unstandardise(own.standardiser, x)
    return x


def _require_weights(weights: jax.Array, alive: tuple[int, ...]) -> None:
    found = np.shape(weights)
    if found != alive or not alive:
        raise errors.UserError(
            f"weights have shape {found}, but the members' state has {alive}; give a "
            "weight for each member of a population."
        )
    if not isinstance(weights, jax.core.Tracer) and np.min(weights, initial=0) < 0:
        raise errors.UserError(
            f"weights hold {np.min(weights)}, but must not be negative."
        )


def save(
    path: pathlib.Path, mixture: Mixture, architecture: Mapping[str, Any], **notes: Any
) -> None:
    """Writes a mixture and how to rebuild its GAN into one file, whole or not at all.

    Numbers of 64 bits are kept as 32. The versions of jaxgan and JAX are noted with it.

    Args:
      path: of the file; one that exists is replaced.
      mixture: of M generators.
      architecture: the description that `gan.build` takes.
      **notes: anything else worth keeping that JSON can hold, such as a `title`, and
        whether the weights are an `average` over the training.
    """
    if not isinstance(architecture, Mapping):
        raise errors.UserError(
            f"architecture is {errors.shown(architecture)}, but must be what gan.build "
            'takes, such as {"architecture": "mlp", "shape": [2]}.'
        )
    tree = {
        name: value
        for name, value in precision.narrowed(mixture)._asdict().items()
        if value is not None
    }
    if mixture.standardiser is not None:
        tree["standardiser"] = mixture.standardiser._asdict()
    versions = {name: metadata.version(name) for name in ("jaxgan", "jax")}
    notes = {"gan": dict(architecture), "versions": versions, **notes}
    checkpoint.save_tree(path, tree, notes)


def load(path: pathlib.Path) -> tuple[types.GAN, Mixture, dict[str, Any]]:
    """Reads what `save` wrote; nothing in a file can run code.

    Returns:
      The GAN, the mixture, and the notes with the architecture under "gan".

    Raises:
      UserError: if there is no such file, it is damaged, or does not hold a mixture of
        generators of the architecture that it names.
    """
    tree, notes = checkpoint.load_tree(path)
    if not isinstance(notes, dict) or not isinstance(notes.get("gan"), dict):
        raise errors.UserError(f"{path} does not hold a mixture of generators.")
    try:
        networks = gan_lib.rebuild(notes["gan"])
        params, collections = jax.eval_shape(networks.init, randomness.key(0))
    except Exception as error:  # whatever comes of a description that somebody made up
        reason = " ".join(str(error).split()) or type(error).__name__
        raise errors.UserError(
            f"{path}: its architecture cannot be built ({reason}); it was written by "
            "another version of jaxgan or by something else."
        ) from None
    tree = precision.narrowed(tree)
    # Without normalisation there is nothing to store here.
    tree.setdefault("collections", {})
    expected = {"params": params.generator, "collections": collections.generator}
    _require_fits(path, tree, expected, notes["gan"])
    tree = jax.tree.map(jnp.asarray, tree)
    standardiser = tree.get("standardiser")
    mixture = Mixture(
        tree["weights"],
        tree["params"],
        tree["collections"],
        standardiser and standardise.Standardiser(**standardiser),
        tree.get("classes"),
    )
    return networks, mixture, notes


def _require_fits(
    path: pathlib.Path,
    tree: types.Tree,
    generator: types.Tree,
    architecture: Mapping[str, Any],
) -> None:
    """Refuses arrays that are not those of some generators of an architecture."""
    num_members = len(np.atleast_1d(tree.get("weights", ())))

    def array(*shape):
        return jax.ShapeDtypeStruct(shape, np.float32)

    expected = {"weights": array()} | generator
    if "standardiser" in tree:
        one = array(*architecture["shape"])
        expected["standardiser"] = standardise.Standardiser(one, one)._asdict()
    if (num_classes := architecture.get("num_classes")) is not None:
        expected["classes"] = array(num_classes)
    found = jax.tree.map(lambda x: (x.dtype, x.shape), tree)
    wanted = jax.tree.map(lambda x: (x.dtype, (num_members, *x.shape)), expected)
    if num_members < 1 or found != wanted:
        raise errors.UserError(
            f"{path}: its arrays are not those of generators of its architecture; it "
            "was written by another version of jaxgan or by something else."
        )


def _labels(classes: jax.Array | None, key: jax.Array) -> jax.Array | None:
    return None if classes is None else sampling.categorical(classes, key, BLOCK)
