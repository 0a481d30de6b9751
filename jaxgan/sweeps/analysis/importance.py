"""How much each hyperparameter matters, as far as a random forest can tell.

A forest predicts the rank of a trial's score from its fields. A field matters as much
as the prediction of trials that the forest has not seen gets worse when the field's
values are shuffled among them. The forest's own R^2 on such trials says what all this
is worth: near zero, nothing can be said.

References:
  Breiman, Random Forests, 2001
  Fisher, Rudin and Dominici, All Models are Wrong, but Many are Useful, 2019,
  https://arxiv.org/abs/1801.01489
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors

FOLDS, TREES, REPEATS = 5, 50, 5

ENOUGH = 10
"""Settings below which there is nothing to learn from."""

WIDE = 10.0
"""Ratio of the greatest to the least value from which a logarithm may be shown."""


class Importance(NamedTuple):
    """What a field means for the score.

    Attributes:
      field: its name.
      drop: in the held-out R^2 when the field is shuffled, mean over folds.
      spread: standard deviation of the drop over the folds.
      r2: of the forest on held-out trials; at most 1, below 0 if a constant is better.
      trials: that have the field, of which the forest learnt.
    """

    field: str
    drop: float
    spread: float
    r2: float
    trials: int


def of_fields(
    settings: Sequence[Mapping[str, Any]],
    scores: ArrayLike,
    units: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> list[Importance]:
    """The importance of each field that varies, the greatest first.

    What is predicted is the rank of the score, so that a few very bad trials do not
    outweigh the rest, and trials that died take part: they share the last rank. A
    field that not all trials have is judged by a forest of its own among those that
    have it, with the other fields that all of these have.

    Args:
      settings: of N trials, the values of their fields: numbers, texts, booleans or
        lists of such. A field that a trial lacks is missing or None.
      scores: `[N]`, less is better, NaN for a trial that died.
      units: of each trial, what is held out as a whole, such as the setting, whose
        seeds would otherwise give it away; None for each trial by itself.
      seed: of the forests, the folds and the shuffling.

    Returns:
      An `Importance` for each field with at least two values, as far as there are
      `ENOUGH` units with it; the others cannot be judged.

    Raises:
      UserError: if there are not as many scores and units as settings.
    """
    scores = np.asarray(scores, float).ravel()
    units = list(range(len(settings))) if units is None else list(units)
    if not len(settings) == len(scores) == len(units):
        raise errors.UserError(
            f"there are {len(settings)} settings, {len(scores)} scores and "
            f"{len(units)} units; give as many of each."
        )
    names = list(dict.fromkeys(name for setting in settings for name in setting))
    has = {
        name: np.array([setting.get(name) is not None for setting in settings])
        for name in names
    }
    found = []
    for where in {mask.tobytes(): mask for mask in has.values()}.values():
        own = [settings[i] for i in np.flatnonzero(where)]
        known = [
            name for name in names if has[name][where].all() and _varies(name, own)
        ]
        asked = [name for name in known if (has[name] == where).all()]
        groups = [units[i] for i in np.flatnonzero(where)]
        if asked and len(set(groups)) >= ENOUGH:
            found += _judge(asked, known, own, scores[where], groups, seed)
    return sorted(found, key=lambda importance: -importance.drop)


def is_log(values: Iterable[Any]) -> bool:
    """Whether values are best shown on a logarithmic scale.

    They are if all that are there are numbers above zero, the greatest is `WIDE` times
    the least, and their median is nearer to the middle of their range then than it is
    without. NaN and infinity do not count, and None is not there.
    """
    there = [value for value in values if value is not None]
    if not is_numeric(there):
        return False
    values = np.array([value for value in there if np.isfinite(value)], float)
    if not values.size or values.min() <= 0 or values.max() < WIDE * values.min():
        return False
    low, middle, high = values.min(), np.median(values), values.max()
    plain = abs((middle - low) / (high - low) - 0.5)
    return bool(abs(np.log(middle / low) / np.log(high / low) - 0.5) < plain)


def is_numeric(values: Sequence[Any]) -> bool:
    """Whether all values are numbers, booleans not counted."""
    kinds = (int, float, np.integer, np.floating)
    return all(isinstance(v, kinds) and not isinstance(v, bool) for v in values)


def _judge(asked, known, settings, scores, units, seed) -> list[Importance]:
    x, texts = _codes(known, settings)
    y = _ranks(scores)
    if not np.ptp(y):
        return []
    rng, plain, shuffled = np.random.default_rng(seed), [], []
    for held in _folds(units, seed):
        model = _model(texts, seed).fit(x[~held], y[~held])
        # All in one call, as a forest is slow to begin and fast to go on.
        error = _squared_errors(model, _with_shuffled(x[held], rng), y[held])
        plain.append(error[0, 0])
        shuffled.append(error[1:].mean(axis=(1, 2)))
    variance = y.var()
    r2 = float(1 - np.concatenate(plain).mean() / variance)
    base = np.array([error.mean() for error in plain])[:, None]
    drops = (np.stack(shuffled) - base) / variance
    means, spreads = drops.mean(axis=0), drops.std(axis=0, ddof=1)
    return [
        Importance(name, float(mean), float(spread), r2, len(settings))
        for name, mean, spread in zip(known, means, spreads, strict=True)
        if name in asked
    ]


def _with_shuffled(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[1 + F, REPEATS, N, F]`: x as it is, and with each of its columns shuffled."""
    copies = np.tile(x, (1 + x.shape[1], REPEATS, 1, 1))
    for i in range(x.shape[1]):
        copies[1 + i, :, :, i] = rng.permuted(copies[1 + i, :, :, i], axis=-1)
    return copies


def _squared_errors(model, copies: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`[1 + F, REPEATS, N]`."""
    found = model.predict(copies.reshape(-1, copies.shape[-1]))
    return (found.reshape(copies.shape[:-1]) - y) ** 2


def _model(texts: list[int], seed: int):
    """A forest, to which columns of codes are columns of zeros and ones."""
    from sklearn import compose, ensemble, pipeline, preprocessing

    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore")
    return pipeline.make_pipeline(
        compose.ColumnTransformer([("texts", encoder, texts)], remainder="passthrough"),
        ensemble.RandomForestRegressor(TREES, random_state=seed),
    )


def _codes(names, settings) -> tuple[np.ndarray, list[int]]:
    """Fields as columns `[N, F]`, and which of these are codes of texts and the like.

    Numbers are taken as they are: a forest does not ask for their scale.
    """
    columns, texts = [], []
    for i, name in enumerate(names):
        values = [setting[name] for setting in settings]
        if not is_numeric(values):
            codes: dict[str, int] = {}
            values = [codes.setdefault(repr(value), len(codes)) for value in values]
            texts.append(i)
        columns.append(np.asarray(values, float))
    return np.stack(columns, axis=-1), texts


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks in (0, 1], the dead last together."""
    from scipy import stats

    return stats.rankdata(np.where(np.isnan(scores), np.inf, scores)) / len(scores)


def _folds(units: Sequence[Hashable], seed: int) -> list[np.ndarray]:
    """Which of N are held out, in each fold; units are held out as a whole."""
    unique = list(dict.fromkeys(units))
    order = np.random.default_rng(seed).permutation(len(unique))
    fold = {unique[place]: i % FOLDS for i, place in enumerate(order)}
    own = np.array([fold[unit] for unit in units])
    return [own == i for i in range(FOLDS)]


def _varies(name, settings) -> bool:
    return len({repr(setting[name]) for setting in settings}) > 1
