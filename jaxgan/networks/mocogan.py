"""Videos of a content that stays and a motion that goes on, judged twice.

Tulyakov et al., MoCoGAN: Decomposing Motion and Content for Video Generation, 2018,
https://arxiv.org/abs/1707.04993: every frame is the image that a DCGAN makes of the
same content latent and of that frame's motion latent, which a recurrent network makes
of noise. One discriminator judges a frame, another one the video.

**Two discriminators, one logit.** The published objective has a term for each. Here
both are streams of one network, whose logit is the sum of theirs:

    D(x) = D_V(x) + D_I(x_t),    t uniform.

By the chain rule the best logit of a video is the log-ratio of densities of one frame
plus that of the video given the frame, so that an image discriminator and a video
discriminator that knows the frame have the sum that one discriminator would have, and
the game has the same equilibrium. Of losses that are linear in the logits
(`wasserstein`, `hinge` within its margin, the generator's of both) the sum of the two
terms is the term of the sum. Of others the two share one slope: where D_V is sure, D_I
learns nothing more, which two terms would let it. In return every loss, penalty, step
rule, pack and score keeps its meaning: each takes one number for a sample, and those of
gradients one function of the sample; two numbers would be read as two samples.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers
from jaxgan.networks.layers import noise

KERNEL, STRIDES = (4, 4), (2, 2)
VIDEO_KERNEL, VIDEO_STRIDES = (4, 4, 4), (2, 2, 2)


class MoCoGANGenerator(nn.Module):
    """`z [B, D] -> videos [B, T, H, W, C]` in [-1, 1].

    z is, in this order, noise `[B, s]` that makes the initial state of a gated
    recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078), noise `[B, T, m]`
    that moves it on by one frame each, and the content, `[B, D - s - T m]`. For two
    stages, with d = D - s - T m + h:

    | layer | output | parameters |
    | --- | --- | --- |
    | linear, tanh: state | h | s h + h |
    | gated recurrent unit | T x h | 3 ((m + h) h + h) |
    | linear, norm, ReLU | T x H/4 x W/4 x 2w | d (H W / 8) w + 4w |
    | transposed conv 4x4 s2, norm, ReLU | T x H/2 x W/2 x w | 32 w^2 + 2w |
    | transposed conv 4x4 s2, tanh | T x H x W x C | 16 w C + C |

    The last three see frames as images, and normalise them together. Every further
    stage starts from half the size and twice the channels. Without normalisation a
    linear layer has a bias, one number per output, in the place of the norm's scale and
    shift. Kernels of the recurrent unit start as LeCun's: with those of a DCGAN no
    noise would reach the frames.

    Attributes:
      shape: `(T, H, W, C)`; `2^stages` divides H and W.
      stages: transposed convolutions, each doubling height and width.
      width: w, channels before the last layer.
      start: s, noise of the initial state.
      motion: m, noise of each frame.
      memory: h, of the recurrent unit.
      recipe: its normalisation is of the hidden layers of frames.
      conditioning: see `layers.Conditioning`; `concat` adds to the first noise and
        the content.
    """

    shape: Sequence[int]
    stages: int = 2
    width: int = 16
    start: int = 16
    motion: int = 2
    memory: int = 32
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        frames, *size, _ = self.shape
        moving = self.start + frames * self.motion
        layers.require(
            z.shape[-1] > moving,
            f"latent_dim={z.shape[-1]} must be above {moving}, as start={self.start} "
            f"numbers of z begin the motion and motion={self.motion} move it on to "
            f"each of {frames} frames; the others are the content.",
        )
        given, condition = layers.condition_generator(z, label, self.conditioning)
        # A class may be one of looks or of motion.
        classes, content = given[:, z.shape[-1] :], given[:, moving:]
        first = jnp.concatenate([z[:, : self.start], classes], axis=-1)
        moves = z[:, self.start : moving].reshape(-1, frames, self.motion)
        motion = Motion(self.memory, self.recipe)(first, moves, train=train)
        content = jnp.repeat(content[:, None], frames, axis=1)
        both = jnp.concatenate([content, motion], axis=-1)
        if condition is not None:
            condition = jnp.repeat(condition, frames, axis=0)
        x = self._images(both.reshape(-1, both.shape[-1]), condition, train, size)
        return layers.finish(x.reshape(-1, frames, *x.shape[1:]))

    def _images(self, x: Array, condition: Array | None, train: bool, size) -> Array:
        bias = layers.has_bias(self.recipe)

        def hidden(x: Array) -> Array:
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            return nn.relu(norm(x, train=train, condition=condition))

        widest, *widths = (self.width * 2**i for i in reversed(range(self.stages)))
        height, breadth = (n // 2**self.stages for n in size)
        first = layers.Dense(height * breadth * widest, self.recipe, use_bias=bias)
        x = first(x, train=train)
        x = hidden(x.reshape(-1, height, breadth, widest))
        for features in widths:
            up = layers.ConvTranspose(
                features, KERNEL, STRIDES, recipe=self.recipe, use_bias=bias
            )
            x = hidden(up(x, train=train))
        output = layers.output_recipe(self.recipe)
        last = layers.ConvTranspose(self.shape[-1], KERNEL, STRIDES, recipe=output)
        return last(x, train=train)


class Motion(nn.Module):
    """A gated recurrent unit over noise: `[B, s], e [B, T, m] -> states [B, T, h]`.

    From `h_0 = tanh(W e_0)` of the first noise on, with gates r and u in (0, 1),
    `h_t = (1 - u) h_(t-1) + u tanh(W [e_t, r h_(t-1)])`.

    Attributes:
      memory: h.
      recipe: its form and dtype count.
    """

    memory: int
    recipe: layers.Recipe = layers.Recipe()

    @nn.compact
    def __call__(self, first: Array, moves: Array, *, train: bool) -> Array:
        plain = dataclasses.replace(
            self.recipe, normalisation="none", initialisation="lecun"
        )
        begin = layers.Dense(self.memory, plain, name="first")
        state = jnp.tanh(begin(first, train=train))
        gates = layers.Dense(2 * self.memory, plain, name="gates")
        candidate = layers.Dense(self.memory, plain, name="candidate")
        states = []
        for move in jnp.moveaxis(moves, 1, 0):
            seen = jnp.concatenate([move, state], axis=-1)
            reset, update = jnp.split(nn.sigmoid(gates(seen, train=train)), 2, axis=-1)
            seen = jnp.concatenate([move, reset * state], axis=-1)
            new = jnp.tanh(candidate(seen, train=train))
            state = (1 - update) * state + update * new
            states.append(state)
        return jnp.stack(states, axis=1)


class RandomFrame(nn.Module):
    """One frame of each video: `[B, T, H, W, C] -> [B, 1, H, W, C]`, t uniform.

    The layer draws only when training, from a stream of its own, see `noise.stream`;
    otherwise it is the identity, so that what a discriminator says of a video is no
    matter of chance.
    """

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        following = noise.stream(self)
        if not train:
            return x
        frame = jax.random.randint(following(), (len(x),), 0, x.shape[1])
        return jnp.take_along_axis(x, frame.reshape(-1, 1, 1, 1, 1), axis=1)


class Stream(nn.Module):
    """Convolutions of a discriminator: `[B, *n, C] -> [B, *o, 2^(stages - 1) w]`.

    Attributes:
      kernel: places, one number per dimension.
      strides: likewise.
      stages: convolutions.
      width: w, channels after the first one.
      recipe: its normalisation is of all layers but the first.
    """

    kernel: Sequence[int]
    strides: Sequence[int]
    stages: int
    width: int
    recipe: layers.Recipe

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        for stage in range(self.stages):
            down = layers.Conv(
                self.width * 2**stage,
                self.kernel,
                self.strides,
                recipe=self.recipe,
                use_bias=stage == 0 or layers.has_bias(self.recipe),
            )
            x = down(x, train=train)
            if stage:
                x = layers.Norm(self.recipe)(x, train=train)
            x = layers.leaky_relu(x)
        return x


class MoCoGANDiscriminator(nn.Module):
    """`videos [B, T, H, W, C] -> DiscriminatorOutput`.

    The video stream sees all, the image stream one random frame of each video, or, when
    not training, all of them, of which it takes the mean. For two stages:

    | layer | output | parameters |
    | --- | --- | --- |
    | video: conv 4x4x4 s2, leaky ReLU | T/2 x H/2 x W/2 x w | 64 C w + w |
    | video: conv 4x4x4 s2, norm, leaky ReLU | T/4 x H/4 x W/4 x 2w | 128 w^2 + 4w |
    | image: conv 4x4 s2, leaky ReLU | H/2 x W/2 x w | 16 C w + w |
    | image: conv 4x4 s2, norm, leaky ReLU | H/4 x W/4 x 2w | 32 w^2 + 4w |
    | linear, of both | 1 | (T/4 + 1) H W w / 8 + 1 |

    Every further stage halves time, rounded up, height and width and doubles the
    channels. The features are the flattened last activations of both streams, so that
    the last layer is the sum of both logits.

    Attributes:
      stages: convolutions of each stream, each halving height and width.
      width: w, channels after the first layers.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    stages: int = 2
    width: int = 16
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        numbers = self.stages, self.width, self.recipe
        video = Stream(VIDEO_KERNEL, VIDEO_STRIDES, *numbers, name="video")
        image = Stream(KERNEL, STRIDES, *numbers, name="image")
        frames = RandomFrame(name="frame")(x, train=train)
        seen = image(frames.reshape(-1, *frames.shape[2:]), train=train)
        # The logit is linear in them: the mean of features has the mean of logits.
        seen = seen.reshape(*frames.shape[:2], -1).mean(axis=1)
        features = [video(x, train=train).reshape(len(x), -1), seen]
        head = layers.Head(self.recipe, self.conditioning)
        return head(jnp.concatenate(features, axis=-1), train=train, label=label)


