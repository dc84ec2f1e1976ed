"""One launch on several CPU cores: each gets a share of the blocks.

Only where the blocks never meet (independent.py), so a launch gives the same bits on any number
of cores. Compiled code holds no lock of Python's, so plain threads do.
"""

import os
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise

import numba
import numpy as np

from .interrupt import stop_all

WORTH_IT = 1e-3  # seconds: below, to share the work costs more than it saves


def shares(launch, arguments):
    """The blocks of each core as (first, last + 1); one share if the blocks may meet."""
    blocks = launch.grid[0]
    if launch.grid[1:] != (1, 1) or not _never_meet(launch.build, arguments):
        return [(0, blocks)]
    count = min(numba.config.NUMBA_NUM_THREADS, blocks)
    return list(pairwise(blocks * i // count for i in range(count + 1)))


def _never_meet(build, arguments):
    """What is proved of the kernel's source, and what the proof takes for granted: no array that
    is written is given twice, and no number is negative (an index below 0 counts from the end)."""
    if build.written_apart is None:
        return False
    if any(isinstance(a, (int, np.integer)) and a < 0 for a in arguments):
        return False
    arrays = [(name, a) for name, a in zip(build.arguments, arguments, strict=True)]
    return not any(
        name != other and np.may_share_memory(written, array)
        for name, written in arrays
        if name in build.written_apart
        for other, array in arrays
        if isinstance(array, np.ndarray)
    )


def run_shares(run, shares):
    """Run all shares; an error of the first share that has one is raised when all have ended."""
    tasks = [_pool().submit(run, share) for share in shares]
    try:
        wait(tasks)
    except KeyboardInterrupt:
        stop_all()
        wait(tasks)  # nobody may go on before they have ended
        raise
    for task in tasks:
        task.result()


@lru_cache(maxsize=1)
def _pool():
    return ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS, thread_name_prefix="emulator")


if hasattr(os, "register_at_fork"):  # a forked process has none of the threads: it makes its own
    os.register_at_fork(after_in_child=_pool.cache_clear)


class Parallel:
    """A parallel function of Numba's, which in a forked process runs its loop on one core.

    There Numba's threads are lost, and GNU's OpenMP would end the process.
    """

    def __init__(self, compiled):
        self.compiled, self.py_func = compiled, compiled.py_func
        self.process = os.getpid()

    def __call__(self, *args):
        if os.getpid() == self.process:
            return self.compiled(*args)
        return self.py_func(*args)  # Python's own loop; what it calls is compiled
