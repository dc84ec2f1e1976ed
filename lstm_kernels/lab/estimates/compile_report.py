"""What the CUDA compiler makes of each kernel, for each card, without a card.  Lesson 07.

    from lstm_kernels.lab.estimates import compile_report
    rows = compile_report.measure(cc=[75])        # or, in a terminal: python -m lstm_kernels report
    print(compile_report.table(rows))

Numba turns a kernel into PTX, NVIDIA's portable assembly, and `ptxas` turns that into the
card's own instructions; it also says what a thread and a block will occupy.  Registers, spills,
local and shared memory are ptxas's words.  Instructions in double precision (f64) are counted
in the PTX, where each is written out; those of the loops over steps in the machine code
(machine_code.py).  On a real card numba-cuda optimises once more when it
links (nvJitLink), which may save a few of the registers shown here.

The compiler runs in a process of its own, for the present one may have chosen the emulator.
"""

import json
from importlib import metadata
from typing import NamedTuple

from lstm_kernels.data import data_folder
from lstm_kernels.lab import saving
from lstm_kernels.lab.apart import run_side_by_side
from lstm_kernels.lab.estimates.cards import BY_CAPABILITY, WARP, get_card
from lstm_kernels.lab.estimates.occupancy import limit_text, occupancy, warps_of
from lstm_kernels.lab.words import aligned

SAVED = "compile_report.json"  # in the data folder
COMPILER = {"LSTM_KERNELS_TARGET": "compiler"}  # the setting of a process that compiles
INSTALL = "python -m pip install -r requirements-gpu.txt"
GENERATIONS = {12: "-cu12", 13: ""}  # of CUDA, and how the names of its packages end
LEFT_OUT = {60: "CUDA 13 and numba-cuda-mlir begin at 7.5"}  # where these are what compiles
MISSING = f"""The compile report needs the CUDA compiler, which is not installed here.
It needs no GPU and no driver; Linux and Windows only.  In the course's folder:

    {INSTALL}"""


class CompiledKernel(NamedTuple):
    """One kernel, compiled for one architecture and one dtype."""

    kernel: str  # the version whose kernel it is
    cc: int  # compute capability, 75 for 7.5
    dtype: str  # of all arrays: float32 or float64
    threads: int  # a block, as the version launches it
    registers: int  # a thread, 32 bits each
    spill_stores: int  # bytes that a thread writes to memory for lack of registers
    spill_loads: int  # bytes that it reads back
    local: int  # bytes of local memory a thread: arrays that did not fit into registers
    shared: int  # bytes of shared memory a block
    f64: int  # instructions in double precision
    steps: int = 0  # instructions in the loops over steps: those with barriers and multiply-adds
    steps_global: int = 0  # of them, those that read or write global or local memory

    @property
    def occupancy(self):
        return occupancy(self.cc, self.threads, self.registers, self.shared)

    @property
    def lanes(self):
        """Part of the threads in a block's warps that exist: 1/32 for a block of one thread."""
        return self.threads / (WARP * warps_of(self.threads))


# ---- compile ------------------------------------------------------------------------------


def find_cuda():
    """(generation of CUDA, path of its assembler, ptxas) of the packages that are installed.

    (None, None) unless all is there that Numba needs to compile.
    """
    for generation, ending in GENERATIONS.items():
        try:
            metadata.version(f"nvidia-cuda-nvrtc{ending}")
            files = metadata.files(f"nvidia-cuda-nvcc{ending}") or []
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name in ("ptxas", "ptxas.exe"):
                return generation, str(file.locate())
    return None, None


def find_ptxas():
    """Path of NVIDIA's assembler; None unless all that Numba needs to compile is installed."""
    return find_cuda()[1]


def cards_of(compiler="numba-cuda"):
    """The compute capabilities for which what is installed can compile."""
    old = compiler == "numba-cuda" and find_cuda()[0] != 13
    return tuple(cc for cc in BY_CAPABILITY if old or cc not in LEFT_OUT)


