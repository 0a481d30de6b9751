#!/usr/bin/env bash
# jaxlib 0.10.2 gathers from a dataset while it compiles, where a jitted function closes over the dataset
#
# Input:     the mean of 177,000 rows of a dataset of 128,000 images of 8 x 8 x 2 (float32, 65 MB), by a table of row
#            numbers; once with data and table as arguments of the jitted function, once as variables around it.
# Expected:  the two programs differ by where the data lie: constants of 65 MB may cost memory, but rows are picked when
#            the program runs, as the gathered rows (90 MB) are more than the data.
# Behaviour: the gather of two constants is a constant for XLA's constant folding, which evaluates it on one thread when
#            the program is compiled, and the program holds the result; above a second it says so on standard error.
# Seen:      compiled in 0.19 s with arguments, in 6.04 s with constants; no gather is left (jax 0.12.0.1: 0.09 and 3.73 s)
#            (Python 3.11, AMD EPYC)
# Source:    what `jax.jit` finds around a function becomes constants of its program; XLA folds what depends on constants.
# jaxgan:    samples are arguments of every program; `data.pool.standardisers` closed over them and no longer does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/fold.py" <<'PY'
import time

import jax
import numpy as np

random = np.random.default_rng(0)
data = random.normal(size=(128_000, 8, 8, 2)).astype(np.float32)
table = random.integers(0, len(data), 177_000).astype(np.int32)


def seconds_to_compile(function, *arguments):
    lowered = jax.jit(function).lower(*arguments)
    began = time.perf_counter()
    compiled = lowered.compile()
    return time.perf_counter() - began, compiled


def mean(data, table, weight):
    return (weight * data[table]).mean(axis=0)


held = (jax.numpy.asarray(data), jax.numpy.asarray(table))
weight = np.float32(2)
argued, one = seconds_to_compile(mean, *held, weight)
closed, two = seconds_to_compile(lambda weight: mean(*held, weight), weight)
print(f"compiled in {argued:.2f} s with arguments, in {closed:.2f} s with constants")
np.testing.assert_allclose(one(*held, weight), two(weight), rtol=1e-3, atol=1e-4)
gathers = [compiled.as_text().count(" gather(") for compiled in (one, two)]
print("gathers left to the program:", *gathers)
assert gathers[0] > 0 and gathers[1] == 0, "the behaviour has changed"
assert closed > 3 * argued, "the behaviour has changed"
PY
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/fold.py"
echo "as described"
