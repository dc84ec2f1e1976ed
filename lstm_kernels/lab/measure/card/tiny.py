"""A tiny program for compute-sanitizer and Nsight Compute: one mini-batch, or all versions' one.

python -m lstm_kernels.lab.measure.card.tiny VERSION [T N H]
"""

import sys

import numpy as np

from lstm_kernels.model import init_params
from lstm_kernels.training import fit
from lstm_kernels.versions import VERSIONS, check_hidden_size, get_version, launches_kernels

SMALL, LARGE = (3, 5, 8), (3, 5, 72)  # (T, N, H)
SLOW = ("cuda_v1",)  # under a tool


def train(version, T, N, H):
    """One mini-batch by `fit`, and one by `gradients`."""
    x, y = np.random.default_rng(0).normal(size=(2, T, N, 1)).astype(np.float32)
    get_version(version).gradients(init_params(1, H, 1), x, y)
    fit(version, init_params(1, H, 1), x, y, epochs=1, batch_size=N, lr=1e-3)


def train_all():
    """All versions that launch, at a small size, and at a larger one where they take it."""
    for version in VERSIONS:
        if launches_kernels(version) and version not in SLOW:
            train(version, *SMALL)
    for version in ("cuda_v4", "cuda_v5", "cuda_v6", "cuda_v7"):
        if version in VERSIONS and _takes(version, LARGE[2]):
            train(version, *LARGE)


def _takes(version, H):
    try:
        check_hidden_size(version, H)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    name, *sizes = sys.argv[1:]
    if name == "all":
        train_all()
    else:
        train(name, *map(int, sizes))
