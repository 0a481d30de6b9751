"""Tests of jaxgan.sweeps.page, analysis.comparisons and samples."""

import collections
import math
import re

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxgan import training
from jaxgan.core import errors
from jaxgan.runs import journal
from jaxgan.sweeps import page, samples, spaces
from jaxgan.sweeps.analysis import comparisons
from jaxgan.sweeps.page import (
    hyperparameters as page_fields,
)
from jaxgan.sweeps.page import (
    methods as page_methods,
)
from jaxgan.sweeps.page import (
    populations as page_populations,
)

NAN = math.nan
VIEW = comparisons.View(
    "score.distance", method="setting.loss", pair="setting.draw", reference="b"
)
RNG = np.random.default_rng(0)


def row(loss, draw, seed, score, **more):
    return {
        "trial": f"{loss}{draw}{seed}",
        "setting": f"{loss}{draw}",
        "seed": seed,
        "group": f"group-{loss}",
        "setting.loss": loss,
        "setting.draw": draw,
        "setting.rate": 10.0 ** -(draw % 5),
        **({"setting.clip": 0.1 * (draw + 1)} if loss == "a" else {}),
        "score.distance": score,
        "status": "died" if math.isnan(score) else "finished",
        "collapsed": draw == 3,
        "seconds": 1.0,
        **more,
    }


ROWS = [
    row(
        loss, draw, seed, NAN if (loss, draw) == ("b", 0) else draw + 10 * (loss == "b")
    )
    for loss in "ab"
    for draw in range(12)
    for seed in range(2)
]


def test_scores_on_the_way_are_those_of_the_rows_at_each_number_of_steps():
    scored = {10: [4.0, 2.0, 6.0, NAN], 20: [1.0, 3.0]}
    rows = [
        row("a", draw, 0, score, steps=steps, rung=steps // 10 - 1)
        for steps, values in scored.items()
        for draw, score in enumerate(values)
    ]
    (section,) = page_populations.scores_on_the_way(rows[::-1], VIEW)
    (chart,) = section.content
    line = chart.figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_xdata(), [10, 20])
    np.testing.assert_allclose(line.get_ydata(), [4, 2])
    assert page_populations.scores_on_the_way(rows[:4], VIEW) == []
    assert page_populations.scores_on_the_way(ROWS, VIEW) == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    for loss in "ab":
        write = journal.log(folder / "metrics.jsonl", group=f"group-{loss}")
        for step in (10, 20):
            names = ("discriminator_accuracy", "discriminator_loss", "generator_loss")
            metrics = {name: RNG.normal(size=24) for name in names}
            write(training.Report(step, 10, 1.0, metrics, np.ones(24, bool)))
    trials = [r["trial"] for r in ROWS if r["setting.loss"] == "a"]
    samples.save(folder, "group-a", trials, RNG.uniform(-1, 1, (24, 16, 4, 4, 1)))
    trials = [r["trial"] for r in ROWS if r["setting.loss"] == "b"]
    samples.save(folder, "group-b", trials, RNG.normal(size=(24, 30, 2)))
    summary = page.save(
        folder, ROWS, VIEW, title="A & B", made_by={"command": "x"}, notes="Real: 1.5."
    )
    return folder, summary


def test_the_space_says_which_scale_a_field_has():
    space = {
        "rate": spaces.LogUniform(1e-4, 1.0),
        "clip": spaces.Conditional(spaces.Categorical((0.1, 0.2)), "loss", ("a",)),
        "loss": spaces.Categorical(("a", "b")),
    }
    rows = [r for r in ROWS if r["setting.draw"] < 2]  # of two different rates
    (importance, section) = page_fields.sections(
        rows,
        {"importance": [], "families": None, "stopped": 0},
        VIEW._replace(space=space),
    )
    drawn = {chart.name: chart.figure.axes[0] for chart in section.content}
    assert drawn["marginal-rate"].get_xscale() == "log"
    labels = drawn["marginal-clip"].get_xticklabels()
    assert [label.get_text() for label in labels] == ["0.1", "0.2"]
    assert drawn["marginal-clip"].get_xscale() == "linear"
    assert importance.title == "Importance of hyperparameters"


