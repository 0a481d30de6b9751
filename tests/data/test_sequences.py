"""Texts, a grammar and an oracle as sequences of symbols."""

import itertools
import random

import jax
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, grammars, oracles, sequences, texts

LENGTH = 5


def text(tmp_path, content, **options):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    return texts.load(path, **{"length": LENGTH, **options})


def test_windows_are_of_either_part_of_a_text_and_say_what_it_says(tmp_path):
    content = "the end of it: ünd.".encode() * 20
    found = text(tmp_path, content)
    letters = content.decode()
    assert found.symbols == tuple(sorted(set(letters)))
    cut = len(letters) - len(letters) // 10
    what = sequences.Sequences(found.symbols)
    for part, own in ((found.train, letters[:cut]), (found.test, letters[cut:])):
        expected = [own[i : i + LENGTH] for i in range(len(own) - LENGTH + 1)]
        assert sequences.written(what, part) == expected


def test_bytes_are_read_of_any_file_and_shown_readably(tmp_path):
    found = text(tmp_path, bytes(range(200)) + b"\xff" * 60, unit="bytes")
    assert len(found.symbols) == 201 and found.symbols[-1] == r"\xff"
    assert found.symbols[ord("a")] == "a" and (found.test == 200).all()


def test_samples_are_one_hot_and_read_back():
    tokens = np.array([[0, 2, 1], [1, 1, 0]])
    x = sequences.one_hot(tokens, 3)
    assert x.dtype == np.uint8 and (np.asarray(dataset.to_float(x)).sum(-1) == -1).all()
    np.testing.assert_array_equal(sequences.tokens(x), tokens)


def test_few_windows_are_spread_over_the_whole_text():
    own = sequences.windows(np.arange(100), 10, 2, most=9)
    assert len(own) <= 9 and own[0, 0] == 0 and own[-1, -1] > 85


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"abc\xff" * 99, {}, "is not UTF-8: byte 3 is 0xff"),
        (b"abcd" * 99, {"vocabulary": 3}, "vocabulary=3, but .* has 4 different"),
        (b"abcd" * 9, {}, "length=5, but .* has 36 characters"),
        (b"abcd" * 99, {"length": 1}, "length=1 must be at least 2"),
        (b"abcd" * 99, {"unit": "words"}, "unit='words' is not known"),
    ],
)
def test_what_is_no_such_text_is_refused(tmp_path, content, options, said):
    with pytest.raises(errors.UserError, match=said):
        text(tmp_path, content, **options)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("text", {}, "data_dir is not given"),
        ("grammar", {"vocabulary": 5}, "vocabulary=5, but the grammar has 13"),
        ("grammar", {"length": 2}, "no string of the grammar is so short"),
        ("oracle", {"image_size": (8, 8)}, "it is for images"),
        ("oracle", {"num_frames": 4}, "it is for videos"),
        ("grammar", {"unit": "bytes"}, "it is for 'text'"),
        ("digits", {"length": 8}, "it is for sequences"),
        ("chirps", {"length": 1024}, "it is for sequences"),
        ("chirps", {"num_frames": 4}, "it is for videos"),
    ],
)
def test_what_does_not_suit_a_dataset_is_refused(monkeypatch, name, options, said):
    monkeypatch.delenv("JAXGAN_DATA_DIR", raising=False)
    with pytest.raises(errors.UserError, match=said):
        dataset.load(name, **options)


SUMS = grammars.Grammar(
    {
        "sum": (
            grammars.Production(0.6, ("x",)),
            grammars.Production(0.3, ("x", "+", "sum")),
            grammars.Production(0.1, ("(", "sum", ")")),
        )
    },
    "sum",
)
# Two derivations of `a a a`: of three words the first two are one pair, or the last.
PAIRS = grammars.Grammar(
    {
        "all": (
            grammars.Production(0.5, ("a", "pair")),
            grammars.Production(0.5, ("pair", "a")),
        ),
        "pair": (grammars.Production(1.0, ("a", "a")),),
    },
    "all",
)


def strings(grammar, longest):
    """All derivations up to a length by brute force: words, probability, uses."""
    heads = [head for head, _ in grammars.productions(grammar)]
    waiting, found = [((grammar.start,), 1.0, ())], []
    while waiting:
        body, p, used = waiting.pop()
        at = next((i for i, own in enumerate(body) if own in grammar.rules), None)
        if at is None:
            found.append((body, p, used))
            continue
        first = heads.index(body[at])
        for i, own in enumerate(grammar.rules[body[at]]):
            longer = (*body[:at], *own.body, *body[at + 1 :])
            if len(longer) <= longest:
                waiting.append((longer, p * own.probability, (*used, first + i)))
    return found


