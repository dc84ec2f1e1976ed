"""Makes the installed packages fail, each function in its own way: `python -m tests.provoke`.

It prints {function: what the error said}, as JSON; null where nothing failed.  Needs no card.
test_real_failures.py runs it, whole and where parts of the CUDA compiler are missing, and looks
whether the course knows the cure.
"""

import ctypes
import json
import os
import subprocess
import tempfile
from pathlib import Path

os.environ["LSTM_KERNELS_TARGET"] = "compiler"
from lstm_kernels.lab.estimates.compile_report import find_ptxas  # noqa: E402
from lstm_kernels.machine.device import _write_index  # noqa: E402

OLDEST = 2, 0  # a card that no CUDA compiler of today knows
FUTURE = ".version 99.0\n.target sm_75\n.address_size 64\n"  # PTX that no program of today knows
FUNCTIONS = {}


def provoke(function):
    """`function` takes nothing, and should fail."""
    FUNCTIONS[function.__name__] = function
    return function


# ---- a part is missing --------------------------------------------------------------------


@provoke
def compile_a_kernel():
    from numba import cuda

    cuda.compile_ptx(_write_index, "void(int32[:])", cc=(7, 5))


@provoke
def open_libdevice():
    from numba.cuda import cuda_paths
    from numba.cuda.cudadrv import nvvm

    cuda_paths.get_system_ctk = lambda *parts: None  # as if no toolkit stood in /usr/local
    vars(cuda_paths.get_cuda_paths).pop("_cached_result", None)
    nvvm.LibDevice()


@provoke
def ask_nvjitlink_for_its_version():
    from cuda.bindings import nvjitlink

    nvjitlink.version()


@provoke
def load_the_cuda_runtime():
    from cuda import pathfinder

    pathfinder.load_nvidia_dynamic_lib("cudart")


@provoke
def look_for_the_driver():
    from cuda import pathfinder

    pathfinder.load_nvidia_dynamic_lib("cuda")


@provoke
def start_the_driver():
    from cuda.bindings import driver

    driver.cuInit(0)


# ---- a card that is too old for the compiler ----------------------------------------------


@provoke
def compile_for_the_oldest_card():
    from numba import cuda

    cuda.compile_ptx(_write_index, "void(int32[:])", cc=OLDEST)


@provoke
def compile_c_for_the_oldest_card():
    from numba.cuda.cudadrv import nvrtc

    nvrtc.compile("", "empty.cu", OLDEST)


@provoke
def ask_nvrtc_for_the_oldest_card():
    from cuda.bindings import nvrtc

    _, program = nvrtc.nvrtcCreateProgram(b"", b"empty.cu", 0, [], [])
    nvrtc.nvrtcCompileProgram(program, 1, [b"--gpu-architecture=compute_20"])
    _, size = nvrtc.nvrtcGetProgramLogSize(program)
    log = b" " * size
    nvrtc.nvrtcGetProgramLog(program, log)
    raise RuntimeError(log.decode())


@provoke
def ask_nvvm_for_the_oldest_card():
    from cuda.core import Program, ProgramOptions

    source = 'target triple = "nvptx64-nvidia-cuda"\n'
    Program(source, "nvvm", options=ProgramOptions(arch="sm_20")).compile("ptx")


# ---- PTX that is too new ------------------------------------------------------------------


@provoke
def assemble_ptx_of_the_future():
    with tempfile.TemporaryDirectory() as folder:
        source, code = Path(folder, "future.ptx"), Path(folder, "future.cubin")
        source.write_text(FUTURE, encoding="utf-8")
        command = [find_ptxas(), "-arch=sm_75", source, "-o", code]
        done = subprocess.run(command, capture_output=True, text=True)
    raise RuntimeError(done.stderr)


@provoke
def link_ptx_of_the_future():
    from cuda.core import Linker, LinkerOptions, ObjectCode

    options = LinkerOptions(arch="sm_75")
    Linker(ObjectCode.from_ptx(FUTURE.encode()), options=options).link("cubin")


@provoke
def start_a_runtime_newer_than_the_driver():
    """Where there is no driver, its version counts as 0."""
    from cuda import pathfinder

    runtime = ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("cudart").abs_path)
    runtime.cudaGetErrorString.restype = ctypes.c_char_p
    if code := runtime.cudaFree(0):
        raise RuntimeError(runtime.cudaGetErrorString(code).decode())


def told_by(function):
    """What the error said that this function ended with; None if it did not fail."""
    try:
        function()
    except Exception as error:
        return str(error)


if __name__ == "__main__":
    print(json.dumps({name: told_by(function) for name, function in FUNCTIONS.items()}))
