#!/usr/bin/env bash
# jaxlib 0.10.2 sums a column with other last bits where a process may use one core instead of two
#
# Input:     the sums over the first axis of float32 [512, 256], as in the mean of a batch, one jitted program; in a process
#            that may use one core, as in a container or a job of one CPU, and in a process that may use two.
# Expected:  the same program on the same processor gives the same bits, as it does from run to run.
# Behaviour: with two threads the sum is cut into parts, and so taken in another order.
# Seen:      161 of 256 numbers differ, by at most 1.2e-07 of the greatest   (Python 3.11, AMD EPYC)
# Source:    XLA's CPU client has as many threads as the process may use cores, and cuts reductions by their number.
# jaxgan:    `population.use_all_cores` gives XLA two threads at least, so that a run goes on with the same bits anywhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/product.py" <<'PY'
import os
import sys

cores = sorted(os.sched_getaffinity(0))
if len(cores) < 2:
    sys.exit("this needs two cores")
os.sched_setaffinity(0, cores[: int(sys.argv[1])])

import jax
import numpy as np

random = np.random.default_rng(0)
x = random.normal(size=(512, 256)).astype(np.float32)
np.save(sys.argv[2], jax.jit(lambda x: x.sum(axis=0))(x))
PY
for cores in 1 2; do
  JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/product.py" "$cores" "$folder/$cores.npy"
done
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/product.py" 2 "$folder/again.npy"
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import numpy as np

one, two, again = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("1", "2", "again"))
differ = int((one != two).sum())
most = np.abs(one - two).max() / np.abs(two).max()
print(f"{differ:,} of {one.size:,} numbers differ, by at most {most:.2g} of the greatest")
assert np.array_equal(two, again), "two cores do not even agree with themselves"
assert differ > 0, "the behaviour has changed"
np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-3)
PY
echo "as described"
