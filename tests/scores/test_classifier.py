import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import classifier
from jaxgan.scores import classifier_networks as networks
from jaxgan.scores import classifier_training as training


@pytest.fixture(scope="module")
def digits():
    from sklearn import datasets, model_selection

    data = datasets.load_digits()
    x = (data.images / 8 - 1).astype(np.float32)[..., None]
    return model_selection.train_test_split(
        x, data.target, test_size=0.2, stratify=data.target, random_state=0
    )


@pytest.fixture(scope="module")
def trained(digits):
    x, _, labels, _ = digits
    return [
        classifier.train_classifier(x, labels, num_classes=10, key=jax.random.key(seed))
        for seed in range(2)
    ]


def quick(x, labels, seed=0, **options):
    options = {"num_epochs": 1, "architecture": "fully_connected", **options}
    return classifier.train_classifier(
        x, labels, num_classes=10, key=jax.random.key(seed), **options
    )


def test_held_out_digits_are_recognised_for_every_key(digits, trained):
    _, x, _, labels = digits
    assert min(classifier.accuracy(c, x, labels) for c in trained) >= 0.97


def test_accuracy_is_that_of_the_logits_whatever_the_batch(digits, trained):
    _, x, _, labels = digits
    _, logits = jax.jit(classifier.classify)(trained[0], x)
    expected = np.mean(np.argmax(logits, axis=1) == labels)
    for batch_size in (7, 500):
        value = classifier.accuracy(trained[0], x, labels, batch_size)
        np.testing.assert_allclose(value, expected, atol=1e-6)


def test_batches_of_any_size_give_the_same_features(digits, trained):
    x = digits[1][:10]
    whole = jax.jit(classifier.classify)(trained[0], x)
    batched = classifier.classify_all(trained[0], x, batch_size=4)
    for a, b in zip(whole, batched, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    assert whole[0].shape == (10, 64) and whole[1].shape == (10, 10)


def test_the_inception_score_of_real_digits_is_near_ten(digits, trained):
    probs = jax.nn.softmax(classifier.classify_all(trained[0], digits[1])[1])
    assert scores.inception_score(probs, splits=1).value > 9


def test_a_patch_layer_is_a_convolution():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 9, 8, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, 3, 5)), jnp.float32)
    for stride in (1, 2):
        expected = jax.lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            ((1, 1), (1, 1)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        patches = networks.patches(x, stride)
        np.testing.assert_allclose(
            patches @ kernel.reshape(-1, 5), expected, rtol=1e-4, atol=1e-4
        )


def test_a_shift_moves_images_by_at_most_max_shift():
    x = jnp.zeros((200, 9, 9, 1)).at[:, 4, 4].set(1.0)
    moved = np.asarray(training.shifted(x, jax.random.key(0), 2))
    _, rows, columns, _ = np.nonzero(moved)
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}


def test_training_depends_on_nothing_but_its_arguments(digits, trained):
    x, _, labels, _ = digits
    one, again = (
        classifier.fingerprint(quick(x, labels, architecture="convolutional"))
        for _ in range(2)
    )
    assert one == again
    assert classifier.fingerprint(trained[0]) != classifier.fingerprint(trained[1])


def test_uint8_images_are_those_in_minus_one_to_one(trained):
    uint8 = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)
    scaled = uint8.astype(np.float32) / 127.5 - 1
    classify = jax.jit(classifier.classify)
    for a, b in zip(
        classify(trained[0], uint8), classify(trained[0], scaled), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_few_colour_images_of_odd_size_and_bytes():
    x = np.random.default_rng(0).integers(0, 256, (20, 9, 11, 3)).astype(np.uint8)
    network = quick(x, np.arange(20) % 10)
    features, logits = jax.jit(classifier.classify)(network, x)
    assert jnp.isfinite(features).all() and logits.shape == (20, 10)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 11, 3), (32, 32, 3)])
@pytest.mark.parametrize("architecture", ["convolutional", "fully_connected"])
def test_networks_take_images_of_any_size(architecture, shape):
    network = classifier.NETWORKS[architecture](num_classes=7)
    x = jax.ShapeDtypeStruct((5, *shape), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), x)
    features, logits = jax.eval_shape(network.apply, variables, x)
    assert features.shape == (5, network.num_features) and logits.shape == (5, 7)


def test_an_mlp_takes_waveforms():
    random = np.random.default_rng(0)
    labels = np.arange(600) % 3
    phase = random.uniform(0, 2 * np.pi, (600, 1))
    time = np.arange(40) / 40
    x = np.sin(2 * np.pi * (labels[:, None] + 1) * time + phase)
    x = (x + 0.3 * random.normal(size=x.shape)).astype(np.float32)[..., None]
    network = quick(x[:500], labels[:500], num_epochs=None)
    assert classifier.accuracy(network, x[500:], labels[500:]) > 0.95


@pytest.mark.parametrize(
    "num_samples, epochs", [(1437, 35), (10_000, 8), (60_000, 8), (10**6, 1)]
)
def test_a_training_shows_neither_few_samples_nor_too_many(num_samples, epochs):
    assert training.default_epochs(num_samples) == epochs


def test_a_fingerprint_is_an_entry_of_a_protocol(trained):
    entries = classifier.fingerprint(trained[0], held_out_accuracy=jnp.asarray(0.5))
    assert hash(entries)
    fields = dict(entries)
    assert fields["feature_network"].startswith("ConvolutionalNetwork(num_classes=10, ")
    assert len(fields["weights_sha256"]) == 64
    assert fields["held_out_accuracy"] == 0.5


def test_the_scores_do_not_import_flax_or_optax():
    program = (
        "import sys; from jaxgan import scores, reports; "
        "print(sorted({'flax', 'optax', 'sklearn', 'matplotlib', 'rich', 'scipy.stats'}"
        " & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


IMAGES = np.zeros((6, 8, 8, 1), np.float32)
LABELS = np.arange(6)


@pytest.mark.parametrize(
    "x, labels, options, message",
    [
        (IMAGES[:, :7], LABELS, {"architecture": "convolutional"}, "at least 8"),
        (IMAGES[..., 0], LABELS, {"architecture": "convolutional"}, r"\[N, H, W, C\]"),
        (IMAGES[:, 0, 0, 0], LABELS, {}, r"\[N, ...\]"),
        (IMAGES[..., 0], LABELS, {"max_shift": 1}, "no images"),
        (IMAGES[..., 0] * np.nan, LABELS, {}, "not finite"),
        (IMAGES * np.nan, LABELS, {}, "between nan and nan"),
        (IMAGES, LABELS + 0.0, {}, "labels must be integers"),
        (IMAGES, LABELS, {"max_shift": -1}, "max_shift=-1"),
        (IMAGES, LABELS[:5], {}, "labels must have shape"),
        (IMAGES, LABELS + 5, {}, "between 5 and 10"),
        (IMAGES + 16, LABELS, {}, r"between 16 and 16"),
        (IMAGES.astype(np.int32), LABELS, {}, "int32"),
        (IMAGES, LABELS, {"architecture": "lenet"}, "'lenet'"),
        (IMAGES, LABELS, {"num_epochs": 0}, "num_epochs"),
        (IMAGES, LABELS, {"batch_size": 0}, "batch_size"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(x, labels, options, message):
    with pytest.raises(errors.UserError, match=message):
        quick(x, labels, **options)


def test_images_of_another_shape_are_refused(trained):
    with pytest.raises(errors.UserError, match="resize"):
        classifier.classify(trained[0], jnp.zeros((2, 28, 28, 1)))
