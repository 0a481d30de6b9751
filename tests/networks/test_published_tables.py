"""Parameters, shapes and limits of DCGAN, SN-DCGAN and the residual pair.

Counts are the layer tables of the papers, written out by hand.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan
from jaxgan.core import errors
from jaxgan.networks import layers, resnet, sizes

WGAN_GP = {
    "generator_width": 128,
    "pooling": "mean",
    "discriminator_normalisation": "none",
}
SMALL = {
    "dcgan": {"width": 4},
    "sn_dcgan": {"width": 4},
    "resnet": {"generator_width": 8, "discriminator_width": 8},
}


def dense(inputs, outputs):
    return inputs * outputs


def conv(side, inputs, outputs):
    return side * side * inputs * outputs


def norm(channels):
    return 2 * channels


def residual(inputs, width, shortcut, biases=True):
    kernels = conv(3, inputs, width) + conv(3, width, width)
    kernels += conv(1, inputs, width) if shortcut else 0
    return kernels + biases * (2 + shortcut) * width


# Radford et al. 2015, Figure 1, as the PyTorch examples have it; no biases.
DCGAN_64 = (
    (dense(100, 4 * 4 * 512) + norm(512))
    + (conv(4, 512, 256) + norm(256))
    + (conv(4, 256, 128) + norm(128))
    + (conv(4, 128, 64) + norm(64))
    + conv(4, 64, 3),
    conv(4, 3, 64)
    + (conv(4, 64, 128) + norm(128))
    + (conv(4, 128, 256) + norm(256))
    + (conv(4, 256, 512) + norm(512))
    + conv(4, 512, 1),
)
DCGAN_32 = (
    (dense(100, 4 * 4 * 256) + norm(256))
    + (conv(4, 256, 128) + norm(128))
    + (conv(4, 128, 64) + norm(64))
    + conv(4, 64, 3),
    conv(4, 3, 64)
    + (conv(4, 64, 128) + norm(128))
    + (conv(4, 128, 256) + norm(256))
    + conv(4, 256, 1),
)
# Chen et al. 2016, Table 1; z of 64 as in Lucic et al. 2018.
INFOGAN_28 = (
    (dense(64, 1024) + norm(1024))
    + (dense(1024, 7 * 7 * 128) + norm(7 * 7 * 128))
    + (conv(4, 128, 64) + norm(64))
    + (conv(4, 64, 1) + 1),
    (conv(4, 1, 64) + 64)
    + (conv(4, 64, 128) + norm(128))
    + (dense(7 * 7 * 128, 1024) + norm(1024))
    + (dense(1024, 1) + 1),
)


# Miyato et al. 2018, Table 3, with M = 8 Mg.
def sn_dcgan(m):
    return (
        (dense(128, m * m * 512) + norm(512))
        + (conv(4, 512, 256) + norm(256))
        + (conv(4, 256, 128) + norm(128))
        + (conv(4, 128, 64) + norm(64))
        + (conv(3, 64, 3) + 3),
        (conv(3, 3, 64) + 64)
        + (conv(4, 64, 64) + 64)
        + (conv(3, 64, 128) + 128)
        + (conv(4, 128, 128) + 128)
        + (conv(3, 128, 256) + 256)
        + (conv(4, 256, 256) + 256)
        + (conv(3, 256, 512) + 512)
        + (dense(m * m * 512, 1) + 1),
    )


# Gulrajani et al. 2017, Appendix F; Miyato et al. 2018, Table 4.
def residual_generator(width, blocks=3, biases=False, block_norms=None):
    norms = 2 * norm(width) if block_norms is None else block_norms
    return (
        (dense(128, 4 * 4 * width) + 4 * 4 * width)
        + blocks * (residual(width, width, True, biases) + norms)
        + norm(width)
        + (conv(3, width, 3) + 3)
    )


def residual_discriminator(width, pooling=2):
    return (
        residual(3, width, True)
        + (pooling - 1) * residual(width, width, True)
        + 2 * residual(width, width, False)
        + (dense(width, 1) + 1)
    )


SN_GAN = residual_generator(256), residual_discriminator(128)
TABLES = [
    ("dcgan", (64, 64, 3), {}, DCGAN_64),
    ("dcgan", (32, 32, 3), {}, DCGAN_32),
    ("dcgan", (28, 28, 1), {"latent_dim": 64}, INFOGAN_28),
    ("sn_dcgan", (32, 32, 3), {}, sn_dcgan(4)),
    ("sn_dcgan", (48, 48, 3), {}, sn_dcgan(6)),
    ("resnet", (32, 32, 3), {}, SN_GAN),
    (
        "resnet",
        (32, 32, 3),
        {"generator_normalisation": "layer"},
        (residual_generator(256, biases=True), SN_GAN[1]),
    ),
    ("resnet", (32, 32, 3), WGAN_GP, (residual_generator(128), SN_GAN[1])),
    (
        "resnet",
        (32, 32, 3),
        {**WGAN_GP, "discriminator_normalisation": "layer"},
        (residual_generator(128), SN_GAN[1] + 3 * 2 * norm(128)),
    ),
    (
        "resnet",
        (64, 64, 3),
        {},
        (residual_generator(256, blocks=4), residual_discriminator(128, pooling=3)),
    ),
    (
        "resnet",
        (32, 32, 3),
        {"num_classes": 10},
        (
            residual_generator(256, block_norms=2 * dense(10, 2 * 256)),
            SN_GAN[1] + dense(10, 128),
        ),
    ),
]


def count(architecture, shape, **options):
    made = gan.make(architecture, shape, **options)
    params, _ = jax.eval_shape(made.init, jax.random.key(0))
    return tuple(
        sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(player))
        for player in params
    )


@pytest.mark.parametrize(("name", "shape", "options", "expected"), TABLES, ids=str)
def test_parameters_are_those_of_the_papers_tables(name, shape, options, expected):
    assert count(name, shape, **options) == expected


def test_published_numbers_are_met():
    assert DCGAN_64 == (3_576_704, 2_765_568)  # the PyTorch examples
    # Mimicry has biases before batch normalisation too, 3 in each of 3 blocks.
    biases = 3 * 3 * 256
    assert SN_GAN[0] + biases == residual_generator(256, biases=True) == 4_276_739


@pytest.mark.parametrize(
    ("name", "shape", "options", "numbers"),
    [
        ("dcgan", (32, 32, 3), {}, (1_068_928, 663_296)),
        ("dcgan", (28, 28, 1), {}, (6_671_745, 6_558_017)),
        ("sn_dcgan", (32, 32, 3), {}, (3_804_739, 2_935_873)),
        ("sn_dcgan", (48, 48, 3), {}, (5_115_459, 2_946_113)),
        ("resnet", (32, 32, 3), {}, (4_274_435, 1_053_825)),
        ("resnet", (32, 32, 3), WGAN_GP, (1_203_331, 1_053_825)),
        (
            "resnet",
            (32, 32, 3),
            {**WGAN_GP, "generator_normalisation": "layer"},
            (1_204_483, 1_053_825),
        ),
    ],
    ids=str,
)
def test_documented_numbers_are_true(name, shape, options, numbers):
    assert count(name, shape, **options) == numbers


@pytest.mark.parametrize(
    ("shape", "times"),
    [
        ((32, 32, 3), 3),
        ((64, 64, 3), 4),
        ((48, 48, 3), 3),
        ((28, 28, 1), 2),
        ((56, 40, 1), 3),
        ((32, 64, 1), 3),
        ((8, 8, 1), 1),
        ((12, 8, 1), 1),
        ((9, 8, 1), 0),
    ],
)
def test_sides_are_halved_as_long_as_both_can_be(shape, times):
    assert sizes.halvings(shape) == times


def shapes(name, shape, **options):
    """Shapes of a sample and of the discriminator's record, without computing them."""
    made = gan.make(name, shape, **SMALL[name], **options)
    params, collections = jax.eval_shape(made.init, jax.random.key(0))
    z = jax.ShapeDtypeStruct((5, 128 if name != "dcgan" else 100), jnp.float32)
    label = () if "num_classes" not in options else (jnp.zeros(5, jnp.int32),)
    x, _ = jax.eval_shape(
        made.generate, params.generator, collections.generator, z, *label
    )
    output, _ = jax.eval_shape(
        made.discriminate, params.discriminator, collections.discriminator, x, *label
    )
    return x, output


