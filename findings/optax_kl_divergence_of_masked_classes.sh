#!/usr/bin/env bash
# optax 0.2.8: the KL divergence of a distribution from itself is NaN where both have a zero
#
# Input:     p = (1/2, 1/2, 0) as `targets` and log p as `log_predictions`, what `log_softmax` returns of a masked logit.
# Expected:  0, as 0 log(0 / 0) is 0 by convention, and as the function guards zero targets on purpose.
# Behaviour: the guard covers log(target) alone; what remains is 0 * (0 - (-inf)). The log-target form is NaN for any zero
#            in the targets, whatever the predictions.
# Seen:      kl_divergence: nan; kl_divergence_with_log_targets: nan   (Python 3.11, JAX 0.10.2)
# Source:    optax/losses/_classification.py; https://github.com/google-deepmind/optax/pull/1786 (open when this was written)
# jaxgan:    `divergences.kl` and `kl_from_logits` are 0 here, and infinite where only the prediction is zero.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q optax==0.2.8 jax==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PY'
import jax.numpy as jnp
from optax import losses

p = jnp.array([0.5, 0.5, 0.0])
seen = jnp.log(jnp.array([0.25, 0.5, 0.25]))
found = {
    "of masked predictions": losses.kl_divergence(jnp.log(p), p),
    "of log targets": losses.kl_divergence_with_log_targets(seen, jnp.log(p)),
}
print({name: float(value) for name, value in found.items()})
assert jnp.isclose(losses.kl_divergence(seen, p), 0.5 * jnp.log(2)), "zero targets alone"
assert all(map(jnp.isnan, found.values())), "the behaviour has changed"
PY
echo "as described"
