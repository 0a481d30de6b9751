"""Films hold the frames that they were given."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from jaxgan import reports
from jaxgan.core import errors
from jaxgan.reports import films

X = np.random.default_rng(0).uniform(-1, 1, (5, 4, 6, 6, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "channels"), [("a.gif", 1), ("a.webp", 1), ("a.webp", 3)]
)
def test_frames_come_back_in_order_and_enlarged(name, channels, tmp_path):
    x = np.repeat(X, channels, axis=-1)
    films.save_film(tmp_path / name, x)
    with Image.open(tmp_path / name) as film:
        frames = [
            np.asarray(own.convert("RGB")) for own in ImageSequence.Iterator(film)
        ]
        assert film.info["loop"] == 0
    assert len(frames) == 5
    for own, images in zip(frames, x, strict=True):
        grid = reports.image_grid(images, columns=2)
        factor = own.shape[0] // grid.shape[0]
        assert films.HEIGHT // 2 < own.shape[0] <= films.HEIGHT
        middles = own[factor // 2 :: factor, factor // 2 :: factor]
        np.testing.assert_array_equal(middles, np.broadcast_to(grid, middles.shape))


def test_frames_that_are_equal_or_not_finite_are_no_obstacle(tmp_path):
    films.save_film(tmp_path / "a.gif", np.full((4, 1, 6, 6, 1), np.nan))
    with Image.open(tmp_path / "a.gif") as film:
        assert np.unique(film.convert("L")).tolist() == [128]


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("a.mp4", X.shape, "as .gif or .webp and not as .mp4"),
        ("a.gif", X.shape[1:], "a film is of images"),
        ("a.gif", (0, *X.shape[1:]), "a film is of images"),
    ],
)
def test_what_is_no_film_is_refused(name, shape, said, tmp_path):
    with pytest.raises(errors.UserError, match=said):
        films.save_film(tmp_path / name, np.zeros(shape))
    assert not list(tmp_path.iterdir())
