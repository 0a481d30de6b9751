"""Scores class by class, for conditional generators."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import offsets
from jaxgan.scores import checks, frechet, record


def intra_class_frechet(
    real_features: ArrayLike,
    real_labels: ArrayLike,
    fake_features: ArrayLike,
    fake_labels: ArrayLike,
    features: str | record.Protocol = "unnamed features",
) -> record.Score:
    """The Frechet distance within each class, mean over the classes.

    Unlike the distance of all samples together it sees a class that looks like another
    one, and collapse within a class.

    Args:
      real_features: `[N, F]`.
      real_labels: `[N]` integers, known while tracing.
      fake_features: `[M, F]`.
      fake_labels: `[M]`, the labels that were asked of the generator.
      features: what the features are.

    Returns:
      The score; less is better. `spread` is the standard deviation over the classes.

    Raises:
      UserError: if labels do not fit, or a class has fewer than two samples in either.

    When:
      To see a class that looks like another one.

    References:
      Miyato and Koyama, cGANs with Projection Discriminator, 2018,
      https://arxiv.org/abs/1802.05637
    """
    real_features, fake_features = offsets.centred(real_features, fake_features)
    real = checks.features("real_features", real_features, at_least=2)
    fake = checks.features("fake_features", fake_features, at_least=2)
    for name, labels in (("real", real_labels), ("fake", fake_labels)):
        if isinstance(labels, jax.core.Tracer):
            raise errors.UserError(
                f"{name}_labels are traced, but say how many samples each class has, "
                "which must be known while tracing; close over NumPy arrays of labels."
            )
    own, asked = np.asarray(real_labels), np.asarray(fake_labels)
    for name, labels, values in (("real", own, real), ("fake", asked, fake)):
        if labels.shape != (len(values),):
            raise errors.UserError(
                f"{name}_labels has shape {labels.shape}; it must be ({len(values)},)."
            )
    classes = np.union1d(own, asked)
    for label in classes:
        counts = int((own == label).sum()), int((asked == label).sum())
        if min(counts) < 2:
            raise errors.UserError(
                f"class {label} has {counts[0]} real and {counts[1]} generated "
                "samples; each class needs at least two of both."
            )
    values = jnp.stack(
        [
            frechet.frechet_distance(real[own == label], fake[asked == label]).value
            for label in classes
        ]
    )
    return record.Score(
        value=jnp.mean(values),
        spread=jnp.std(values),
        protocol=record.protocol(
            score="intra_class_frechet",
            num_real=len(own),
            num_fake=len(asked),
            num_classes=len(classes),
            ddof=1,
            spread="population standard deviation over the classes",
            features=features,
        ),
    )
