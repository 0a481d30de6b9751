"""Tests of jaxgan.sweeps: fields, spaces, designs and trials."""

import inspect
import math

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies
from scipy import stats

from jaxgan import types
from jaxgan.core import errors
from jaxgan.sweeps import designs, fields, spaces, trials

KEY = jax.random.key(0)
SPACE = {
    "rate": spaces.LogUniform(1e-5, 1e-2),
    "b1": spaces.Uniform(0.0, 1.0),
    "noise": spaces.Normal(1.0, 2.0),
    "depth": spaces.Integers(2, 5),
    "loss": spaces.Categorical(("hinge", "wasserstein")),
    "clip": spaces.Conditional(
        spaces.LogUniform(1e-3, 1.0), on="loss", among=("wasserstein",)
    ),
}


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("rate", stats.loguniform(1e-5, 1e-2)),
        ("b1", stats.uniform()),
        ("noise", stats.norm(1, 2)),
    ],
)
@pytest.mark.parametrize("design", designs.DESIGNS)
def test_draws_follow_their_distribution(name, law, design):
    values = [s[name] for s in designs.draw(SPACE, 512, KEY, design)]
    assert stats.kstest(values, law.cdf).pvalue > 1e-4


@hypothesis.given(strategies.floats(0, 1), strategies.floats(0, 1))
def test_quantiles_rise_and_stay_within_bounds(a, b):
    low, high = sorted((a, b))
    for name in ("rate", "b1", "noise", "depth"):
        one, other = (spaces.quantile(SPACE[name], share) for share in (low, high))
        assert one <= other
    assert 1e-5 <= spaces.quantile(SPACE["rate"], a) <= 1e-2
    assert spaces.quantile(SPACE["depth"], a) in range(2, 6)
    assert spaces.quantile(SPACE["loss"], a) in ("hinge", "wasserstein")


def test_whole_numbers_and_choices_are_all_alike():
    settings = designs.draw(SPACE, 512, KEY, "latin_hypercube")
    counts = np.bincount([s["depth"] for s in settings])
    np.testing.assert_array_equal(counts[2:], [128] * 4)
    assert sum(s["loss"] == "hinge" for s in settings) == 256


def test_a_conditional_field_exists_only_with_its_condition():
    for setting in designs.draw(SPACE, 50, KEY):
        assert ("clip" in setting) == (setting["loss"] == "wasserstein")


@pytest.mark.parametrize("design", ["random", "sobol"])
def test_a_longer_draw_begins_with_the_shorter_one(design):
    assert designs.draw(SPACE, 20, KEY, design)[:7] == designs.draw(
        SPACE, 7, KEY, design
    )


def test_the_order_of_fields_does_not_matter_but_the_key_does():
    turned = dict(reversed(SPACE.items()))
    assert designs.draw(SPACE, 5, KEY) == designs.draw(turned, 5, KEY)
    assert designs.draw(SPACE, 5, KEY) != designs.draw(SPACE, 5, jax.random.key(1))


@pytest.mark.parametrize("design", ["sobol", "latin_hypercube"])
def test_even_designs_are_the_same_with_a_scipy_that_says_seed(design, monkeypatch):
    """SciPy calls it `rng` from 1.15 on."""
    now = designs.draw(SPACE, 5, KEY, design)
    taken = []
    for kind in (stats.qmc.Sobol, stats.qmc.LatinHypercube):
        own = "rng" if "rng" in inspect.signature(kind).parameters else "seed"

        def older(d, *, scramble=True, seed=None, kind=kind, own=own):
            taken.append(seed)
            return kind(d, scramble=scramble, **{own: seed})

        monkeypatch.setattr(stats.qmc, kind.__name__, older)
    assert designs.draw(SPACE, 5, KEY, design) == now and len(taken) == 1


