"""One piece of work at a time, with a way to cancel it.  Lesson 07's dashboard."""

import sys
import threading


def paints_from_threads():
    """False on Colab: there, what a background thread changes is not painted."""
    return "google.colab" not in sys.modules


class Runner:
    """Runs one function at a time, in the background where pages paint from there.

    The function is given `stop`, itself a function: it is to end soon after stop() is True.
    """

    def __init__(self):
        self._busy, self._wish, self.thread = threading.Lock(), threading.Event(), None
        self.watched = True  # False while a caller waits, who sees only the end

    @property
    def busy(self):
        return self._busy.locked()

    @property
    def cancelled(self):
        return self._wish.is_set()

    def start(self, work, wait=False):
        """Begin `work(stop)`; False, and nothing happens, while another work is under way.

        wait: return only when it has ended (as always on Colab).
        """
        if not self._busy.acquire(blocking=False):
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
            self._busy.release()

    def cancel(self):
        """Wish the work to end; it does so after the mini-batch that is under way."""
        self._wish.set()

    def wait(self, seconds=None):
        """Wait until the work in the background has ended; True if it has."""
        if self.thread is not None:
            self.thread.join(seconds)
        return not self.busy
