#!/usr/bin/env bash
# orbax-checkpoint 0.12.8 restores a checkpoint one bit of which was flipped, without a word
#
# Input:     a checkpoint of 100,000 float32 numbers, of which one bit in the file of array data is flipped afterwards, as
#            disks and copies do; 12 places, one at a time.
# Expected:  an error, as a truncated file has: the format below (OCDBT) and zstd both can hold checksums.
# Behaviour: each of them is restored; values differ from what was saved.
# Seen:      12 of 12 flipped files restored without an error, 12 of 12 with other values
# Source:    https://orbax.readthedocs.io says that saving is atomic, and nothing of verifying what is read.
# jaxgan:    `checkpoint` writes the SHA-256 of every file after the commit, and passes over what no longer has it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder" 2>/dev/null <<'PY'
import pathlib
import shutil
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp

folder = pathlib.Path(sys.argv[1])
values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
tree = {"kernel": jax.numpy.asarray(values)}
saved = folder / "saved"
with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(saved, tree)
data = max(
    (path for path in saved.rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
)
size, restored, different = data.stat().st_size, 0, 0
for place in np.linspace(0.1, 0.9, 12):
    flipped = folder / "flipped"
    shutil.copytree(saved, flipped)
    path = flipped / data.relative_to(saved)
    content = bytearray(path.read_bytes())
    content[int(place * size)] ^= 1
    path.write_bytes(content)
    with ocp.StandardCheckpointer() as checkpointer:
        found = checkpointer.restore(flipped, jax.eval_shape(lambda: tree))
    restored += 1
    different += not np.array_equal(found["kernel"], values)
    shutil.rmtree(flipped)
print(f"{restored} of 12 restored without an error, {different} of 12 with other values")
assert (restored, different) == (12, 12), "the behaviour has changed"
PY
echo "as described"