def test_a_grid_has_all_combinations_and_no_field_that_does_not_exist():
    space = {name: SPACE[name] for name in ("b1", "loss", "clip")}
    found = designs.grid(space, {"b1": 3, "clip": 2})
    assert len(found) == 3 * (1 + 2)
    assert {s["b1"] for s in found} == {0.0, 0.5, 1.0}
    clips = {s["clip"] for s in found if "clip" in s}
    assert sorted(clips) == pytest.approx([1e-3, 1.0])


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({}, "empty"),
        ({"a": spaces.Uniform(1, 0)}, "reversed.*low=0, high=1"),
        ({"a": spaces.LogUniform(0, 1)}, "above zero"),
        ({"a": spaces.Uniform(0, math.inf)}, "finite"),
        ({"a": spaces.Integers(0, 1.5)}, "whole numbers"),
        ({"a": spaces.Normal(0, 0)}, "std above zero"),
        ({"a": spaces.Categorical(())}, "at least one choice"),
        ({"a": 3}, "no distribution"),
        ({"a": spaces.Conditional(spaces.Uniform(0, 1), "b", (1,))}, "conditional"),
    ],
)
def test_spaces_that_cannot_be_drawn_from_name_the_field(space, said):
    with pytest.raises(errors.UserError, match=said):
        designs.draw(space, 3, KEY)


def test_conditions_in_a_circle_are_refused():
    choice = spaces.Categorical((1, 2))
    space = {
        "a": spaces.Conditional(choice, "b", (1,)),
        "b": spaces.Conditional(choice, "a", (1,)),
    }
    with pytest.raises(errors.UserError, match="circle"):
        spaces.check(space)


def test_an_unknown_field_is_answered_with_the_nearest():
    with pytest.raises(errors.UserError, match="did you mean 'rate'"):
        spaces.check({"rat": SPACE["rate"]}, ["rate", "b1"])


ADAM = {"learning_rate": 1.0, "b1": 2.0}
HPARAMS = types.HParams(types.Pair(ADAM, ADAM), {"r1": 3.0})


def test_a_field_is_read_and_replaced_by_its_dotted_name():
    name = "optimizer.generator.b1"
    assert fields.get(HPARAMS, name) == 2.0
    changed = fields.replaced(HPARAMS, {name: 5.0, "penalties.r2": 1.0})
    assert changed.optimizer.generator == {"learning_rate": 1.0, "b1": 5.0}
    assert changed.optimizer.discriminator is HPARAMS.optimizer.discriminator
    assert changed.penalties == {"r1": 3.0, "r2": 1.0}
    assert fields.get(HPARAMS, name) == 2.0
    with pytest.raises(errors.UserError, match="did you mean 'optimizer.generator.b1'"):
        fields.get(HPARAMS, "optimizer.generator.b2")
    with pytest.raises(errors.UserError, match="no field"):
        fields.replaced(HPARAMS, {"optimiser.generator.b1": 1.0})


def test_a_trial_is_named_by_what_it_is():
    one = trials.make([{"a": 1, "b": (1, 2)}, {"a": 2}], seeds=[0, 1])
    other = trials.make([{"a": 2}, {"b": [1, 2], "a": np.int64(1)}], seeds=[1, 0])
    assert {t.name for t in one} == {t.name for t in other} and len(one) == 4
    assert len({t.setting for t in one}) == 2


def test_numbers_of_numpy_become_the_decimals_that_were_written():
    (one,) = trials.make([{"b1": np.float32(0.9), "n": np.int64(2)}], seeds=[0])
    (other,) = trials.make([{"b1": 0.9, "n": 2}], seeds=[0])
    assert one == other
    assert [type(value) for value in one.values.values()] == [float, int]
    assert trials.canonical({"a": np.float32([0.1, 0.9])}) == '{"a":[0.1,0.9]}'


def test_equal_settings_become_one():
    assert len(trials.make([{"a": 1}, {"a": 1}], seeds=[0])) == 1


@pytest.mark.parametrize(
    ("settings", "seeds", "said"),
    [
        ([{"a": 1}], [], "seeds"),
        ([{"a": 1}], [0, 0], "seeds"),
        ([], [0], "no settings"),
        ([{"a": math.nan}], [0], "finite"),
        ([{"a": object()}], [0], "stored"),
    ],
)
def test_trials_that_cannot_be_named_are_refused(settings, seeds, said):
    with pytest.raises(errors.UserError, match=said):
        trials.make(settings, seeds)
