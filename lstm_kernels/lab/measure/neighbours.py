"""Who else uses the cores while a version is timed: libraries' threads, other programs.  Lesson 09.

Two kinds of neighbours spoil a time.  A library's threads go on waiting, busily, after its last
call: `wait_until_quiet` lets them fall asleep before the next version.  And what other programs
take is measured (`Others`) and said.
"""

import os
import time

from lstm_kernels.emulator.build import finish_preparing
from lstm_kernels.machine import threads

STAT = "/proc/stat"
QUIET_SECONDS = 0.3  # at most: the longest that a known library's threads spin
STEP = 0.005  # seconds of a look
BUSY = 0.2  # cores: from here on the machine was busy
SHORTEST = 0.1  # seconds: the system counts in hundredths, so a shorter time tells nothing
CLEARLY = 0.9  # several threads are the better choice below this part of one thread's time


# ---- one's own threads --------------------------------------------------------------------


def wait_until_quiet(most=QUIET_SECONDS):
    """Wait until no thread of this process computes; for `most` seconds at most."""
    finish_preparing()
    end = time.perf_counter() + most
    while time.perf_counter() < end:
        before = time.process_time()
        time.sleep(STEP)
        if time.process_time() - before < STEP / 5:
            return


def better_count(call, seconds=0.24, rounds=3):
    """How many threads of BLAS and Numba are better for `call()`: 1, or all that are here.

    Both take turns; more than one thread must be clearly faster in every round, because it suffers
    most when another program takes a core, and because chance must not choose.
    """
    counts = sorted({1, threads.count_all()})
    if len(counts) == 1:
        return 1
    for _ in range(rounds):
        found = []
        for count in counts:
            wait_until_quiet()
            with threads.with_threads(count):
                found.append(typical(_seconds_of(call, seconds / rounds / len(counts))))
        if found[1] > CLEARLY * found[0]:
            return 1
    return counts[1]


def _seconds_of(call, seconds):
    """Times of some calls, within so many seconds; of one at least."""
    found, end = [], time.perf_counter() + seconds
    while not found or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


def typical(times):
    """The median; of two or fewer the smaller one, because the first call warms up."""
    return min(times) if len(times) < 3 else sorted(times)[len(times) // 2]


def threads_text(count):
    """What the choice was, for a person."""
    if not threads.has_threadpoolctl():
        return "BLAS has the threads it came with: threadpoolctl is not installed"
    if threads.count_all() == 1:
        return "1 thread"
    return better_text(count)


def better_text(count):
    """This number of threads was chosen; one, where more were not clearly faster."""
    return "1 thread is enough" if count == 1 else f"{count} threads, the better choice"


# ---- other programs -----------------------------------------------------------------------


def seconds_of_all():
    """Seconds that the cores of this process have worked, for all programs; None if unknown.

    Linux tells it; macOS and Windows do not, in Python's own library.
    """
    try:
        with open(STAT, encoding="ascii") as file:
            lines = [line.split() for line in file if line.startswith("cpu")]
        names = {f"cpu{core}" for core in threads.usable_cores()}
        ticks = os.sysconf("SC_CLK_TCK")
        return sum(_busy_ticks(numbers) for name, *numbers in lines if name in names) / ticks
    except (OSError, ValueError, AttributeError):
        return None


def _busy_ticks(numbers):
    """user, nice, system, idle, iowait, irq, softirq, steal: all but the two that are waiting."""
    ticks = list(map(int, numbers[:8]))
    return sum(ticks) - sum(ticks[3:5])


class Others:
    """How many cores other programs used while this was entered, taken together."""

    def __init__(self):
        self.wall = self.used = 0.0
        self.known = seconds_of_all() is not None

    def __enter__(self):
        self._start = time.perf_counter(), time.process_time(), seconds_of_all()
        return self

    def __exit__(self, *_):
        wall, own, all_cores = self._start
        now = seconds_of_all()
        self.known = self.known and now is not None and all_cores is not None
        if self.known:
            self.wall += time.perf_counter() - wall
            self.used += now - all_cores - (time.process_time() - own)

    @property
    def cores(self):
        """Cores in use by others, on the average; None if it is unknown, or it was too short."""
        if not self.known or self.wall < SHORTEST:
            return None
        return max(0.0, self.used / self.wall)


def busy_text(cores):
    """Says that the machine was busy; "" if it was not, or nobody knows."""
    if cores is None or cores < BUSY:
        return ""
    return f"the machine was busy: others used {cores:.0%} of a core"
