"""Tests of jaxgan.networks.mocogan: what its layers compute."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan
from jaxgan.core import errors
from jaxgan.networks import layers, mocogan

PLAIN = layers.Recipe(convolution="lax")


def filled(variables):
    """Numbers for shapes, but for keys."""
    random = np.random.default_rng(0)

    def fill(leaf):
        if leaf.dtype == jnp.uint32:
            return np.arange(leaf.size, dtype=np.uint32).reshape(leaf.shape)
        return random.normal(size=leaf.shape, scale=0.5).astype(np.float32)

    return jax.tree.map(fill, variables)


def variables_of(module, *arguments):
    init = functools.partial(module.init, train=False)
    return filled(jax.eval_shape(init, jax.random.key(0), *arguments))


def test_motion_is_a_gated_recurrent_unit_over_noise():
    random = np.random.default_rng(1)
    first, noise = (
        random.normal(size=size).astype(np.float32) for size in ((2, 4), (2, 3, 3))
    )
    module = mocogan.Motion(5, PLAIN)
    variables = variables_of(module, first, noise)
    found = module.apply(variables, first, noise, train=False)

    def layer(name, x):
        own = variables["params"][name]
        return x @ own["kernel"] + own["bias"]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    state = np.tanh(layer("first", first))
    for time in range(3):
        both = np.concatenate([noise[:, time], state], axis=1)
        reset, update = np.split(sigmoid(layer("gates", both)), 2, axis=1)
        both = np.concatenate([noise[:, time], reset * state], axis=1)
        state = (1 - update) * state + update * np.tanh(layer("candidate", both))
        np.testing.assert_allclose(found[:, time], state, rtol=1e-4, atol=1e-5)


@functools.cache
def judged():
    """A discriminator, its variables, videos, and the logits of each frame of each."""
    x = np.random.default_rng(1).normal(size=(8, 3, 8, 8, 1)).astype(np.float32)
    module = mocogan.MoCoGANDiscriminator(1, 2, PLAIN)
    variables = variables_of(module, x)
    params = variables["params"]
    image = mocogan.Stream((4, 4), (2, 2), 1, 2, PLAIN)
    seen = image.apply({"params": params["image"]}, x.reshape(24, 8, 8, 1), train=False)
    kernel = params["Head_0"]["Dense_0"]["kernel"][:, 0]
    frames = seen.reshape(8, 3, -1) @ kernel[-4 * 4 * 2 :]
    video = mocogan.Stream((4, 4, 4), (2, 2, 2), 1, 2, PLAIN)
    seen = video.apply({"params": params["video"]}, x, train=False).reshape(8, -1)
    own = seen @ kernel[: -4 * 4 * 2] + params["Head_0"]["Dense_0"]["bias"]
    return module, variables, x, np.asarray(frames), np.asarray(own)


def test_the_logit_is_the_sum_of_both_streams_with_the_mean_over_frames():
    module, variables, x, frames, video = judged()
    found = module.apply(variables, x, train=False).logits
    np.testing.assert_allclose(found, video + frames.mean(1), rtol=1e-4, atol=1e-4)


def test_in_training_the_image_stream_sees_one_frame_that_changes_with_every_pass():
    module, variables, x, frames, video = judged()
    apply = jax.jit(functools.partial(module.apply, train=True, mutable=["noise"]))
    chosen = []
    for _ in range(12):
        output, moved = apply(variables, x)
        difference = np.abs(
            np.asarray(output.logits)[:, None] - video[:, None] - frames
        )
        chosen.append(difference.argmin(1))
        assert difference.min(1).max() < 1e-4
        variables = {**variables, **moved}
    # 96 draws of three frames: 32 of each, with a standard deviation of 4.6.
    counts = np.bincount(np.ravel(chosen), minlength=3)
    assert counts.min() > 8
    assert (np.std(chosen, axis=0) > 0).all() and (np.std(chosen, axis=1) > 0).any()


def test_content_stays_and_noise_moves_the_frames_after_it_alone():
    numbers = {"latent_dim": 16, "start": 3, "motion": 2, "width": 2}
    numbers["generator_normalisation"] = "none"
    made = gan.make("mocogan", (4, 8, 8, 1), **numbers)
    params, collections = filled(jax.eval_shape(made.init, jax.random.key(0)))
    generate = jax.jit(
        lambda z: made.generate(params.generator, collections.generator, z)[0]
    )
    z = np.random.default_rng(2).normal(size=(1, 16)).astype(np.float32)
    third, content = (z + np.eye(16, dtype=np.float32)[i] for i in (3 + 2 * 2, 15))
    moved, other = (
        np.abs(generate(own) - generate(z)).max((0, 2, 3, 4))
        for own in (third, content)
    )
    assert (moved[:2] == 0).all() and (moved[2:] > 0).all()
    assert (other > 0).all()


def test_a_latent_without_room_for_content_is_refused():
    made = gan.make("mocogan", (4, 8, 8, 1), latent_dim=24)
    with pytest.raises(errors.UserError, match="latent_dim=24 must be above 24"):
        jax.eval_shape(made.init, jax.random.key(0))


def test_classes_reach_looks_and_motion():
    options = {"latent_dim": 25, "width": 2, "num_classes": 3}
    made = gan.make("mocogan", (4, 8, 8, 1), **options)
    params, _ = jax.eval_shape(made.init, jax.random.key(0))
    # Noise of 16 at first and one number of content, each beside three classes.
    own = params.generator
    assert own["Motion_0"]["first"]["kernel"].shape == (16 + 3, 32)
    assert own["Dense_0"]["kernel"].shape[0] == 1 + 3 + 32
