"""What `pytest` and `pytest --nbval notebooks` need, from any working directory."""

import gc
import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
CELL_TIMEOUT = 120  # seconds: far above any cell, so that a hanging kernel still ends
# no outputs, or the same cells: nothing to compare
collect_ignore = ["notebooks/do", "notebooks/decks", "notebooks/mine"]
WORKERS = min(2, os.cpu_count() or 1)  # each, with a notebook's kernel, needs 2 GB
LONGEST = (
    "test_numba_cudas_own",
    "test_tasks",
    "test_cuda_v7",
    "test_cuda_v4_v5",
    "test_versions",
)  # files to begin with


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at its options
def pytest_cmdline_main(config):
    """Whole folders are tested by two processes, file by file, if pytest-xdist is installed.

    Not with -n, -k, -m, -x, -s or --pdb, and not in such a process itself.
    """
    option, folders = config.option, all(map(os.path.isdir, config.args))
    wished = getattr(option, "numprocesses", 0) is not None or hasattr(config, "workerinput")
    narrowed = (
        option.keyword
        or option.markexpr
        or option.maxfail
        or option.usepdb
        or option.capture == "no"
    )
    if folders and WORKERS > 1 and not (wished or narrowed):
        option.numprocesses, option.dist, option.loadscopereorder = WORKERS, "loadfile", False
        for library in ("OPENBLAS", "OMP"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")  # a core for each process


def pytest_configure(config):
    """Notebook kernels find the package in this checkout and run in this environment."""
    path = os.environ.get("PYTHONPATH", "")
    if str(ROOT) not in path.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), path)))
    if getattr(config.option, "nbval", False):
        config.option.nbval_current_env = True
        config.option.nbval_cell_timeout = CELL_TIMEOUT
        nobody = Path(tempfile.gettempdir()) / f"no_progress_{os.getpid()}.json"
        os.environ["LSTM_KERNELS_PROGRESS"] = str(nobody)  # not what was solved on this machine


def pytest_collection_modifyitems(items):
    """In each of the two, the longest files come first, so that both end at about the same time."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = {name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_collection_finish():
    """Compiling makes many small objects: Python looks less often for those that nobody needs."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_collectstart(collector):
    """Streams of warnings and vector pictures differ between machines: not compared."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "image/svg+xml")
