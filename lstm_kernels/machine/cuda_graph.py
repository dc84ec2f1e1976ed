"""A CUDA graph: launches that are recorded once, and started again by one call.  Lesson 17.

Numba has no call for it, so the driver's own functions are used (CUDA driver API, "Stream
Management" and "Graph Management").  Where no card is, the launches are made again, one by one.
"""

import ctypes
import gc
import weakref
from contextlib import contextmanager
from functools import lru_cache

from lstm_kernels.machine import device, platforms
from lstm_kernels.machine.device import cuda

# CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: a call that cannot be recorded is refused, such as one that
# allocates.  The mode above it, GLOBAL, would refuse it to all other threads of the program, too.
THREAD_LOCAL = 1


class GraphError(RuntimeError):
    """The driver does not record these launches, or does not start them."""


class Graph:
    """What `queue()` launches on `stream`, recorded; `launch()` starts it there, and does not wait.

    Nothing runs while it is recorded.  So `queue` launches only kernels that have run before (they
    are compiled), on arrays that the caller keeps alive, and it copies and waits for nothing.
    """

    def __init__(self, stream, queue):
        self.stream = stream
        if not device.ON_GPU:
            self.queue = queue
        else:  # queue is let go: it may lead to who keeps this graph, and both must end at once
            self.handle = record(stream, queue)
            weakref.finalize(self, driver_function("cuGraphExecDestroy"), self.handle)

    def launch(self):
        if device.ON_GPU:
            call("cuGraphLaunch", self.handle, handle_of(self.stream))
        else:
            self.queue()


def record(stream, queue):
    """The driver's handle of a graph, ready to start, of all that queue() launches on stream."""
    graph, executable = capture(stream, queue), ctypes.c_void_p()
    try:
        no_flags = ctypes.c_ulonglong(0)
        call("cuGraphInstantiateWithFlags", ctypes.byref(executable), graph, no_flags)
    finally:
        call("cuGraphDestroy", graph)
    return executable


def capture(stream, queue):
    """The driver's handle of what queue() launches on this stream; it is written down, not run."""
    graph = ctypes.c_void_p()
    with nothing_freed():
        call("cuStreamBeginCapture_v2", handle_of(stream), THREAD_LOCAL)
        try:
            queue()
        except BaseException as error:  # Ctrl-C, too: the stream must go back to work
            driver_function("cuStreamEndCapture")(handle_of(stream), ctypes.byref(graph))
            if graph:
                driver_function("cuGraphDestroy")(graph)
            if isinstance(error, Exception):
                raise GraphError(f"while recording: {error}") from error
            raise
        call("cuStreamEndCapture", handle_of(stream), ctypes.byref(graph))
    return graph


@contextmanager
def nothing_freed():
    """Inside, Numba and Python's garbage collector free nothing: it would end the recording."""
    collects = gc.isenabled()
    gc.disable()
    try:
        with cuda.defer_cleanup():
            yield
    finally:
        if collects:
            gc.enable()


def handle_of(stream):
    return ctypes.c_void_p(int(stream))


@lru_cache
def driver_function(name):
    """A function of the driver, looked up once: `launch` is called again and again."""
    function = getattr(platforms.load_driver(), name, None)
    if function is None:
        raise GraphError(f"this driver has no {name}: CUDA graphs need CUDA 11.4 or newer")
    return function


def call(name, *arguments):
    """Call a function of the driver; GraphError, with the driver's own word, if it refuses."""
    if code := driver_function(name)(*arguments):
        raise GraphError(f"{name}: {platforms.error_name(code)}")
