"""What hardware is here, and which `cuda` the kernels get.  Lesson 06 uses it first.

This is the only module that imports `numba.cuda`, or its successor where only that is installed
(numba_cuda_mlir, `successor`).  It looks for a card *before* Numba is imported, because Numba reads
its settings once, at import.  Four targets:

* ``gpu``: a card and its driver are here; `cuda` is `numba.cuda`.
* ``emulator``: no card; the same kernels run compiled on the CPU (`lstm_kernels.emulator`).
* ``simulator``: Numba's own pure-Python simulator: slow, but independent of our emulator.
* ``compiler``: `numba.cuda` without a card, for the compile report; it can launch nothing.

Set the environment variable LSTM_KERNELS_TARGET to one of them to overrule the choice, and
LSTM_KERNELS_CUDA to `numba-cuda` or `numba-cuda-mlir` to choose the compiler of a card's kernels.
"""

import ctypes
import os
import platform
import sys
import threading
from importlib import import_module

import numpy as np

from lstm_kernels.machine import platforms

TARGETS = ("gpu", "emulator", "simulator", "compiler")
SUCCESSOR = "numba-cuda-mlir"
INSIDE = {"numba-cuda": "numba.cuda", SUCCESSOR: "numba_cuda_mlir.numba_cuda"}  # where they differ
PROBE_THREADS = 64  # two blocks of one warp
SWITCH_SECONDS = 1e-4  # with Python's 5e-3 one call of the simulator takes 0.1 s or 30 s, by chance


def count_gpus():
    """Number of cards that the driver offers; 0 when there is no driver.  Needs no Numba."""
    driver, count = platforms.load_driver(), ctypes.c_int(0)
    if driver is None:
        return 0
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def choose_target():
    """The target for this process: the environment's wish, else ``gpu`` or ``emulator``."""
    wish = os.environ.get("LSTM_KERNELS_TARGET", "auto")
    if wish in TARGETS:
        return wish
    if wish != "auto":
        raise ValueError(f"LSTM_KERNELS_TARGET is {wish!r}; choose auto, {', '.join(TARGETS)}")
    return "gpu" if count_gpus() else "emulator"


def choose_compiler():
    """Which package compiles for a card: the environment's wish, else the one that is installed."""
    wish = os.environ.get("LSTM_KERNELS_CUDA", "auto")
    if wish in INSIDE:
        return wish
    if wish != "auto":
        raise ValueError(f"LSTM_KERNELS_CUDA is {wish!r}; choose auto, {' or '.join(INSIDE)}")
    installed = [name for name in INSIDE if platforms.package_version(name)]
    return SUCCESSOR if installed == [SUCCESSOR] else "numba-cuda"


def inside(name):
    """A module inside the package that compiles for a card, such as "cudadrv.driver"."""
    return import_module(f"{INSIDE[COMPILER]}.{name}")


def _import_cuda(target):
    """The module that plays the part of `numba.cuda` for this target."""
    if target == "emulator":
        from lstm_kernels.emulator import cuda

        return cuda
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1" if target == "simulator" else "0"
    os.environ["NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS"] = "0"  # V1 is slow on purpose,
    os.environ["NUMBA_CUDA_WARN_ON_IMPLICIT_COPY"] = "0"  # and V2's copies are its lesson
    if COMPILER == SUCCESSOR and target != "simulator":
        from lstm_kernels.machine import successor

        return successor.cuda
    from numba import config, cuda

    if target == "simulator" and not config.ENABLE_CUDASIM:
        raise RuntimeError(
            "Numba was imported before lstm_kernels, so its simulator cannot be chosen any more: "
            "restart, and import lstm_kernels first."
        )
    if target == "simulator":  # its threads wait for each other: let none hold Python for long
        sys.setswitchinterval(SWITCH_SECONDS)
    return cuda


def _write_index(out):
    """Each thread writes its own number."""
    out[cuda.grid(1)] = cuda.grid(1)


