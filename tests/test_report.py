"""The compile report: its parts without a compiler, and all kernels with one."""

import json
import os
import re
from collections import Counter
from importlib import metadata

import pytest

from lstm_kernels.data import data_folder
from lstm_kernels.lab.commands import report
from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.estimates.cards import get_card
from lstm_kernels.lab.estimates.compile_report import CompiledKernel
from lstm_kernels.versions import cuda_v5
from tests import PNG
from tests.pictures import titles
from tests.processes import run_python

CARDS = (60, 75, 80, 89, 90)
GOOD = CompiledKernel("cuda_v2", 75, "float32", 32, 72, 0, 0, 0, 0, 0)


# ---- without a compiler -------------------------------------------------------------------


def test_a_good_row_has_no_fault():
    assert compile_report.faults([GOOD]) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"spill_stores": 8}, "8 bytes of spills"),
        ({"spill_loads": 4}, "4 bytes of spills"),
        ({"local": 256}, "256 bytes of local memory"),
        ({"f64": 89}, "89 f64 instructions in a float32 kernel"),
        ({"threads": 512, "registers": 200}, "the card refuses blocks of 512 threads"),
    ],
)
def test_each_fault_is_named_with_kernel_and_card(change, word):
    assert compile_report.faults([GOOD._replace(**change)]) == [f"cuda_v2, float32, sm_75: {word}"]


def test_f64_is_no_fault_in_a_float64_kernel():
    assert compile_report.faults([GOOD._replace(dtype="float64", f64=300)]) == []


def test_the_table_shows_occupancy_and_its_limit():
    head, line = compile_report.table([GOOD]).splitlines()
    assert head.startswith("kernel")
    assert "T4 7.5" in line
    assert line.endswith("16 of 32  50%        blocks per SM")


def test_the_picture_is_a_png_with_a_panel_a_kernel():
    from lstm_kernels.lab.figures.report import draw_report

    rows = [GOOD._replace(kernel=name, cc=cc) for name in ("a", "b", "c") for cc in CARDS]
    picture = draw_report(rows)
    assert titles(picture)[:3] == [f"{name} float32" for name in "abc"]
    assert picture._repr_png_().startswith(PNG)


def test_without_the_compiler_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(compile_report, "find_ptxas", lambda: None)
    assert report.main() == 0
    assert compile_report.INSTALL in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="requirements-gpu.txt"):
        compile_report.measure()


def test_an_unknown_card_is_refused_in_one_line(capsys):
    assert report.main(cc=[75, 42]) == 2
    assert capsys.readouterr().out == (
        "unknown compute capability 42; choose from [60, 75, 80, 89, 90]\n"
    )


def test_cards_that_the_compiler_does_not_know_are_left_out_with_the_reason(monkeypatch, capsys):
    monkeypatch.setattr(compile_report, "find_cuda", lambda: (13, "ptxas"))
    assert compile_report.cards_of() == compile_report.cards_of("numba-cuda-mlir") == CARDS[1:]
    assert report.main(cc=[60]) == 2
    assert capsys.readouterr().out.startswith("P100 (6.0) is left out: CUDA 13 and")
    assert report.main(keep=True) == 2
    assert "the lessons show those numbers" in capsys.readouterr().out
    monkeypatch.setattr(compile_report, "find_cuda", lambda: (12, "ptxas"))
    assert compile_report.cards_of() == CARDS
    assert compile_report.cards_of("numba-cuda-mlir") == CARDS[1:]


def test_the_environment_chooses_the_compiler():
    code = "from lstm_kernels.machine import device; print(device.COMPILER)"
    assert run_python("-c", code).stdout == "numba-cuda\n"
    chosen = run_python("-c", code, settings={"LSTM_KERNELS_CUDA": "numba-cuda-mlir"})
    assert chosen.stdout == "numba-cuda-mlir\n"
    wrong = run_python("-c", code, settings={"LSTM_KERNELS_CUDA": "nvcc"}).stderr
    assert "LSTM_KERNELS_CUDA is 'nvcc'; choose auto, numba-cuda or numba-cuda-mlir" in wrong


# ---- with numba-cuda's successor ----------------------------------------------------------


@pytest.mark.long
def test_the_successor_compiles_every_kernel():
    """Version 0.6.0 keeps a few numbers of V7's steps in memory; all others are in registers."""
    if not os.environ.get("LSTM_KERNELS_REQUIRE_SUCCESSOR"):
        pytest.importorskip("numba_cuda_mlir", reason=report.NO_SUCCESSOR.split(".")[0])
    rows = compile_report.measure((75,), compiler="numba-cuda-mlir")
    names = [row.kernel for row in compile_report.saved() if row.cc == 75]
    assert [row.kernel for row in rows] == names
    assert {row.f64 for row in rows} == {0}
    assert {r.kernel for r in rows if r.spill_stores or r.local} <= {
        "cuda_v7, H=128, N=64",
        "cuda_v7, H=128, N=1024",
    }
    assert all(row.occupancy.blocks for row in rows)


