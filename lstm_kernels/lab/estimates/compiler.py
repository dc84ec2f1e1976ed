"""The compile report's other half: it runs where `cuda` is Numba's real compiler.  Lesson 07.

    python -m lstm_kernels.lab.estimates.compiler 75 float32      # prints rows as JSON

compile_report.py starts it.  To add a version, add its line to KERNELS.  V7's kernels are made for
a card: `on_this_card` chooses what V7 would launch there.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstm_kernels.emulator import host
from lstm_kernels.lab.estimates.cards import get_card
from lstm_kernels.lab.estimates.compile_report import CompiledKernel, find_ptxas
from lstm_kernels.lab.estimates.machine_code import step_loops
from lstm_kernels.machine import device
from lstm_kernels.machine.device import cuda
from lstm_kernels.versions import cuda_v1, cuda_v2, cuda_v4, cuda_v5, cuda_v6, cuda_v7
from lstm_kernels.versions.parts import SUM_THREADS, make_sum_kernel

if device.COMPILER == device.SUCCESSOR:
    from lstm_kernels.machine import successor

    types = successor.types
else:
    from numba import types

# Axes of each argument; 0 for a number.  A Numba type stands for itself.
PER_SAMPLE = (2, 2, 1, 2, 1) + (3, 3, 0) + (3, 3, 3, 2, 3, 3, 1) + (2, 2, 1, 2, 1)  # V1, V2
A_BLOCK = (2, 2, 2, 1, 2, 1) + (3, 3, 0) + (3, 3, 3, 3, 3, 1)  # V4
WEIGHTS = (3, 3, 3, 3) + (2, 2, 1, 2, 1)
INTEGER, INTEGERS = types.int64, types.Array(types.int64, 1, "C")
BATCH = (3, 3, INTEGERS, INTEGER, INTEGER, 0)
PLACES = (INTEGER,) * 4  # where the packed parameters' parts begin
PERSISTENT = (1, *PLACES) + BATCH + (4, 2, 1)  # V5
WHOLE_CARD = (1, *PLACES) + BATCH[:-1] + (INTEGER, 0) + (3, 3, 3, 2, 3, 3, 1)  # V7
OF_DZ = (3, 3, 3, 3, INTEGER, *PLACES, 2)  # V7's weights kernel
PLAN = (INTEGERS, types.Array(types.int64, 2, "C"), 3, 2, INTEGERS, 2, 2)  # V6
BOTH = ("float32", "float64")
WORKLOADS = ((128, 64), (128, 1024), (512, 64))  # H and N of V7's rows, at T = 12


class Compilable(NamedTuple):
    """What must be known of a kernel to compile it as its version launches it."""

    function: object  # decorated with @cuda.jit, or a function that makes it for a dtype
    axes: tuple  # of each argument
    threads: int  # a block, the largest that its version launches
    shared: int = 0  # bytes of dynamic shared memory a block; static ones ptxas knows
    dtypes: tuple = BOTH  # for which it is made to need no spills

    def decorated(self, dtype):
        """The kernel for this dtype, decorated."""
        function = self.function
        return function if hasattr(function, "py_func") else function(np.dtype(dtype))


def persistent(P):
    """V5's kernel for P units.  P float64 weights a thread and P gradients need 4 P registers."""
    dtypes = BOTH if 4 * P < 200 else ("float32",)
    return Compilable(lambda dtype: cuda_v5.make_kernel(P, dtype), PERSISTENT, 4 * P, dtypes=dtypes)


def on_this_card():
    """V7's two kernels for each of WORKLOADS whose weights fit on the pretended card."""
    found, dtype = {}, np.dtype("float32")
    for H, N in WORKLOADS:
        layout = cuda_v7.make_layout(1, H, 1)
        if not cuda_v7.tiles_that_fit(layout, dtype):
            continue
        steps = cuda_v7.Steps(layout, 12, N, dtype, allocate=lambda specs: [None] * len(specs))
        kernels = (steps.kernel, WHOLE_CARD, f"N={N}"), (steps.weights_kernel, OF_DZ, "weights")
        for (kernel, axes, name), shared in zip(kernels, steps.shared, strict=True):
            of_float32 = Compilable(kernel, axes, cuda_v7.THREADS, shared, ("float32",))
            found[f"cuda_v7, H={H}, {name}"] = of_float32
    return found


