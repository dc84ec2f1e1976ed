"""Streams, events and the device itself. Launches run at once, so there is nothing to wait for."""

import time
from contextlib import contextmanager
from typing import NamedTuple

from .card import CARD
from .errors import EmulatorError


class Stream:
    """A queue of work on a card. Here each piece of work is done when it is asked for."""

    def synchronize(self):
        """Everything is done already."""

    @contextmanager
    def auto_synchronize(self):
        yield self


class Event:
    """A mark in time: CPU wall time here, never to be shown as a GPU time."""

    def __init__(self, timing=True):
        self.moment = None

    def record(self, stream=0):
        self.moment = time.perf_counter()

    def synchronize(self):
        """Everything before it is done already."""

    def wait(self, stream=0):
        """Everything before it is done already."""

    def query(self):
        return True

    def elapsed_time(self, end):
        """Milliseconds from this event to `end`."""
        if self.moment is None or end.moment is None:
            raise EmulatorError("record both events before asking for the time between them")
        return 1e3 * (end.moment - self.moment)


class MemoryInfo(NamedTuple):
    """Bytes free and in all."""

    free: int
    total: int


class Context:
    """What `cuda.current_context()` returns."""

    device = CARD

    def get_memory_info(self):
        return MemoryInfo(CARD.TOTAL_MEMORY, CARD.TOTAL_MEMORY)

    def synchronize(self):
        """Everything is done already."""

    def reset(self):
        """There is nothing to reset."""


_context = Context()
_stream = Stream()


def stream():
    return Stream()


def default_stream():
    return _stream


def event(timing=True):
    return Event(timing)


def event_elapsed_time(start, end):
    return start.elapsed_time(end)


def synchronize():
    """Wait for the card. A launch has ended here when it returns."""


def is_available():
    return True


def detect():
    """Print the devices, and tell whether there is one that kernels can run on."""
    print(f"Found 1 CUDA device: id {CARD.id}, {CARD.name}")
    return True


def list_devices():
    return [CARD]


def get_current_device():
    return CARD


def current_context(device_id=None):
    return _context


def select_device(device_id):
    if device_id != CARD.id:
        raise EmulatorError(f"there is one emulated device, number {CARD.id}, not {device_id}")
    return CARD


def close():
    """Nothing is open."""


@contextmanager
def defer_cleanup():
    yield


@contextmanager
def pinned(*arrays):
    """Host memory that a card copies faster. Here: host memory."""
    yield


@contextmanager
def profiling():
    yield
