"""A module that measures or compiles in a process of its own, where its settings are its own.

Threads of a library, and the choice between GPU, emulator and compiler, are fixed once, at import.
"""

import json
import os
import subprocess
import sys
import tempfile

from lstm_kernels.machine.platforms import ROOT


def command(module, *arguments):
    """The command line of `python -m lstm_kernels.MODULE ARGUMENTS`."""
    return [sys.executable, "-m", f"lstm_kernels.{module}", *map(str, arguments)]


def environment(settings):
    """This process's environment with other settings, in which the course is found."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, **settings}


def run_apart(module, *arguments, settings):
    """What `python -m lstm_kernels.MODULE ARGUMENTS` prints, as JSON, read.

    settings: {environment variable: value}.  RuntimeError with its last words if it fails.
    """
    return run_side_by_side(module, [arguments], settings)[0]


def run_side_by_side(module, calls, settings, at_once=2):
    """The same for the arguments of each call, a process each, and no more at a time than this.

    Whatever ends this early, such as Ctrl-C or one that fails, ends all of them.
    """
    started = []
    try:
        for arguments in calls:
            if len(started) >= at_once:
                started[-at_once].wait()
            started.append(_start(command(module, *arguments), settings))
        return list(map(_result, started))
    finally:
        for process in started:
            process.kill()
            process.wait()


def _start(called, settings):
    """A process that writes into files: a pipe that nobody reads would stop it."""
    out, err = (tempfile.TemporaryFile("w+") for _ in range(2))
    process = subprocess.Popen(called, env=environment(settings), stdout=out, stderr=err)
    process.said = out, err
    return process


def _result(process):
    """What it printed last, as JSON, when it has ended."""
    status = process.wait()
    for file in process.said:
        file.seek(0)
    printed, words = (file.read() for file in process.said)
    if status:
        called = " ".join(process.args[1:])
        raise RuntimeError(f"{called} ended with {status}:\n{words.strip()[-2000:]}")
    return json.loads(printed.splitlines()[-1])
