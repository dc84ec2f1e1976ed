"""Dask distributed, imported only when it is needed: workers here, or a scheduler elsewhere."""

import logging
import os
import signal
from concurrent.futures import Future, wait
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import resource_tracker
from threading import Event, Thread

from lstm_kernels.machine import device
from lstm_kernels.model import check_count

INSTALL = "python -m pip install -r requirements-cluster.txt"
LOOPBACK = "127.0.0.1"
# A terminal sends Ctrl-C to the workers, too.  They let us decide, and end when we do.
NO_CTRL_C = ["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"]
# What goes wrong in a step is raised here.  A sign of life while all end would log an error.
QUIET = {"silence_logs": logging.CRITICAL}
PATIENCE = 30  # seconds for a scheduler to answer, or for a first worker to be there


def load_dask():
    """The package `distributed`; ImportError, in one sentence, where it is not installed."""
    try:
        import distributed
    except ImportError:
        raise ImportError(f"Training on many workers needs Dask distributed: {INSTALL}") from None
    return distributed


@contextmanager
def local(workers=2):
    """`with local(4) as client:` a scheduler and so many worker processes on this machine.

    One thread per worker.  With NVIDIA cards, worker i computes on card i (modulo their number):
    the only one that it sees, or, where dask-cuda starts the workers, the first one.
    `client.dashboard_link` is the address of Dask's dashboard.  A program in a file must call this
    below `if __name__ == "__main__":`, since each worker begins by importing that file.
    """
    distributed, workers = load_dask(), check_count("workers", workers)
    cards, opened = device.count_gpus() if device.ON_GPU else 0, ExitStack()

    def start():
        _hear_no_ctrl_c()
        cluster = opened.enter_context(_cluster(distributed, workers, cards))
        client = opened.enter_context(closing(distributed.Client(cluster)))
        client.wait_for_workers(workers, timeout=4 * PATIENCE)
        return client

    try:
        yield unbroken(start)
    finally:
        unbroken(opened.close)


def unbroken(work):
    """work(), in a thread: a Ctrl-C that comes meanwhile is raised here, when it is done.

    Dask, interrupted while it waits or ended while tasks are under way, may print errors.  Who does
    not want to wait presses Ctrl-C again.
    """
    begun, done = Event(), Future()

    def run():
        begun.set()
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    try:
        Thread(target=run).start()
        return done.result()
    except KeyboardInterrupt:
        if begun.wait(1):  # it may come while the thread starts, too
            wait([done])
        raise


def _hear_no_ctrl_c():
    """Neither this thread nor any thread or process that it starts, from its first moment on."""
    if hasattr(signal, "pthread_sigmask"):  # Windows has none: NO_CTRL_C
        resource_tracker.ensure_running()  # the first process that needs it would end the silence
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def _cluster(distributed, workers, cards):
    """The processes: Dask's own LocalCluster; with cards, one that gives each worker its card."""
    plain = {"threads_per_worker": 1, "dashboard_address": f"{LOOPBACK}:0", "host": LOOPBACK}
    plain |= {"preload": NO_CTRL_C, **QUIET}
    if not cards:
        return distributed.LocalCluster(n_workers=workers, memory_limit=0, **plain)
    if workers <= cards and (cuda_cluster := _dask_cuda()):
        mine = [environment(card)["CUDA_VISIBLE_DEVICES"] for card in range(workers)]
        return cuda_cluster(n_workers=workers, CUDA_VISIBLE_DEVICES=mine, **plain)
    scheduler = {"dashboard_address": plain["dashboard_address"], "host": LOOPBACK}
    return distributed.SpecCluster(
        workers={i: pinned(distributed, i % cards) for i in range(workers)},
        scheduler={"cls": distributed.Scheduler, "options": scheduler},
        **QUIET,
    )


def pinned(distributed, card):
    """How Dask starts one worker that sees only this card: nothing before it has asked for one."""
    options = {"nthreads": 1, "host": LOOPBACK, "memory_limit": 0, "preload": NO_CTRL_C}
    options |= {"env": environment(card), **QUIET}
    return {"cls": distributed.Nanny, "options": options}


def environment(card):
    """The variable by which CUDA shows a process this card alone, of those that it shows us."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {"CUDA_VISIBLE_DEVICES": seen.split(",")[card] if seen else str(card)}


def _dask_cuda():
    """NVIDIA's LocalCUDACluster, where dask-cuda is installed."""
    try:
        from dask_cuda import LocalCUDACluster
    except ImportError:
        return None
    return LocalCUDACluster


@contextmanager
def connected(client, workers):
    """A client with at least one worker: the one given, one for this address, or `local`'s.

    ConnectionError if nobody answers at the address, or no worker comes.
    """
    distributed = load_dask()
    if client is None:
        with local(workers) as own:
            yield own
    elif isinstance(client, str):
        with _at(distributed, client) as own:
            yield _with_workers(distributed, own)
    elif isinstance(client, distributed.Client):
        yield _with_workers(distributed, client)
    else:
        words = "it must be a dask.distributed Client, an address such as tcp://HOST:8786, or None"
        raise TypeError(f"client is {client!r:.60}; {words}")


def _at(distributed, address):
    try:
        return distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        words = "is a `dask scheduler` running there?"
        raise ConnectionError(f"no scheduler answers at {address}: {words} ({error})") from None


def _with_workers(distributed, client):
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except distributed.TimeoutError:
        where = client.scheduler.address
        words = f"start one: dask worker {where} --nthreads 1"
        raise ConnectionError(f"the scheduler {where} has no worker; {words}") from None
    return client
