"""Parameters, limits and resampling of the later architectures, SAGAN to MoCoGAN.

Counts are the layer tables of the papers, written out by hand.
"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan
from jaxgan.core import errors
from jaxgan.networks import r3gan

SMALL = {
    "sagan": {"shape": (32, 32, 1), "width": 4},
    "biggan_small": {"shape": (32, 32, 1), "width": 1, "embedding": 4},
    "r3gan": {"shape": (8, 8, 1), "width": 4, "groups": 2},
    "wavegan": {"shape": (256, 1), "width": 2},
    "video_dcgan": {"shape": (4, 8, 8, 1), "width": 2},
    "mocogan": {"shape": (3, 8, 8, 1), "width": 2},
}


def up(c, f, conditions=1):
    """Two 3x3 and a 1x1 kernel and two norms, without biases."""
    return 9 * c * f + 9 * f * f + c * f + conditions * 2 * (c + f)


def down(c, f, shortcut=True):
    """Two 3x3 and perhaps a 1x1 kernel, each with biases."""
    return 9 * c * f + 9 * f * f + 2 * f + shortcut * (c * f + f)


def attention(c):
    return 2 * c * c // 8 + 2 * c * c // 2 + 1


def sagan_128(width=64, classes=None):
    widths = [16 * width, 16 * width, 8 * width, 4 * width, 2 * width, width]
    generator = (128 + 1) * 16 * widths[0]
    generator += sum(up(c, f, classes or 1) for c, f in itertools.pairwise(widths))
    generator += attention(4 * width) + 2 * width + (9 * width + 1) * 3
    widths = [3, width, 2 * width, 4 * width, 8 * width, 16 * width]
    discriminator = sum(down(c, f) for c, f in itertools.pairwise(widths))
    discriminator += down(16 * width, 16 * width, shortcut=False)
    discriminator += attention(2 * width) + 16 * width + 1
    return generator, discriminator + (classes or 0) * 16 * width


def biggan(classes, embedding, n=256, part=32):
    norms = 4 * n * (part + (embedding if classes else 0))
    generator = classes * embedding + (part + 1) * 16 * n
    generator += 3 * (19 * n * n + norms) + 2 * n + (9 * n + 1) * 3
    discriminator = down(3, n) + down(n, n) + 2 * down(n, n, shortcut=False) + n + 1
    return generator, discriminator + classes * n


def r3gan_32(width=768, groups=96, blocks=8, latents=64, expansion=2):
    m = expansion * width
    block = width * m + m + 9 * m * m // groups + m + m * width
    generator = latents * width + 16 * width + blocks * block + 3 * width
    return generator, 3 * width + blocks * block + 16 * width + width


def strided(kernel, *channels):
    """Kernels and biases of one convolution after the other."""
    return sum(kernel * c * f + f for c, f in itertools.pairwise(channels))


WAVEGAN_16384 = (
    101 * 16 * 1024 + strided(25, 1024, 512, 256, 128, 64, 1),
    strided(25, 1, 64, 128, 256, 512, 1024) + 16 * 1024 + 1,
)
WAVEGAN_4096 = (
    101 * 16 * 512 + strided(25, 512, 256, 128, 64, 1),
    strided(25, 1, 64, 128, 256, 512) + 16 * 512 + 1,
)
# A scale in the place of each bias and a shift beside it, but for images.
VIDEO = (
    100 * 2 * 4 * 4 * 512
    + 2 * 512
    + strided(64, 512, 256, 128, 64, 3)
    + (256 + 128 + 64),
    strided(64, 3, 64, 128, 256, 512) + (128 + 256 + 512) + 2 * 4 * 4 * 512 + 1,
)
# Noise of 16 at first and 2 for each of 8 frames; 64 - 32 are content, 32 memory.
MOCOGAN = (
    (16 + 1) * 32
    + 3 * (2 + 32 + 1) * 32
    + (64 - 32 + 32) * 4 * 4 * 32
    + 2 * 32
    + strided(16, 32, 16, 1)
    + 16,
    strided(64, 1, 16, 32) + 32 + strided(16, 1, 16, 32) + 32 + 3 * 4 * 4 * 32 + 1,
)
TABLES = [
    ("sagan", (128, 128, 3), {}, sagan_128()),
    ("sagan", (128, 128, 3), {"num_classes": 1000}, sagan_128(classes=1000)),
    ("biggan_small", (32, 32, 3), {}, biggan(0, 128)),
    ("biggan_small", (32, 32, 3), {"num_classes": 10}, biggan(10, 128)),
    ("r3gan", (32, 32, 3), {"width": 768, "groups": 96}, r3gan_32()),
    ("wavegan", (16384, 1), {}, WAVEGAN_16384),
    ("wavegan", (4096, 1), {}, WAVEGAN_4096),
    ("video_dcgan", (32, 64, 64, 3), {"stages": 4, "width": 64}, VIDEO),
    ("mocogan", (8, 16, 16, 1), {}, MOCOGAN),
]


@functools.cache
def shapes(architecture, shape, **options):
    made = gan.make(architecture, shape, **options)
    return made, *jax.eval_shape(made.init, jax.random.key(0))


def count(tree):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(("name", "shape", "options", "expected"), TABLES, ids=str)
def test_parameters_are_those_of_the_papers_tables(name, shape, options, expected):
    _, params, _ = shapes(name, shape, **options)
    assert (count(params.generator), count(params.discriminator)) == expected


def test_documented_and_published_numbers_are_met():
    assert sagan_128() == (32_226_756, 38_439_618)
    assert biggan(10, 128)[0] == 4_370_947 and biggan(0, 128)[1] == 4_204_801
    assert r3gan_32() == (20_732_160, 20_683_776)
    assert WAVEGAN_16384 == (19_065_345, 17_427_969)
    assert VIDEO == (12_662_659, 11_040_577)
    # Brock et al. 2018, Table 1: 81.5 million for both players of SAGAN.
    assert round(sum(sagan_128(classes=1000)) / 1e6, 1) == 81.5


@pytest.mark.parametrize(
    ("side", "attended"), [(32, (None, 16, 0)), (64, (None,)), (128, (None,))]
)
def test_attention_acts_once_in_each_player_or_not_at_all(side, attended):
    for attention_side in attended:
        times = 0 if attention_side == 0 else 1
        _, params, _ = shapes("sagan", (side, side, 3), attention=attention_side)
        for player in params:
            assert sum(name.startswith("SelfAttention") for name in player) == times


def spectral_vectors(collections):
    paths = jax.tree_util.tree_leaves_with_path(collections)
    return sum("'u'" in jax.tree_util.keystr(path) for path, _ in paths)


@pytest.mark.parametrize("name", ["sagan", "biggan_small"])
def test_kernels_of_the_generator_are_normalised_beside_its_activations(name):
    def vectors(**options):
        _, _, collections = shapes(name, **SMALL[name], **options)
        statistics = jax.tree_util.tree_leaves_with_path(collections.generator)
        means = sum("'mean'" in jax.tree_util.keystr(path) for path, _ in statistics)
        return spectral_vectors(collections.generator), means

    # Linear, three blocks of three, the last one, and four of the attention.
    kernels = 11 + 4 * (name == "sagan")
    assert vectors() == (kernels, 7)
    assert vectors(kernel_normalisation="none") == (0, 7)
    assert vectors(generator_normalisation="spectral") == (kernels, 0)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", ["concat", "projection", "auxiliary"])
def test_every_kind_of_discriminator_takes_labels(name, kind):
    options = {"num_classes": 3, "discriminator_conditioning": kind}
    made, params, collections = shapes(name, **SMALL[name], **options)
    x = jnp.zeros((5, *SMALL[name]["shape"]))
    output, _ = jax.eval_shape(
        made.discriminate,
        params.discriminator,
        collections.discriminator,
        x,
        jnp.zeros(5, jnp.int32),
    )
    assert output.logits.shape == (5,) and output.features.shape[0] == 5
    expected = (5, 3) if kind == "auxiliary" else None
    assert getattr(output.class_logits, "shape", None) == expected


def interpolated(x):
    """Bilinear interpolation of `[n, m]` with zeros beyond the edges."""
    padded = np.pad(x, 1)
    for axis in (0, 1):
        n = padded.shape[axis] - 2
        old = np.arange(-1, n + 1) + 0.5
        new = (np.arange(2 * n) + 0.5) / 2
        padded = np.apply_along_axis(
            lambda line, old=old, new=new: np.interp(new, old, line), axis, padded
        )
        padded = np.pad(padded, [(1, 1) if a == axis else (0, 0) for a in (0, 1)])
    return padded[1:-1, 1:-1]


def test_upsampling_interpolates_between_places():
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
    y = r3gan.upsample(jnp.asarray(x))
    assert y.shape == (2, 8, 12, 3)
    for sample, channel in itertools.product(range(2), range(3)):
        np.testing.assert_allclose(
            y[sample, ..., channel],
            interpolated(x[sample, ..., channel]),
            rtol=1e-5,
            atol=1e-6,
        )


def test_downsampling_is_the_transpose_of_upsampling():
    random = np.random.default_rng(1)
    x = random.normal(size=(1, 3, 5, 2)).astype(np.float32)
    y = random.normal(size=(1, 6, 10, 2)).astype(np.float32)
    np.testing.assert_allclose(
        (r3gan.upsample(jnp.asarray(x)) * y).sum(),
        (4 * x * r3gan.downsample(jnp.asarray(y))).sum(),
        rtol=1e-4,
    )


def test_resampling_keeps_constants_inside():
    ones = jnp.ones((1, 8, 8, 1))
    np.testing.assert_allclose(r3gan.upsample(ones)[:, 1:-1, 1:-1], 1, rtol=1e-6)
    np.testing.assert_allclose(r3gan.downsample(ones)[:, 1:-1, 1:-1], 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "shape", "options", "said"),
    [
        ("sagan", (48, 48, 3), {}, "32x32, 64x64 and 128x128"),
        ("sagan", (64, 32, 3), {}, "(64, 32, 3)"),
        ("sagan", (32, 32), {}, "(32, 32)"),
        ("sagan", (32, 32, 3), {"attention": 32}, "8, 16"),
        ("sagan", (64, 64, 3), {"width": 2}, "width=2"),
        ("sagan", (32, 32, 3), {"width": 0}, "width=0"),
        ("sagan", (32, 32, 3), {"kernel_normalisation": "batch"}, "'batch'"),
        ("biggan_small", (64, 64, 3), {}, "32x32"),
        ("biggan_small", (32, 32, 3), {"embedding": 0}, "embedding=0"),
        (
            "biggan_small",
            (32, 32, 3),
            {"num_classes": 3, "generator_conditioning": "concat"},
            "'concat'",
        ),
        ("r3gan", (28, 28, 1), {}, "(28, 28, 1)"),
        ("r3gan", (32, 32, 3), {"groups": 3}, "groups=3"),
        ("r3gan", (64, 64, 3), {"width": 64, "groups": 1}, "groups=1"),
        ("r3gan", (32, 32, 3), {"blocks": 0}, "blocks=0"),
        (
            "r3gan",
            (32, 32, 3),
            {"discriminator_normalisation": "spectral"},
            "discriminator_normalisation='spectral'",
        ),
        (
            "r3gan",
            (32, 32, 3),
            {"generator_conditioning": "self_modulation"},
            "'self_modulation'",
        ),
        ("wavegan", (8000, 1), {}, "4096, 16384"),
        ("wavegan", (16, 1), {}, "(16, 1)"),
        ("wavegan", (64, 1), {"phase_shuffle": 64}, "phase_shuffle=64"),
        ("wavegan", (28, 28, 1), {}, "(28, 28, 1)"),
        ("video_dcgan", (8, 10, 8, 3), {}, "multiples of 4"),
        ("video_dcgan", (8, 8, 8, 3), {"stages": 4}, "stages=4"),
        ("video_dcgan", (8, 8, 8, 3), {"stages": 0}, "stages=0"),
        ("mocogan", (8, 10, 8, 3), {}, "multiples of 4"),
        ("mocogan", (1, 8, 8, 3), {}, "two frames at least"),
        ("mocogan", (8, 8, 3), {}, "(8, 8, 3)"),
        ("mocogan", (8, 8, 8, 3), {"motion": 0}, "motion=0"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence(name, shape, options, said):
    with pytest.raises(errors.UserError) as error:
        gan.make(name, shape, **options)
    message = str(error.value)
    assert said in message and message[-1] in ".?" and "\n" not in message


def test_latents_that_cannot_be_cut_in_four_are_refused():
    made = gan.make("biggan_small", (32, 32, 3), latent_dim=6)
    with pytest.raises(errors.UserError, match="latent_dim=6"):
        jax.eval_shape(made.init, jax.random.key(0))
