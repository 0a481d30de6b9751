#!/usr/bin/env bash
# oneDNN 3.2: a row of a matrix product that is added to a matrix has other last bits alone than among other rows
#
# Input:     dnnl_sgemm adds to a [M, 512] matrix, M from 1 to 64, the product of a [M, 256] and a [256, 512] matrix, the latter as
#            it is and transposed in memory, on one thread. The first rows are the same in all.
# Expected:  the same first row of the result, to the bit: each number is the sum of the same 256 products and the same number.
# Behaviour: a row alone goes to code for a vector, which adds in another order; with the transposed matrix so do up to fifteen
#            rows on a processor with AVX-512. Without these instructions other numbers of rows differ too.
# Seen:      as it is: 1 (407 of 512 numbers differ); transposed: 1 to 15 (458 of 512 of a row alone), a Xeon with AVX-512
# Source:    https://github.com/uxlfoundation/oneDNN, the C function dnnl_sgemm; the product, below
# jaxgan:    a sample must not depend on its batch, so that networks.onednn multiplies at least sixteen rows at a time, on
#            processors with AVX-512 alone (jaxgan/networks/onednn/products.h, tests/oracle/test_oracle_onednn.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.3.5 onednn-cpu-gomp==2023.2.0
OMP_NUM_THREADS=1 "$folder/venv/bin/python" - "$folder/venv/lib/libdnnl.so.3" <<'PY'
import ctypes
import sys

import numpy as np

MOST, INNER, OUTER = 64, 256, 512
sgemm = ctypes.CDLL(sys.argv[1]).dnnl_sgemm
random = np.random.default_rng(0)
a = random.normal(size=(MOST, INNER)).astype(np.float32)
b = random.normal(size=(INNER, OUTER)).astype(np.float32)
start = random.normal(size=OUTER).astype(np.float32)


def first_row(rows, transposed):
    other = np.ascontiguousarray(b.T) if transposed else b
    product = np.tile(start, (rows, 1))
    sizes = [ctypes.c_int64(n) for n in (rows, OUTER, INNER)]
    steps = [ctypes.c_int64(n) for n in (INNER, other.shape[1], OUTER)]
    arrays = [x.ctypes.data_as(ctypes.c_void_p) for x in (a, other, product)]
    failed = sgemm(
        *(ctypes.c_char(b"N"), ctypes.c_char(b"T" if transposed else b"N"), *sizes),
        *(ctypes.c_float(1), arrays[0], steps[0], arrays[1], steps[1]),
        *(ctypes.c_float(1), arrays[2], steps[2]),
    )
    assert not failed
    np.testing.assert_allclose(product, start + a[:rows] @ b, rtol=1e-3, atol=1e-3)
    return product[0]


for transposed in (False, True):
    among = first_row(MOST, transposed)
    differ = [n for n in range(1, MOST) if (first_row(n, transposed) != among).any()]
    alone = int((first_row(1, transposed) != among).sum())
    print("transposed:" if transposed else "as it is:", differ, f"({alone} of {OUTER} numbers differ alone)")
    assert 1 in differ, "a row alone now has the bits that it has among others"
PY
