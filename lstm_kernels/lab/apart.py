"""A module that measures or compiles in a process of its own, where its settings are its own.

Threads of a library, and the choice between GPU, emulator and compiler, are fixed once, at import.
"""

import json
import os
import subprocess
import sys

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
    called = command(module, *arguments)
    done = subprocess.run(called, env=environment(settings), capture_output=True, text=True)
    if done.returncode:
        words = done.stderr.strip()[-2000:]
        raise RuntimeError(f"{' '.join(called[1:])} ended with {done.returncode}:\n{words}")
    return json.loads(done.stdout.splitlines()[-1])
