"""The proof that the course is right."""

import os

import pytest

PNG = b"\x89PNG"  # how such a file begins

# What is true of times holds where nothing else runs: not in CI, where others share the cores.
quiet_machine = pytest.mark.skipif(
    not os.environ.get("LSTM_KERNELS_QUIET_MACHINE"),
    reason="a criterion of times: set LSTM_KERNELS_QUIET_MACHINE=1 where nothing else runs",
)