@pytest.mark.parametrize(
    ("name", "shape", "features"),
    [
        ("dcgan", (8, 8, 1), 4 * 4 * 4),
        ("dcgan", (28, 28, 1), 16 * 4),
        ("dcgan", (20, 36, 3), 16 * 4),
        ("dcgan", (32, 48, 3), 4 * 6 * 16),
        ("dcgan", (64, 128, 1), 4 * 8 * 32),
        ("sn_dcgan", (8, 8, 1), 32),
        ("sn_dcgan", (32, 24, 3), 4 * 3 * 32),
        ("resnet", (28, 28, 1), 8),
        ("resnet", (36, 12, 3), 8),
        ("resnet", (64, 48, 2), 8),
    ],
)
def test_images_of_many_sizes_and_channels_can_be_made(name, shape, features):
    x, output = shapes(name, shape)
    assert x.shape == (5, *shape) and x.dtype == jnp.float32
    assert output.logits.shape == (5,) and output.logits.dtype == jnp.float32
    assert output.features.shape == (5, features)
    assert output.class_logits is None


# Each table with each kind of either player, and each two kinds with one another.
OF_GENERATORS = ("concat", "normalisation", "self_modulation")
OF_DISCRIMINATORS = ("concat", "projection", "auxiliary")
TABLES = [("dcgan", 28), ("dcgan", 32), ("sn_dcgan", 32), ("resnet", 32)]
CONDITIONED = [
    (*table, generator, OF_DISCRIMINATORS[(i + j) % 3])
    for i, table in enumerate(TABLES)
    for j, generator in enumerate(OF_GENERATORS)
]


