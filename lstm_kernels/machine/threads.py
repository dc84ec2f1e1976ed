"""How many threads NumPy's BLAS and Numba use, set and set back.  Lesson 09.

BLAS can be told in a running process only through threadpoolctl.  Without it (it is in
requirements.txt, and comes with scikit-learn) BLAS keeps the threads that it has, and those who
measure say so.
"""

import os
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

THREAD_SETTINGS = (  # of the environment: read once, when a library is loaded
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)  # fmt: skip


def has_threadpoolctl():
    """Can the threads of BLAS be set here?"""
    return find_spec("threadpoolctl") is not None


def count_all():
    """The largest number of threads that is worth a try: the cores this process may use."""
    import numba

    return max(1, min(numba.config.NUMBA_NUM_THREADS, len(usable_cores())))


def usable_cores():
    """The numbers of the cores on which this process may run."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def with_threads(count):
    """Inside, NumPy's BLAS (as far as it can be told) and Numba use so many threads.

    threadpoolctl holds the loader's lock while it calls Python, and who loads a library holds
    Python's while it waits for the loader's: so nothing may be loaded in another thread meanwhile.
    """
    import numba

    from lstm_kernels.emulator.build import finish_preparing

    finish_preparing()
    with ExitStack() as settings:
        if has_threadpoolctl():
            from threadpoolctl import threadpool_limits

            settings.enter_context(threadpool_limits(count, user_api="blas"))
        settings.callback(numba.set_num_threads, numba.get_num_threads())
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
        yield
