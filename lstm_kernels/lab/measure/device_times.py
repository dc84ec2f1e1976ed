"""Where the time of a mini-batch goes: copies in, kernels, copies out.  Lesson 09.

Each copy and each launch gets an event before and one after it, on a card and in the emulator.
An event is a mark in the device's own stream of work: the time between two of them is the
device's, without the host's.  In the emulator it is CPU time, and `Parts.where` says so.
"""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from lstm_kernels.machine import device
from lstm_kernels.machine.device import cuda

IN, KERNEL, OUT = "host to device", "kernel", "device to host"


class Parts(NamedTuple):
    """Seconds of one mini-batch on the device; `compile` is what the very first one took more."""

    where: str  # "GPU" or "emulated on CPU"
    compile: float  # near 0 where this process (or the emulator's cache) had compiled before
    host_to_device: float
    kernel: float
    device_to_host: float

    @property
    def copies(self):
        """The share of the copies in copies and kernels together, 0 to 1."""
        moved = self.host_to_device + self.device_to_host
        return moved / (moved + self.kernel)


def measure_parts(train_batch, first_seconds, repeats=3):
    """Medians over `repeats` calls; None where no events can be had (Numba's simulator).

    first_seconds: wall time of the first call ever, which compiled.
    """
    if device.TARGET not in ("gpu", "emulator"):
        return None
    runs = [_one_run(train_batch) for _ in range(repeats)]
    wall, copied_in, kernels, copied_out = (float(m) for m in np.median(runs, axis=0))
    where = "GPU" if device.ON_GPU else "emulated on CPU"
    return Parts(where, max(0.0, first_seconds - wall), copied_in, kernels, copied_out)


def _one_run(train_batch):
    """Seconds: the whole call by the wall clock, then copies in, kernels, copies out."""
    whole = []
    with watch() as spans, _span("whole", whole):
        train_batch()
        device.synchronize()
    return [_seconds(whole, "whole"), *(_seconds(spans, kind) for kind in (IN, KERNEL, OUT))]


def _seconds(spans, kind):
    return sum(cuda.event_elapsed_time(a, b) for name, a, b in spans if name == kind) / 1e3


@contextmanager
def _span(kind, spans):
    """Note (kind, event before, event after) for what runs inside."""
    start, end = cuda.event(), cuda.event()
    start.record()
    yield
    end.record()
    end.synchronize()
    spans.append((kind, start, end))


@contextmanager
def watch():
    """Collect (kind, event, event) of every copy and launch made inside the `with`."""
    spans, replaced = [], []

    def replace(owner, name, function):
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, function)

    (_watch_card if device.ON_GPU else _watch_emulator)(spans, replace)
    try:
        yield spans
    finally:
        for owner, name, original in reversed(replaced):
            setattr(owner, name, original)


def _marked(call, kind, spans):
    """`call`, with an event before and after it."""

    def call_and_mark(*args, **kwargs):
        start, end = cuda.event(), cuda.event()
        start.record()
        result = call(*args, **kwargs)
        end.record()
        spans.append((kind, start, end))
        return result

    return call_and_mark


def _driver_modules():
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import driver

    return dispatcher, driver


def _watch_card(spans, replace):
    """Mark the driver's copy functions and the function that launches.

    Numba-CUDA launches by cuda.core's `launch`; older ones have `launch_kernel`.
    """
    dispatcher, driver = _driver_modules()
    for name, kind in (("HtoD", IN), ("DtoH", OUT)):
        for mode in ("", "Async"):
            copy = getattr(driver.driver, f"cuMemcpy{name}{mode}")
            replace(driver.driver, f"cuMemcpy{name}{mode}", _marked(copy, kind, spans))
    new = hasattr(dispatcher, "launch")
    owner, name = (dispatcher, "launch") if new else (driver, "launch_kernel")
    replace(owner, name, _marked(getattr(owner, name), KERNEL, spans))


def _watch_emulator(spans, replace):
    """Mark the copies that a program asks for, the launches, and the copies that a launch makes."""
    from lstm_kernels.emulator.dispatcher import Launch
    from lstm_kernels.emulator.memory import DeviceArray

    launch = Launch.__call__

    def launch_and_mark(self, *args):
        launch(self, *args)
        end = cuda.event()
        end.record()
        spans.append((OUT, spans[-1][2], end))  # since the kernel's end: its copies back

    replace(cuda, "to_device", _marked(cuda.to_device, IN, spans))
    replace(DeviceArray, "copy_to_device", _marked(DeviceArray.copy_to_device, IN, spans))
    replace(DeviceArray, "copy_to_host", _marked(DeviceArray.copy_to_host, OUT, spans))
    replace(Launch, "device_arguments", _marked(Launch.device_arguments, IN, spans))
    replace(Launch, "run", _marked(Launch.run, KERNEL, spans))
    replace(Launch, "__call__", launch_and_mark)