@pytest.mark.parametrize(("name", "side", "generator", "discriminator"), CONDITIONED)
def test_every_kind_of_conditioning_applies(name, generator, discriminator, side):
    x, output = shapes(
        name,
        (side, side, 1),
        num_classes=3,
        generator_conditioning=generator,
        discriminator_conditioning=discriminator,
    )
    assert x.shape == (5, side, side, 1)
    expected = (5, 3) if discriminator == "auxiliary" else None
    assert getattr(output.class_logits, "shape", None) == expected


CASES = [("dcgan", (12, 8, 1)), ("dcgan", (16, 8, 3)), ("sn_dcgan", (8, 16, 1))]
CASES += [("resnet", (8, 12, 3))]


def filled(variables):
    """Numbers for shapes, without the time it takes to compile how they are drawn."""
    random = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: random.normal(size=leaf.shape, scale=0.3).astype(np.float32),
        variables,
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_images_and_logits_are_finite_and_not_all_the_same(name, shape, dtype):
    # The plain form compiles fastest.
    options = {"dtype": dtype, "latent_dim": 8, "convolution": "lax", **SMALL[name]}
    made = gan.make(name, shape, **options)

    @jax.jit
    def play(params, collections, z):
        x, _ = made.generate(params.generator, collections.generator, z, train=True)
        output, _ = made.discriminate(
            params.discriminator, collections.discriminator, x, train=True
        )
        return x, output

    variables = filled(jax.eval_shape(made.init, jax.random.key(0)))
    z = np.random.default_rng(1).normal(size=(6, 8)).astype(np.float32)
    x, output = play(*variables, z)
    assert jnp.abs(x).max() <= 1 and x.std(0).max() > 0
    assert jnp.isfinite(output.logits).all() and output.logits.std() > 0


def test_poolings_differ_by_the_number_of_places():
    records = []
    x = np.random.default_rng(1).normal(size=(3, 8, 16, 1)).astype(np.float32)
    for pooling in resnet.POOLINGS:
        recipe = layers.Recipe(convolution="lax")
        made = resnet.ResNetDiscriminator(2, 4, pooling, recipe)
        init = functools.partial(made.init, train=False)
        variables = filled(jax.eval_shape(init, jax.random.key(0), x))
        apply = jax.jit(functools.partial(made.apply, train=False))
        records.append(apply(variables, x))
    places = 2 * 4  # after two blocks that pool
    np.testing.assert_allclose(
        records[0].features, places * records[1].features, rtol=1e-5
    )


def test_batch_normalisation_takes_away_what_biases_of_a_block_would_add():
    # Why blocks of the generator have none: it holds for the shortcut too.
    recipe = layers.Recipe("batch", convolution="lax")
    block = resnet.GeneratorBlock(5, recipe)
    x = np.random.default_rng(2).normal(size=(4, 3, 3, 5)).astype(np.float32)
    bias = np.arange(5, dtype=np.float32)
    variables = filled(
        jax.eval_shape(functools.partial(block.init, train=True), jax.random.key(0), x)
    )

    @jax.jit
    def normalised(x):
        y, _ = block.apply(variables, x, train=True, mutable=["batch_stats"])
        return (y - y.mean((0, 1, 2))) / y.std((0, 1, 2))

    np.testing.assert_allclose(normalised(x + bias), normalised(x), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "shape", "options", "said"),
    [
        ("dcgan", (30, 28, 1), {}, "multiples of 4"),
        ("dcgan", (4, 4, 1), {}, "at least 8"),
        ("dcgan", (64, 64), {}, "(64, 64)"),
        ("dcgan", (32, 32, 0), {}, "(32, 32, 0)"),
        ("dcgan", (32, 32, 3), {"width": 0}, "width=0"),
        ("sn_dcgan", (28, 28, 1), {}, "multiples of 8"),
        ("sn_dcgan", (32, 32, 3), {"width": -1}, "width=-1"),
        ("resnet", (33, 32, 3), {}, "multiples of 4"),
        ("resnet", (32, 32, 3), {"pooling": "max"}, "pooling='max'"),
        ("resnet", (32, 32, 3), {"generator_width": 0}, "generator_width=0"),
        ("resnet", (32, 32, 3), {"width": 64}, "discriminator_width"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence(name, shape, options, said):
    with pytest.raises(errors.UserError) as error:
        gan.make(name, shape, **options)
    message = str(error.value)
    assert said in message and message[-1] in ".?" and "\n" not in message
