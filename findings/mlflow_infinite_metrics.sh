#!/usr/bin/env bash
# MLflow 3.17: a divergence that is infinite comes back from the database as a finite number
#
# Input:     a metric logged as inf, nan, -inf and 1.0 at the steps 0 to 3, into MLflow's own SQLite store. A Kullback-Leibler
#            divergence is infinite as soon as a mode is missing.
# Expected:  the four values, as NaN is kept: the store has a column for it.
# Behaviour: inf comes back as 1.7976931348623157e+308, the largest number of a double, and -inf as its negative, without a
#            word. math.isfinite is true of both, a mean or a difference with them is of that size, and a chart has nothing else.
# Seen:      [(0, 1.7976931348623157e+308), (1, nan), (2, -1.7976931348623157e+308), (3, 1.0)]
# Source:    https://github.com/mlflow/mlflow, mlflow/store/tracking/sqlalchemy_store.py; a line of log_metric's docstring says so
# jaxgan:    --log-to mlflow logs what a score is; docs/runs.md says how infinity reads there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1
cd "$folder"
MLFLOW_DISABLE_TELEMETRY=true "$folder/venv/bin/python" - <<'PY'
import logging
import math
import sys

import mlflow

logging.disable(logging.INFO)
client = mlflow.MlflowClient("sqlite:///tracked.db")
run = client.create_run(client.create_experiment("divergences")).info.run_id
for step, value in enumerate([math.inf, math.nan, -math.inf, 1.0]):
    client.log_metric(run, "kl", value, step=step)
kept = [(each.step, each.value) for each in client.get_metric_history(run, "kl")]
print(kept)
values = [value for _, value in kept]
assert math.isnan(values[1]) and values[3] == 1.0
assert values[0] == sys.float_info.max, "infinity now comes back as another number"
assert values[2] == -sys.float_info.max
PY
echo "as described"
