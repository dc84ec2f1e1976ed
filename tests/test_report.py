"""The compile report: its parts without a compiler, and all kernels with one."""

import json
import os
import subprocess
import sys
from importlib import metadata

import pytest

from lstm_kernels import report
from lstm_kernels.data import data_folder
from lstm_kernels.report import Row
from lstm_kernels.versions import cuda_v5

CARDS = (60, 75, 80, 89, 90)
GOOD = Row("cuda_v2", 75, "float32", 32, 72, 0, 0, 0, 0, 0)


# ---- without a compiler -------------------------------------------------------------------


def test_a_good_row_has_no_fault():
    assert report.faults([GOOD]) == []


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
    assert report.faults([GOOD._replace(**change)]) == [f"cuda_v2, float32, sm_75: {word}"]


def test_f64_is_no_fault_in_a_float64_kernel():
    assert report.faults([GOOD._replace(dtype="float64", f64=300)]) == []


def test_the_table_shows_occupancy_and_its_limit():
    head, line = report.table([GOOD]).splitlines()
    assert head.startswith("kernel")
    assert "T4 7.5" in line
    assert line.endswith("16 of 32  50%        blocks an SM")


def test_the_picture_is_a_png_with_a_panel_a_kernel():
    from lstm_kernels.figures.report import draw_report

    rows = [GOOD._replace(kernel=name, cc=cc) for name in ("a", "b", "c") for cc in CARDS]
    picture = draw_report(rows)
    assert [ax.get_title(loc="left") for ax in picture.axes[:3]] == [
        f"{name} float32\n" for name in "abc"
    ]
    assert picture._repr_png_().startswith(b"\x89PNG")


def test_without_the_compiler_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(report, "find_ptxas", lambda: None)
    assert report.main() == 0
    assert report.INSTALL in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="requirements-gpu.txt"):
        report.measure()


def test_an_unknown_card_is_refused_in_one_line(capsys):
    assert report.main(cc=[75, 42]) == 2
    assert capsys.readouterr().out == (
        "unknown compute capability 42; choose from [60, 75, 80, 89, 90]\n"
    )


# ---- with the compiler --------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    """All kernels, compiled once: float32 for five cards, float64 for one.

    CI sets LSTM_KERNELS_REQUIRE_COMPILER, and runs pytest with -s to show the table.
    """
    if report.find_ptxas() is None and not os.environ.get("LSTM_KERNELS_REQUIRE_COMPILER"):
        pytest.skip(f"the CUDA compiler is not installed: {report.INSTALL}")
    found = report.measure(CARDS)
    print(report.table(found))
    return found + report.measure((75,), ("float64",))


def test_every_kernel_is_compiled_for_all_five_cards(rows):
    names = ("cuda_v1", "cuda_v2, v3", "cuda_v4", "cuda_v4, weights", "cuda_v5, P=32")
    names += ("cuda_v5, sum", "cuda_v6, SGD", "cuda_v6, Adam")
    for name in (*names, "cuda_v5, P=64"):
        assert tuple(r.cc for r in rows if (r.kernel, r.dtype) == (name, "float32")) == CARDS, name
    for name in names:
        assert [r.cc for r in rows if (r.kernel, r.dtype) == (name, "float64")] == [75], name


def test_the_report_saved_for_the_lessons_is_this_one(rows):
    """If it was made with this compiler; else `python -m lstm_kernels report --keep`."""
    kept = json.loads((data_folder() / report.SAVED).read_text(encoding="utf-8"))
    if any(metadata.version(name) != version for name, version in kept["made with"].items()):
        pytest.skip("saved with another compiler")
    assert report.saved() == [row for row in rows if row.dtype == "float32"]


def test_v5s_blocks_fit_on_an_sm_together(rows):
    for P, blocks in cuda_v5.BLOCKS_OF_SM.items():
        found = [r for r in rows if (r.kernel, r.dtype) == (f"cuda_v5, P={P}", "float32")]
        assert len(found) == len(CARDS) and min(r.occupancy.blocks for r in found) == blocks


def test_no_spill_no_local_memory_no_f64_in_float32(rows):
    assert report.faults(rows) == []


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
from lstm_kernels.device import cuda
from lstm_kernels.report import compiler

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
    row = compiler.row(name, compiler.Kernel(function, (1,), 32, shared=16), 75, "float32")
    print(name, row.f64 > 0, row.local, row.shared)
"""


def test_planted_mistakes_are_seen(rows, tmp_path):
    """A 1.0 that makes float64, and arrays that live in local and in shared memory."""
    del rows  # asked for only to be skipped where there is no compiler
    script = tmp_path / "planted.py"
    script.write_text(PLANTED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=report.compiler_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["promoted True 0 16", "in_memory False 1024 272"]
