"""Videos among the samples that a sweep keeps and shows."""

import numpy as np

from jaxgan.sweeps import samples
from jaxgan.sweeps.page import populations


def test_a_sweep_keeps_few_videos_and_shows_each_in_a_row(tmp_path):
    # Grey levels that say which video and frame.
    x = np.arange(12)[:, None] * 12 + np.arange(3)
    x = (
        np.broadcast_to(x[None, :, :, None, None, None], (2, 12, 3, 4, 5, 1)) / 127.5
        - 1
    )
    few = samples.few(x)
    assert few.shape == (2, samples.VIDEOS, 3, 4, 5, 1)
    samples.save(tmp_path, "group", ["a", "b"], few)
    kept = samples.read(tmp_path, ["group"])["b"]
    assert kept.dtype == np.uint8 and kept.shape == (samples.VIDEOS, 3, 4, 5, 1)
    grid = populations._picture("name", kept, "said").image
    assert grid.shape == (samples.VIDEOS * 5 - 1, 3 * 6 - 1, 1)
    corners = grid[::5, ::6, 0]
    expected = np.arange(samples.VIDEOS)[:, None] * 12 + np.arange(3)
    np.testing.assert_array_equal(corners, expected)
