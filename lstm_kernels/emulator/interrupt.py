"""Ctrl-C, or a notebook's Stop button, ends a launch that runs in compiled code.

Python notes the signal at once, but raises KeyboardInterrupt only when compiled code returns. So
Python is asked to write a byte into a socket when a signal comes (`signal.set_wakeup_fd`); a
thread of ours waits for it, and sets the stop word in the control block of each launch under way.
The compiled loops look at that word (loops.py).
"""

import signal
import socket
import threading
from contextlib import contextmanager
from functools import lru_cache

from . import control as slots

_under_way = []  # the control blocks of the launches that run now


@contextmanager
def stoppable(control):
    """While the block runs, Ctrl-C sets the stop word of this control block."""
    _under_way.append(control)
    before = _listen()
    try:
        yield
    finally:
        if before is not None:
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        _under_way[:] = [other for other in _under_way if other is not control]


def stop_all():
    """Ask all launches under way to end."""
    for control in list(_under_way):
        control[slots.STOP] = 1


def _listen():
    """Have signals written to our socket; returns where they went before, None: not our affair."""
    if threading.current_thread() is not threading.main_thread():
        return None  # signals come to the main thread, which perhaps waits for us (cores.py)
    sender = _watched()
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    return -1 if before == sender.fileno() else before


@lru_cache(maxsize=1)
def _watched():
    """The socket to write to; a thread reads the other end."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    threading.Thread(target=_watch, args=(receiver,), name="emulator-stop", daemon=True).start()
    return sender


def _watch(receiver):
    while received := receiver.recv(64):
        if signal.SIGINT in received:
            stop_all()
