"""Scores of labelled samples: what a classifier learns from them, and says of them.

For generators that are asked for a class. Both directions are needed: a classifier
trained on generated samples misses what they lack, and one trained on real samples
misses those that do not show the class they should.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import record

BATCH = 500
"""Samples that are classified at once."""


class ClassificationAccuracy(NamedTuple):
    """The scores of both directions.

    Attributes:
      train_on_fake: CAS, or GAN-train: accuracy on held-out real samples of a
        classifier trained on generated ones.
      test_on_fake: GAN-test: accuracy on generated samples of a classifier trained on
        real ones. Above its ceiling if the samples are easier than real ones.
    """

    train_on_fake: record.Score
    test_on_fake: record.Score


def classification_accuracy_score(
    real_x: ArrayLike,
    real_labels: ArrayLike,
    held_out_x: ArrayLike,
    held_out_labels: ArrayLike,
    fake_x: ArrayLike,
    fake_labels: ArrayLike,
    *,
    num_classes: int,
    key: Array,
    architecture: str = "convolutional",
    num_epochs: int | None = None,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    max_shift: int | None = None,
    of_real: Any = None,
) -> ClassificationAccuracy:
    """Accuracies of classifiers that meet generated samples in training or in the test.

    Two classifiers are trained alike, from the same key: one on real and one on
    generated samples. Give as many generated as real samples, as in the papers: the
    numbers of samples differ from a comparison otherwise. Runs under `vmap` over
    generated samples; the classifier of the real ones is then trained once if the key
    is the same for all members.

    Args:
      real_x: `[N, ...]`, what the generator was trained on; see `train_classifier` in
        `jaxgan.scores.classifier` for what samples may be.
      real_labels: int `[N]` in 0 ... K-1.
      held_out_x: `[M, ...]` real samples that neither has seen.
      held_out_labels: int `[M]`.
      fake_x: `[L, ...]` generated samples, all finite.
      fake_labels: int `[L]`, the classes that were asked of the generator, which need
        not all occur.
      num_classes: `K`, at least 2.
      key: consumed.
      architecture: "convolutional" for images, or "fully_connected".
      num_epochs: passes of each training over its samples; None as there.
      batch_size: as there, and so are the others.
      learning_rate: at the first step.
      max_shift: pixels.
      of_real: the `classifier.Classifier` of the real samples, where it was trained
        before, with the same key and settings; None to train it here.

    Returns:
      Two accuracies in [0, 1]. `spread` is the binomial standard error, of the samples
      of the test and not of the training; `floor` is chance, `1 / K`; `ceiling` is the
      accuracy on held-out samples of the classifier trained on real ones.

    Raises:
      UserError: for samples and labels that do not fit together.

    When:
      To see whether generated samples teach a classifier as much as real ones.

    References:
      Ravuri and Vinyals, Classification Accuracy Score for Conditional Generative
      Models, 2019, https://arxiv.org/abs/1905.10887
      Shmelkov et al., How good is my GAN?, 2018, https://arxiv.org/abs/1807.09499
    """
    from jaxgan.scores import classifier
    from jaxgan.scores import classifier_training as training

    if num_classes < 2:
        raise errors.UserError(f"num_classes={num_classes} must be at least 2.")
    training.check_architecture(architecture)
    sets = {
        "real": (real_x, real_labels),
        "held_out": (held_out_x, held_out_labels),
        "fake": (fake_x, fake_labels),
    }
    for name, (x, labels) in sets.items():
        training.check_samples(x, architecture, f"{name}_x")
        training.check_labels(labels, len(x), num_classes, f"{name}_labels")
        if np.shape(x)[1:] != np.shape(real_x)[1:]:
            raise errors.UserError(
                f"{name}_x has samples of shape {np.shape(x)[1:]} and real_x of "
                f"{np.shape(real_x)[1:]}; give all in the same shape."
            )

    def trained(name: str) -> classifier.Classifier:
        return classifier.train_classifier(
            *sets[name],
            num_classes=num_classes,
            key=key,
            architecture=architecture,
            num_epochs=num_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            max_shift=max_shift,
        )

    recipes = [
        training.recipe(np.shape(sets[name][0]), num_epochs, batch_size, max_shift)
        for name in ("real", "fake")
    ]
    of_real = trained("real") if of_real is None else of_real
    of_fake = trained("fake")
    entries = dict(
        num_real=len(real_x),
        num_held_out=len(held_out_x),
        num_fake=len(fake_x),
        num_classes=num_classes,
        architecture=architecture,
        epochs_on_real=recipes[0].num_epochs,
        epochs_on_fake=recipes[1].num_epochs,
        batch_size=batch_size,
        learning_rate=float(learning_rate),
        max_shift=recipes[0].max_shift,
        floor="chance, 1 / num_classes",
        ceiling="trained on real, tested on held-out real",
        spread="binomial standard error of the test",
    )
    ceiling = _accuracy(of_real, *sets["held_out"])
    return ClassificationAccuracy(
        _score(of_fake, sets["held_out"], ceiling, "train_on_fake", entries),
        _score(of_real, sets["fake"], ceiling, "test_on_fake", entries),
    )


def _score(trained, tested, ceiling, direction, entries: dict[str, Any]):
    value = _accuracy(trained, *tested)
    return record.Score(
        value=value,
        spread=jnp.sqrt(value * (1 - value) / len(tested[1])),
        floor=jnp.asarray(1 / entries["num_classes"], value.dtype),
        ceiling=ceiling,
        protocol=record.protocol(
            score="classification_accuracy_score", direction=direction, **entries
        ),
    )


@jax.jit
def _accuracy(trained, x, labels):
    """Like `classifier.accuracy`, but within `jit` and `vmap`."""
    from jaxgan.scores import classifier

    def right(sample):
        one, label = sample
        _, logits = classifier.classify(trained, one[None])
        return jnp.argmax(logits[0]) == label

    pairs = jnp.asarray(x), jnp.asarray(labels)
    return jnp.mean(jax.lax.map(right, pairs, batch_size=min(BATCH, len(x))))
