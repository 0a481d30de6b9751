#!/usr/bin/env bash
# orbax-checkpoint 0.12.8 takes any folder with a number for a name for the newest checkpoint
#
# Input:     a folder in which step 3 was saved, and beside it a folder 4 that holds nothing but an empty folder, as a copy
#            that was broken off, or a user, leaves one.
# Expected:  `latest_step()` is 3: each step that was saved has a marker of its commit, which 4 has not.
# Behaviour: `latest_step()` is 4, and restoring it raises; the good step 3 is hidden until somebody asks for it by number.
# Seen:      latest_step() == 4, restore: FileNotFoundError
# Source:    https://orbax.readthedocs.io says of `latest_step` that it gives the last step that was saved.
# jaxgan:    `checkpoint.restore` takes the newest step whose manifest is there and true, and says what it passed over.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder" <<'PY'
import pathlib
import sys

import jax.numpy as jnp
import orbax.checkpoint as ocp

folder = pathlib.Path(sys.argv[1]) / "run"
tree = {"kernel": jnp.arange(4.0)}
asked = ocp.args.Composite(state=ocp.args.StandardRestore(tree))
with ocp.CheckpointManager(folder) as manager:
    manager.save(3, args=ocp.args.Composite(state=ocp.args.StandardSave(tree)))
(folder / "4" / "state").mkdir(parents=True)
with ocp.CheckpointManager(folder) as manager:
    latest = manager.latest_step()
    try:
        manager.restore(latest, args=asked)
        raised = "nothing"
    except Exception as error:
        raised = type(error).__name__
    good = manager.restore(3, args=asked)
print(f"latest_step() == {latest}, restore: {raised}")
assert good["state"]["kernel"].tolist() == [0, 1, 2, 3]
assert latest == 4 and raised != "nothing", "the behaviour has changed"
PY
echo "as described"
