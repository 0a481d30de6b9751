"""Several generators against one discriminator: MGAN and MAD-GAN.

Both are a `GAN` like any other, whose generator is a stack of K: every leaf of
`params.generator` is `[K, ...]`, a batch of fakes comes in K equal parts, one of each
generator. What keeps the generators apart is a head of the discriminator that says
which of them has made a sample, and two terms on it, `losses.TERMS`:

    whole = shared.mgan(gan, 4)
    method = methods.Method("non_saturating", shared.MGAN, both)   # or MAD_GAN
    made = methods.make(whole, method)                             # trains as any other
    ...
    own, numbers = ensembles.separated(state, hparams)
    mixture = ensembles.mixture(gan, own, numbers, jnp.ones(4) / 4, key)

One member is K generators and their discriminator, so that a population of seeds is
`vmap` over it as over any other.

References:
  Hoang et al., MGAN: Training Generative Adversarial Nets with Multiple Generators,
  2018, https://arxiv.org/abs/1708.02556
  Ghosh et al., Multi-Agent Diverse Generative Adversarial Networks, 2018,
  https://arxiv.org/abs/1704.02906
"""

import jax
import jax.numpy as jnp

from jaxgan import types
from jaxgan.core import errors, randomness

CLASSIFIER, NETWORK = "classifier", "network"
"""What a discriminator with a head is made of."""

HEAD = 2**32 - 2
"""Folded into a GAN's key for the weights of the head."""

DIVERSITY = 0.01
"""Weight of the generators' term in MGAN, beta in the paper; that of its code."""

MGAN = {"generator_identification": 1.0, "generator_diversity": DIVERSITY}
"""Weights of MGAN's terms, for `Method.weights`."""

MAD_GAN = {"generator_identification": 1.0}
"""Weights of MAD-GAN's term, likewise."""


def with_generators(
    gan: types.GAN, num_generators: int, mapper: types.Mapper = jax.vmap
) -> types.GAN:
    """A GAN whose generator is K of them, each of which makes its part of a batch.

    `p(x) = sum_k p_k(x) / K`. Each generator has normalisation statistics of its own.

    Args:
      gan: the networks.
      num_generators: K, at least 1; structure.
      mapper: lifts one generator to all of them. On CPUs `population.one_by_one` is
        faster for convolutional ones, whose operations XLA then counts once for all K.

    Returns:
      The GAN. K must divide the samples; those of generator k are the k-th part.

    Raises:
      UserError: if `num_generators` < 1, or (when traced) if it does not divide a
        batch.
    """
    types.require_gan(gan)
    _require_number(num_generators)

    def init(key):
        key = randomness.threefry(key)
        params, collections = gan.init(key)

        def another(k):
            params, collections = gan.init(jax.random.fold_in(key, k))
            return params.generator, collections.generator

        own = jax.vmap(another)(jnp.arange(num_generators))
        return params._replace(generator=own[0]), collections._replace(generator=own[1])

    def generate(params, collections, z, label=None, train=False):
        def one(params, collections, z, label):
            return gan.generate(params, collections, z, label, train=train)

        cut = _parts(z, num_generators), _parts(label, num_generators)
        x, collections = mapper(one)(params, collections, *cut)
        return x.reshape(-1, *x.shape[2:]), collections

    return gan._replace(init=init, generate=generate)


