"""N-grams, grammaticality, the oracle's likelihood and BLEU of sequences."""

import collections
import math
import sys

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, grammars, oracles, sequences
from jaxgan.scores import (
    bleu,
    grammaticality,
    ngrams,
    oracle_likelihood,
    suites,
    text_suites,
)

RNG = np.random.default_rng(0)
A, B = RNG.integers(0, 3, (40, 6)), RNG.integers(0, 4, (30, 7))


def shares(tokens, n):
    grams = [tuple(own[i : i + n]) for own in tokens for i in range(len(own) - n + 1)]
    return {g: k / len(grams) for g, k in collections.Counter(grams).items()}


@pytest.mark.parametrize("n", ngrams.SIZES)
def test_the_divergence_of_n_grams_is_that_of_their_shares(n):
    p, q = shares(A.tolist(), n), shares(B.tolist(), n)
    mixed = {g: (p.get(g, 0) + q.get(g, 0)) / 2 for g in {*p, *q}}
    expected = sum(
        own[g] * math.log2(own[g] / mixed[g]) / 2 for own in (p, q) for g in own
    )
    assert ngrams.js(A, B, n) == pytest.approx(expected)
    assert ngrams.js(A, A, n) == 0
    assert ngrams.js(0 * A, 0 * B + 1, n) == pytest.approx(1)


def test_an_n_gram_model_draws_what_follows_as_often_as_in_training():
    # After `0 1` comes 2, after `1 1` comes 0; the first symbols are 0 or 1.
    train = np.array([[0, 1, 2, 2], [0, 1, 2, 2], [1, 1, 0, 2], [0, 1, 2, 2]])
    drawn = ngrams.model(train, 3, 2000, 0)
    known = {tuple(own) for own in train.tolist()}
    assert {tuple(own) for own in drawn.tolist()} == known
    assert (drawn[:, 0] == 0).mean() == pytest.approx(0.75, abs=0.05)


def test_a_unigram_sampler_knows_frequencies_and_no_order():
    train = np.array([[0, 0, 1, 2]] * 5)
    drawn = ngrams.model(train, 1, 4000, 0)
    frequencies = np.bincount(drawn.ravel()) / drawn.size
    np.testing.assert_allclose(frequencies, [0.5, 0.25, 0.25], atol=0.02)
    np.testing.assert_allclose((drawn == 0).mean(0), 0.5, atol=0.05)


def test_a_model_of_contexts_never_seen_falls_back_to_shorter_ones():
    train = np.array([[0, 1, 2], [1, 0, 2]])
    assert ngrams.model(train, 3, 50, 0).shape == (50, 3)


def test_too_many_n_grams_to_be_numbered_are_refused():
    with pytest.raises(errors.UserError, match="n=4 with 100001"):
        ngrams.counts(np.array([[0, 10**5, 1, 2]]), 4)


WHAT = sequences.Sequences(
    ("", *grammars.terminals(grammars.AGREEMENT)), " ", grammars.AGREEMENT
)


def sentence(text):
    own = [WHAT.symbols.index("" if word == "_" else word) for word in text.split()]
    return own + [0] * (7 - len(own))


def test_validity_is_the_share_of_sentences_and_productions_are_those_in_them():
    some = ("the dog sleeps", "the dogs run", "the dog run", "the _ dog runs")
    tokens = np.array([[sentence(own) for own in some]])
    found = grammaticality.of_grammar(tokens, WHAT)
    assert found["grammar_validity"].value == [0.5]
    # For each number one sentence, phrase, noun and predicate.
    assert found["productions"].value == [8] and found["productions"].ceiling == [18]
    expected = grammars.expected_uses(grammars.AGREEMENT, 7)
    p = expected / expected.sum()
    named = [*grammars.productions(grammars.AGREEMENT)]
    used = [
        *(("sentence", (f"{n} phrase", f"{n} predicate")) for n in NUMBERS),
        *((f"{n} phrase", ("the", f"{n} noun")) for n in NUMBERS),
        *(("singular noun", ("dog",)), ("plural noun", ("dogs",))),
        *(("singular predicate", ("sleeps",)), ("plural predicate", ("run",))),
    ]
    kl = sum(np.log(1 / 8 / p[named.index(own)]) / 8 for own in used)
    assert found["production_kl"].value == pytest.approx([kl])


NUMBERS = ("singular", "plural")


def test_without_a_valid_sentence_nothing_is_covered():
    found = grammaticality.of_grammar(np.zeros((1, 3, 7), int), WHAT)
    assert found["grammar_validity"].value == [0] and found["productions"].value == [0]
    assert found["production_kl"].value == [np.inf]


