"""Tests of jaxgan.runs.evaluations, and of the events for TensorBoard."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgan import training
from jaxgan.core import errors
from jaxgan.runs import evaluations, journal, pages


@pytest.fixture
def folder(tmp_path):
    """Of a run of three seeds, scored twice, of which one died."""
    for step, value in ((20, 3.0), (100, 1.0)):
        record = {"value": [value, value + 1, "NaN"], "floor": [0.5] * 3}
        text = json.dumps({"scores": {"frechet_distance": record}})
        (tmp_path / f"scores-{step:06}.json").write_text(text)
    for name in ("progress-000050", "progress-single-000050"):
        Image.new("L", (9, 5)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_scores_of_the_training_come_back_in_the_order_of_their_steps(folder):
    found = evaluations.read(folder)
    assert [*found] == [20, 100]
    (own,) = evaluations.values(found[100]).items()
    assert own[0] == "Frechet distance"
    np.testing.assert_array_equal(own[1], [1, 2, np.nan])


def test_the_scores_of_the_end_come_last(folder):
    record = {"steps": 120, "scores": evaluations.read(folder)[20]}
    (folder / "scores.json").write_text(json.dumps(record))
    assert [*evaluations.read(folder)] == [20, 100, 120]


def test_scores_and_pictures_of_the_training_are_on_the_page(folder):
    during = evaluations.sections(folder)
    pages.save(
        folder,
        title="x",
        scores={},
        dead={},
        histories={},
        samples={},
        made_by={},
        during=during,
    )
    page = (folder / pages.PAGE).read_text()
    for words in ("Scores while training", "Step 50", "single: Step 50"):
        assert words in page
    names = {path.name for path in (folder / pages.PICTURES).iterdir()}
    assert names == {
        "evaluations.png",
        "progress-000050.png",
        "progress-single-000050.png",
    }


def test_a_run_without_evaluations_and_pictures_has_no_sections(tmp_path):
    assert evaluations.sections(tmp_path) == []


def test_scores_and_pictures_of_the_training_reach_tensorboard(folder):
    from tensorboard.backend.event_processing import event_accumulator

    events = folder / "events"
    for step, records in evaluations.read(folder).items():
        journal.add_evaluation(events, step, scores=evaluations.values(records))
    journal.add_evaluation(events, 50, picture=folder / "progress-000050.png")
    found = event_accumulator.EventAccumulator(str(events))
    found.Reload()
    mean = found.Scalars("Frechet distance/mean")
    assert [(own.step, own.value) for own in mean] == [(20, 3.5), (100, 1.5)]
    assert found.Scalars("Frechet distance/1")[0].value == 4
    assert [own.step for own in found.Images("progress")] == [50]


def report(step):
    return training.Report(step, 1, 0.1, {"loss": np.ones(2)}, np.ones(2, bool))


def test_a_log_is_read_from_the_folder_of_a_run_and_left_as_it_is(tmp_path):
    assert journal.read(tmp_path) == []
    path = tmp_path / "metrics.jsonl"
    write = journal.log(path)
    for step in (1, 2):
        write(report(step))
    torn = path.read_bytes() + b'{"step": 3, "lo'
    path.write_bytes(torn)
    assert [own.step for own in journal.read(tmp_path)] == [1, 2]
    assert path.read_bytes() == torn
    assert [own.step for own in journal.read(path)] == [1, 2]


def test_a_log_of_several_runs_asks_what_tells_them_apart(tmp_path):
    path = tmp_path / "metrics.jsonl"
    journal.log(path, arm="single")(report(1))
    with pytest.raises(errors.UserError, match="as field='arm'"):
        journal.read(tmp_path)
    assert [*journal.read(tmp_path, "arm")] == ["single"]
