"""One step on many workers: the parts of a mini-batch's gradients, and their sum by a tree."""

import warnings
from concurrent.futures import CancelledError
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

from lstm_kernels.cluster import shards as pieces
from lstm_kernels.cluster.engine import PATIENCE, load_dask, unbroken


class Spent(NamedTuple):
    """Where a step's time went, in seconds."""

    whole: float  # from its begin to the sum of its gradients, as the client saw it
    workers: dict  # {worker: seconds of computing gradients}, of those that had a part


class Step:
    """`gradients(params, batch)`, computed on the workers of `client`.

    shards, bounds: as `shards.cut` made them; the shards are sent once.
    """

    def __init__(self, client, version, shards, bounds, plan):
        self.client, self.version, self.bounds, self.plan = client, version, bounds, plan
        self.scheduler = client.scheduler.address  # the client forgets it when it gives up
        self.cut, self.shards = shards, []  # the shards, and the tasks that keep them
        self.owners = []  # the worker of each shard, in this epoch
        self.steps, self.spent = 0, None

    def begin_epoch(self):
        """Deal the shards out to the workers that are there now; send them, if it is the first."""
        workers = self.workers()
        self.owners = [workers[s % len(workers)] for s in range(len(self.cut))] if workers else []
        if not self.shards:
            self.shards = [self.hand_out(s, shard) for s, shard in enumerate(self.cut)]

    def hand_out(self, s, shard):
        """The task that keeps a shard; the blocks of Dask arrays are computed where they stay."""
        if not isinstance(shard, pieces.Lazy):
            return self.submit(s, pieces.keep, shard)
        arrays = self.client.compute([shard.x, shard.y], **self.where(s))
        return self.submit(s, pieces.InMemory, *arrays)

    def submit(self, s, function, *args):
        """A task for the owner of shard `s`."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # a shard travels once
            return self.client.submit(function, *args, pure=False, **self.where(s))

    def where(self, s):
        """On the owner of shard `s`; on any worker, if that one is lost or s is None."""
        if s is None or not self.owners:
            return {}
        return {"workers": [self.owners[s]], "allow_other_workers": True}

    def gradients(self, params, batch):
        """(loss, grads) of the windows whose numbers are in `batch`, as one worker's would be."""
        start = perf_counter()
        with self.losing():
            total = unbroken(lambda: self.total(params, batch))
        self.steps += 1
        self.spent = Spent(perf_counter() - start, seconds_by_worker(total.seconds))
        return total.loss, total.grads

    def total(self, params, batch):
        """The Part of the whole batch."""
        if self.steps % -(-self.plan.N // self.plan.batch_size) == 0:
            self.begin_epoch()
        parts = self.parts(self.submit(None, pieces.keep, params), batch)
        return self.wait_for(pieces.tree(parts, self.sum_of))

    def parts(self, params, batch):
        """The tasks of all shards that have windows in this batch."""
        return [
            self.submit(s, pieces.part, self.shards[s], params, mine, self.version, len(batch))
            for s, mine in pieces.dealt(batch, self.bounds)
        ]

    def sum_of(self, a, b):
        """The sum of two tasks' parts, made where one of them is."""
        return self.submit(None, pieces.add, a, b)

    def wait_for(self, task):
        """Its result; Lost if after `PATIENCE` seconds without it no worker is there."""
        while True:
            try:
                return task.result(timeout=PATIENCE)
            except load_dask().TimeoutError:
                if task.status == "error":  # it is the task's own
                    raise
                if not self.workers():
                    raise Lost(f"all workers: none is there, {PATIENCE} s went by") from None

    def workers(self):
        """The addresses of the workers that are there now, sorted."""
        try:
            return sorted(self.client.nthreads())
        except OSError as error:
            raise Lost(f"the scheduler {self.scheduler} ({error})") from None

    @contextmanager
    def losing(self):
        """Inside, what Dask raises when the scheduler or the workers are gone is one error."""
        dask = load_dask()
        try:
            yield
        except (dask.comm.CommClosedError, CancelledError) as error:
            raise lost(self.plan, f"the scheduler {self.scheduler} ({error})") from None
        except dask.scheduler.KilledWorker as error:
            raise lost(self.plan, f"several workers by the same task: {error}") from None
        except Lost as error:
            raise lost(self.plan, error) from None
        except AttributeError:
            if self.client.scheduler is not None:
                raise  # somebody's mistake; else Dask's client has given up, and asks nobody
            raise lost(self.plan, f"the scheduler {self.scheduler} (it is gone)") from None
        except ModuleNotFoundError as error:
            words = "the course and its packages must be installed on every worker's machine"
            raise ImportError(f"a worker lacks the package {error.name}; {words}") from None


class Lost(Exception):
    """What is lost."""


def lost(plan, what):
    """The error that says so, on one line: Dask's own words may take several."""
    kept, what = plan.checkpoint, " ".join(str(what).split())
    return ConnectionError(
        f"lost {what}. The error's attribute `trained` holds what was trained"
        + (f"; {kept.path} its last whole epoch: the same call goes on there" if kept else "")
    )


def seconds_by_worker(seconds):
    """((worker, seconds), ...) with each worker once."""
    found = {}
    for worker, spent in seconds:
        found[worker] = found.get(worker, 0.0) + spent
    return found
