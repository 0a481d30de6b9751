"""Augmentations, against NumPy and by what each of them must keep."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import augmentation, packs
from jaxgan.data.augmentation import ada, affine, diffaugment, resampling

KEY = jax.random.key(3)
KEYS = jax.random.split(KEY, 60)
RANDOM = np.random.default_rng(0)
COLOURED = RANDOM.uniform(-1, 1, (6, 8, 8, 3)).astype(np.float32)
GREY = COLOURED[..., :1]
WIDE = RANDOM.uniform(-1, 1, (16, 24, 3)).astype(np.float32)


def draws(transform, image=WIDE):
    """What a transform makes of an image with each of `KEYS`."""
    return np.asarray(jax.jit(jax.vmap(transform, (None, 0)))(image, KEYS))


@functools.cache
def whole(group):
    """`always` and `sometimes` of a group, compiled once."""
    names = augmentation.GROUPS.get(group, (group,))
    always, sometimes = augmentation.always(names), augmentation.sometimes(names)
    return jax.jit(always), jax.jit(sometimes)


def moved(image, down, right):
    """The image moved by whole pixels, zeros coming in."""
    height, width, channels = image.shape
    out = np.zeros_like(image)
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                out[i, j] = image[i - down, j - right]
    return out


# The transforms of the groups for grey images are among these.
@pytest.mark.parametrize(("group", "x"), [("diffaugment", COLOURED), ("ada", COLOURED)])
def test_probability_0_changes_no_bit_and_1_is_always(group, x):
    always, sometimes = whole(group)
    np.testing.assert_array_equal(sometimes(x, KEY, 0.0), x)
    # The same draws; two programs may round differently.
    np.testing.assert_allclose(sometimes(x, KEY, 1.0), always(x, KEY), atol=1e-6)
    assert all(np.abs(np.asarray(always(x, KEY)) - x).max((1, 2, 3)) > 0)


def test_each_transform_of_each_sample_is_drawn_with_the_probability():
    names = ("ada_brightness", "flip")
    x = np.zeros((4000, 2, 2, 1), np.float32)
    x[:, :, 0] = 1
    out = np.asarray(jax.jit(augmentation.sometimes(names))(x, KEY, 0.25))
    lighter = out.sum((1, 2, 3)) != 2
    flipped = out[:, 0, 1, 0] > out[:, 0, 0, 0]
    # A flip is drawn and then made with probability 1/2.
    for found, expected in ((lighter, 0.25), (flipped, 0.125)):
        error = 5 * np.sqrt(expected * (1 - expected) / len(x))
        assert abs(found.mean() - expected) < error
    both = (lighter & flipped).mean()
    assert abs(both - 0.25 * 0.125) < 5 * np.sqrt(0.03 / len(x))


def test_a_samples_draws_depend_on_the_key_and_its_place_alone():
    always, _ = whole("diffaugment")
    out = np.asarray(always(COLOURED, KEY))
    same = np.asarray(always(np.tile(COLOURED[:1], (6, 1, 1, 1)), KEY))
    assert len({own.tobytes() for own in same}) == 6
    few = augmentation.always(("diffaugment",))(COLOURED[:2], KEY)
    np.testing.assert_allclose(few, out[:2], atol=1e-6)
    other = np.asarray(always(COLOURED, jax.random.key(4)))
    assert np.abs(other - out).max() > 0


def test_translation_moves_by_up_to_an_eighth_and_lets_zeros_in():
    found = draws(diffaugment.translation)
    expected = {
        (down, right): moved(WIDE, down, right)
        for down in range(-2, 3)
        for right in range(-3, 4)
    }
    seen = set()
    for own in found:
        at = [key for key, image in expected.items() if np.array_equal(image, own)]
        assert len(at) == 1
        seen |= set(at)
    downs, rights = zip(*seen, strict=True)
    assert set(downs) == set(range(-2, 3)) and set(rights) == set(range(-3, 4))


def test_cutout_hides_half_of_each_side_around_any_place():
    found = draws(diffaugment.cutout, np.ones((8, 12, 2), np.float32))
    areas = []
    for own in found:
        hidden = own == 0
        assert (hidden.all(-1) == hidden.any(-1)).all()
        hidden = hidden[..., 0]
        rows, columns = (np.flatnonzero(hidden.any(axis)) for axis in (1, 0))
        assert (hidden == np.outer(hidden.any(1), hidden.any(0))).all()
        for at, size in ((rows, 8), (columns, 12)):
            assert (np.diff(at) == 1).all()
            # Whole, or cut off by an edge where it has at least a half of itself.
            whole = len(at) == size // 2
            assert whole or (at[0] == 0 or at[-1] == size - 1)
            assert size // 4 <= len(at) <= size // 2
        areas.append(len(rows) * len(columns))
    assert max(areas) == 4 * 6 and min(areas) < 4 * 6


@pytest.mark.parametrize(
    ("sides", "shifts", "halves"),
    [((28, 12), (4, 2), (14, 6)), ((7, 20), (1, 3), (4, 10))],
)
def test_parts_of_sides_are_rounded_and_halves_up(sides, shifts, halves):
    # int(size / 8 + 1/2) and int(size / 2 + 1/2), as published.
    for transform, expected in (
        (diffaugment.translation, shifts),
        (diffaugment.cutout, halves),
    ):
        gone = draws(transform, np.ones((*sides, 1), np.float32))[..., 0] == 0
        if transform is diffaugment.translation:
            found = gone.all(2).sum(1).max(), gone.all(1).sum(1).max()
        else:
            found = gone.any(2).sum(1).max(), gone.any(1).sum(1).max()
        assert found == expected


def test_colours_keep_what_they_do_not_change():
    image = WIDE.astype(np.float64)
    pixel, own = image.mean(-1, keepdims=True), image.mean()
    lighter = draws(diffaugment.brightness) - WIDE
    np.testing.assert_allclose(lighter, lighter[:, :1, :1, :1] + 0 * lighter, atol=1e-6)
    assert (np.abs(lighter) <= 0.5).all()
    assert lighter.min() < -0.35 and lighter.max() > 0.35
    for found in (draws(diffaugment.saturation), draws(ada.saturation), draws(ada.hue)):
        np.testing.assert_allclose(
            found.mean(-1, keepdims=True), 0 * found[..., :1] + pixel, atol=1e-5
        )
    saturated = (draws(diffaugment.saturation) - pixel) / (image - pixel)
    factor = np.median(saturated, (1, 2, 3))
    assert factor.min() >= -1e-6 and factor.max() <= 2 + 1e-6 and np.ptp(factor) > 1.4
    contrasted = draws(diffaugment.contrast)
    np.testing.assert_allclose(contrasted.mean((1, 2, 3)), own, atol=1e-6)
    ratio = contrasted.std((1, 2, 3)) / image.std()
    assert 0.5 <= ratio.min() < 0.65 and 1.35 < ratio.max() <= 1.5
    turned = np.linalg.norm(draws(ada.hue) - pixel, axis=-1)
    np.testing.assert_allclose(
        turned, 0 * turned + np.linalg.norm(image - pixel, axis=-1), atol=1e-5
    )


def test_a_hue_of_a_third_of_a_turn_permutes_the_channels():
    # Turned about grey by 2 pi / 3 red becomes green; the key is found by trying.
    keys = jax.random.split(KEY, 20_000)
    angles = jax.vmap(lambda key: jax.random.uniform(key, (), minval=-1.0))(keys)
    near = keys[int(np.argmin(np.abs(angles - 2 / 3)))]
    found = ada.hue(jnp.asarray(WIDE), near)
    np.testing.assert_allclose(found, np.roll(WIDE, 1, -1), atol=1e-3)


def test_luma_flip_is_a_householder_reflection():
    axis = np.ones(3) / np.sqrt(3)
    reflected = WIDE @ (np.eye(3) - 2 * np.outer(axis, axis)).T
    found = draws(ada.luma_flip)
    same = [np.array_equal(own, WIDE) for own in found]
    other = [np.allclose(own, reflected, atol=1e-5) for own in found]
    assert all(a != b for a, b in zip(same, other, strict=True))
    assert 15 < sum(same) < 45
    np.testing.assert_allclose(
        sorted({float(own.mean()) for own in draws(ada.luma_flip, WIDE[..., :1])}),
        sorted([-WIDE[..., 0].mean(), WIDE[..., 0].mean()]),
        atol=1e-6,
    )


def test_blits_move_pixels_and_change_none():
    square = WIDE[:, :16]
    turned = [np.rot90(square, k) for k in range(4)]
    counts = [0] * 4
    for own in draws(ada.quarter_turn, square):
        (k,) = [i for i, image in enumerate(turned) if np.array_equal(own, image)]
        counts[k] += 1
    assert min(counts) > 4
    flipped = {own.tobytes() for own in draws(ada.flip)}
    assert flipped == {WIDE.tobytes(), WIDE[:, ::-1].tobytes()}
    padded = np.pad(WIDE, [(2, 2), (3, 3), (0, 0)], mode="reflect")
    expected = {
        padded[i : i + 16, j : j + 24].tobytes() for i in range(5) for j in range(7)
    }
    assert {own.tobytes() for own in draws(ada.shift)} <= expected


def test_scaling_keeps_the_centre_and_reads_linearly():
    # A plane is read exactly by linear interpolation, inside of the image.
    rows, columns = np.mgrid[:17, :17].astype(np.float32)
    plane = (0.02 * (rows - 8) + 0.05 * (columns - 8))[..., None]
    for transform in (ada.scaling, ada.stretching):
        found = draws(transform, plane)[..., 0]
        np.testing.assert_allclose(found[:, 8, 8], 0, atol=1e-6)
        down = (found[:, 9, 8] - found[:, 7, 8]) / (2 * 0.02)
        across = (found[:, 8, 9] - found[:, 8, 7]) / (2 * 0.05)
        product = down / across if transform is ada.scaling else down * across
        np.testing.assert_allclose(product, 1, atol=1e-3)
        assert 0.12 < np.log2(across).std() < 0.28  # 0.2 in the paper


PLANE_ROWS, PLANE_COLUMNS = np.mgrid[-14:15, -14:15].astype(np.float32)


def test_an_affine_change_is_within_its_ranges():
    # Slopes of planes at the centre are the rows of M, and their height the shift.
    keys = jax.random.split(KEY, 300)
    change = jax.jit(jax.vmap(affine.affine, (None, 0)))
    planes = [change(x[..., None], keys)[..., 0] for x in (PLANE_ROWS, PLANE_COLUMNS)]
    matrices, shifts = [], []
    for found in map(np.asarray, planes):
        down = (found[:, 15, 14] - found[:, 13, 14]) / 2
        across = (found[:, 14, 15] - found[:, 14, 13]) / 2
        matrices.append(np.stack([down, across], -1))
        shifts.append(found[:, 14, 14])
    matrices, shifts = np.stack(matrices, 1), np.stack(shifts, 1)
    angles = np.degrees(np.arctan2(-matrices[:, 0, 1], matrices[:, 1, 1]))
    # M = turned slanted scaled, so that its second column is turned and scaled alone.
    width = np.hypot(matrices[:, 0, 1], matrices[:, 1, 1])
    height = np.linalg.det(matrices) / width
    scale, stretch = np.log2(height * width) / 2, np.log2(height / width) / 2
    for found, most in ((angles, 15), (scale, 0.3), (stretch, 0.2)):
        assert 0.9 * most < found.max() <= 1.001 * most
        assert -1.001 * most <= found.min() < -0.9 * most
        assert abs(found.std() - most / np.sqrt(3)) < 0.1 * most
    turned = np.radians(angles)
    first = matrices[:, :, 0] / height[:, None]
    slant = -np.sin(turned) * first[:, 0] + np.cos(turned) * first[:, 1]
    assert 0.22 < slant.max() <= 0.2501 and -0.2501 <= slant.min() < -0.22
    assert np.abs(shifts).max() < 1.6 * 29 / 8 and np.abs(shifts).std(0).min() > 1


def test_reading_by_a_matrix_is_that_of_a_function_of_the_plane():
    def blob(rows, columns):
        return np.exp(-((rows + 3) ** 2 + (columns - 4) ** 2) / 25)

    turn, k = np.pi / 15, 0.2
    turned = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix = np.array(turned) @ [[1, 0], [k, 1]] @ np.diag([1.1, 0.9])
    x = jnp.asarray(blob(PLANE_ROWS, PLANE_COLUMNS)[..., None])
    found = affine.read(x, jnp.asarray(matrix, jnp.float32), jnp.zeros(2))
    places = np.einsum("ij,jrc->irc", matrix, np.stack([PLANE_ROWS, PLANE_COLUMNS]))
    np.testing.assert_allclose(found[..., 0], blob(*places), atol=0.03)
    same = affine.read(jnp.asarray(WIDE), jnp.eye(2), jnp.zeros(2))
    np.testing.assert_array_equal(same, WIDE)


def test_rows_move_sideways_and_what_is_beyond_an_edge_is_mirrored():
    found = np.asarray(affine.sideways(WIDE[:15], jnp.float32(-0.5), 0.5))
    padded = np.pad(WIDE[:15], [(0, 0), (4, 4), (0, 0)], mode="reflect")
    for row in range(1, 15, 2):
        right = (row - 7) // 2
        expected = padded[row, 4 - right : 28 - right]
        np.testing.assert_allclose(found[row], expected, atol=1e-6)


def test_reading_between_pixels_is_that_of_numpy():
    line = np.array([3.0, -1.0, 2.0, 7.0], np.float32)
    at = np.linspace(0, 3, 13).astype(np.float32)
    found = resampling.resample(line[:, None, None], at, jnp.zeros(1))
    np.testing.assert_allclose(found[:, 0, 0], np.interp(at, range(4), line), atol=1e-6)
    places = np.arange(-9, 13)
    pad = np.pad(np.arange(4), 9, mode="reflect")
    np.testing.assert_array_equal(resampling.reflected(jnp.asarray(places), 4), pad)


@pytest.mark.parametrize("group", ["diffaugment", "ada", "affine"])
def test_what_sees_the_changed_image_has_a_gradient_in_the_image(group):
    always, _ = whole(group)

    def seen(x):
        return (always(x, KEY) * jnp.arange(1.0, 4.0)).sum()

    slope = np.asarray(jax.grad(seen)(COLOURED))
    assert np.isfinite(slope).all()
    assert (np.abs(slope).max((1, 2, 3)) > 0).all()
    # Linear in each image but for its mean, so that a difference is the derivative.
    step = RANDOM.normal(size=COLOURED.shape).astype(np.float32)
    ahead, behind = (seen(COLOURED + sign * step) for sign in (1, -1))
    np.testing.assert_allclose((ahead - behind) / 2, (slope * step).sum(), rtol=1e-2)


@pytest.mark.parametrize(
    ("names", "shape", "said"),
    [
        (("color",), (8, 8, 1), "'saturation' changes colours.*brightness contrast"),
        (("ada",), (8, 8, 1), "'hue' changes colours.*flip quarter_turn"),
        (("translation",), (2,), "'translation' changes images.*\\(2,\\)"),
        (("quarter_turn",), (8, 6, 3), "'quarter_turn' turns square images"),
        (("translations",), (8, 8, 1), "'translations' is not known.*translation"),
        (("color", "contrast"), (8, 8, 3), "'contrast' is there 2 times"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(names, shape, said):
    with pytest.raises(errors.UserError, match=said):
        augmentation.check(names, shape)
    with pytest.raises(errors.UserError):
        augmentation.always(names)(jnp.zeros((2, *shape)), KEY)


def test_groups_name_transforms_and_all_of_the_papers_are_in_one():
    named = {name for group in augmentation.GROUPS.values() for name in group}
    assert named == set(augmentation.TRANSFORMS) - {"affine"}
    for group in ("diffaugment_grey", "ada_grey"):
        augmentation.check((group,), (8, 8, 1))


@pytest.mark.parametrize("shape", [(8, 8, 2), (5,)])
def test_packs_are_samples_side_by_side_in_the_channels(shape):
    x = RANDOM.normal(size=(6, *shape)).astype(np.float32)
    packed = np.asarray(packs.pack(jnp.asarray(x), 3))
    for i in range(2):
        own = np.concatenate(x[3 * i : 3 * i + 3], axis=-1)
        np.testing.assert_array_equal(packed[i], own)
    np.testing.assert_array_equal(packs.unpack(jnp.asarray(packed), 3), x)
    assert packs.pack(x, 1) is x and packs.unpack(x, 1) is x


def test_samples_that_are_no_whole_packs_are_refused():
    with pytest.raises(errors.UserError, match="batch of 6 samples .* packs of 4"):
        packs.pack(jnp.zeros((6, 2)), 4)


def test_each_sample_of_a_pack_is_changed_by_its_own_draws():
    augment = augmentation.always(("cutout",))
    x = jnp.ones((6, 8, 8, 1))
    packed = augmentation.of_packs(augment, 3)(packs.pack(x, 3), KEY)
    np.testing.assert_array_equal(packs.unpack(packed, 3), augment(x, KEY))