def measure(cc=tuple(BY_CAPABILITY), dtypes=("float32",), compiler="numba-cuda"):
    """Compile every kernel for every architecture: a list of CompiledKernel, kernel by kernel.

    compiler: "numba-cuda", or its successor "numba-cuda-mlir".  Each architecture has a process
    with this compiler, which needs no driver.  V7's kernels have no row for a card that cannot hold
    their weights.
    """
    for one in cc:
        get_card(one)  # ValueError for an unknown one, before anything is compiled
    if find_ptxas() is None:
        raise RuntimeError(MISSING)
    calls, settings = [(one, *dtypes) for one in cc], {**COMPILER, "LSTM_KERNELS_CUDA": compiler}
    found = run_side_by_side("lab.estimates.compiler", calls, settings)
    rows = [CompiledKernel(**fields) for of_card in found for fields in of_card]
    order = list(dict.fromkeys((row.kernel, row.dtype) for row in rows))
    return sorted(rows, key=lambda row: order.index((row.kernel, row.dtype)))


# ---- keep ---------------------------------------------------------------------------------


def saved():
    """The rows that came with the course, float32 for all cards: for lessons, with no compiler."""
    kept = json.loads((data_folder() / SAVED).read_text(encoding="utf-8"))
    return [CompiledKernel(*fields) for fields in kept["rows"]]


def save(rows):
    """Keep these rows, and with which versions they were made, as the course's own."""
    versions = {name: metadata.version(name) for name in ("numba-cuda", "nvidia-cuda-nvcc-cu12")}
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = f'{{"made with": {json.dumps(versions)},\n"rows": [\n{lines}\n]}}\n'
    saving.write_atomically(data_folder() / SAVED, text)


# ---- judge and show -----------------------------------------------------------------------


def faults(rows):
    """What no kernel of the course may do, as sentences; empty when all is well."""
    found = []
    for row in rows:
        where = f"{row.kernel}, {row.dtype}, sm_{row.cc}"
        if row.spill_stores or row.spill_loads:
            found.append(f"{where}: {row.spill_stores + row.spill_loads} bytes of spills")
        if row.local:
            found.append(f"{where}: {row.local} bytes of local memory")
        if row.f64 and row.dtype == "float32":
            found.append(f"{where}: {row.f64} f64 instructions in a float32 kernel")
        if row.occupancy.blocks == 0:
            found.append(f"{where}: the card refuses blocks of {row.threads} threads")
    return found


HEAD = (
    "kernel", "card", "dtype", "block", "lanes", "regs", "spills", "local", "shared", "f64",
    "steps", "global", "blocks", "warps", "occupancy", "limited by",
)  # fmt: skip


def cells(row):
    """One row of the table, as texts."""
    found, card = row.occupancy, get_card(row.cc)
    return (
        row.kernel, f"{card.name} {row.cc / 10}", row.dtype, str(row.threads),
        f"{row.lanes:.0%}", str(row.registers), str(row.spill_stores + row.spill_loads),
        str(row.local), str(row.shared), str(row.f64), str(row.steps), str(row.steps_global),
        str(found.blocks),
        f"{found.warps} of {card.threads // WARP}", f"{found.fraction:.0%}", limit_text(found),
    )  # fmt: skip


def table(rows):
    """The report as text: a line for each kernel and card; NOTE explains the columns."""
    return aligned([HEAD, *map(cells, rows)])


NOTE = """block: threads per block.  lanes: part of its warps' 32 lanes that have a thread.
regs: registers per thread.  spills, local: bytes per thread.  shared: bytes per block.
f64: double-precision instructions in the PTX.  steps: instructions in the loops that have barriers
and many multiply-adds; global: those of them that need global or local memory.  blocks, warps,
occupancy: what one SM can hold, if the launch brings enough blocks; V1's brings one block of one
thread."""
