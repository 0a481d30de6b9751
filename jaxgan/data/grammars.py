"""Context-free grammars whose strings have known probabilities.

A grammar draws a string by replacing each nonterminal with one of its productions, of
known probabilities, until only terminals are left. Strings that are too long are drawn
anew, so that a string of at most T words has the probability `p / P(length <= T)`,
both of which are computed exactly. A parser tells which strings belong to the grammar
and by which productions they come about.
"""

import bisect
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors


class Production(NamedTuple):
    """One way to replace a nonterminal.

    Attributes:
      probability: positive; those of a nonterminal add up to 1.
      body: what takes its place, at least one symbol.
    """

    probability: float
    body: tuple[str, ...]


class Grammar(NamedTuple):
    """A probabilistic context-free grammar, without left recursion.

    Attributes:
      rules: the productions of each nonterminal.
      start: the first nonterminal.
    """

    rules: Mapping[str, tuple[Production, ...]]
    start: str


class Derivation(NamedTuple):
    """One way in which a string comes about.

    Attributes:
      probability: of it, among strings of any length.
      used: the numbers of its productions, as in `productions`.
    """

    probability: float
    used: tuple[int, ...]


def _phrases(number: str, other: str, noun: tuple[str, str]) -> dict:
    """Noun phrases and verb phrases in one grammatical number."""
    ending = "s" if number == "singular" else ""
    return {
        f"{number} phrase": (
            Production(0.7, ("the", f"{number} noun")),
            Production(0.3, ("the", f"{number} noun", "that", f"{number} predicate")),
        ),
        f"{number} noun": _equal(*((own,) for own in noun)),
        f"{number} predicate": (
            Production(0.3, ("sleep" + ending,)),
            Production(0.3, ("run" + ending,)),
            Production(0.2, ("see" + ending, f"{number} phrase")),
            Production(0.2, ("see" + ending, f"{other} phrase")),
        ),
    }


def _equal(*bodies: tuple[str, ...]) -> tuple[Production, ...]:
    return tuple(Production(1 / len(bodies), body) for body in bodies)


AGREEMENT = Grammar(
    {
        "sentence": _equal(
            ("singular phrase", "singular predicate"),
            ("plural phrase", "plural predicate"),
        ),
        **_phrases("singular", "plural", ("dog", "cat")),
        **_phrases("plural", "singular", ("dogs", "cats")),
    },
    "sentence",
)
"""Sentences such as `the dog that sees the cats sleeps`, of 12 different words.

Each verb agrees with its noun, across any clause between them, which no n-gram model
and no regular grammar knows. There are 18 productions; no string has two derivations,
as a noun has at most one relative clause.
"""


def check(grammar: Grammar) -> None:
    """Asks for a grammar that can be drawn from and parsed.

    Raises:
      UserError: if the probabilities of a nonterminal do not add up to 1, a body is
        empty, the start has no productions, or a nonterminal begins with itself.
    """
    if grammar.start not in grammar.rules:
        raise errors.UserError(f"start={grammar.start!r} has no productions.")
    for head, own in grammar.rules.items():
        total = sum(production.probability for production in own)
        positive = all(production.probability > 0 for production in own)
        if not positive or abs(total - 1) > 1e-6:
            raise errors.UserError(
                f"the productions of {head!r} have probabilities that add up to "
                f"{total:g}; they must be positive and add up to 1."
            )
        if not all(production.body for production in own):
            raise errors.UserError(
                f"a production of {head!r} is empty; each needs a symbol."
            )
        if head in _first(grammar, head):
            raise errors.UserError(
                f"{head!r} begins with itself, which the parser does not take; turn "
                "the recursion to the right."
            )


def terminals(grammar: Grammar) -> tuple[str, ...]:
    """The symbols that strings are made of, in the order in which rules name them."""
    bodies = (own.body for rule in grammar.rules.values() for own in rule)
    named = dict.fromkeys(itertools.chain.from_iterable(bodies))
    return tuple(symbol for symbol in named if symbol not in grammar.rules)


def productions(grammar: Grammar) -> list[tuple[str, tuple[str, ...]]]:
    """Head and body of each production, by its number."""
    return [(head, own.body) for head, rule in grammar.rules.items() for own in rule]


def sample(
    grammar: Grammar, seed: int | str, n: int, longest: int
) -> list[tuple[str, ...]]:
    """Draws strings of at most `longest` words.

    Args:
      grammar: to draw from.
      seed: of the strings.
      n: how many.
      longest: T.

    Raises:
      UserError: if no string is that short.
    """
    check(grammar)
    if not length_distribution(grammar, longest).sum() > 0:
        raise errors.UserError(
            f"length={longest}, but no string of the grammar is so short; give more."
        )
    draws = random.Random(f"grammar {seed}")
    cumulative = {
        head: list(itertools.accumulate(own.probability for own in rule))
        for head, rule in grammar.rules.items()
    }
    found: list[tuple[str, ...]] = []
    while len(found) < n:
        own = _draw(grammar, cumulative, draws, longest)
        if own is not None:
            found.append(own)
    return found