# ---- with the compiler --------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows(compiler):
    """All kernels, compiled once: float32 for five cards, float64 for one.

    CI runs pytest with -s to show the table.
    """
    found = compile_report.measure(CARDS)
    print(compile_report.table(found))
    return found + compile_report.measure((75,), ("float64",))


def test_every_kernel_is_compiled_for_all_five_cards(rows):
    names = ("cuda_v1", "cuda_v2, v3", "cuda_v4", "cuda_v4, weights", "cuda_v5, P=32")
    names += ("cuda_v5, sum", "cuda_v6, SGD", "cuda_v6, Adam")
    for name in (*names, "cuda_v5, P=64", "cuda_v6, plan"):
        assert tuple(r.cc for r in rows if (r.kernel, r.dtype) == (name, "float32")) == CARDS, name
    for name in names:
        assert [r.cc for r in rows if (r.kernel, r.dtype) == (name, "float64")] == [75], name


def test_v7s_kernels_are_those_that_each_card_would_launch(rows):
    """H=512 does not fit on P100, T4 and L4; what fits asks for no more than a block may have."""
    found = {}
    for row in rows:
        if row.kernel.startswith("cuda_v7"):
            found.setdefault(row.kernel, []).append(row.cc)
            assert 0 < row.shared <= get_card(row.cc).shared_block
    names = [f"cuda_v7, H=128, {part}" for part in ("N=64", "weights", "N=1024")]
    assert {name: tuple(found.pop(name)) for name in names} == dict.fromkeys(names, CARDS)
    names = [f"cuda_v7, H=512, {part}" for part in ("N=64", "weights")]
    assert found == dict.fromkeys(names, [80, 90])
    assert [row.kernel for row in rows if row.cc == 90] == list(
        dict.fromkeys(row.kernel for row in rows)
    ), "kernel by kernel, also where cards lack some"


def test_the_report_saved_for_the_lessons_is_this_one(rows):
    """If it was made with this compiler; else `python -m lstm_kernels report --keep`."""
    kept = json.loads((data_folder() / compile_report.SAVED).read_text(encoding="utf-8"))
    if any(metadata.version(name) != version for name, version in kept["made with"].items()):
        pytest.skip("saved with another compiler")
    assert compile_report.saved() == [row for row in rows if row.dtype == "float32"]


def test_v5s_blocks_fit_on_an_sm_together(rows):
    for P, blocks in cuda_v5.BLOCKS_OF_SM.items():
        found = [r for r in rows if (r.kernel, r.dtype) == (f"cuda_v5, P={P}", "float32")]
        assert len(found) == len(CARDS) and min(r.occupancy.blocks for r in found) == blocks


@pytest.mark.parametrize("P, most", [(32, 320), (64, 455)])
def test_v5s_steps_need_no_memory_but_registers_and_shared(P, most, rows):
    """Before its state moved into shared memory: 9 accesses, up to 508 and 635 instructions."""
    found = [r for r in rows if (r.kernel, r.dtype) == (f"cuda_v5, P={P}", "float32")]
    assert [row.steps_global for row in found] == [0] * len(CARDS)
    assert all(3 * P < row.steps < most for row in found), "two loops, forward and backward"


def test_no_spill_no_local_memory_no_f64_in_float32(rows):
    assert compile_report.faults(rows) == []


def test_float64_kernels_do_count_f64_instructions(rows):
    """So a zero for float32 is not a counter that never counts."""
    assert all(row.f64 > 0 for row in rows if row.dtype == "float64")
    assert all(row.f64 > 50 for row in rows if (row.threads, row.dtype) == (32, "float64"))


def test_registers_are_possible_ones(rows):
    assert all(16 <= row.registers <= 255 for row in rows)
    assert all(row.occupancy.blocks > 0 for row in rows)


PLANTED = """
import math
from numba import types
from lstm_kernels.machine.device import cuda
from lstm_kernels.lab.estimates import compiler

@cuda.jit
def promoted(a):
    n = cuda.grid(1)
    if n < a.shape[0]:
        a[n] = 1.0 / (1.0 + math.exp(-a[n]))

@cuda.jit
def in_memory(a):
    n = cuda.grid(1)
    own, shared = cuda.local.array(256, types.float32), cuda.shared.array(64, types.float32)
    for i in range(a.shape[0]):
        own[i % 256] = a[i]
        shared[i % 64] = a[i]
    cuda.syncthreads()
    a[n] = own[n % 255] + shared[n % 63]

for name, function in (("promoted", promoted), ("in_memory", in_memory)):
    row = compiler.row(name, compiler.Compilable(function, (1,), 32, shared=16), 75, "float32")
    print(name, row.f64 > 0, row.local, row.shared)


@cuda.jit
def steps(a, b):
    n = cuda.grid(1)
    for t in range(a.shape[0]):
        part = a[t, n]
        for m in range(40):
            part = part * b[m] + part
        cuda.syncthreads()
        a[t, n] = part

for cc in (60, 75, 80, 89, 90):
    compiler.pretend_card(cc)
    row = compiler.row("steps", compiler.Compilable(steps, (2, 1), 32), cc, "float32")
    print(row.steps >= 40, row.steps_global >= 2)
"""