def run_probe():
    """Compile and run a one-line kernel: whatever is wrong with the card shows here.

    Returns the numbers from 0 on, each written by a thread of its own.
    """
    numbers = cuda.to_device(np.full(PROBE_THREADS, -1, dtype=np.int32))
    cuda.jit(_write_index)[PROBE_THREADS // 32, 32](numbers)
    return numbers.copy_to_host()


def is_right(probed):
    """Did each thread of the probe kernel write its own number?"""
    return probed.tolist() == list(range(PROBE_THREADS))


WHY_NO_GPU = None  # the error, if a card is here and cannot be used; `doctor` explains it
TARGET, COMPILER = choose_target(), choose_compiler()
try:
    cuda = _import_cuda(TARGET)
    if TARGET == "gpu" and not is_right(run_probe()):
        raise RuntimeError("the card's answer to the probe kernel is wrong")
except Exception as error:  # a driver's, a compiler's or an import error: the course goes on
    if TARGET != "gpu":
        raise
    WHY_NO_GPU, TARGET = error, "emulator"
    cuda = _import_cuda(TARGET)

ON_GPU = TARGET == "gpu"


def card_name():
    """The name of the card that runs the kernels, as the driver has it."""
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else name


def describe():
    """One line for a person: what runs the kernels here, and what its times mean."""
    if ON_GPU:
        name, count = card_name(), count_gpus()
        first = f" (the first of {count})" if count > 1 else ""
        version = platforms.package_version(COMPILER) or "inside Numba"
        versions = f"CUDA {platforms.driver_version()}, {COMPILER} {version}"
        return f"{name}{first}, {versions}: kernels run on the GPU."
    if WHY_NO_GPU is not None:
        ask = "In a terminal `python -m lstm_kernels doctor`"
        if platforms.where() != "local":
            ask = "In a new cell `from lstm_kernels.machine import doctor; doctor.main()`"
        return (
            "A GPU is here, but it cannot be used; the emulator runs the kernels on this CPU. "
            f"{ask} tells why, and the cure."
        )
    if TARGET == "simulator":
        return "No GPU here: kernels run in Numba's simulator, in plain Python. Not GPU times."
    if TARGET == "compiler":
        return "No GPU is used: kernels can be compiled here, not run."
    if count_gpus():
        return (
            "A GPU is here and is not used: LSTM_KERNELS_TARGET asks for the emulator, which runs "
            "the kernels on this CPU. Not GPU times."
        )
    return "No GPU here: kernels run compiled on this CPU, in the course's emulator. Not GPU times."


def introduce():
    """What the set-up cell prints: `describe`, and if something can be cured, a line with the cure.

    Whatever is wrong with the GPU, the notebook goes on with the emulator.
    """
    platforms.tell_children()
    print(describe())
    if WHY_NO_GPU is not None:
        known = platforms.explain(WHY_NO_GPU)
        if known is None:
            print(f"Why: {type(WHY_NO_GPU).__name__}: {WHY_NO_GPU}")
        else:
            print(f"Why: {known.meaning}. Cure: {known.cure()}")
    elif TARGET == "emulator" and (advice := platforms.explain_no_card()):
        print(advice)
    if no_widgets := platforms.explain_no_widgets():
        print("{}. Cure: {}.".format(*no_widgets))


def describe_cpu():
    """Name of the CPU and its number of cores, as far as this system tells."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next(
                (s.split(":")[1].strip() for s in lines if s.startswith("model name")), name
            )
    return f"{name}, {os.cpu_count()} cores"


def synchronize():
    """Wait until the device has finished all its work (a launch returns at once)."""
    if TARGET != "compiler":
        cuda.synchronize()


def _card_of_launches():
    """What knows the limits of a launch here: the card's own module, or the emulator's."""
    if TARGET in ("gpu", "emulator"):
        return cuda
    from lstm_kernels.emulator import cuda as emulated

    return emulated


def count_processors():
    """Number of streaming multiprocessors (SMs); without a card, those of a Tesla T4."""
    return _card_of_launches().get_current_device().MULTIPROCESSOR_COUNT


def shared_memory():
    """Bytes of shared memory that one block may have; without a card, on a Tesla T4."""
    return _card_of_launches().get_current_device().MAX_SHARED_MEMORY_PER_BLOCK_OPTIN


def free_memory():
    """Bytes that may be allocated on the device; without a card, those of a Tesla T4."""
    return _card_of_launches().current_context().get_memory_info().free


def copy_in(there, here, stream=0):
    """Copy all bytes of `here` to the card.

    As `there.copy_to_device(here)`, which first makes three views of the arrays, only to look at
    them: that takes the host longer than to ask for the copy.
    """
    if not ON_GPU:
        there.copy_to_device(here, stream=stream)
        return
    _driver().host_to_device(there, here, here.nbytes, stream=stream)


def copy_out(there, stream=0):
    """A copy of a contiguous array on the card, as `there.copy_to_host(stream=stream)`, faster."""
    if not ON_GPU:
        return there.copy_to_host(stream=stream)
    here = np.empty(there.shape, there.dtype)
    _driver().device_to_host(here, there, here.nbytes, stream=stream)
    return here


def _driver():
    """Numba's own copies, in a thread that has a context."""
    if not hasattr(_of_thread, "context"):
        _of_thread.context = cuda.current_context()
    return inside("cudadrv.driver")


_of_thread = threading.local()
KEEPERS = []  # functions that let go of device memory which is only kept: versions/buffers.py


def release_memory():
    """Give the driver back what is kept, and what Numba frees later, some arrays together."""
    for let_go in KEEPERS:
        let_go()
    if ON_GPU:
        cuda.current_context().memory_manager.deallocations.clear()


def check_memory(needed, what):
    """Raise MemoryError, before anything starts, if `needed` bytes do not fit on the device."""
    if needed > free_memory():
        release_memory()
    free = free_memory()
    if needed > free:
        raise MemoryError(
            f"{what} needs {needed / 2**20:,.0f} MiB of device memory; the limit here is "
            f"{free / 2**20:,.0f} MiB. Use a smaller batch or a smaller hidden size H."
        )