def with_classifier(gan: types.GAN, num_classes: int) -> types.GAN:
    """A GAN whose discriminator also says which of K classes a sample is of.

    A linear layer on the discriminator's features gives `class_logits [B, K]`; all
    layers before it are those that tell real from fake.

    Args:
      gan: the networks, of which the discriminator has no class logits yet.
      num_classes: K, at least 1.

    Raises:
      UserError: if `num_classes` < 1, or (when traced) if there are class logits.
    """
    types.require_gan(gan)
    _require_number(num_classes)

    def features(key):
        params, collections = gan.init(key)
        z = gan.latent(key, 2 * gan.pack)
        x, _ = gan.generate(params.generator, collections.generator, z)
        own = params.discriminator, collections.discriminator
        return gan.discriminate(*own, x)[0].features

    def init(key):
        key = randomness.threefry(key)
        params, collections = gan.init(key)
        width = jax.eval_shape(features, key).shape[-1]
        normal = jax.random.normal(
            jax.random.fold_in(key, HEAD), (width, num_classes), jnp.float32
        )
        head = {"kernel": normal / jnp.sqrt(width), "bias": jnp.zeros(num_classes)}
        whole = {NETWORK: params.discriminator, CLASSIFIER: head}
        return params._replace(discriminator=whole), collections

    def discriminate(params, collections, x, label=None, train=False):
        output, collections = gan.discriminate(
            params[NETWORK], collections, x, label, train=train
        )
        if output.class_logits is not None:
            raise errors.UserError(
                "the discriminator has class logits already, which a second classifier "
                "would replace; use a GAN without an auxiliary classifier."
            )
        head = params[CLASSIFIER]
        logits = output.features @ head["kernel"] + head["bias"]
        return output._replace(class_logits=logits), collections

    return gan._replace(init=init, discriminate=discriminate)


def with_real_class(gan: types.GAN) -> types.GAN:
    """A GAN whose logit is that of the class `real` among K + 1.

    With l the discriminator's logit and c_1 ... c_K its class logits, the K + 1 classes
    have the probabilities `softmax(l, c_1, ..., c_K)`, and the new logit is

        log(D_real / (1 - D_real)) = l - logsumexp(c).

    A loss that takes cross-entropies of real and fake, such as `minimax`, together with
    the cross-entropy of the class logits of fakes is then that of all K + 1 classes.
    """
    types.require_gan(gan)

    def discriminate(params, collections, x, label=None, train=False):
        output, collections = gan.discriminate(
            params, collections, x, label, train=train
        )
        others = jax.nn.logsumexp(output.class_logits, axis=-1)
        return output._replace(logits=output.logits - others), collections

    return gan._replace(discriminate=discriminate)


def mgan(
    gan: types.GAN, num_generators: int, mapper: types.Mapper = jax.vmap
) -> types.GAN:
    """K generators, and a discriminator with a head that tells them apart (MGAN).

    Trained with the terms of `MGAN` the players' objectives are

        discriminator: loss + CE,    generators: loss + beta CE,

    where CE is the mean cross-entropy of which generator made each fake: the generators
    help to be told apart. The paper's generators share all layers but the first one;
    these share none.

    Args:
      gan: the networks.
      num_generators: K.
      mapper: see `with_generators`.

    Raises:
      UserError: as `with_generators` and `with_classifier`.

    References:
      Hoang et al., MGAN: Training Generative Adversarial Nets with Multiple Generators,
      2018, https://arxiv.org/abs/1708.02556
    """
    return with_generators(with_classifier(gan, num_generators), num_generators, mapper)


def mad_gan(
    gan: types.GAN, num_generators: int, mapper: types.Mapper = jax.vmap
) -> types.GAN:
    """K generators, and a discriminator of K + 1 classes (MAD-GAN).

    Trained with the term of `MAD_GAN` and the loss `minimax`, as in the paper, or
    `non_saturating`, the discriminator minimises the cross-entropy of the K + 1 classes
    (each generator, and real), and a generator sees the class `real` alone.

    Args:
      gan: the networks.
      num_generators: K.
      mapper: see `with_generators`.

    Raises:
      UserError: as `with_generators` and `with_classifier`.

    References:
      Ghosh et al., Multi-Agent Diverse Generative Adversarial Networks, 2018,
      https://arxiv.org/abs/1704.02906
    """
    return with_real_class(mgan(gan, num_generators, mapper))


def _parts(x, number):
    if x is None:
        return None
    if x.shape[0] % number:
        raise errors.UserError(
            f"a batch of {x.shape[0]} samples cannot be shared by {number} generators; "
            f"draw a multiple of {number}."
        )
    return x.reshape(number, x.shape[0] // number, *x.shape[1:])


def _require_number(number: int) -> None:
    errors.require_whole(number=number)
    if number < 1:
        raise errors.UserError(f"{number} generators must be at least 1.")
