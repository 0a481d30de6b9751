#!/usr/bin/env bash
# pytorch-fid 0.3.0, the reference for the FID in PyTorch, ends in a TypeError beside SciPy 1.18
#
# Input:     means and covariances of two sets of features, any.
# Expected:  the Frechet distance; pytorch-fid asks for `scipy` of any version.
# Behaviour: SciPy 1.18 took away the argument `disp` of `linalg.sqrtm`, and with it the second value returned.
#            It needs Python 3.12, so that the same command works on 3.11 and fails on 3.12.
# Seen:      SciPy 1.17.1: 2.0; SciPy 1.18.1: TypeError: sqrtm() got an unexpected keyword argument 'disp'
# Source:    https://docs.scipy.org/doc/scipy/release/1.18.0-notes.html,
#            pytorch_fid/fid_score.py, `calculate_frechet_distance`
# jaxgan:    uses no `sqrtm`; `experiments/bench_scores.py` calls it without `disp`.
#
# Of pytorch-fid only that one function is loaded, as its module imports PyTorch and torchvision.
set -euo pipefail
python=${PYTHON312:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/distance.py" <<'PY'
import ast
import importlib.util
import pathlib
import sys

import numpy as np
import scipy
from scipy import linalg

package = importlib.util.find_spec("pytorch_fid").submodule_search_locations[0]
tree = ast.parse(pathlib.Path(package, "fid_score.py").read_text())
tree.body = [node for node in tree.body if getattr(node, "name", "") == "calculate_frechet_distance"]
names = {"np": np, "linalg": linalg}
exec(compile(tree, "fid_score.py", "exec"), names)
identity, mean = np.eye(2), np.zeros(2)
try:
    found = names["calculate_frechet_distance"](mean, identity, mean + 1, identity)
except TypeError as error:
    found = f"TypeError: {error}"
print(f"SciPy {scipy.__version__}: {found}")
assert str(found).startswith(sys.argv[1]), "the behaviour has changed"
PY
for pair in "1.17.1 2.0" "1.18.1 TypeError"; do
  set -- $pair
  "$python" -m venv "$folder/$1"
  "$folder/$1/bin/pip" install -q --no-deps pytorch-fid==0.3.0 numpy==2.4.6 "scipy==$1"
  "$folder/$1/bin/python" -W ignore "$folder/distance.py" "$2"
done
echo "as described"
