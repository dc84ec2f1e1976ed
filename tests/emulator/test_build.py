"""The generated modules: cached on disk, and never stale."""

import inspect
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lstm_kernels.emulator import build, cuda
from lstm_kernels.emulator.build import Build
from tests.processes import run_python


def kernel_with(factor):
    @cuda.jit(device=True)
    def scaled(x):
        return factor * x

    @cuda.jit
    def kernel(x):
        x[0] = scaled(x[0])

    return kernel


def test_the_same_source_is_the_same_module():
    assert Build(kernel_with(2).py_func).launch is Build(kernel_with(2).py_func).launch


def test_a_constant_of_a_device_function_changes_the_module():
    two, three = Build(kernel_with(2).py_func), Build(kernel_with(3).py_func)
    assert two.source != three.source
    assert two.launch is not three.launch


def test_the_generated_source_reads_like_the_kernel():
    source = kernel_with(2).build.source
    assert "def scaled(x):\n    return factor * x" in source
    assert (
        "x[_gpu.at(_cuda.control, 0, x, 0)] = scaled(x[_gpu.at(_cuda.control, 1, x, 0)])" in source
    )


PROGRAM = """
import sys
for name in {hidden}:
    sys.modules[name] = None  # makes its import fail
import numpy as np
from lstm_kernels.emulator import cuda, find_data_races
import kernels
x = np.ones(4)
kernels.kernel[1, 4](x)
launch = kernels.kernel.build.launch
print(x[0], sum(launch.stats.cache_hits.values()), sum(launch.stats.cache_misses.values()))
"""
KERNELS = """
from lstm_kernels.emulator import cuda
import helper

@cuda.jit
def kernel(x):
    n = cuda.grid(1)
    x[n] = helper.twice(x[n])
"""
HELPER = """
from lstm_kernels.emulator import cuda

@cuda.jit(device=True)
def twice(x):
    return {factor} * x
"""


@pytest.fixture
def run_process(tmp_path):
    """run(factor, cache): a new process with its own source files; returns what it prints."""

    def run(factor, cache=tmp_path / "cache", hidden=()):
        (tmp_path / "kernels.py").write_text(KERNELS, encoding="utf-8")
        (tmp_path / "helper.py").write_text(HELPER.format(factor=factor), encoding="utf-8")
        settings = {
            "LSTM_KERNELS_CACHE_DIR": str(cache),
            "NUMBA_CACHE_DIR": "",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        program = PROGRAM.format(hidden=list(hidden))
        result = run_python("-c", program, settings=settings, folder=tmp_path)
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    return run


@pytest.mark.long
def test_a_second_process_finds_the_machine_code_and_a_changed_helper_is_seen(run_process):
    assert run_process(2) == ["2.0", "0", "1"]
    assert run_process(2) == ["2.0", "1", "0"]
    assert run_process(3) == ["3.0", "0", "1"]


def test_a_file_that_nobody_may_replace_is_right_if_it_says_the_same(tmp_path, monkeypatch):
    """On Windows a file cannot be replaced while another process reads it: faked here."""

    def refuse(*paths):
        raise PermissionError("used by another process")

    monkeypatch.setattr(build.os, "replace", refuse)
    file = tmp_path / "emulated_kernel.py"
    with pytest.raises(PermissionError):
        build._write(file, "x = 1\n")
    file.write_text("x = 1\n", encoding="utf-8")
    build._write(file, "x = 1\n")
    with pytest.raises(PermissionError):
        build._write(file, "x = 2\n")
    assert list(tmp_path.iterdir()) == [file], "no half-written file stays"


def test_what_nobody_uses_for_two_months_is_removed(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    key = "_0123456789abcdef0123"
    for name, days in ((f"emulated_used{key}", 59), (f"emulated_unused{key}", 61), ("yours", 100)):
        machine_code = tmp_path / "__pycache__" / f"{name}.launch-8.py311.nbi"
        for path in (tmp_path / f"{name}.py", machine_code):
            path.write_text(build.HEADER, encoding="utf-8")
            os.utime(path, (time.time() - days * 24 * 3600, time.time()))  # last used, written
    build._remove_unused(tmp_path)
    left = sorted(path.name.split(".")[0].split(key)[0] for path in tmp_path.rglob("*.*"))
    assert left == ["emulated_used"] * 2 + ["yours"] * 2


def test_a_module_that_is_imported_again_counts_as_used():
    path = Path(inspect.getfile(Build(kernel_with(4).py_func).launch.py_func))
    os.utime(path, (0, 0))
    del sys.modules[path.stem]
    Build(kernel_with(4).py_func)
    assert path.stat().st_atime > time.time() - 3600
    assert path.stat().st_mtime == 0  # or older Numba would compile it again


def test_it_needs_no_numba_cuda_and_no_greenlet_and_no_home(run_process, tmp_path):
    blocker = tmp_path / "a_file"
    blocker.write_text("a cache folder cannot be made inside a file", encoding="utf-8")
    hidden = ["numba.cuda", "numba_cuda", "greenlet"]
    assert run_process(5, cache=blocker / "cache", hidden=hidden)[0] == "5.0"


def test_source_that_cannot_be_found():
    names = {"cuda": cuda}
    exec("@cuda.jit\ndef kernel(x):\n    x[0] = 1\n", names)
    with pytest.raises(TypeError, match="source of kernel cannot be found"):
        names["kernel"][1, 1](np.zeros(1))


PREPARED = """
import numpy as np
from lstm_kernels.emulator import build, cuda

build.finish_preparing()  # nothing began yet: nothing to wait for
if {broken}:
    def note_access_address():
        raise OSError("no compiler")
    build.note_access_address = note_access_address
build.prepare()
build.finish_preparing()
print(build._run_blocks_address.cache_info().currsize, end=" ")

@cuda.jit
def kernel(x):
    cuda.syncthreads()
    x[cuda.grid(1)] += 1

x = np.zeros(4)
kernel[1, 4](x)
print(x)
"""


@pytest.mark.parametrize(("broken", "compiled"), [(False, 1), (True, 0)])
def test_what_all_need_is_compiled_beside_and_an_error_waits_for_who_needs_it(
    broken, compiled, tmp_path
):
    program = tmp_path / "prepared.py"
    program.write_text(PREPARED.format(broken=broken))
    done = run_python(program)
    assert (done.stdout, done.stderr) == (f"{compiled} [1. 1. 1. 1.]\n", "")
