"""Layers against their equations in NumPy, and against Flax and PyTorch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from jaxgan.core import errors
from jaxgan.networks import layers
from jaxgan.networks.layers import Recipe

KEY = jax.random.key(0)
LINEAR = [
    (layers.Dense, nn.Dense, (7,), (4, 5)),
    (layers.Conv, nn.Conv, (7, (3,), (2,)), (4, 6, 5)),
    (layers.Conv, nn.Conv, (7, (3, 4), (2, 1)), (4, 6, 8, 5)),
    (layers.Conv, nn.Conv, (3, (3, 2, 3)), (2, 4, 3, 4, 2)),
    (layers.ConvTranspose, nn.ConvTranspose, (7, (4,), (2,)), (4, 6, 5)),
    (layers.ConvTranspose, nn.ConvTranspose, (7, (5, 4), (2, 2)), (4, 3, 4, 5)),
]
EPSILON = 1e-5


def normal(*shape, seed=0, scale=1.0, shift=0.0):
    random = np.random.default_rng(seed)
    return jnp.asarray(random.normal(size=shape) * scale + shift, jnp.float32)


def begin(module, x, **arguments):
    """The variables of a module, made by one program."""
    return jax.jit(lambda: module.init(KEY, x, **arguments))()


def forward(module, variables, x, **arguments):
    """What a module makes of a batch, by one program."""
    return jax.jit(lambda *inputs: module.apply(*inputs, **arguments))(variables, x)


def passes(module, x, number=1, **arguments):
    """The output of the last of several training passes, and the variables then."""
    variables = begin(module, x, **arguments)
    run = jax.jit(
        lambda variables: module.apply(
            variables, x, **arguments, mutable=["batch_stats", "noise", "reference"]
        )
    )
    for _ in range(number):
        y, updated = run(variables)
        variables = {**variables, **updated}
    return y, variables


@pytest.mark.parametrize(("own", "flax", "arguments", "shape"), LINEAR)
def test_a_plain_layer_is_that_of_flax(own, flax, arguments, shape):
    x = normal(*shape)
    variables = begin(own(*arguments), x, train=True)
    bias = variables["params"]["bias"]
    variables["params"]["bias"] = jnp.arange(len(bias), dtype=jnp.float32)
    found = forward(own(*arguments), variables, x, train=True)
    expected = forward(flax(*arguments), variables, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("own", "flax", "arguments", "shape"), LINEAR)
def test_a_spectrally_normalised_kernel_has_norm_one_after_fifty_passes(
    own, flax, arguments, shape
):
    x = normal(*shape)
    module = own(*arguments, recipe=Recipe("spectral"), use_bias=False)
    y, variables = passes(module, x, 50, train=True)
    kernel = variables["params"]["kernel"]
    raw = forward(flax(*arguments, use_bias=False), {"params": {"kernel": kernel}}, x)
    sigma = np.sqrt((np.asarray(raw) ** 2).sum() / (np.asarray(y) ** 2).sum())
    matrix = np.asarray(kernel).reshape(-1, kernel.shape[-1])
    effective = np.linalg.svd(matrix / sigma, compute_uv=False)[0]
    np.testing.assert_allclose(effective, 1, rtol=0.01)


def test_the_spectral_norm_is_differentiated_with_its_vectors_held():
    """`d(W/s) = dW/s - (u v^T . dW) W/s^2`, equation 12 of the paper."""
    x, direction = jnp.eye(4), normal(4, 3, seed=1)
    recipe = Recipe("spectral", convolution="lax")  # as only this form has a jvp
    module = layers.Dense(3, recipe, use_bias=False)
    _, variables = passes(module, x, 200, train=True)
    w = variables["params"]["kernel"]

    def effective(w):
        return module.apply({**variables, "params": {"kernel": w}}, x, train=False)

    left, values, right = np.linalg.svd(w, full_matrices=False)
    along = left[:, 0] @ direction @ right[0]
    expected = direction / values[0] - along * w / values[0] ** 2
    _, found = jax.jvp(effective, (w,), (direction,))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_weight_normalisation_parts_length_and_direction():
    x = normal(4, 5)
    plain = layers.Dense(3, use_bias=False)
    module = layers.Dense(3, Recipe("weight"), use_bias=False)
    variables = begin(module, x, train=True)
    kernel, length = variables["params"]["kernel"], variables["params"]["length"]

    def output(kernel, length):
        params = {"kernel": kernel, "length": length}
        return module.apply({"params": params}, x, train=True)

    start = plain.apply({"params": {"kernel": kernel}}, x, train=True)
    np.testing.assert_allclose(output(kernel, length), start, rtol=1e-5)
    np.testing.assert_allclose(output(3 * kernel, length), start, rtol=1e-4)
    np.testing.assert_allclose(output(kernel, 2 * length), 2 * start, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "variance"),
    [("lecun", 1 / 400), ("he", 2 / 400), ("xavier", 2 / 700), ("dcgan", 4e-4)],
)
def test_kernels_start_with_the_variance_of_their_initialisation(name, variance):
    module = layers.Dense(300, Recipe(initialisation=name))
    kernel = begin(module, normal(1, 400), train=True)["params"]["kernel"]
    np.testing.assert_allclose(kernel.var(), variance, rtol=0.05)


def test_an_orthogonal_kernel_has_singular_values_one_and_gain_scales_them():
    module = layers.Conv(6, (3, 3), recipe=Recipe(initialisation="orthogonal"), gain=2)
    kernel = begin(module, normal(1, 4, 4, 5), train=True)["params"]["kernel"]
    values = np.linalg.svd(kernel.reshape(-1, 6), compute_uv=False)
    np.testing.assert_allclose(values, 2, rtol=1e-5)


def test_an_equalised_layer_has_unit_parameters_and_he_outputs():
    module = layers.Dense(400, Recipe(initialisation="equalised"))
    x = normal(300, 500)
    variables = begin(module, x, train=True)
    y = forward(module, variables, x, train=True)
    np.testing.assert_allclose(variables["params"]["kernel"].std(), 1, rtol=0.02)
    np.testing.assert_allclose(y.var(), 2, rtol=0.05)


@pytest.mark.parametrize(("own", "flax", "arguments", "shape"), LINEAR)
def test_low_precision_computes_low_and_keeps_parameters(own, flax, arguments, shape):
    x = normal(*shape)
    recipe = Recipe("spectral", dtype="bfloat16")
    y, variables = passes(own(*arguments, recipe=recipe), x, train=True)
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    full = own(*arguments, recipe=dataclasses.replace(recipe, dtype="float32"))
    expected, _ = passes(full, x, train=True)
    np.testing.assert_allclose(y.astype(float), expected, rtol=0.1, atol=0.05)


def by_equation(name, x):
    """Normalisation in NumPy, of float64."""
    x = np.asarray(x, np.float64)
    places = tuple(range(1, x.ndim - 1))

    def standardised(x, axes):
        gap = x - x.mean(axes, keepdims=True)
        return gap / np.sqrt(x.var(axes, keepdims=True) + EPSILON)

    match name:
        case "batch":
            return standardised(x, (0, *places))
        case "layer":
            return standardised(x, (*places, x.ndim - 1))
        case "instance":
            return standardised(x, places)
        case "group":
            groups = x.reshape(*x.shape[:-1], 32, -1)
            return standardised(groups, (*places, x.ndim)).reshape(x.shape)
        case "rms" | "pixel":
            return x / np.sqrt((x**2).mean(-1, keepdims=True))
    return x


NAMES = [name for name in layers.NORMALISATIONS if name != "virtual_batch"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(6, 9, 64), (6, 4, 5, 64), (3, 2, 4, 3, 64)])
def test_a_normalisation_is_its_equation(name, shape):
    x = normal(*shape, scale=3, shift=2)
    y, variables = passes(layers.Norm(Recipe(name)), x, train=True)
    np.testing.assert_allclose(y, by_equation(name, x), rtol=1e-3, atol=1e-3)
    learned = {path[-1].key for path, _ in _leaves(variables.get("params", {}))}
    scales = {"none": (), "spectral": (), "weight": (), "pixel": (), "rms": ("scale",)}
    assert learned == set(scales.get(name, ("scale", "bias")))


def _leaves(tree):
    return jax.tree_util.tree_flatten_with_path(tree)[0]


def test_batch_normalisation_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    batches = [normal(32, 5, 6, 3, seed=i, scale=2, shift=i) for i in range(4)]
    module = layers.Norm(Recipe("batch"))
    variables = module.init(KEY, batches[0], train=True)
    stats = {"batch_stats": variables["batch_stats"]}
    reference = torch.nn.BatchNorm2d(3)
    for x in batches:
        y, stats = module.apply(
            {**variables, **stats}, x, train=True, mutable=["batch_stats"]
        )
        expected = reference(torch.tensor(np.asarray(x)).permute(0, 3, 1, 2))
        expected = expected.permute(0, 2, 3, 1).detach().numpy()
        np.testing.assert_allclose(y, expected, atol=1e-4)
    own = stats["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(own["mean"], reference.running_mean.numpy(), rtol=1e-4)
    # PyTorch averages the unbiased variance of each batch, Flax the biased one.
    n = 32 * 5 * 6
    start = 0.9 ** len(batches)
    running = reference.running_var.numpy()
    biased = start + (running - start) * (n - 1) / n
    np.testing.assert_allclose(own["var"], biased, rtol=1e-4)


def test_running_statistics_serve_outside_of_training():
    x = normal(64, 3, 4, scale=2, shift=5)
    module = layers.Norm(Recipe("batch"))
    _, variables = passes(module, x, 100, train=True)
    y = forward(module, variables, x[:1], train=False)
    np.testing.assert_allclose(y, by_equation("batch", x)[:1], atol=2e-3)


@pytest.mark.parametrize("name", ["none", "batch", "layer", "instance", "rms"])
@pytest.mark.parametrize("hidden", [0, 8])
def test_a_condition_comes_in_as_it_is_learned(name, hidden):
    x, condition = normal(4, 6, 5, scale=2), jnp.eye(3)[jnp.array([0, 1, 2, 1])]
    module = layers.Norm(Recipe(name), hidden)
    y, variables = passes(module, x, train=True, condition=condition)
    np.testing.assert_allclose(y, by_equation(name, x), rtol=1e-3, atol=1e-3)
    last = f"Dense_{1 if hidden else 0}"
    assert not variables["params"][last]["kernel"].any()
    if hidden:
        return
    table = normal(3, 10, seed=1)
    variables["params"][last]["kernel"] = table
    given = {"train": True, "condition": condition, "mutable": ["batch_stats"]}
    y, _ = forward(module, variables, x, **given)
    scale, shift = np.split(np.asarray(condition @ table), 2, axis=-1)
    expected = by_equation(name, x) * (1 + scale[:, None]) + shift[:, None]
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("instance", (4, 5)), ("instance", (4, 1, 1, 5)), ("group", (4, 1))],
)
def test_the_mean_of_a_single_number_is_refused(name, shape):
    with pytest.raises(errors.UserError, match=f"'{name}'"):
        layers.Norm(Recipe(name)).init(KEY, normal(*shape), train=True)


@pytest.mark.parametrize("channels", [2, 6, 9, 16, 32, 48])
def test_groups_have_at_least_two_channels(channels):
    x = normal(6, channels, scale=3)
    y, _ = passes(layers.Norm(Recipe("group")), x, train=True)
    assert (jnp.abs(y).max(0) > 0.1).all()


def test_virtual_batch_normalisation_is_by_the_reference_and_the_sample_itself():
    recipe = Recipe("virtual_batch", reference_size=5)
    x = normal(9, 4, 3, scale=2, shift=1)
    y, _ = passes(layers.Norm(recipe), x, train=True)
    x = np.asarray(x, np.float64)
    mean, square = x[:5].mean((0, 1)), (x[:5] ** 2).mean((0, 1))
    for i in range(9):
        m, s = mean, square
        if i >= 5:
            m = (5 * mean + x[i].mean(0)) / 6
            s = (5 * square + (x[i] ** 2).mean(0)) / 6
        expected = (x[i] - m) / np.sqrt(s - m**2 + EPSILON)
        np.testing.assert_allclose(y[i], expected, rtol=1e-3, atol=1e-3)


class _Network(nn.Module):
    recipe: Recipe

    @nn.compact
    def __call__(self, x, *, train):
        return layers.Norm(self.recipe)(x, train=train)


def test_the_reference_is_the_first_batch_and_stays():
    recipe = Recipe("virtual_batch", reference_size=4)
    module = layers.WithReference(_Network(recipe), recipe)
    first, second = normal(6, 3), normal(6, 3, seed=1, scale=5)
    variables = begin(module, first, train=True)
    assert not variables["reference"]["known"]
    for x in (first, second):
        y, updated = forward(module, variables, x, train=True, mutable=["reference"])
        variables = {**variables, **updated}
        np.testing.assert_array_equal(variables["reference"]["x"], first[:4])
        assert y.shape == x.shape
    # A sample does not see the others of its batch.
    alone = module.apply(variables, second[2:3], train=False)
    np.testing.assert_allclose(alone[0], y[2], rtol=1e-5)
    with pytest.raises(errors.UserError, match="reference_size"):
        module.apply(variables, first[:3], train=True, mutable=["reference"])


def test_self_attention_starts_as_the_identity_and_then_is_its_equation():
    x = normal(2, 4, 6, 16)
    module = layers.SelfAttention()
    y, variables = passes(module, x, train=True)
    np.testing.assert_array_equal(y, x)
    params = variables["params"]
    params["gamma"] = jnp.float32(0.7)
    y = forward(module, variables, x, train=True)
    query, key, value, out = (
        np.asarray(params[f"Conv_{i}"]["kernel"])[0, 0] for i in range(4)
    )
    x = np.asarray(x)

    def pooled(a):
        return a.reshape(2, 2, 2, 3, 2, -1).max((2, 4)).reshape(2, 6, -1)

    logits = (x @ query).reshape(2, 24, -1) @ pooled(x @ key).transpose(0, 2, 1)
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    seen = (weights @ pooled(x @ value) @ out).reshape(x.shape)
    np.testing.assert_allclose(y, x + 0.7 * seen, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 4, 4, 7), (2, 3, 4, 16)])
def test_self_attention_says_what_it_cannot_do(shape):
    with pytest.raises(errors.UserError, match="even sides"):
        layers.SelfAttention().init(KEY, normal(*shape), train=True)


@pytest.mark.parametrize(("batch", "size"), [(8, 4), (6, 3), (5, 1)])
def test_minibatch_stddev_is_the_mean_deviation_of_each_group(batch, size):
    x = normal(batch, 3, 4, 2)
    y, _ = passes(layers.MinibatchStddev(4), x)
    np.testing.assert_array_equal(y[..., :-1], x)
    # The sample i is in the group i modulo the number of groups.
    number = batch // size
    for i in range(batch):
        group = np.asarray(x[i % number :: number])
        expected = np.sqrt(group.var(0) + 1e-8).mean()
        np.testing.assert_allclose(y[i, ..., -1], expected, rtol=1e-4)


def test_minibatch_discrimination_counts_close_samples():
    module = layers.MinibatchDiscrimination(num_kernels=6, kernel_dim=2)
    same = jnp.tile(normal(1, 4), (5, 1))
    y, variables = passes(module, same, train=True)
    np.testing.assert_array_equal(y[:, :4], same)
    np.testing.assert_allclose(y[:, 4:], 4, rtol=1e-5)
    x = normal(5, 4)
    y = forward(module, variables, x, train=True)
    m = np.asarray(x @ variables["params"]["Dense_0"]["kernel"]).reshape(5, 6, 2)
    for i in range(5):
        others = [j for j in range(5) if j != i]
        expected = np.exp(-np.abs(m[i] - m[others]).sum(-1)).sum(0)
        np.testing.assert_allclose(y[i, 4:], expected, rtol=1e-4, atol=1e-6)


def test_phase_shuffle_shifts_each_waveform_and_draws_anew_in_each_pass():
    module = layers.PhaseShuffle(2)
    x = normal(40, 9, 3)
    variables = begin(module, x, train=True)
    np.testing.assert_array_equal(forward(module, variables, x, train=False), x)
    padded = np.pad(np.asarray(x), [(0, 0), (2, 2), (0, 0)], mode="reflect")
    drawn = []
    for _ in range(2):
        y, updated = forward(module, variables, x, train=True, mutable=["noise"])
        variables = {**variables, **updated}
        shifts = [
            [s for s in range(5) if np.array_equal(y[i], padded[i, s : s + 9])]
            for i in range(40)
        ]
        assert all(len(found) == 1 for found in shifts)
        drawn.append([found[0] for found in shifts])
    assert set(drawn[0]) == set(range(5))
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("size", [(4,), (4, 6), (2, 4, 6)])
def test_pooling_undoes_upsampling(size):
    x = normal(2, *size, 3)
    wide = layers.upsample(x)
    assert wide.shape == (2, *(2 * n for n in size), 3)
    np.testing.assert_allclose(layers.average_pool(wide), x, rtol=1e-6)
    for axis in range(1, x.ndim - 1):
        even = lax.slice_in_dim(wide, 0, None, 2, axis)
        odd = lax.slice_in_dim(wide, 1, None, 2, axis)
        np.testing.assert_array_equal(even, odd)


CONDITIONED = [("concat", 5), ("normalisation", 3), ("self_modulation", 5)]


@pytest.mark.parametrize(("kind", "width"), CONDITIONED)
def test_labels_enter_a_generator(kind, width):
    z, label = normal(4, 2), jnp.array([0, 2, 1, 2])
    conditioning = layers.Conditioning(kind, 3)
    x, condition = layers.condition_generator(z, label, conditioning)
    entered = x if kind == "concat" else condition
    assert entered.shape == (4, width)
    np.testing.assert_array_equal(entered[:, -3:], jnp.eye(3)[label])


def test_labels_enter_a_discriminator_as_planes():
    x, label = normal(4, 2, 3, 1), jnp.array([0, 2, 1, 2])
    y = layers.condition_discriminator(x, label, layers.Conditioning("concat", 3))
    np.testing.assert_array_equal(y[..., :1], x)
    expected = jnp.broadcast_to(jnp.eye(3)[label][:, None, None], (4, 2, 3, 3))
    np.testing.assert_array_equal(y[..., 1:], expected)


def test_a_projection_adds_the_product_of_features_and_embedding():
    features, label = normal(4, 5), jnp.array([0, 2, 1, 2])
    head = layers.Head(conditioning=layers.Conditioning("projection", 3))
    output, variables = passes(head, features, train=True, label=label)
    params = variables["params"]
    plain = features @ params["Dense_0"]["kernel"][:, 0]
    embedded = params["embedding"]["kernel"][label]
    np.testing.assert_allclose(
        output.logits, plain + (embedded * features).sum(-1), rtol=1e-5, atol=1e-6
    )


def test_an_auxiliary_head_gives_class_logits():
    head = layers.Head(conditioning=layers.Conditioning("auxiliary", 3))
    output, _ = passes(head, normal(4, 5), train=True, label=jnp.zeros(4, int))
    assert output.class_logits.shape == (4, 3)
