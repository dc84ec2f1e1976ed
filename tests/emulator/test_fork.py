"""A forked process has none of its parent's threads: launches there end, with the same result."""

import os

import pytest

from tests.processes import run_python

PROGRAM = """
import faulthandler, os, sys
import numpy as np
from numba import prange

from lstm_kernels.emulator import cores, cuda
from lstm_kernels.emulator.cache import njit

@cuda.jit
def kernel(x):
    n = cuda.grid(1)
    if n < x.shape[0]:
        x[n] = 2 * x[n] + 1

@njit(parallel=True)
def with_many_cores(x):
    for n in prange(x.shape[0]):
        x[n] = 2 * x[n] + 1

def launch(x):
    kernel[64, 32](x)

cores.WORTH_IT = 0  # each launch but the first is shared
for run in (launch, with_many_cores):
    right, x = np.arange(2048.0), np.arange(2048.0)
    for _ in range(3):
        run(right)
        run(x)
    run(right)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(60, exit=True)  # instead of waiting for ever
        run(x)
        os._exit(0 if np.array_equal(x, right) else 1)
    print(os.waitpid(child, 0)[1])
    run(x)
    print(np.array_equal(x, right))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_computes_the_same_and_ends(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    settings = {"NUMBA_NUM_THREADS": "2", "LSTM_KERNELS_CACHE_DIR": str(tmp_path / "cache")}
    done = run_python(program, settings=settings)
    assert done.stdout.split("\n") == ["0", "True", "0", "True", ""], done.stdout + done.stderr
