#!/usr/bin/env bash
# JAX 0.10.2: a call of another library leaves its loop on a CPU, whatever optimisation barriers stand between
#
# Input:     a `fori_loop` whose body factorises a matrix after `optimization_barrier` has tied the matrix to the loop's carry,
#            the usual way to time an operation as one turn of a loop.
# Expected:  so many factorisations as turns: the barrier makes the operand depend on what changes in each turn.
# Behaviour: barriers are taken away before loop-invariant code is moved, so that the call of LAPACK is made once, before the
#            loop, and any number of turns takes the same time. A convolution in the same place stays in the loop.
# Seen:      calls of LAPACK in the loop's body: none; in the body when one number of the matrix changes with each turn: 1
# Source:    the compiled program, below; XLA's while_loop_invariant_code_motion
# jaxgan:    the profile of a benchmark's layers changes one number of each array in each turn (experiments/bench/jax_profile.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PY'
import re

import jax
import jax.numpy as jnp


def looped(tie):
    def loop(times, a):
        def body(_, last):
            lu = jax.lax.linalg.lu(tie(a, last))[0]
            return jax.lax.optimization_barrier(lu)[0, 0]

        return jax.lax.fori_loop(0, times, body, jnp.float32(0))

    return jax.jit(loop).lower(3, jnp.eye(64)).compile().as_text()


def by_barrier(a, last):
    return jax.lax.optimization_barrier((a, last))[0]


def by_a_number(a, last):
    return a.at[0, 0].add(0 * last)


def calls_in_body(text):
    (body,) = set(re.findall(r"while\(.*body=%?([\w.\-]+)", text))
    start = text.index(f"%{body} (")
    return text[start : text.index("\n}", start)].count("lapack_sgetrf")


found = [calls_in_body(looped(tie)) for tie in (by_barrier, by_a_number)]
print("calls of LAPACK in the loop's body, by barrier and by a number that changes:", found)
assert found == [0, 1], "the behaviour has changed"
PY
echo "as described"
