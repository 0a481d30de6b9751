"""Trained classifiers kept on disk: of the same data, settings and code, trained once.

A file is named by the hash of all that the training depends on, so that it can only be
found by who would have trained the same. It is in the format safetensors, which cannot
run code, and holds its own hash: one that is damaged is noticed and replaced.
"""

import hashlib
import inspect
import json
import pathlib
import types as python_types
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import errors
from jaxgan.checkpoint import trees
from jaxgan.scores import classifier, weights
from jaxgan.scores import classifier_networks as networks
from jaxgan.scores import classifier_training as training

FORMAT = "jaxgan-classifier-1"


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
    return weights.cache_folder() / "classifiers"


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
    data_sha256 = _data_sha256(x, labels)
    if cache is None:
        return _train(x, labels, held_out_x, held_out_labels, settings, data_sha256)
    _make(cache)
    origin = {
        "data_sha256": data_sha256,
        "held_out_sha256": _data_sha256(held_out_x, held_out_labels),
        "settings": _plain(settings),
        "environment": _environment(),
    }
    path = pathlib.Path(cache) / f"{_sha256(origin)}.safetensors"
    network = networks.NETWORKS[architecture](num_classes)
    note = None
    if path.exists():
        found = _read(path, origin)
        if found is not None:
            params, accuracy = found
            kept = classifier.Classifier(params, network, tuple(np.shape(x)[1:]))
            return Trained(kept, accuracy, data_sha256, True, None)
        note = f"The classifier in {path} was damaged, and was trained again."
    trained = _train(x, labels, held_out_x, held_out_labels, settings, data_sha256)
    try:
        trees.save_tree(
            path,
            trained.classifier.params,
            _described(origin, trained.classifier.params, trained.held_out_accuracy),
        )
    except OSError as error:
        # A full disk costs no more than training again next time.
        note = f"The classifier could not be kept in {path} ({error.strerror})."
    return trained._replace(note=note)


def _train(x, labels, held_out_x, held_out_labels, settings, data_sha256):
    trained = classifier.train_classifier(x, labels, **settings)
    accuracy = classifier.accuracy(trained, held_out_x, held_out_labels)
    return Trained(trained, float(accuracy), data_sha256, False, None)


def _described(origin, params, accuracy):
    description = {
        "format": FORMAT,
        **origin,
        "held_out_accuracy": accuracy,
        "weights_sha256": classifier.weights_sha256(params),
    }
    return description | {"sha256": _sha256(description)}


def _read(path, origin):
    """Weights and accuracy, or None if the file is not what was written."""
    try:
        params, description = trees.load_tree(path)
        accuracy = description["held_out_accuracy"]
    except (errors.UserError, TypeError, KeyError):
        return None
    if description != _described(origin, params, accuracy):
        return None
    return jax.tree.map(jnp.asarray, params), accuracy


def _plain(settings):
    """All settings of the training, defaults too, as JSON has them."""
    signature = inspect.signature(classifier.train_classifier)
    bound = signature.bind(None, None, **settings)
    bound.apply_defaults()
    plain = {k: v for k, v in bound.arguments.items() if k not in ("x", "labels")}
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
        "code": _sha256([_source(module) for module in (networks, training)]),
        "device": jax.devices()[0].device_kind,
        "x64": jax.config.jax_enable_x64,
    }


def _source(module: python_types.ModuleType) -> str | None:
    # The version alone would not tell a training that has changed since the release.
    return module.__loader__.get_source(module.__name__)


def _data_sha256(x, labels):
    digest = hashlib.sha256()
    for values in (np.asarray(x), np.asarray(labels)):
        digest.update(f"{values.dtype.str}{values.shape}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _sha256(entries):
    text = json.dumps(entries, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _make(cache):
    try:
        pathlib.Path(cache).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UserError(
            f"cache={str(cache)!r} is no folder and cannot be made one "
            f"({error.strerror}); give another, or None to keep nothing."
        ) from None