KERNELS = {
    "cuda_v1": Compilable(cuda_v1.kernel, PER_SAMPLE, threads=1),
    "cuda_v2, v3": Compilable(cuda_v2.kernel, PER_SAMPLE, cuda_v2.THREADS),
    "cuda_v4": Compilable(cuda_v4.make_kernel, A_BLOCK, 4 * cuda_v4.MAX_H),
    "cuda_v4, weights": Compilable(
        cuda_v4.make_weights_kernel, WEIGHTS, cuda_v4.SIDE * cuda_v4.ROWS
    ),
    "cuda_v5, P=32": persistent(32),
    "cuda_v5, P=64": persistent(64),
    "cuda_v5, sum": Compilable(make_sum_kernel, (2, 1), SUM_THREADS),
    "cuda_v6, plan": Compilable(
        cuda_v6.plan_kernel,
        PLAN,
        cuda_v6.PLANNERS,
        dtypes=("float32",),  # it only copies numbers
    ),
    "cuda_v6, SGD": Compilable(cuda_v6.make_sgd, (2, 2, 2, INTEGER), SUM_THREADS),
    "cuda_v6, Adam": Compilable(cuda_v6.make_adam, (2, 2, 2, INTEGER), SUM_THREADS),
}

MOVES = ("ld", "st", "mov", "selp")  # PTX instructions that copy a number and compute nothing


def pretend_card(cc):
    """Let this card be here: the compiler asks it for its architecture, V7 for its size."""
    known = get_card(cc)
    host.CARD = replace(
        host.CARD,
        compute_capability=divmod(cc, 10),
        MULTIPROCESSOR_COUNT=known.sms,
        MAX_SHARED_MEMORY_PER_BLOCK_OPTIN=known.shared_block,
    )
    device.inside("dispatcher").get_current_device = host.get_current_device
    if device.COMPILER == device.SUCCESSOR:
        successor.pretend_card(divmod(cc, 10))


def argument_types(axes, dtype):
    """Numba's types of a kernel's arguments: contiguous arrays, or numbers where axes is 0."""
    number = getattr(types, dtype)
    return tuple(
        one if isinstance(one, types.Type) else types.Array(number, one, "C") if one else number
        for one in axes
    )


def compile_to_ptx(kernel, cc, dtype):
    """PTX text of a kernel."""
    signature = argument_types(kernel.axes, dtype)
    return cuda.compile_ptx(kernel.decorated(dtype).py_func, signature, cc=divmod(cc, 10))[0]


def assemble(ptx, cc):
    """What `ptxas -v` says of this PTX, and the machine code that it makes."""
    with tempfile.TemporaryDirectory() as folder:
        source, code = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(ptx, encoding="utf-8")
        command = [find_ptxas(), "-v", f"-arch=sm_{cc}", str(source), "-o", str(code)]
        if ".extern .func" in ptx:  # grid.sync() is NVIDIA's, and linked when the kernel is loaded
            command.append("-c")
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"ptxas failed for sm_{cc}:\n{done.stderr}")
        return done.stderr, code.read_bytes()


def total(pattern, text):
    """Sum of the numbers that stand before `pattern` in the text; 0 if there are none."""
    return sum(int(number) for number in re.findall(rf"(\d+) {pattern}", text))


def count_f64(ptx):
    """Instructions of the PTX that compute in double precision or convert from or to it."""
    opcodes = re.findall(r"^\s+(?:@!?%p\d+\s+)?([a-z][\w.:]*\.f64[\w.:]*)\s", ptx, re.MULTILINE)
    return sum(opcode.split(".")[0] not in MOVES for opcode in opcodes)


def row(name, kernel, cc, dtype):
    """Compile one kernel and read the numbers from what the compiler says."""
    ptx = compile_to_ptx(kernel, cc, dtype)
    said, code = assemble(ptx, cc)
    steps = [loop.kinds for loop in step_loops(code, cc)]
    return CompiledKernel(
        kernel=name,
        cc=cc,
        dtype=dtype,
        threads=kernel.threads,
        registers=int(re.search(r"Used (\d+) registers", said)[1]),
        spill_stores=total("bytes spill stores", said),
        spill_loads=total("bytes spill loads", said),
        local=total("bytes stack frame", said),
        shared=total("bytes smem", said) + kernel.shared,
        f64=count_f64(ptx),
        steps=sum(kinds.total() for kinds in steps),
        steps_global=sum(kinds["global"] + kinds["local"] for kinds in steps),
    )


def main(cc, *dtypes):
    pretend_card(int(cc))
    rows = [
        row(name, kernel, int(cc), dtype)
        for name, kernel in {**KERNELS, **on_this_card()}.items()
        for dtype in dtypes
        if dtype in kernel.dtypes
    ]
    print(json.dumps([r._asdict() for r in rows]))


if __name__ == "__main__":
    main(*sys.argv[1:])
