"""The Python half of the stand-in driver: it lets launches compute, and reads the driver's counts.

The real `numba.cuda` compiles the kernel, packs its arguments and launches.  The stand-in library
then calls `run_launch` with what a card would get: the kernel's name, the grid, and the addresses
of the arguments.  From these alone the arrays are put together again, over the "device" memory,
and the course's emulator runs the same Python function on them.
"""

import ctypes
import gc
import traceback
from contextlib import contextmanager
from functools import lru_cache

HOOK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, *[ctypes.POINTER(ctypes.c_uint)] * 2,
    ctypes.c_uint, ctypes.POINTER(ctypes.c_void_p),
)  # fmt: skip
COUNTS = (
    "launches", "synchronisations", "loads", "allocations", "frees",
    "copies_in", "bytes_in", "copies_out", "bytes_out", "copies_inside", "bytes_inside",
    "recorded", "replays",
    "libraries", "kernels", "streams", "events", "links", "graphs", "executables",  # alive now
)  # fmt: skip


class State(ctypes.Structure):
    """The library's variable `stand_in`."""

    _fields_ = [*((name, ctypes.c_int64) for name in COUNTS), ("hook", HOOK)]


library = ctypes.CDLL("libcuda.so.1")
library.stand_in_reaches.argtypes = ctypes.c_uint64, ctypes.c_size_t
state = State.in_dll(library, "stand_in")

# ---- counts -------------------------------------------------------------------------------


@contextmanager
def count():
    """Yields a dict; after the `with` it holds what the driver counted inside, by name."""
    before, counted = [getattr(state, name) for name in COUNTS], {}
    yield counted
    for name, start in zip(COUNTS, before, strict=True):
        counted[name] = getattr(state, name) - start


# ---- launches that compute ----------------------------------------------------------------


@contextmanager
def idle_launches():
    """Inside, a launch does nothing: what is left is the host's work."""
    state.hook = HOOK()
    try:
        yield
    finally:
        compute_launches()


def compute_launches():
    """From now on each launch runs in the emulator."""
    state.hook = run_launch


@HOOK
def run_launch(name, function, grid, block, shared, addresses):
    """Run one launch; an error is printed, and the driver then tells of a failed launch.

    A launch frees nothing: the garbage collector waits, lest it ask a thread of the emulator to.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        kernel = find_kernel(name.decode())
        values = list(unpack(kernel, addresses))
        check_sizes(function, argument_sizes(kernel))
        emulated(kernel.py_func)[tuple(grid[:3]), tuple(block[:3]), 0, shared](*values)
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        if collects:
            gc.enable()
    return 0


@lru_cache(None)
def find_kernel(name):
    """The compiled kernel of this name in the whole process: Numba keeps no list of them."""
    from numba.cuda.dispatcher import _Kernel

    found = [k for k in gc.get_objects() if type(k) is _Kernel and k.entry_name == name]
    if len({kernel.py_func for kernel in found}) != 1:
        raise LookupError(f"{len(found)} kernels have the name {name}")
    return found[0]


@lru_cache(None)
def emulated(function):
    """The same Python function as a kernel of the emulator."""
    from lstm_kernels.emulator.dispatcher import Kernel

    return Kernel(function)


# ---- arguments ----------------------------------------------------------------------------


def argument_sizes(kernel):
    """Bytes of each thing that the kernel is given: Numba hands over an array as 5 + 2 ndim."""
    for kind in kernel.argument_types:
        pieces = 5 + 2 * kind.ndim if hasattr(kind, "ndim") else 1
        yield from [8] * pieces if pieces > 1 else [scalar_dtype(kind).itemsize]


def check_sizes(function, sizes):
    """The machine code must expect the same sizes, in the same order: the compiler wrote them."""
    offset, size = ctypes.c_size_t(), ctypes.c_size_t()
    for index, expected in enumerate(sizes):
        arguments = ctypes.c_void_p(function), ctypes.c_size_t(index)
        if library.cuKernelGetParamInfo(*arguments, ctypes.byref(offset), ctypes.byref(size)):
            raise TypeError(f"the compiled kernel has no argument {index}")
        if size.value != expected:
            raise TypeError(f"argument {index} has {expected} bytes, compiled: {size.value}")


def unpack(kernel, addresses):
    """The kernel's arguments: numbers, and arrays in the device's memory."""
    place = 0
    for kind in kernel.argument_types:
        if hasattr(kind, "ndim"):
            pieces = [ctypes.c_int64.from_address(addresses[place + p]).value for p in range(5)]
            place += 5
            axes = [
                ctypes.c_int64.from_address(addresses[place + a]).value
                for a in range(2 * kind.ndim)
            ]
            place += 2 * kind.ndim
            yield device_array(kind, pieces, axes[: kind.ndim], axes[kind.ndim :])
        else:
            yield read_scalar(scalar_dtype(kind), addresses[place])
            place += 1


def scalar_dtype(kind):
    import numpy as np

    return np.dtype(str(kind))


def read_scalar(dtype, address):
    import numpy as np

    return np.frombuffer(ctypes.string_at(address, dtype.itemsize), dtype)[0]


def device_array(kind, pieces, shape, strides):
    """An array of the emulator over the bytes that a card would reach."""
    import numpy as np

    from lstm_kernels.emulator.memory import DeviceArray

    meminfo, parent, count, itemsize, data = pieces
    dtype = scalar_dtype(kind.dtype)
    if kind.layout == "C":  # compiled code then counts from the shape; Numba may pass others
        strides = np.empty(shape, dtype).strides
    extent = itemsize + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if (meminfo, parent, count, itemsize) != (0, 0, np.prod(shape), dtype.itemsize):
        raise TypeError(f"an array of {shape} {dtype} was packed as {pieces}")
    if not library.stand_in_reaches(data, extent):
        raise MemoryError(f"{extent} bytes at {data:#x} are not on the device")
    memory = (ctypes.c_char * extent).from_address(data)
    return DeviceArray(np.ndarray(shape, dtype, memory, strides=strides))
