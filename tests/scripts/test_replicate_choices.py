"""Tests of jaxgan.scripts.replicate_choices: settings that go together."""

import types

import pytest

from jaxgan.core import errors
from jaxgan.scripts import replicate_choices

USUAL = {"keep": "last", "patience": None, "evaluations": 4}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"keep": "best"}, "--keep best: it must be last or best:SCORE"),
        ({"keep": "best:"}, "--keep best:: it must be"),
        ({"keep": "best:fid"}, "--keep best:fid: no data have a score 'fid'"),
        ({"keep": "best:entropy"}, "--keep best:entropy: neither more nor less"),
        ({"keep": "best:modes", "evaluations": 0}, "it needs --evaluations"),
        ({"patience": 2}, "--patience 2: it goes with --keep best:SCORE"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_training(given, words):
    with pytest.raises(errors.UserError, match=words):
        replicate_choices.check(types.SimpleNamespace(**USUAL | given))
    chosen = USUAL | {"keep": "best:modes", "patience": 1}
    for own in (USUAL, chosen):
        replicate_choices.check(types.SimpleNamespace(**own))


def test_what_was_kept_is_said_of_each_seed():
    kept = {
        "by": "reverse_kl",
        "values": [0.25, None],
        "at": [20, 0],
        "stopped": [None, 40],
        "chose": 182,
    }
    said, first, second = replicate_choices.sentences(kept, 1_182)
    assert "182 held-out samples" in said and "the other 1,182" in said
    assert first == "seed 0: 0.25 at step 20"
    assert "no evaluation gave a number" in second and "stopped at step 40" in second
