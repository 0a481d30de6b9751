"""A run's folder says which data it was on."""

import json

import pytest

from jaxgan.data import clips, dataset
from jaxgan.scripts import kept_runs


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        ({"dataset": "grammar", "length": 7, "vocabulary": None, "unit": "characters"},)
        + ({"length": 7},),
        ({"dataset": "chirps", **clips.Form(length=1024, sample_rate=6000)._asdict()},)
        + ({"form": clips.Form(length=1024, sample_rate=6000)},),
        ({"dataset": "moving_shapes", "num_frames": 4}, {"num_frames": 4}),
    ],
    ids=["sequences", "clips", "videos"],
)
def test_the_data_of_a_run_are_found_again(config, arguments, tmp_path):
    own = dataset.load(config["dataset"], seed=1, **arguments)
    config |= {"seed": 1, "data": dataset.fingerprint(own.train.x)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found, said = kept_runs.data_of(tmp_path, None)
    assert found.train.x.shape == own.train.x.shape and said["seed"] == 1
