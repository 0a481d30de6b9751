#!/usr/bin/env bash
# prdc 0.2 gives copies of the real data a precision of nearly zero where the real data repeat themselves
#
# Input:     400 points of N(0, I) in 16 dimensions; the real set holds each of them six times (augmented twice over, or
#            drawn with replacement), the generated set once; k = 5.
# Expected:  precision 1: every generated point is a real one, so it lies inside that point's ball, whatever its radius.
# Behaviour: the distance to the fifth neighbour is 0 there, and a point counts as inside only if its distance is
#            strictly below the radius. Kynkaanniemi et al. (2019) write "at most the radius". Recall of the same sets is 1.
# Seen:      precision 0.0025, density 0.003, coverage 0.0025, recall 1.0   (Python 3.11, NumPy 2.4.6, scikit-learn 1.9.1)
# Source:    prdc/prdc.py, `compute_prdc`; https://arxiv.org/abs/1904.06991, equation 1
# jaxgan:    `scores.precision_recall` counts the border as inside, and a copy's distance is exactly 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q prdc==0.2 numpy==2.4.6 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from prdc import compute_prdc

x = np.random.default_rng(0).normal(size=(400, 16))
once = compute_prdc(x, x, nearest_k=5)
found = compute_prdc(np.repeat(x, 6, axis=0), x, nearest_k=5)
print({name: round(float(value), 4) for name, value in found.items()})
assert once["precision"] == 1, "copies of points that are all different"
assert found["precision"] < 0.05 and found["recall"] == 1, "the behaviour has changed"
PY
echo "as described"
