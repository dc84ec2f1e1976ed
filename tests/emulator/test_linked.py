"""Device functions as parts of the kernel's machine code, and a Numba that is made otherwise."""

import numpy as np
import pytest
from numba import types
from numba.core.compiler_lock import global_compiler_lock

from lstm_kernels.emulator import cuda, linked
from tests.processes import run_python

PROGRAM = """
import sys
import numba
from numba.core import codegen
if "unknown" in sys.argv:
    numba.version_info = numba.version_info._replace(short=(0, 99))
    del codegen.JITCodeLibrary
import numpy as np
from lstm_kernels.emulator import cuda, linked

@cuda.jit(device=True)
def doubled(a, i):
    print("doubled:", i, a[i], 0.5)
    return 2 * a[i]

@cuda.jit
def kernel(a):
    i = cuda.grid(1)
    a[i] = doubled(a, i)
    print("after:", a[i])

a = np.arange(2.0)
kernel[1, 2](a)
print(linked.IS_KNOWN, *a)
"""
SAID = "doubled: 0 0.0 0.5\nafter: 0.0\ndoubled: 1 1.0 0.5\nafter: 2.0\n"


def test_this_numba_is_one_that_is_known():
    assert linked.IS_KNOWN


def test_only_the_launch_has_machine_code():
    @cuda.jit(device=True)
    def doubled(x):
        return 2 * x

    @cuda.jit
    def kernel(a):
        a[0] = doubled(a[0])

    a = np.ones(1)
    kernel[1, 1](a)
    function = kernel.build.launch.py_func.__globals__["doubled"]
    function.compile((types.float64,))  # it has not been if the launch is from the cache
    (inner,), (outer,) = function.overloads.values(), kernel.build.launch.overloads.values()
    assert a[0] == 2
    with global_compiler_lock:
        assert inner.library.get_pointer_to_function(inner.fndesc.llvm_func_name) == 0
        assert outer.library.get_pointer_to_function(outer.fndesc.llvm_func_name) != 0
    with pytest.raises(KeyError):  # in place of a crash
        function(1.0)


@pytest.mark.parametrize("numba", ["known", "unknown"])
def test_a_device_function_prints_also_when_it_comes_from_the_cache(numba, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    cache = {"LSTM_KERNELS_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(2):
        done = run_python(program, numba, settings=cache, folder=tmp_path)
        assert done.stdout == f"{SAID}{numba == 'known'} 0.0 2.0\n", done.stderr
