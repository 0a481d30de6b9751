#!/usr/bin/env bash
# safetensors 0.8.0 writes NumPy arrays in the order of their memory, without a word
#
# Input:     a float32 array of shape [2, 3] in Fortran order, which is how a transposed weight matrix lies in memory
#            after it was converted from PyTorch's [out, in] to Flax's [in, out].
# Expected:  `load(save(x))` equals x, or an error, as PyTorch's side of the same library raises for such tensors.
# Behaviour: shape and type are kept, the numbers come back in another place.
# Seen:      saved [[0, 1, 2], [3, 4, 5]], loaded [[0, 3, 1], [4, 2, 5]]   (Python 3.11, NumPy 2.4.6)
# Source:    https://huggingface.co/docs/safetensors/api/numpy says nothing of the order in memory.
# jaxgan:    `checkpoint.save_tree` brings every array into C order before it is written, and reads back what it wrote.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from safetensors import numpy as safetensors

x = np.arange(6, dtype=np.float32).reshape(2, 3)
same = safetensors.load(safetensors.save({"x": x}))["x"]
loaded = safetensors.load(safetensors.save({"x": np.asfortranarray(x)}))["x"]
print("saved", x.tolist(), "loaded", loaded.tolist())
assert np.array_equal(same, x), "C order does not come back as it was"
assert np.array_equal(loaded, [[0, 3, 1], [4, 2, 5]]), "the behaviour has changed"
PY
echo "as described"
