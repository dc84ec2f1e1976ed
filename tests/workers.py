"""A scheduler and workers of Dask, each a process of its own on the loopback address."""

import json
import subprocess
import sys
import time

from lstm_kernels.lab import apart

LIMIT = 60  # seconds for anything to happen


class Workers:
    """Starts processes, and at the end ends those that it started."""

    def __init__(self, folder):
        self.folder, self.started = folder, []
        self.file = folder / "scheduler.json"
        where = "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self.file)
        self.scheduler = self.start("scheduler", *where, "--no-dashboard")
        wait_until(lambda: self.file.exists() and self.file.read_text().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, what, *arguments):
        log = open(self.folder / f"{what}_{len(self.started)}.log", "wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", what, *arguments],
            cwd=self.folder,
            env=apart.environment({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}),
            stdout=log,
            stderr=log,
        )
        log.close()
        self.started.append(process)
        return process

    def worker(self):
        """A further worker; it may take some seconds until it is there."""
        return self.start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")

    def end(self):
        for process in self.started:
            if process.poll() is None:
                kill(process)


def kill(process):
    """As a machine that loses its power: nothing is said to anybody."""
    process.kill()
    process.wait(LIMIT)


def wait_until(true, limit=LIMIT):
    """Wait until true() is; AssertionError after `limit` seconds."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, f"not within {limit} s"
        time.sleep(0.05)
