"""The versions of the course: one file, one idea each.

To add a version, write its file with `gradients(params, x, y)` and add its name here.
"""

from importlib import import_module

NAMES = ("sequential", "numpy_loop", "numpy_batched", "cuda_v1", "cuda_v2", "cuda_v3")

VERSIONS = {name: import_module(f"lstm_kernels.versions.{name}") for name in NAMES}


def get_version(name):
    """The module of a version by its name; ValueError lists the names there are."""
    if name not in VERSIONS:
        raise ValueError(f"unknown version {name!r}; choose one of: {', '.join(VERSIONS)}")
    return VERSIONS[name]
