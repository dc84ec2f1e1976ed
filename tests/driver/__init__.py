"""A stand-in for the CUDA driver: the host's half of every GPU program, proved without a GPU.

    python -m tests.driver python -m pytest tests/test_versions.py      # as if a T4 were here

The command and all processes that it starts see a card.  The real `numba.cuda` finds it, compiles
with the real CUDA compiler, copies and launches; libcuda.c plays the driver, and the course's
emulator computes what a launch would (start/stand_in.py).  No time taken here is a GPU's.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lstm_kernels.lab.estimates.compile_report import INSTALL, find_ptxas

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def missing(compiler=True):
    """What this machine lacks for the stand-in, as a sentence; empty if nothing.

    compiler: NVIDIA's, too; without it a card is seen, and no kernel is compiled.
    """
    if sys.platform != "linux":
        return "the stand-in driver is made for Linux"
    if shutil.which("gcc") is None:
        return "the stand-in driver needs gcc"
    if compiler and find_ptxas() is None:
        return f"the stand-in driver needs the CUDA compiler: {INSTALL}"
    return ""


def build(folder):
    """Compile libcuda.c into this folder."""
    library = Path(folder, "libcuda.so.1")
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, "-o", library, HERE / "libcuda.c"], check=True)


def environment(folder, **settings):
    """The environment of a process that finds the library in this folder.

    settings: those of libcuda.c, such as CARDS=2 for STAND_IN_CARDS.
    """
    paths = {"LD_LIBRARY_PATH": [folder], "PYTHONPATH": [HERE / "start", ROOT]}
    joined = {
        name: os.pathsep.join([*map(str, first), *filter(None, [os.environ.get(name)])])
        for name, first in paths.items()
    }
    wished = {f"STAND_IN_{name}": str(value) for name, value in settings.items()}
    return {**os.environ, "LSTM_KERNELS_TARGET": "auto", **joined, **wished}