def mocogan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    stages: int = 2,
    width: int = 16,
    start: int = 16,
    motion: int = 2,
    memory: int = 32,
) -> types.Pair:
    """Both players with the same width.

    The published networks differ in detail: 96 x 96 pixels, four stages of width 64,
    sixteen frames, start, motion and memory of 10 dimensions, content of 50; the video
    discriminator keeps all times, without padding, and both end in convolutions.

    Args:
      shape: `(T, H, W, C)`, T at least 2; `2^stages` divides H and W.
      recipes: per player.
      conditioning: per player.
      stages: convolutions of frames of each player, in [1, 6].
      width: w.
      start: s, numbers of z that begin the motion.
      motion: m, numbers of z that move it on to each frame: the latent dimension must
        be above `s + T m`.
      memory: h, states of the recurrent unit.

    Raises:
      UserError: if the networks cannot be made so.
    """
    layers.require(1 <= stages <= 6, f"stages={stages} must lie in [1, 6].")
    numbers = {"width": width, "start": start, "motion": motion, "memory": memory}
    for name, number in numbers.items():
        layers.require(number >= 1, f"{name}={number} must be at least 1.")
    factor = 2**stages
    layers.require(
        len(shape) == 4
        and shape[0] >= 2
        and not any(n % factor for n in shape[1:3])
        and min(shape) >= 1,
        f"shape={tuple(shape)} does not suit the network 'mocogan', which with "
        f"stages={stages} makes videos (T, H, W, C) of two frames at least, whose "
        f"height and width are multiples of {factor}; resize them, or change stages.",
    )
    return types.Pair(
        MoCoGANGenerator(
            tuple(shape),
            stages,
            width,
            start,
            motion,
            memory,
            recipes.generator,
            conditioning.generator,
        ),
        MoCoGANDiscriminator(
            stages, width, recipes.discriminator, conditioning.discriminator
        ),
    )
