"""What features know of classes: a simple classifier on few labels of them.

The features are fixed, and whoever made them need not have seen a label. A classifier
that can do little by itself says how far they have pulled the classes apart. Host code,
by scikit-learn.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import record

WEIGHTS = tuple(10.0 ** (power / 2) for power in range(-2, 13))
"""Of the penalty of the linear classifier, among which it chooses."""

NEIGHBOURS = 5

Predict = Callable[[np.ndarray], np.ndarray]
"""`x [M, F] -> labels [M]`."""


def subset(labels: ArrayLike, per_class: int, seed: int | Sequence[int]) -> np.ndarray:
    """Rows of as many samples of each class, drawn without replacement.

    Args:
      labels: int `[N]`.
      per_class: samples of each class that occurs.
      seed: one or several non-negative numbers; the same ones draw the same rows.

    Returns:
      `[K per_class]` rows, in increasing order.

    Raises:
      UserError: if a class has fewer samples.
    """
    errors.require_whole(per_class=per_class)
    labels, random = np.asarray(labels), np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    fewest = int(counts.min(initial=per_class))
    if not 1 <= per_class <= fewest or not len(classes):
        raise errors.UserError(
            f"per_class={per_class} labelled samples must be at least 1 and no more "
            f"than the smallest class has, {fewest if len(classes) else 0}."
        )
    rows = [
        random.choice(np.flatnonzero(labels == label), per_class, replace=False)
        for label in classes
    ]
    return np.sort(np.concatenate(rows))


def accuracy(
    x: ArrayLike,
    labels: ArrayLike,
    held_out_x: ArrayLike,
    held_out_labels: ArrayLike,
    *,
    classifier: str = "linear",
) -> record.Score:
    """Accuracy on held-out samples of a simple classifier of some features.

    `linear` is least squares to +-1 for each class with a squared penalty of the
    weights, whose size is chosen by leaving out each labelled sample in turn, so that
    features of any scale and number are treated alike. `nearest` votes among the 5
    nearest labelled samples by Euclidean distance.

    Args:
      x: `[N, F]` features of labelled samples.
      labels: int `[N]`, of at least two classes.
      held_out_x: `[M, F]`.
      held_out_labels: int `[M]`.
      classifier: a key of `CLASSIFIERS`.

    Returns:
      A share in [0, 1]; NaN if features are not finite. `spread` is the binomial
      standard error of the test, `floor` what the commonest held-out class would give.

    Raises:
      UserError: for an unknown classifier, labels of one class, and arrays that do not
        fit together.

    References:
      Radford et al., Unsupervised Representation Learning with Deep Convolutional
      Generative Adversarial Networks, 2015, https://arxiv.org/abs/1511.06434
      Alain and Bengio, Understanding intermediate layers using linear classifier
      probes, 2016, https://arxiv.org/abs/1610.01644
    """
    if classifier not in CLASSIFIERS:
        raise errors.UserError(
            f"classifier={classifier!r} is not known; "
            f"{errors.choice(classifier, CLASSIFIERS)}"
        )
    x, held_out_x = (np.asarray(own, np.float32) for own in (x, held_out_x))
    labels, held_out_labels = map(np.asarray, (labels, held_out_labels))
    _check(x, labels, held_out_x, held_out_labels)
    value = np.nan
    if np.isfinite(x).all() and np.isfinite(held_out_x).all():
        predict = CLASSIFIERS[classifier](x, labels)
        value = np.mean(predict(held_out_x) == held_out_labels)
    _, counts = np.unique(held_out_labels, return_counts=True)
    number = len(held_out_labels)
    return record.Score(
        value=np.float64(value),
        spread=np.sqrt(value * (1 - value) / number),
        floor=np.float64(counts.max() / number),
        protocol=record.protocol(
            score="probe_accuracy",
            classifier=classifier,
            num_labels=len(labels),
            num_held_out=number,
            num_features=x.shape[1],
            floor="always the commonest class",
            spread="binomial standard error of the test",
        ),
    )


def _linear(x: np.ndarray, labels: np.ndarray) -> Predict:
    from sklearn import linear_model

    # One number for all features, so that small ones are not blown up.
    centre, scale = x.mean(axis=0), float(np.sqrt(x.var(axis=0).mean())) or 1.0
    fitted = linear_model.RidgeClassifierCV(WEIGHTS).fit((x - centre) / scale, labels)
    return lambda own: fitted.predict((own - centre) / scale)


def _nearest(x: np.ndarray, labels: np.ndarray) -> Predict:
    from sklearn import neighbors

    number = min(NEIGHBOURS, len(x))
    voting = neighbors.KNeighborsClassifier(number, algorithm="brute")
    return voting.fit(x, labels).predict


CLASSIFIERS: dict[str, Callable[[np.ndarray, np.ndarray], Predict]] = {
    "linear": _linear,
    "nearest": _nearest,
}
"""By name, what learns from features and labels."""


def _check(x, labels, held_out_x, held_out_labels) -> None:
    for name, own, of_own in (
        ("x", x, labels),
        ("held_out_x", held_out_x, held_out_labels),
    ):
        if own.ndim != 2 or len(own) != len(of_own) or not len(own):
            raise errors.UserError(
                f"{name} has shape {own.shape} and its labels {of_own.shape}; give "
                "[N, F] features and as many labels, at least one."
            )
    if x.shape[1] != held_out_x.shape[1]:
        raise errors.UserError(
            f"x has {x.shape[1]} features and held_out_x has {held_out_x.shape[1]}; "
            "give both the same ones."
        )
    if len(np.unique(labels)) < 2:
        raise errors.UserError(
            "labels are all of one class; a classifier needs samples of two at least."
        )