def test_planted_mistakes_are_seen(compiler, tmp_path):
    """A 1.0 that makes float64, arrays in local and shared memory, steps that need memory."""
    lines = run_with_compiler(PLANTED, tmp_path).splitlines()
    assert lines[:2] == ["promoted True 0 16", "in_memory False 1024 272"]
    assert lines[2:] == ["True True"] * 5, "a step that reads and writes global memory"


OF_V7 = """
from lstm_kernels.lab.estimates import compile_report, compiler
from lstm_kernels.versions import cuda_v7

def tiled(P, *tile):
    def make(dtype):
        return cuda_v7.make_kernel(cuda_v7.Tile(*tile), P, dtype)
    return compiler.Compilable(make, compiler.WHOLE_CARD, cuda_v7.THREADS)

def weights(repeat):
    def make(dtype):
        return cuda_v7.make_weights_kernel(repeat, 128, dtype)
    return compiler.Compilable(make, compiler.OF_DZ, cuda_v7.THREADS)

KERNELS = [tiled(512, 2, 8, 1, 32), weights(4), weights(8)]
for cc in (60, 75, 80, 89, 90):
    compiler.pretend_card(cc)
    rows = [compiler.row("V7", kernel, cc, "float32") for kernel in KERNELS]
    print(cc, max(row.registers for row in rows), *compile_report.faults(rows))
"""


def test_v7s_largest_tile_and_both_weights_kernels_on_every_card(compiler, tmp_path):
    """Also where no workload of the report needs them."""
    for cc, line in zip(CARDS, run_with_compiler(OF_V7, tmp_path).splitlines(), strict=True):
        which, registers, *faults = line.split(maxsplit=2)
        assert int(which) == cc and int(registers) <= 255 and faults == [], line


def run_with_compiler(code, folder):
    """What this program prints, in a process that has Numba's real compiler."""
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    done = run_python(script, settings=compile_report.COMPILER, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- V5's instructions --------------------------------------------------------------------

COMPILED = """
import subprocess
from pathlib import Path
from lstm_kernels.lab.estimates import compiler
from lstm_kernels.lab.estimates.compile_report import find_ptxas

compiler.pretend_card(75)
for name in ("cuda_v4", "cuda_v5, P=32", "cuda_v5, P=64"):
    ptx = compiler.compile_to_ptx(compiler.KERNELS[name], 75, "float32")
    Path(f"{name}.ptx").write_text(ptx, encoding="utf-8")
    command = [find_ptxas(), "-arch=sm_75", f"{name}.ptx", "-o", f"{name}.cubin"]
    subprocess.run(command, check=True)
"""
MINUS_LOG2_E = "0fBFB8AA3B"  # exp(-z) = 2 to the power of -z log2(e)


@pytest.fixture(scope="module")
def compiled(compiler, tmp_path_factory):
    """A folder with the PTX and the machine code of V4 and V5 for a T4."""
    folder = tmp_path_factory.mktemp("compiled")
    run_with_compiler(COMPILED, folder)
    return folder


def powers(ptx):
    """The instructions for a power of two, each with the one before it."""
    return re.findall(r"^\t(.*)\n\t(ex2\S*)", ptx, re.MULTILINE)


@pytest.mark.parametrize("P", [32, 64])
def test_v5_takes_the_cards_fast_exponential_and_division(P, compiled):
    """One multiplication and one power of two; the exact exponential of V4 prepares its input."""
    ptx = (compiled / f"cuda_v5, P={P}.ptx").read_text()
    found, slow = powers(ptx), powers((compiled / "cuda_v4.ptx").read_text())
    assert found and all(before.endswith(f", {MINUS_LOG2_E};") for before, _ in found)
    assert {power for _, power in found} == {"ex2.approx.f32"}
    assert ptx.count("div.approx.f32") == len(found)
    assert slow and not any(MINUS_LOG2_E in before for before, _ in slow)
    assert not re.search(r"\bcall\b", ptx)


def shared_widths(cubin):
    """How many loads and stores of shared memory have which width in bytes.

    An instruction has 16 bytes since sm_70; the lowest 12 bits say what it does, and bits 73 to
    75 how wide it is (4: 4 bytes, 5: 8, 6: 16).  nvdisasm calls the two LDS and STS.
    """
    found = Counter()
    for place in range(0, len(cubin) - 15, 16):
        code = int.from_bytes(cubin[place : place + 16], "little")
        name = {0x984: "load", 0x388: "store"}.get(code & 0xFFF)
        if name:
            found[name, 1 << ((code >> 73 & 7) - 2)] += 1
    return found


@pytest.mark.parametrize("P, width_of_dh", [(32, 4), (64, 8)])
def test_the_compiler_makes_wide_shared_accesses_of_v5s_single_ones(P, width_of_dh, compiled):
    """A row of h in loads of 4 numbers, forward and backward; a thread's part of dh in one."""
    found = shared_widths((compiled / f"cuda_v5, P={P}.cubin").read_bytes())
    assert found["load", 16] == 2 * P // 16
    assert width_of_dh == 4 or found["store", width_of_dh] == 2, "its zeros, and then in each step"