@pytest.mark.parametrize("grammar", [SUMS, PAIRS, grammars.AGREEMENT])
def test_lengths_and_uses_are_those_of_all_strings(grammar):
    every = strings(grammar, 7)
    lengths = np.zeros(8)
    uses = np.zeros(len(grammars.productions(grammar)))
    for body, p, used in every:
        lengths[len(body)] += p
        np.add.at(uses, list(used), p)
    np.testing.assert_allclose(grammars.length_distribution(grammar, 7), lengths)
    expected = uses / lengths.sum()
    np.testing.assert_allclose(grammars.expected_uses(grammar, 7), expected)


@pytest.mark.parametrize("grammar", [SUMS, PAIRS, grammars.AGREEMENT])
def test_the_parser_finds_each_derivation_and_no_other(grammar):
    every = {}
    for body, p, used in strings(grammar, 7):
        every.setdefault(body, []).append((p, used))
    draws = random.Random(0)
    for body, ways in every.items():
        found = grammars.parse(grammar, body)
        assert {own.used for own in found} == {used for _, used in ways}
        assert sum(own.probability for own in found) == pytest.approx(
            sum(p for p, _ in ways)
        )
        changed = list(body)
        draws.shuffle(changed)
        assert bool(grammars.parse(grammar, changed)) == (tuple(changed) in every)


def test_no_sentence_has_two_derivations_and_verbs_agree():
    drawn = set(grammars.sample(grammars.AGREEMENT, 0, 500, 11))
    assert all(len(grammars.parse(grammars.AGREEMENT, own)) == 1 for own in drawn)
    good, wrong = (
        "the dog that sees the cats sleeps",
        "the dog that sees the cats sleep",
    )
    assert grammars.parse(grammars.AGREEMENT, good.split())
    assert not grammars.parse(grammars.AGREEMENT, wrong.split())


def test_strings_are_as_frequent_as_their_probabilities():
    drawn = grammars.sample(SUMS, 3, 4000, 3)
    of_length = grammars.length_distribution(SUMS, 3).sum()
    for own in {("x",), ("x", "+", "x"), ("(", "x", ")")}:
        p = grammars.parse(SUMS, own)[0].probability / of_length
        assert drawn.count(own) / 4000 == pytest.approx(p, abs=5 * np.sqrt(p / 4000))


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"s": (grammars.Production(0.5, ("a",)),)}, "add up to 0.5"),
        ({"s": (grammars.Production(1.0, ()),)}, "is empty"),
        (
            {
                "s": (grammars.Production(1.0, ("t", "a")),),
                "t": (grammars.Production(1.0, ("s",)),),
            },
            "begins with itself",
        ),
    ],
)
def test_what_is_no_grammar_is_refused(rules, said):
    with pytest.raises(errors.UserError, match=said):
        grammars.check(grammars.Grammar(rules, "s"))


SMALL = oracles.Oracle(vocabulary=3, hidden=4, seed=5)


def test_the_probabilities_of_all_sequences_of_an_oracle_add_up_to_one():
    every = np.array([*itertools.product(range(3), repeat=4)])
    found = oracles.log_probs(SMALL, every)
    assert np.exp(found.sum(-1)).sum() == pytest.approx(1, abs=1e-5)


def test_an_oracle_is_the_lstm_of_its_equations():
    own = [np.asarray(leaf, np.float64) for leaf in oracles.weights(SMALL)]
    embedding, kernel, bias, out, out_bias = own
    tokens, expected = [2, 0, 1], []
    c = h = np.zeros(4)
    before = 3
    for token in tokens:
        gates = np.concatenate([embedding[before], h]) @ kernel + bias
        i, f, o = (1 / (1 + np.exp(-gates[4 * k : 4 * k + 4])) for k in range(3))
        c = f * c + i * np.tanh(gates[12:])
        h = o * np.tanh(c)
        logits = h @ out + out_bias
        expected.append(logits[token] - np.log(np.exp(logits).sum()))
        before = token
    found = oracles.log_probs(SMALL, np.array([tokens]))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_oracle_draws_by_its_probabilities():
    drawn = oracles.sample(SMALL, jax.random.key(0), 4000, 2)
    every = np.array([*itertools.product(range(3), repeat=2)])
    p = np.exp(oracles.log_probs(SMALL, every).sum(-1))
    counts = np.bincount(drawn @ [3, 1], minlength=9) / 4000
    assert (abs(counts - p) < 5 * np.sqrt(p / 4000) + 1e-3).all()
