"""One piece of work at a time, with a way to cancel it.  Lesson 09's dashboard."""

import sys
import threading


def paints_from_threads():
    """False on Colab: there, what a background thread changes is not painted."""
    return "google.colab" not in sys.modules


BUSY = threading.Lock()  # one for all dashboards of a kernel: two at once would slow each other


class Runner:
    """Runs one function at a time, in the background where pages paint from there.

    While it does, no other Runner can begin.  The function is given `stop`, itself a function: it
    is to end soon after stop() is True.
    """

    def __init__(self):
        self._wish, self.thread = threading.Event(), None
        self.watched = True  # False while a caller waits, who sees only the end

    @property
    def busy(self):
        return BUSY.locked()

    @property
    def cancelled(self):
        return self._wish.is_set()

    def start(self, work, wait=False):
        """Begin `work(stop)`; False, and nothing happens, while another work is under way.

        wait: let that one end first, and return only when this one has ended (always on Colab).
        """
        if not BUSY.acquire(blocking=wait):
            return False
        self._wish.clear()
        self.watched = not wait
        if wait or not paints_from_threads():
            self._run(work)
        else:
            self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
            self.thread.start()
        return True

    def _run(self, work):
        try:
            work(self._wish.is_set)
        finally:
            BUSY.release()

    def cancel(self):
        """Wish the work to end; it does so after the mini-batch that is under way."""
        self._wish.set()

    def wait(self, seconds=None):
        """Wait until the work in the background has ended; True if it has."""
        if self.thread is not None:
            self.thread.join(seconds)
        return not self.busy
