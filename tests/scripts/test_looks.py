"""Looks at a trained mixture: what is in their sheets, and what they refuse."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgan import ensembles, types
from jaxgan.core import errors
from jaxgan.scripts import look_settings, looking, looking_beside, looks, sheets

KEY = jax.random.key(0)
SIDE = (2, 2, 1)
SIGNS = np.float32([1, -1])


def latent(key, n):
    return jax.random.normal(key, (n, 4))


def images(params, collections, z, label=None, train=False):
    offset = 0 if label is None else 10 * label[:, None]
    return (params * z + offset).reshape(-1, *SIDE), collections


def points(params, collections, z, label=None, train=False):
    return params * z, collections


def rows(params, collections, z, label=None, train=False):
    return params[label], collections


def trained(generate=images, shape=SIDE, params=SIGNS, classes=None):
    mixture = ensembles.Mixture(np.float32([0.5, 0.5]), params, {}, classes=classes)
    networks = types.GAN(None, latent, generate, None)
    return looking.Trained(networks, mixture, {}, shape)


def asked(look, **more):
    return look_settings.Look(look=look, **more)


def test_the_columns_of_the_classes_are_one_latent_in_all_classes_of_weight():
    classes = np.float32([[0.5, 0, 0.5, 0], [0, 0, 1, 0]])
    own = trained(params=np.float32([1, 1]), classes=classes)
    sheet = looking.classes(own, asked("classes", n=3), KEY)
    (x,) = sheet.panels.values()
    x = x.reshape(3, sheet.columns, 4)
    assert sheet.column_names == ["0", "2"]
    np.testing.assert_allclose(x[:, 1] - x[:, 0], 20, rtol=1e-5)
    assert np.ptp(x[:, 0], axis=0).min() > 0


def test_a_row_of_the_classes_is_of_one_generator_where_all_know_them():
    own = trained(classes=np.float32([[0.25, 0, 0.75], [0.25, 0, 0.75]]))
    found = looking.classes(own, asked("classes", n=12), KEY).arrays["member"]
    rows = np.asarray(found).reshape(12, 2)
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])
    assert set(rows[:, 0]) == {0, 1}


def test_classes_of_generators_that_know_none_are_refused():
    with pytest.raises(errors.UserError, match="--look classes: .* unconditional"):
        looking.classes(trained(), asked("classes"), KEY)


@pytest.mark.parametrize("look", ["linear", "spherical"])
def test_ways_are_rows_of_one_member_each_and_films_go_there_and_back(look):
    own = trained()
    sheet = getattr(looking, look)(own, asked(look, n=6, frames=5), KEY)
    sign = own.mixture.params[np.asarray(sheet.arrays["member"])][:, None, None]
    assert set(sign.ravel()) == {1, -1}
    z = np.asarray(sheet.arrays["z"])
    np.testing.assert_allclose(sheet.arrays["x"].reshape(z.shape), sign * z, rtol=1e-6)
    (flat,) = sheet.panels.values()
    np.testing.assert_array_equal(flat.reshape(6, 5, *SIDE), sheet.arrays["x"])
    assert sheet.columns == 5 and sheet.film.shape == (8, 6, *SIDE)
    np.testing.assert_array_equal(sheet.film[:5, 2], sheet.arrays["x"][2])
    np.testing.assert_array_equal(sheet.film[5:], sheet.film[3:0:-1])


def test_a_walk_takes_steps_of_the_angle_asked_for():
    own = asked("walk", n=6, frames=5, step=20.0, persistence=0.5)
    z = np.float64(looking.walk(trained(), own, KEY).arrays["z"])
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    cosines = np.sum(z[:, 1:] * z[:, :-1], axis=-1)
    np.testing.assert_allclose(np.degrees(np.arccos(cosines)), 20, rtol=1e-3)
    assert z.shape == (6, 5, 4)


def saved(tmp_path, x):
    path = tmp_path / "real.npy"
    np.save(path, x)
    return str(path)


def test_truncation_buys_precision_with_recall(tmp_path, capsys):
    real = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
    given = asked("truncation", real=saved(tmp_path, real), truncation=(0.3,), n=5)
    own = trained(points, (4,))
    sheet = looking_beside.truncated(own, given, KEY)
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    precision, recall = zip(
        *[(float(row[-4]), float(row[-2])) for row in table[-3:]], strict=True
    )
    # Without truncation the law is that of the real samples; then its middle alone.
    assert abs(precision[0] - precision[1]) < 0.1 and abs(recall[0] - recall[1]) < 0.1
    assert precision[2] > precision[1] and recall[2] < recall[1] - 0.4
    assert np.abs(sheet.arrays["x_0.3"]).max() <= 0.3 and len(sheet.panels) == 2
    assert sheet.arrays["x"].shape == (5, 4)


def test_the_rows_of_copied_samples_are_found(tmp_path, capsys):
    real = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    given = asked("neighbours", real=saved(tmp_path, real), n=6)
    copied = np.tile(real[[3, 17]], (2, 1, 1))
    own = trained(rows, (4,), copied, np.float32([[0.5, 0.5]] * 2))
    sheet = looking_beside.neighbours(own, given, KEY)
    first = sheet.arrays["row"][:, 0]
    assert set(first) <= {3, 17}
    np.testing.assert_array_equal(sheet.arrays["distance"][:, 0], 0)
    np.testing.assert_array_equal(sheet.arrays["x"], real[first])
    np.testing.assert_array_equal(sheet.arrays["real"][:, 0], real[first])
    assert "from each other" in capsys.readouterr().out


def test_projection_reaches_what_a_generator_can_make(tmp_path, capsys):
    real = np.random.default_rng(0).uniform(0, 256, (5, *SIDE)).astype(np.uint8)
    given = asked("projection", real=saved(tmp_path, real), n=3, starts=1)
    sheet = looking_beside.projection(trained(), given, KEY)
    assert sheet.columns == 3 and len(sheet.panels) == 2
    assert sheet.arrays["distance"].max() < 1e-2
    np.testing.assert_allclose(sheet.arrays["x"], sheet.arrays["real"], atol=2e-2)
    sign = trained().mixture.params[sheet.arrays["member"]][:, None]
    flat = sheet.arrays["x"].reshape(3, 4)
    np.testing.assert_allclose(sign * sheet.arrays["z"], flat, atol=1e-5)
    assert "own sample 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((3, 28, 28, 1), r"\(28, 28, 1\).*\(2, 2, 1\); .*--image-size 2 2"),
        ((3, 2, 2, 3), r"\(2, 2, 3\).*\(2, 2, 1\); give samples like those"),
    ],
)
def test_real_samples_of_another_size_are_refused(shape, said, tmp_path):
    given = asked("projection", real=saved(tmp_path, np.zeros(shape, np.uint8)))
    with pytest.raises(errors.UserError, match=f"--real .*real.npy: .*{said}"):
        looking_beside.find(trained(), given)


def test_more_projections_than_real_samples_are_refused(tmp_path):
    real = saved(tmp_path, np.zeros((3, *SIDE), np.uint8))
    with pytest.raises(errors.UserError, match="--n 4: .* has 3 samples"):
        looking_beside.projection(trained(), asked("projection", real=real, n=4), KEY)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"frames": 5}, "--frames 5: it goes with --look linear or spherical or walk"),
        ({"real": "x"}, "--real x: it goes with --look truncation"),
        ({"look": "linear", "step": 3.0}, "--step 3.0: it goes with --look walk"),
        ({"look": "walk", "frames": 1}, "--frames 1: it must be at least 2"),
        ({"look": "walk", "persistence": 1.5}, "--persistence 1.5"),
        ({"look": "walk", "step": float("nan")}, "--step nan"),
        ({"look": "projection"}, "--look projection: it needs --real"),
        ({"n": 0}, "--n 0"),
        ({"truncation": (1.0, 0.5)}, "--truncation 1 0.5: several levels"),
        ({"truncation": (-1.0,)}, "--truncation -1: levels must be positive"),
        ({"truncation_rule": "scaling"}, "--truncation-rule scaling: it goes with"),
    ],
    ids=str,
)
def test_settings_that_a_look_has_no_use_for_are_refused(settings, said):
    with pytest.raises(errors.UserError) as refusal:
        looks.check(look_settings.Look(**settings))
    assert said in str(refusal.value)


def test_every_setting_is_of_use_to_some_look():
    used = {name for own in looks.LOOKS.values() for name in own.uses}
    fields = {field.name for field in dataclasses.fields(look_settings.Look)}
    assert fields == used | set(looks.ALL)
    assert set(look_settings.LookName.__args__) == set(looks.LOOKS)


@pytest.mark.parametrize(
    ("name", "moves", "said"),
    [("a.mp4", True, "written as .gif or .webp"), ("a.mp4", False, "does not move")],
)
def test_films_that_cannot_be_are_refused_before_anything_is_computed(
    name, moves, said, tmp_path
):
    with pytest.raises(errors.UserError, match=said):
        sheets.check(tmp_path / name, moves=moves)


def test_numbers_are_kept_by_name(tmp_path):
    x, member = np.float32([1, np.nan]), np.int32([0, 1])
    for name in ("a.npy", "a.npz"):
        sheets.save_numbers(tmp_path / name, {"x": x, "member": member})
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), x)
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_array_equal(found["x"], x)
        np.testing.assert_array_equal(found["member"], member)