def test_methods_are_ordered_compared_and_counted(saved):
    _, summary = saved
    assert list(summary["methods"]) == ["a", "b"] and summary["reference"] == "b"
    first, second = summary["methods"].values()
    assert first["best_setting"]["mean"] == 0 and second["best_setting"]["mean"] == 11
    assert (first["dead"], second["dead"]) == (0, 2)
    assert summary["dead"] == 2 and summary["collapsed"] == 4
    assert summary["pairs"]["a"]["better"] == 1.0
    assert [k["budget"] for k in first["best"]] == [1, 5, 12]
    assert first["curve"][-1] == first["best"][-1]["median"] == 0


def test_all_settings_are_ranked_and_the_dead_last(saved):
    _, summary = saved
    assert len(summary["settings"]) == 24
    assert summary["settings"][0]["setting"] == "a0"
    assert summary["settings"][-1]["setting"] == "b0"
    assert summary["settings"][-1]["dead"] == 2


def test_the_number_of_a_pair_is_no_hyperparameter(saved):
    _, summary = saved
    fields = {one["field"]: one for one in summary["importance"]}
    assert set(fields) == {"loss", "rate", "clip"} and fields["clip"]["trials"] == 24


def test_the_page_has_every_part_and_every_trial(saved):
    folder, _ = saved
    text = (folder / "report.html").read_text()
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles == [
        "Overview",
        "Ranking",
        "Settings",
        "Distribution of scores",
        "Best of k",
        "Importance of hyperparameters",
        "Scores by hyperparameter",
        "Learning curves",
        "Samples",
        "Trials",
        "How this was made",
    ]
    for trial in ROWS:
        assert f">{trial['trial']}<" in text
    assert "A &amp; B" in text and "Real: 1.5." in text and "2 died" in text
    names = {path.name for path in (folder / "report").iterdir()}
    assert {
        "ranking.png",
        "best-of-k.png",
        "parallel.png",
        "marginal-rate.png",
    } <= names
    assert {"training-group-a.png", "samples-group-a-best.png"} <= names
    assert "samples-group-b-worst.png" in names and "marginal-draw.png" not in names


def test_samples_are_those_of_the_best_the_median_and_the_worst(saved):
    text = (saved[0] / "report.html").read_text()
    said = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert len(said) == 3
    assert said[0].startswith("best: distance 0,") and "clip 0.1" in said[0]
    assert said[1].startswith("median: distance 5,")
    assert said[2].startswith("worst: distance 11,")
    assert "worst: distance no score" in text


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    st.lists(
        st.lists(st.integers(0, 20).map(float), min_size=2, max_size=6),
        min_size=2,
        max_size=4,
    ),
    st.integers(1, 3),
    st.data(),
)
def test_more_settings_of_the_same_scores_do_not_move_a_method(scores, times, data):
    """Its distribution is the same; one with the fewest settings stays as it is."""
    fewest = min(map(len, scores))
    more = [i for i, own in enumerate(scores) if len(own) > fewest]
    hypothesis.assume(more)
    which = data.draw(st.sampled_from(more))
    view = comparisons.View("score.distance", method="setting.loss")

    def places(scores):
        rows = [
            row("abcd"[i], draw, 0, score)
            for i, own in enumerate(scores)
            for draw, score in enumerate(own)
        ]
        with pytest.MonkeyPatch.context() as patch:
            # Of which nothing is asked here, and which are slow.
            patch.setattr(comparisons.importance, "of_fields", lambda *given: [])
            found = comparisons.summarise(rows, view)["methods"]
        for own in found.values():
            assert [k["budget"] for k in own["best"]] == sorted({1, fewest})
        return list(found)

    repeated = [own * (times + 1 if i == which else 1) for i, own in enumerate(scores)]
    assert places(repeated) == places(scores)


