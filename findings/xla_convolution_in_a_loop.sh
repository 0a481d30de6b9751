#!/usr/bin/env bash
# jaxlib 0.10.2 on a CPU computes a convolution's kernel gradient hundreds of times slower within a loop
#
# Input:     the gradient of a 3 x 3 convolution with respect to its kernel, [64, 16, 16, 64] to 64 channels, float32;
#            once as a program of its own, and once as the body of lax.scan, as in every training loop under one jit.
# Expected:  the same work takes about the same time.
# Behaviour: the compiler brings convolutions into the form that its fast routine takes in a program's entry computation
#            alone; in the body of a loop or a branch they keep the naive one. Values agree.
# Seen:      8 ms alone, 2,200 ms an iteration in a scan, 280 times as long   (Python 3.11, two cores of an AMD EPYC)
# Source:    the pass conv_canonicalization of XLA's CPU compiler walks the entry computation only.
# jaxgan:    `networks.convolution` writes the gradients by hand as convolutions that are in that form everywhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PY'
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np


def convolve(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def kernel_gradient(x, kernel):
    return jax.grad(lambda k: jnp.sum(jnp.square(convolve(x, k))))(kernel)


@jax.jit
def alone(x, kernel):
    return kernel_gradient(x, kernel)


@jax.jit
def in_a_scan(x, kernel):
    def body(kernel, _):
        return kernel_gradient(x, kernel), None

    return jax.lax.scan(body, kernel, None, length=1)[0]


x, kernel = (
    jax.random.normal(jax.random.key(i), shape) / 10
    for i, shape in enumerate([(64, 16, 16, 64), (3, 3, 64, 64)])
)
seconds = {}
for function in (alone, in_a_scan):
    found = jax.block_until_ready(function(x, kernel))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(function(x, kernel))
        times.append(time.perf_counter() - began)
    seconds[function.__name__] = statistics.median(times)
np.testing.assert_allclose(alone(x, kernel), found, rtol=1e-3, atol=1e-3)
ratio = seconds["in_a_scan"] / seconds["alone"]
print({name: f"{1e3 * own:.1f} ms" for name, own in seconds.items()}, f"ratio {ratio:.0f}")
assert ratio > 5, "the behaviour has changed"
PY
echo "as described"
