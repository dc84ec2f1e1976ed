"""NVIDIA's own programs beside ours, if they are here: found, run together, and stopped in time."""

import os
import shutil
import subprocess
import tempfile
import time
from glob import glob
from typing import NamedTuple

from lstm_kernels.lab.apart import command, environment

FOLDERS = ("/usr/local/cuda*/bin", "/opt/nvidia/nsight-compute/*")


class Said(NamedTuple):
    """What a program said, and its exit status; None: it was stopped, its time was spent."""

    lines: list
    status: int | None


def find(name):
    """The path of a program in PATH or where CUDA is installed, the newest one; None if nowhere."""
    there = [path for folder in FOLDERS for path in glob(os.path.join(folder, name))]
    return shutil.which(name) or max(there, default=None)


def tiny(version, *sizes):
    """The command line of a program that trains one mini-batch by this version."""
    return command("lab.measure.card.tiny", version, *sizes)


def run_all(calls, seconds):
    """Run these command lines side by side; {name: Said}.  After so many seconds they are stopped.

    Each has its processes to itself, so that stopping it stops what it started.
    """
    files = {name: tempfile.TemporaryFile("w+", errors="replace") for name in calls}
    started = {name: _start(call, files[name]) for name, call in calls.items()}
    end, said = time.monotonic() + seconds, {}
    try:
        for name, process in started.items():
            try:
                status = process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                status = None
            _stop(process)
            files[name].seek(0)
            said[name] = Said([line.rstrip() for line in files[name] if line.strip()], status)
    finally:
        for name, process in started.items():
            _stop(process)
            files[name].close()
    return said


def _start(call, file):
    """A process of its own group, whose words go into the file."""
    return subprocess.Popen(
        call, env=environment({}), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
    )


def _stop(process):
    """It and those that it started."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()