def test_methods_are_ordered_by_the_best_of_as_many_settings_as_all_have():
    # Of a one in nine is better than all of b: the best of nine draws mostly finds it,
    # 1 - (8 / 9)^9 = 0.65, and the best of three mostly not, 1 - (8 / 9)^3 = 0.30.
    rows = [row("a", i, 0, 0.0 if i == 0 else 9.0) for i in range(9)]
    rows += [row("b", i, 0, 5.0) for i in range(3)]
    summary = comparisons.summarise(rows, VIEW)
    assert list(summary["methods"]) == ["b", "a"]
    columns, table = page_methods.ranking(summary)
    first = columns.index("best of 1")
    assert columns[first : first + 2] == ["best of 1", "best of 3"]
    assert [cells[first : first + 2] for cells in table] == [[5.0, 5.0], [9.0, 9.0]]
    assert len(summary["methods"]["a"]["curve"]) == 9
    assert summary["methods"]["a"]["curve"][-1] == 0


def test_where_more_is_better_all_is_turned_but_what_is_shown():
    view = VIEW._replace(more_is_better=True)
    summary = comparisons.summarise(ROWS, view)
    assert list(summary["methods"]) == ["b", "a"]
    best = summary["methods"]["b"]["best_setting"]
    assert best["mean"] == 21 and best["low"] <= 21 <= best["high"]
    last = summary["methods"]["b"]["best"][-1]
    assert last["median"] == 21 and last["low"] <= last["high"]
    assert summary["pairs"]["a"]["better"] == pytest.approx(1 / 12)
    assert summary["settings"][0]["setting"] == "b11"


def test_a_sweep_without_methods_is_one():
    view = comparisons.View("score.distance")
    summary = comparisons.summarise(ROWS[:24], view)
    assert list(summary["methods"]) == [comparisons.ALL] and summary["pairs"] == {}
    assert "draw" in {one["field"] for one in summary["importance"]}


def test_all_dead_trials_still_make_a_page(tmp_path):
    rows = [row("a", draw, 0, NAN) for draw in range(12)]
    summary = page.save(
        tmp_path, rows, VIEW._replace(reference=None), title="", made_by={}
    )
    assert summary["dead"] == 12 and summary["importance"] == []
    assert summary["methods"]["a"]["best_setting"] is None
    assert "12 died" in (tmp_path / "report.html").read_text()


def test_one_trial_makes_a_page(tmp_path):
    summary = page.save(
        tmp_path, ROWS[:1], comparisons.View("score.distance"), title="", made_by={}
    )
    assert summary["trials"] == 1 and (tmp_path / "report.html").exists()


