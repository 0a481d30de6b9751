"""Trained classifiers kept on disk: of the same data, settings and code, trained once.

A file is named by the hash of all that the training depends on, so that it can only be
found by who would have trained the same. It is in the format safetensors, which cannot
run code, and holds its own hash: one that is damaged is noticed and replaced.
"""

import inspect
import pathlib
import types as python_types
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.checkpoint import file_cache
from jaxgan.core import errors, files
from jaxgan.scores import classifier, spectrograms
from jaxgan.scores import classifier_networks as networks
from jaxgan.scores import classifier_training as training

FORMAT = "jaxgan-classifier-2"

CODE = networks, training, spectrograms
"""What a classifier depends on besides versions."""


class Trained(NamedTuple):
    """A classifier and how good it is.

    Attributes:
      classifier: the classifier.
      held_out_accuracy: share of held-out samples that it recognises.
      data_sha256: of the samples and labels it was trained on.
      cached: whether it was read rather than trained.
      note: a sentence about a file that was damaged or could not be written, or None.
    """

    classifier: classifier.Classifier
    held_out_accuracy: float
    data_sha256: str
    cached: bool
    note: str | None


def default_folder() -> pathlib.Path:
    """Where classifiers may be kept: `classifiers` beside the downloaded weights."""
    return files.cache_folder() / "classifiers"


def load_or_train(
    x: ArrayLike,
    labels: ArrayLike,
    held_out_x: ArrayLike,
    held_out_labels: ArrayLike,
    *,
    num_classes: int,
    key: Array,
    cache: pathlib.Path | None = None,
    **settings: Any,
) -> Trained:
    """The classifier of `train_classifier`, read from the cache if it is there.

    A file belongs to the values of all arguments, the versions of jaxgan, JAX, Flax and
    optax, the code of the training and the kind of device: what is read is what would
    have been trained.

    Args:
      x: `[N, ...]` as for `train_classifier`.
      labels: int `[N]`.
      held_out_x: `[M, ...]`, on which the accuracy is measured.
      held_out_labels: int `[M]`.
      num_classes: `K`.
      key: consumed.
      cache: folder, made if it is not there, such as `default_folder()`; None reads and
        writes nothing.
      **settings: others of `train_classifier`.

    Returns:
      The classifier with its held-out accuracy.

    Raises:
      UserError: for arguments that do not fit together, and if the folder cannot be
        made.
    """
    architecture = settings.get("architecture", "convolutional")
    training.check_architecture(architecture)
    training.check_samples(held_out_x, architecture, "held_out_x")
    training.check_labels(
        held_out_labels, len(held_out_x), num_classes, "held_out_labels"
    )
    if np.shape(held_out_x)[1:] != np.shape(x)[1:]:
        raise errors.UserError(
            f"held_out_x has samples of shape {np.shape(held_out_x)[1:]} and x of "
            f"{np.shape(x)[1:]}; give both in the same shape."
        )
    settings = {"num_classes": num_classes, "key": key, **settings}
    data_sha256 = file_cache.arrays_sha256(x, labels)

    def make():
        trained = classifier.train_classifier(x, labels, **settings)
        accuracy = classifier.accuracy(trained, held_out_x, held_out_labels)
        return trained.params, {"held_out_accuracy": float(accuracy)}

    origin = {
        "format": FORMAT,
        "data_sha256": data_sha256,
        "held_out_sha256": file_cache.arrays_sha256(held_out_x, held_out_labels),
        "settings": _plain(settings),
        "environment": _environment(),
    }
    found = file_cache.load_or_make(cache, origin, make, "classifier")
    # The numbers of the network are those settings that are not the training's own.
    known = inspect.signature(classifier.train_classifier).parameters
    numbers = {name: settings[name] for name in settings if name not in known}
    network = networks.NETWORKS[architecture](num_classes, **numbers)
    params = jax.tree.map(jnp.asarray, found.tree)
    trained = classifier.Classifier(params, network, tuple(np.shape(x)[1:]))
    accuracy = found.facts["held_out_accuracy"]
    return Trained(trained, accuracy, data_sha256, found.found, found.note)


def _plain(settings):
    """All settings of the training, defaults too, as JSON has them."""
    signature = inspect.signature(classifier.train_classifier)
    bound = signature.bind(None, None, **settings)
    bound.apply_defaults()
    plain = {k: v for k, v in bound.arguments.items() if k not in ("x", "labels")}
    plain |= plain.pop("numbers", {})
    key = plain["key"]
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        plain["key_impl"] = str(jax.random.key_impl(key))
        key = jax.random.key_data(key)
    plain["key"] = key
    return {
        name: np.asarray(value).tolist() if hasattr(value, "dtype") else value
        for name, value in plain.items()
    }


def _environment():
    from importlib import metadata

    packages = ("jaxgan", "jax", "jaxlib", "flax", "optax")
    return {
        "versions": {name: metadata.version(name) for name in packages},
        "code": file_cache.sha256([_source(module) for module in CODE]),
        "device": jax.devices()[0].device_kind,
        "x64": jax.config.jax_enable_x64,
    }


def _source(module: python_types.ModuleType) -> str | None:
    # The version alone would not tell a training that has changed since the release.
    return module.__loader__.get_source(module.__name__)
