"""The versions of the course: one file, one idea each.

To add a version, write its file with `gradients(params, x, y)` and add its name to BEYOND.
If it launches kernels, its name begins with "cuda": by that the race knows that its times are a
GPU's, or the emulator's.
"""

from importlib import import_module

COURSE = ("sequential", "numpy_loop", "numpy_batched", "cuda_v1", "cuda_v2", "cuda_v3")
BEYOND = ("numba_cpu", "cuda_v4", "cuda_v5", "cuda_v6")  # lessons 12 to 15

VERSIONS = {name: import_module(f"lstm_kernels.versions.{name}") for name in COURSE + BEYOND}


def get_version(name):
    """The module of a version by its name; ValueError lists the names there are."""
    if name not in VERSIONS:
        raise ValueError(f"unknown version {name!r}; choose one of: {', '.join(VERSIONS)}")
    return VERSIONS[name]