def test_trials_that_were_stopped_are_counted_and_listed(tmp_path):
    # Two of method a, and all of method c, which is listed all the same.
    stopped = [row("a", 20 + i, 0, 0.5, status="stopped", rung=0) for i in range(2)]
    stopped += [row("c", i, 0, 0.1, status="stopped", rung=0) for i in range(3)]
    whole = [one for one in ROWS if one["setting.draw"] < 3]
    rows = [*whole, *stopped, row("c", 9, 0, NAN, rung=0)]
    summary = page.save(tmp_path, rows, VIEW, title="", made_by={})
    assert summary["stopped"] == 5 and summary["compared"] == len(whole) + 1
    assert summary["settings"][0]["setting"] == "a0"
    columns, table = page_methods.ranking(summary)
    at = [columns.index(name) for name in ("method", "stopped", "dead")]
    assert [[cells[i] for i in at] for cells in table] == [
        ["a", "2 of 8", "0 of 8"],
        ["b", "0 of 6", "2 of 6"],
        ["c", "3 of 4", "1 of 4"],
    ]
    text = (tmp_path / "report.html").read_text()
    assert "5 more were stopped early" in text and ">a200<" in text
    assert "3 of all 18 trials died" in text and "there is no best of k" in text
    assert "<h2>Best of k</h2>" not in text
    assert "best of" not in page_methods.about(summary)


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.integers(0, 5),
            st.sampled_from(["finished", "died", "stopped", "going"]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_method_is_listed_with_all_its_trials_and_none_is_drawn_if_any_stopped(
    tried,
):
    view = comparisons.View("score.distance", method="setting.loss")
    rows = [
        row(loss, draw, i, NAN if status == "died" else float(draw), status=status)
        for i, (loss, draw, status) in enumerate(tried)
    ]
    ends = collections.Counter((loss, status) for loss, _, status in tried)
    unfinished = ("stopped", "going")
    hypothesis.assume(any(status not in unfinished for *_, status in tried))
    summary = comparisons.summarise(rows, view)
    assert set(summary["methods"]) == {loss for loss, *_ in tried}
    for loss, own in summary["methods"].items():
        stopped = sum(ends[loss, status] for status in unfinished)
        number = sum(ends[loss, status] for status in (*unfinished, "finished", "died"))
        assert (own["trials"], own["stopped"]) == (number, stopped)
        assert own["trials"] == own["compared"] + own["stopped"]
        assert own["dead"] == ends[loss, "died"]
        assert bool(own["best"]) == bool(own["curve"]) == (summary["stopped"] == 0)


def test_bad_views_are_said():
    with pytest.raises(errors.UserError, match="reference='c' must be one of a, b"):
        comparisons.summarise(ROWS, VIEW._replace(reference="c"))
    with pytest.raises(errors.UserError, match="score.distance"):
        comparisons.summarise(ROWS, VIEW._replace(by="score.nonsense"))
    with pytest.raises(errors.UserError, match="no trials"):
        comparisons.summarise([], VIEW)
    rows = [one | {"status": "stopped"} for one in ROWS[:2]]
    with pytest.raises(errors.UserError, match="of 2 trials none was trained to its"):
        comparisons.summarise(rows, VIEW)


def test_samples_come_back_by_trial(tmp_path):
    x = np.array([[-1.0, 0, 1], [2, NAN, -2]]).reshape(2, 3, 1, 1, 1)
    samples.save(tmp_path, "g", ["a", "b"], x)
    found = samples.read(tmp_path, ["g", "none"])
    assert found["a"].ravel().tolist() == [0, 128, 255]
    assert found["b"].ravel().tolist() == [255, 128, 0]
    samples.save(tmp_path, "g", ["b", "c"], x)  # added to those that are there
    found = samples.read(tmp_path, ["g"])
    assert {name: own.ravel()[0] for name, own in found.items()} == {
        "a": 0,
        "b": 0,
        "c": 255,
    }
    (tmp_path / "samples" / "h.npz").write_bytes(b"nonsense")
    with pytest.raises(errors.UserError, match="h.npz"):
        samples.read(tmp_path, ["h"])
    with pytest.raises(errors.UserError, match="2 members and 1 trials"):
        samples.save(tmp_path, "g", ["a"], x)


def test_samples_that_do_not_read_back_as_they_were_replace_none(tmp_path, monkeypatch):
    x = np.zeros((1, 3, 1, 1, 1))
    samples.save(tmp_path, "g", ["a"], x)
    write = np.savez_compressed
    monkeypatch.setattr(
        np, "savez_compressed", lambda name, trial, x: write(name, trial=trial, x=x + 1)
    )
    with pytest.raises(errors.UserError, match="g.npz: what was written"):
        samples.save(tmp_path, "g", ["b"], x)
    assert [*samples.read(tmp_path, ["g"])] == ["a"]


def test_a_log_is_read_while_it_is_written(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert journal.read(path, "group") == {}
    write = journal.log(path, group="a")
    for step in (1, 2):
        metrics = {"loss": np.array([step, NAN])}
        write(training.Report(step, 1, 1.0, metrics, np.array([True, False])))
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    (found,) = journal.read(path, "group").values()
    assert [report.step for report in found] == [1, 2]
    np.testing.assert_equal(found[1].metrics["loss"], np.float32([2, NAN]))
    assert path.read_text() == whole + whole[:20]
    path.write_text("nonsense\n")
    with pytest.raises(errors.UserError, match="line 1"):
        journal.read(path, "group")
