"""Ctrl-C, or a notebook's Stop button, ends a launch that runs in compiled code.

Python notes the signal at once, but raises KeyboardInterrupt only when compiled code returns. So
Python is asked to write a byte into a socket when a signal comes (`signal.set_wakeup_fd`); a
thread of ours waits for it, and sets the stop word in the control block of each launch under way.
The compiled loops look at that word (loops.py).
"""

import signal
import socket
import threading
from functools import lru_cache

from . import control as slots

_under_way = []  # the control blocks of the launches that run now


class Stoppable:
    """`with Stoppable(control):` meanwhile, Ctrl-C sets the stop word of this control block."""

    __slots__ = ("control", "before")

    def __init__(self, control):
        self.control = control

    def __enter__(self):
        _under_way.append(self.control)
        self.before = _listen()

    def __exit__(self, *_error):
        if self.before is not None:
            signal.set_wakeup_fd(self.before)
        _under_way[:] = [other for other in _under_way if other is not self.control]


def stop_all():
    """Ask all launches under way to end."""
    for control in list(_under_way):
        control[slots.STOP] = 1


def _listen():
    """Have signals written to our socket; returns where they went before, None: not our affair."""
    if threading.get_ident() != threading.main_thread().ident:
        return None  # signals come to the main thread, which perhaps waits for us (cores.py)
    return signal.set_wakeup_fd(_watched(), warn_on_full_buffer=False)


@lru_cache(maxsize=1)
def _watched():
    """The number of the socket to write to; a thread reads the other end."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    threading.Thread(target=_watch, args=(receiver,), name="emulator-stop", daemon=True).start()
    return sender.detach()  # open as long as the process lives


def _watch(receiver):
    while received := receiver.recv(64):
        if signal.SIGINT in received:
            stop_all()
