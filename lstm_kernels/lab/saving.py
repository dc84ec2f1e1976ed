"""What was measured is not lost: commands that save as they go, and end well when stopped.

A command saves as it goes.  Ctrl-C, SIGTERM, a closed terminal, a closed pipe and an error end in
the same way: what was measured until then is in the files, and one line says so.
"""

import signal
import sys
import threading
from _thread import interrupt_main
from contextlib import contextmanager, suppress

from lstm_kernels.machine.files import check_writable, write_atomically  # noqa: F401  for all

ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
NOTHING = "nothing was measured yet, so no file was changed"


# ---- commands -----------------------------------------------------------------------------


def refuse_paths(paths):
    """True, and a sentence on stderr, if one of these files cannot be written."""
    try:
        for path in paths:
            check_writable(path)
    except OSError as error:
        print(error, file=sys.stderr)
        return True
    return False


def keep(work, save):
    """Run work(check), then save(), whatever ended the work; returns the exit status.

    check(): to be called now and then; raises KeyboardInterrupt if a library has swallowed it.
    save(): writes what was measured so far; gives the files' names, none if there is nothing yet.
    Status: 0; 1 if the files could not be written; 130 after Ctrl-C, 143 after SIGTERM.
    """
    with _as_ctrl_c() as caught:
        try:
            work(caught.check)
            caught.check()
        except BaseException as error:
            caught.deaf = True
            if not is_ctrl_c(error):
                tried(save)
                raise
            caught.numbers.append(signal.SIGINT)  # the first one counts
        caught.deaf = True  # a second Ctrl-C must not cost the files
        saved, words = tried(save)
    if not caught.numbers:
        print(words)
        return 0 if saved else 1
    with suppress(OSError):  # the terminal may be gone
        print(f"\nStopped by {signal.Signals(caught.numbers[0]).name}. {words}", flush=True)
    return 128 + caught.numbers[0]


def is_ctrl_c(error):
    """Also where a class was just made: Python up to 3.11 wraps it then in a RuntimeError."""
    return KeyboardInterrupt in (type(error), type(error.__cause__))


def hear_ctrl_c():
    """From here on, a Ctrl-C that a library's callback from C has swallowed comes once more.

    For a command that saves nothing: `keep` has its own way.
    """
    tell = sys.unraisablehook

    def hook(lost):
        _tell_unless_ctrl_c(lost, tell)
        if lost.exc_type is KeyboardInterrupt:
            again = threading.Timer(0.05, _interrupt)  # when the callback is over
            again.daemon = True
            again.start()

    sys.unraisablehook = hook


def _interrupt():
    """Ctrl-C for the main thread, also where it sleeps; on Windows, when it wakes up."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        interrupt_main()


def tried(save):
    """(did it work, what to say): a full disk, for example, is no reason to stop measuring."""
    try:
        names = save()
    except OSError as error:
        return False, f"Not saved: {error}"
    return True, f"Saved: {', '.join(names)}" if names else f"Not saved: {NOTHING}"


class _Caught:
    """The signals that came.  deaf: they are noted, and do no more."""

    def __init__(self):
        self.numbers, self.deaf = [], False

    def __call__(self, number, frame):
        self.numbers.append(number)
        if not self.deaf:
            raise KeyboardInterrupt

    def check(self):
        if self.numbers:
            raise KeyboardInterrupt


@contextmanager
def _as_ctrl_c():
    """Inside, SIGTERM and SIGHUP are a KeyboardInterrupt, too; those ignored before stay so."""
    caught, before = _Caught(), {}
    hook = sys.unraisablehook
    if threading.current_thread() is threading.main_thread():
        before = {n: signal.getsignal(n) for n in ENDS if signal.getsignal(n) != signal.SIG_IGN}
    try:
        sys.unraisablehook = lambda lost: _tell_unless_ctrl_c(lost, hook)
        for number in before:
            signal.signal(number, caught)
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


def _tell_unless_ctrl_c(lost, tell):
    """Ctrl-C in a library's callback from C cannot go on from there: `check` raises it later."""
    if lost.exc_type is not KeyboardInterrupt:
        tell(lost)
