"""The networks of the benchmark in PyTorch beside ours: weights, losses, gradients."""

import importlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gradients, losses, penalties, steps
from jaxgan import types as contracts

pytestmark = pytest.mark.oracle

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"
BATCH = 4
WIDTHS = {"sn_dcgan": 4, "resnet": 4, "r3gan": 16}
PENALTIES = {
    "dcgan28": ({}, {"r1": 1.0}),
    "dcgan32": ({}, {"r1": 1.0}),
    "mlp": ({}, {"r1": 1.0}),
    "mlp_small": ({}, {"r1": 1.0, "r2": 0.5}),
    "sn_dcgan": ({}, {"r1": 1.0}),
    "resnet": ({}, {"r1": 1.0}),
    "r3gan": ({}, {"r1": 0.7}, {"r1": 0.7, "r2": 0.3}),
}
MEASURED = [(model, each) for model, own in PENALTIES.items() for each in own]


@pytest.fixture(scope="module")
def bench():
    """Imports a module of the benchmark as the script does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXPERIMENTS))
        yield lambda name: importlib.import_module(f"bench.{name}")


def numbers(bench, model, **given):
    cases = bench("cases")
    case = cases.of_jax(model, 1, width=WIDTHS.get(model), batch_size=BATCH, **given)
    return cases.numbers(case) | {"dtype": "float32", "form": "auto"}


def blocks(name, number, *layers):
    return [f"{name}_{i}/{layer}" for i in range(number) for layer in layers]


def paths(config):
    """Our layers of both players, in the order of the modules of PyTorch."""
    hidden = [f"Dense_{i}" for i in range(len(config.get("hidden", ())) + 1)]
    head, conv = "Head_0/Dense_0", ("Conv_0", "Conv_1")
    residual = blocks("ResidualBlock", 8, "Conv_0", "Conv_1", "Conv_2")
    up = [
        name
        for i in range(3)
        for name in (f"ConvTranspose_{i}", f"Norm_{i + 1}/BatchNorm_0")
    ]
    stem = ["Dense_0", "Norm_0/BatchNorm_0"]
    norms = [f"Norm_{i}/BatchNorm_0" for i in range(2)]
    return {
        "mlp": (hidden, [*hidden[:-1], head]),
        "conv": ([*stem, *up[:2], "ConvTranspose_1"], [*conv, head]),
        "sn_dcgan": (
            [*stem, *up, "Conv_0"],
            [*(f"Conv_{i}" for i in range(7)), head],
        ),
        "resnet": (
            [
                "Dense_0",
                *blocks("GeneratorBlock", 3, *norms, *conv, "shortcut"),
                "Norm_0/BatchNorm_0",
                "Conv_0",
            ],
            [
                *blocks("DiscriminatorBlock", 2, *conv, "shortcut"),
                *(f"DiscriminatorBlock_{i}/{name}" for i in (2, 3) for name in conv),
                head,
            ],
        ),
        "r3gan": (
            ["", "Dense_0", *residual, "Conv_0"],
            ["Conv_0", *residual, "Conv_1", head],
        ),
    }[config["network"]]


OURS = {"maps": ("basis",), "bias": ("bias",), "weight": ("kernel", "scale")}


def matched(player, names, tree):
    """Each parameter of a player in PyTorch, and ours in its layout."""
    modules = [m for m in player.modules() if list(m.parameters(recurse=False))]
    for module, path in zip(modules, names, strict=True):
        own = tree
        for name in filter(None, path.split("/")):
            own = own[name]
        for name, parameter in module.named_parameters(recurse=False):
            (kept,) = (k for k in OURS[name.removesuffix("_orig")] if k in own)
            array = laid_out(np.asarray(own[kept]), path, kept, tree)
            assert array.shape == tuple(parameter.shape), path
            yield parameter, array


def laid_out(array, path, name, tree):
    """As PyTorch has it: channels first, transposed kernels turned around."""
    if name == "basis":
        return array.transpose(2, 0, 1)
    if "ConvTranspose" in path and name == "kernel":
        return array[::-1, ::-1].transpose(2, 3, 0, 1)
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    image = image_beside(path, tree)
    if image is None or "Norm" in path or "Conv" in path:
        return array.T
    if path == "Dense_0":  # makes the image
        array = array.reshape(-1, *image)
        array = array.transpose(3, 1, 2, 0).reshape(-1, len(array))
        return array[:, 0] if name == "bias" else array
    if name == "bias":
        return array
    return array.reshape(*image).transpose(2, 0, 1).reshape(1, -1)


def image_beside(path, tree):
    """`(side, side, C)` of the maps that a dense layer makes or takes, or None."""
    if path == "Dense_0" and not {"basis", "Dense_1"} & set(tree):
        kernel = tree["Dense_0"]["kernel"]
        first = tree.get("Norm_0", {}).get("BatchNorm_0", {}).get("scale")
        if "GeneratorBlock_0" in tree:
            first = tree["GeneratorBlock_0"]["Norm_0"]["BatchNorm_0"]["scale"]
        channels = len(first)
    elif path.startswith("Head") and any(name.startswith("Conv") for name in tree):
        kernel = tree["Head_0"]["Dense_0"]["kernel"].T
        last = max(name for name in tree if name.startswith("Conv"))
        channels = tree[last]["kernel"].shape[-1]
    else:
        return None
    side = round((kernel.shape[1] / channels) ** 0.5)
    return side, side, channels


def random_state(bench, config):
    """A state of float64 whose weights are none of the first ones, which have zeros."""
    pair, _, hparams = bench("jax_population").training_step(config)
    state = jax.eval_shape(steps.initialise(pair), hparams, jax.random.key(0))
    random = np.random.default_rng(1)

    def draw(path, leaf):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return np.zeros(leaf.shape, leaf.dtype)
        x = random.normal(size=leaf.shape)
        name = jax.tree_util.keystr(path)
        if name.endswith("['u']"):
            return x / np.linalg.norm(x)
        if name.endswith(("['scale']", "['var']")):
            return 1 + 0.1 * x
        return x / np.sqrt(np.prod(leaf.shape[:-1])) if leaf.ndim > 1 else 0.1 * x

    params, collections = jax.tree_util.tree_map_with_path(
        draw, (state.params, state.collections)
    )
    return pair, hparams, state._replace(params=params, collections=collections)


@pytest.mark.parametrize("model, weights", MEASURED)
def test_losses_gradients_and_singular_vectors_are_those_of_ours(
    bench, x64, model, weights
):
    torch = pytest.importorskip("torch")
    functions = bench("torch_losses")
    config = numbers(bench, model, **weights)
    pair, hparams, state = random_state(bench, config)
    random = np.random.default_rng(0)
    z = random.normal(size=(BATCH, config["latent_dim"]))
    x = random.uniform(-1, 1, (BATCH, *config["shape"]))
    pair = pair._replace(latent=lambda key, n: jnp.asarray(z))
    loss = losses.get(config["loss"])
    d_of = gradients.discriminator(
        pair, loss, {name: penalties.PENALTIES[name] for name in weights}
    )
    g_of = gradients.generator(pair, loss)

    @jax.jit
    def both(params, collections):
        own = state._replace(params=params, collections=collections)
        arguments = hparams, own, contracts.Batch(x), jax.random.key(2)
        return d_of(*arguments), g_of(*arguments)

    (d_ours, moved, metrics), (g_ours, _, g_metrics) = both(
        state.params, state.collections
    )
    value = metrics["discriminator_loss"]
    value += sum(weight * metrics[name] for name, weight in weights.items())

    generator, discriminator = (
        player.double() for player in bench("torch_networks").players(config)
    )
    g_names, d_names = paths(config)
    with torch.no_grad():
        for player, names, params in (
            (generator, g_names, state.params.generator),
            (discriminator, d_names, state.params.discriminator),
        ):
            for parameter, ours in matched(player, names, params):
                parameter.copy_(torch.from_numpy(ours.copy()))
    vectors = [
        (name, buffer)
        for name, buffer in discriminator.named_buffers()
        if name.endswith("weight_u")
    ]

    def ours_of(collections):
        return [singular(collections, path) for path in d_names if vectors]

    def set_vectors():
        pairs = zip(vectors, ours_of(state.collections.discriminator), strict=True)
        for (_, buffer), ours in pairs:
            buffer.copy_(torch.from_numpy(ours))

    def compare(value, ours, player, names, grads):
        assert value.item() == pytest.approx(float(ours), rel=1e-9)
        of = list(matched(player, names, grads))
        found = torch.autograd.grad(value, [parameter for parameter, _ in of])
        for one, (_, other) in zip(found, of, strict=True):
            scale = np.abs(other).max()
            assert scale > 0
            np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9 * scale)

    real = torch.from_numpy(x)
    real = real.movedim(-1, 1) if x.ndim == 4 else real
    fake, of_loss = generator(torch.from_numpy(z)), config["loss"]
    terms = weights.get("r1"), weights.get("r2")
    set_vectors()
    theirs = functions.discriminator_loss(
        discriminator, real, fake.detach(), of_loss, *terms
    )
    compare(theirs, value, discriminator, d_names, d_ours)
    for (name, buffer), ours in zip(vectors, ours_of(moved), strict=True):
        np.testing.assert_allclose(buffer, ours, rtol=1e-9, atol=1e-12, err_msg=name)
    set_vectors()
    theirs = functions.generator_loss(discriminator, real, fake, of_loss)
    compare(theirs, g_metrics["generator_loss"], generator, g_names, g_ours)


def singular(collections, path):
    own = collections.get("batch_stats", {})
    for name in path.split("/"):
        own = own.get(name, {})
    return own.get("u")


@pytest.mark.parametrize("model", sorted(WIDTHS))
def test_first_weights_have_the_deviations_of_ours(bench, model):
    torch = pytest.importorskip("torch")
    config = numbers(bench, model)
    pair, _, hparams = bench("jax_population").training_step(config)
    state = jax.jit(steps.initialise(pair))(hparams, jax.random.key(0))
    torch.manual_seed(0)
    players = bench("torch_networks").players(config)
    for player, names, tree in zip(players, paths(config), state.params, strict=True):
        for parameter, ours in matched(player, names, tree):
            theirs = parameter.detach().numpy()
            mean_square = np.square(ours).mean()
            # Six deviations of the ratio of two mean squares of so many normal numbers.
            near = 6 * (4 / ours.size) ** 0.5
            assert np.square(theirs).mean() == pytest.approx(mean_square, rel=near)


VARIANTS = {
    "dcgan28": ("eager", "tuned", "fused", "func"),
    "mlp_small": ("eager", "tuned", "fused", "func"),
    "sn_dcgan": ("eager", "tuned"),
    "resnet": ("eager", "tuned"),
    "r3gan": ("eager", "tuned", "func"),
}


@pytest.mark.parametrize(
    "model, variant", [(model, name) for model in VARIANTS for name in VARIANTS[model]]
)
def test_every_variant_moves_all_weights_of_both_players(
    bench, monkeypatch, model, variant
):
    torch = pytest.importorskip("torch")
    members, networks = bench("torch_members"), bench("torch_networks")
    weights = {} if variant == "func" else PENALTIES[model][-1]
    config = numbers(bench, model, **weights) | {"members": 2, "variant": variant}
    if config["loss"] == "hinge":
        # Within the margins its gradients with respect to the last bias cancel.
        config["loss"] = "non_saturating"
    made, players, stack = [], networks.players, torch.func.stack_module_state

    def remembering(config):
        made.append(players(config))
        return made[-1]

    def stacking(modules):
        made.append(stack(modules)[0])
        return made[-1], {}

    monkeypatch.setattr(networks, "players", remembering)
    monkeypatch.setattr(torch.func, "stack_module_state", stacking)
    shape = [config["shape"][-1], *config["shape"][:-1]]
    torch.manual_seed(0)
    whole = members.vmapped if variant == "func" else members.in_turn
    step = whole(config, torch.rand(16, *shape), torch.device("cpu"))
    if variant == "func":
        moving = [w for weights in made[-2:] for w in weights.values()]
    else:
        moving = [p for pair in made for player in pair for p in player.parameters()]
    before = [weights.detach().clone() for weights in moving]
    step()
    step()  # what stands before a kernel of zeros is moved from now on
    for old, new in zip(before, moving, strict=True):
        assert torch.isfinite(new).all()
        assert (old - new).abs().max() > 0


@pytest.mark.parametrize("model", ["sn_dcgan", "r3gan"])
def test_gradients_of_a_layer_are_the_adjoints_of_its_forward_pass(bench, model):
    torch = pytest.importorskip("torch")
    operations, torch_profile = bench("operations"), bench("torch_profile")
    config = numbers(bench, model)
    torch.manual_seed(0)
    for layer in set(sum(operations.layers(config).values(), [])):
        *places, inputs, outputs = operations.kernel_shape(layer)
        both = (inputs, outputs) if layer.transposed else (outputs, inputs)
        x = torch.randn(2, layer.channels, *layer.size).double()
        y = torch.randn(2, layer.features, *operations.output_size(layer)).double()
        kernel = torch.randn(*both, *places).double()
        out, dx, dk = (each(x, y, kernel) for each in torch_profile.maps(layer))
        assert (out.shape, dx.shape, dk.shape) == (y.shape, x.shape, kernel.shape)
        found = [(a * b).sum() for a, b in ((y, out), (x, dx), (kernel, dk))]
        torch.testing.assert_close(found[1:], found[:1] * 2)
