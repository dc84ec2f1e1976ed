"""What `pytest` and `pytest --nbval notebooks` need, from any working directory."""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent
CELL_TIMEOUT = 120  # seconds: far above any cell, so that a hanging kernel still ends
collect_ignore = ["notebooks/do"]  # the same cells without outputs: nothing to compare


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


def pytest_collectstart(collector):
    """Streams of warnings and vector pictures differ between machines: not compared."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "image/svg+xml")
