"""Random problems and the PyTorch reference that the tests share."""

import os

import numpy as np
import pytest
from hypothesis import settings

from lstm_kernels import init_params

settings.register_profile("course", deadline=None)  # a busy machine is no error
settings.load_profile("course")


@pytest.fixture
def problem():
    """make(T, N, D, H, O, dtype, seed) -> params, x, y with values of everyday size."""

    def make(T, N, D, H, O, dtype=np.float32, seed=0):  # noqa: E741
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, O))
        return init_params(D, H, O, seed, dtype), x.astype(dtype), y.astype(dtype)

    return make


@pytest.fixture(scope="session")
def torch():
    """PyTorch; CI sets LSTM_KERNELS_REQUIRE_TORCH, so that there it cannot be missing."""
    if os.environ.get("LSTM_KERNELS_REQUIRE_TORCH"):
        import torch
    else:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    return torch
