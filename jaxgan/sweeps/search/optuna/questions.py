"""What a search asks: trials may teach a search only if they answered its question.

The question is all that the score of a setting depends on: the data, what all trials
have in common, the fields that vary and where, and how a setting is scored. A history
of trials that is kept for later searches belongs to one question.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.sweeps import spaces, specification, studies, trials

Question = dict[str, Any]


def describe(
    study: studies.Study, space: spaces.Space, by: str, *, seeds: int, seed: int
) -> Question:
    """The question of a search, as JSON can hold it.

    Args:
      study: that trains the settings.
      space: of the fields that vary.
      by: name of the score.
      seeds: of each setting, over which the score is a mean.
      seed: of the data and of what scores.
    """
    asked = {
        "dataset": study.data.name,
        "shape": np.shape(study.data.train.x),
        "base": _alike(study.recipe(_example(space))._asdict()),
        "space": {name: _described(space[name]) for name in space},
        "steps": study.steps,
        "samples": study.samples,
        "by": by,
        "seeds": seeds,
        "seed": seed,
    }
    return json.loads(trials.canonical(asked))


def name(question: Question) -> str:
    """The name of a study that asks this alone: another question has another name."""
    return f"jaxgan-{question['dataset']}-{trials.digest(question)}"


def differences(one: Question, other: Question) -> Sequence[str]:
    """What differs between two questions, each in words, such as `steps (3, not 4)`."""
    a, b = _flat(one), _flat(other)
    names = [name for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)]
    # The base is that of a setting, so that it differs where the space does.
    names = [name for name in names if not name.startswith("base.")] or names
    return [f"{n} ({_word(a.get(n))}, not {_word(b.get(n))})" for n in names]


def _example(space: spaces.Space) -> spaces.Setting:
    """A setting whose numbers are written in the space, the same on all machines."""
    values: spaces.Setting = {}
    for name in spaces.order(space):
        if spaces.exists(space[name], values):
            inner = spaces.unwrapped(space[name])[0]
            # The first of the choices, or else the lower bound or the mean.
            choices = isinstance(inner, spaces.Categorical)
            values[name] = inner.choices[0] if choices else inner[0]
    return values


def _described(distribution: spaces.Distribution) -> dict[str, Any]:
    """In the words of `specification`."""
    inner, conditions = spaces.unwrapped(distribution)
    words = {kind: word for word, (kind, _) in specification.WORDS.items()}
    choices = isinstance(inner, spaces.Categorical)
    # Of choices the order counts, and whether it is 1 or 1.0, as it does for Optuna.
    values = [*inner.choices] if choices else _alike([*inner])
    found = {words[type(inner).__name__]: values}
    return found | ({"when": dict(conditions)} if conditions else {})


def _alike(value: Any) -> Any:
    """With 1.0 as 1, which means the same."""
    if isinstance(value, Mapping):
        return {name: _alike(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_alike(one) for one in value]
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


def _flat(question: Question) -> dict[str, Any]:
    """With the fields of the base and of the space each by a name of its own."""
    found = {}
    for name, value in question.items():
        inner = isinstance(value, dict)
        found |= (
            {f"{name}.{k}": v for k, v in value.items()} if inner else {name: value}
        )
    return found


def _word(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
