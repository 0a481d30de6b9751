#!/usr/bin/env bash
# jaxlib 0.10.2 on a CPU takes ten times as long for a 3-D convolution's gradient as for slices and one product
#
# Input:     a strided convolution of a video discriminator, [32, 8, 16, 16, 8] with a kernel 4 x 4 x 4 to 16 channels,
#            float32, and its gradients; each as a program of its own, not in a loop. Beside it the same values from 64
#            strided slices side by side and one matrix product, differentiated by JAX likewise.
# Expected:  a convolution is no slower than its slices written out, as is so for its forward pass and in 2-D.
# Behaviour: forward they are near one another; the gradients take many times as long. Values agree.
# Seen:      gradient 4.3 s by convolution, 0.26 s by slices, 16 times as long; forward 0.03 and 0.01 s
#            (Python 3.11, two cores of an AMD EPYC; 15 times with jaxlib 0.12)
# Source:    lax.conv_general_dilated on XLA's CPU backend, whose fast routine does not take the dilations that the
#            gradients of strided convolutions in three dimensions have.
# jaxgan:    `networks.convolution`, form `auto`, takes products for 3-D convolutions on CPUs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PY'
import itertools
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

STRIDES, PADDING = (2, 2, 2), [(1, 1)] * 3


def convolve(video, kernel):
    return jax.lax.conv_general_dilated(
        *(video, kernel, STRIDES, PADDING),
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
    )


def slices(video, kernel):
    padded = jnp.pad(video, ((0, 0), *PADDING, (0, 0)))
    depth, height, width = (n // 2 for n in video.shape[1:4])
    taps = [
        padded[:, a : a + 2 * depth : 2, b : b + 2 * height : 2, c : c + 2 * width : 2]
        for a, b, c in itertools.product(range(4), repeat=3)
    ]
    columns = jnp.concatenate(taps, axis=-1)
    made = columns.reshape(-1, columns.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return made.reshape(len(video), depth, height, width, -1)


def gradients(apply):
    return jax.jit(jax.grad(lambda *both: jnp.square(apply(*both)).mean(), (0, 1)))


def seconds(run, *arguments):
    jax.block_until_ready(run(*arguments))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        jax.block_until_ready(run(*arguments))
        times.append(time.perf_counter() - began)
    return statistics.median(times)


rng = np.random.default_rng(0)
video = jnp.asarray(rng.normal(size=(32, 8, 16, 16, 8)), jnp.float32)
kernel = jnp.asarray(rng.normal(size=(4, 4, 4, 8, 16)) / 20, jnp.float32)
for one, other in zip(gradients(convolve)(video, kernel), gradients(slices)(video, kernel)):
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
forward = [seconds(jax.jit(apply), video, kernel) for apply in (convolve, slices)]
backward = [seconds(gradients(apply), video, kernel) for apply in (convolve, slices)]
print(f"forward: convolution {forward[0]:.3f} s, slices {forward[1]:.3f} s")
print(f"gradients: convolution {backward[0]:.3f} s, slices {backward[1]:.3f} s")
assert backward[0] > 4 * backward[1], "the gradients are no slower any more"
PY