def test_strings_of_the_grammar_itself_are_valid_by_all_productions_and_near_exact():
    data = dataset.load("grammar", num_samples=2000)
    suite = text_suites.of_text(data, num_samples=2000)
    found = suite(data.train.x[None])
    assert found["grammar_validity"].value == [1] and found["productions"].value == [18]
    assert found["production_kl"].value[0] < 5 * found["production_kl"].floor[0]
    # All training sequences are what the floor is of.
    np.testing.assert_allclose(
        [found[f"ngram_js_{n}"].value for n in ngrams.SIZES],
        [found[f"ngram_js_{n}"].floor for n in ngrams.SIZES],
    )


def test_the_oracle_finds_its_own_sequences_as_likely_as_its_entropy():
    data = dataset.load("oracle", num_samples=500, vocabulary=8, length=6)
    x = np.stack([sequences.tokens(data.train.x), np.zeros((500, 6), int)])
    law = data.text.law
    real = sequences.tokens(data.test.x)
    found = oracle_likelihood.oracle_nll(x, law, real)
    own, floor, spread = found.value[0], found.floor[0], found.spread[0]
    assert own == pytest.approx(floor, abs=6 * spread)
    zeros = -oracles.log_probs(law, x[1][:1]).mean()
    assert found.value[1] == pytest.approx(zeros, rel=1e-5)
    assert found.spread[1] == pytest.approx(0, abs=1e-6)


def test_a_dead_seed_has_no_scores_and_leaves_the_others_alone():
    data = dataset.load("grammar", num_samples=100)
    suite = text_suites.of_text(data, num_samples=100)
    x = np.asarray(dataset.to_float(data.train.x))
    both, alone = suite(np.stack([x, np.nan * x])), suite(x[None])
    for name, own in both.items():
        assert np.isnan(own.value[1]) and own.value[0] == alone[name].value[0]


def test_sequences_have_a_suite_beside_n_gram_models():
    data = dataset.load("grammar", num_samples=300)
    found = suites.of_dataset(data, num_samples=200, seed=0)
    assert set(found.references) == {*text_suites.ORDERS, "training sequences"}
    js = {name: own["ngram_js_4"]["value"][0] for name, own in found.references.items()}
    assert js["unigram sampler"] > js["3-gram model"] > 0
    real = found.references["training sequences"]
    assert real["grammar_validity"]["value"] == [1]


def test_bleu_without_nltk_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk", None)
    monkeypatch.setitem(sys.modules, "nltk.translate", None)
    with pytest.raises(errors.UserError, match=r"install jaxgan\[text\]"):
        bleu.references(B, 5)


def test_copies_of_references_have_bleu_one_and_copies_of_each_other_self_bleu_one():
    pytest.importorskip("nltk.translate.bleu_score")
    own = np.arange(24).reshape(4, 6)
    beside = bleu.references(own, 4)
    found = bleu.of(own[None], beside)
    assert found["bleu"].value == pytest.approx([1])
    # No symbol is in two of them; smoothing leaves a tenth of a count.
    assert found["self_bleu"].value[0] < 0.05
    same = bleu.of(np.repeat(own[None, :1], 4, 1), beside)
    assert same["self_bleu"].value == pytest.approx([1])
    assert same["self_bleu"].target == pytest.approx(found["self_bleu"].value)


def test_what_fills_up_a_sequence_is_no_part_of_its_bleu():
    bleu_score = pytest.importorskip("nltk.translate.bleu_score")
    own, other = [1, 2, 3, 4, 5, 6, 0, 0, 0, 0], [1, 2, 3, 4, 0, 9, 8, 0, 0, 0]
    beside = bleu.references(np.array([own, own]), 2, empty=[0])
    smoothing = bleu_score.SmoothingFunction().method1
    expected = bleu_score.sentence_bleu(
        [own[:6]], other[:7], smoothing_function=smoothing
    )
    found = bleu.of(np.array([[other, other]]), beside)
    assert found["bleu"].value == pytest.approx([expected])


def test_no_held_out_sequence_stands_twice_among_the_references():
    pytest.importorskip("nltk.translate.bleu_score")
    beside = bleu.references(np.arange(24).reshape(4, 6), 9)
    assert len(beside.tokens) == 4 and beside.self_bleu < 0.05
    with pytest.raises(errors.UserError, match="at least 2 sequences, but here is 1"):
        bleu.references(B[:1], 9)