def parse(grammar: Grammar, words: Sequence[str]) -> list[Derivation]:
    """All derivations of a string; none if it is not of the grammar.

    The probability of the string is the sum of theirs. It is a parser from the top
    down that keeps what it has found at each place, cubic in the number of words.

    Args:
      grammar: as `check` asks for.
      words: of the string.
    """
    numbered = _numbered(grammar)
    known: dict[tuple[str, int], list[tuple[int, Derivation]]] = {}

    def ends(symbol: str, at: int) -> list[tuple[int, Derivation]]:
        """Where what begins here as that symbol may end, and how."""
        if symbol not in numbered:
            fits = at < len(words) and words[at] == symbol
            return [(at + 1, Derivation(1.0, ()))] if fits else []
        if (symbol, at) not in known:
            known[symbol, at] = [
                way
                for number, own in numbered[symbol]
                for way in of_body(own, Derivation(own.probability, (number,)), at)
            ]
        return known[symbol, at]

    def of_body(own: Production, begun: Derivation, at: int):
        ways = [(at, begun)]
        for symbol in own.body:
            ways = [
                (end, Derivation(p * q, used + more))
                for middle, (p, used) in ways
                for end, (q, more) in ends(symbol, middle)
            ]
        return ways

    return [own for end, own in ends(grammar.start, 0) if end == len(words)]


def length_distribution(grammar: Grammar, longest: int) -> np.ndarray:
    """`P(length = t)` for t = 0, 1, ..., T, exactly: `[T + 1]`."""
    return _by_length(grammar, longest)[0]


def expected_uses(grammar: Grammar, longest: int) -> np.ndarray:
    """How often a string of at most T words uses each production, on average: `[R]`.

    The mean is exact. It is that of all derivations, by their probabilities.
    """
    mass, uses = _by_length(grammar, longest)
    return uses.sum(-1) / mass.sum()


def _by_length(grammar: Grammar, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the strings of each length their probability, `[T + 1]`, and that times the
    mean uses of each production, `[R, T + 1]`.

    The generating functions of the nonterminals are the fixed point of the rules. As no
    body is empty, and heads do not begin with themselves, what a function is up to a
    length is found from shorter ones and from those of fewer rules in a row, so that
    the iteration ends at it exactly.
    """
    numbered = _numbered(grammar)
    number = sum(map(len, numbered.values()))
    empty = np.zeros(longest + 1), np.zeros((number, longest + 1))
    found = dict.fromkeys(numbered, empty)
    for _ in range((longest + 1) * len(numbered)):
        before, found = (
            found,
            {
                head: _of_rule(own, found, longest, number)
                for head, own in numbered.items()
            },
        )
        if all(np.array_equal(before[head][1], found[head][1]) for head in found):
            break
    return found[grammar.start]


def _of_rule(rule, found, longest, number):
    mass, uses = np.zeros(longest + 1), np.zeros((number, longest + 1))
    one = np.eye(longest + 1)
    for index, own in rule:
        p, r = own.probability * one[0], np.zeros((number, longest + 1))
        for symbol in own.body:
            known = symbol in found
            q, s = found[symbol] if known else (one[1], np.zeros_like(r))
            p, r = _times(p, q), _times(r, q) + _times(s, p)
        r[index] += p
        mass, uses = mass + p, uses + r
    return mass, uses


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of polynomials `[..., T + 1]` and `[T + 1]`, up to degree T."""
    degree = np.arange(len(b))[None] - np.arange(len(b))[:, None]
    return a @ np.where(degree >= 0, b[degree], 0)


def _numbered(grammar: Grammar) -> dict[str, list[tuple[int, Production]]]:
    counter = itertools.count()
    return {
        head: [(next(counter), own) for own in rule]
        for head, rule in grammar.rules.items()
    }


def _first(grammar: Grammar, head: str) -> set[str]:
    """The nonterminals that a nonterminal can begin with."""
    found: set[str] = set()
    waiting = [head]
    while waiting:
        for own in grammar.rules[waiting.pop()]:
            symbol = own.body[0]
            if symbol in grammar.rules and symbol not in found:
                found.add(symbol)
                waiting.append(symbol)
    return found


def _draw(grammar, cumulative, draws, longest) -> tuple[str, ...] | None:
    """One string, or None if it becomes too long."""
    done: list[str] = []
    waiting = [grammar.start]
    # No symbol becomes nothing, so that each that waits is one word at least.
    while waiting and len(done) + len(waiting) <= longest:
        symbol = waiting.pop()
        if symbol not in grammar.rules:
            done.append(symbol)
            continue
        total = cumulative[symbol]
        index = bisect.bisect_right(total, draws.random() * total[-1])
        chosen = grammar.rules[symbol][min(index, len(total) - 1)]
        waiting.extend(reversed(chosen.body))
    return tuple(done) if not waiting else None
