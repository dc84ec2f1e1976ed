"""The versions of the course: one file, one idea each.

The contract.  A version is a module with

    gradients(params, x, y) -> (loss, grads)    # x (T, N, D), y (T, N, O); grads shaped as params

It checks its arguments (`model.checked`) and leaves them as they are.  It may also have

    fit(params, x, y, *, epochs, batch_size, rule, seed, on_batch, validation)
                            # -> (params, History): the whole training, in place of training.fit
    check_hidden_size(H)    # raises ValueError if it cannot compute with so many hidden units

To add a version, write its file and add its name to BEYOND.  Its name decides nothing: whether its
times are a CPU's, a GPU's or the emulator's is seen from what it launches when it first runs.  Only
before that, a name that begins with "cuda" is taken for one that launches kernels.

An own version from a notebook stands in VERSIONS for as long as the process lives: `enter`.
"""

import re
from importlib import import_module
from types import SimpleNamespace

COURSE = ("sequential", "numpy_loop", "numpy_batched", "cuda_v1", "cuda_v2", "cuda_v3")
BEYOND = ("cuda_v3c", "numba_cpu", "cuda_v4", "cuda_v5", "cuda_v6", "cuda_v7")  # lessons 11 to 16

VERSIONS = {name: import_module(f"lstm_kernels.versions.{name}") for name in COURSE + BEYOND}


def get_version(name):
    """The module of a version by its name; ValueError lists the names there are."""
    if name not in VERSIONS:
        raise ValueError(f"unknown version {name!r}; choose one of: {', '.join(VERSIONS)}")
    return VERSIONS[name]


NAME = re.compile(r"\w[\w .+-]{0,23}")  # of an own version: it stands in tables and pictures


def enter(name, gradients):
    """Put an own version beside the others, or in the place of an own one of this name.

    Its idea is the first line of its docstring.  ValueError for a name that is the course's, or
    none; TypeError if `gradients` cannot be called.  Judged it is elsewhere: judge/enter.py.
    """
    if not callable(gradients):
        raise TypeError(f"gradients is {gradients!r:.60}; it must be a function(params, x, y)")
    idea = (getattr(gradients, "__doc__", None) or "").strip().split("\n")[0]
    VERSIONS[check_name(name)] = SimpleNamespace(gradients=gradients, __doc__=idea)


def check_name(name):
    """The name of an own version; ValueError if it cannot be one."""
    if name in COURSE + BEYOND:
        raise ValueError(f"{name!r} is a version of the course: choose another name for yours")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ValueError(f"the name {name!r:.60} is not 1 to 24 letters, digits, spaces and .+-_")
    return name


def own_versions():
    """Names of the versions that were entered in this process."""
    return tuple(name for name in VERSIONS if name not in COURSE + BEYOND)


_SEEN = {}  # {(name, its gradients): where it was seen to run}


def _as_it_is_now(name):
    return name, getattr(VERSIONS.get(name), "gradients", None)  # another code is another version


def note_where(name, where):
    """Remember where this version was seen to run: "CPU", "GPU" or "emulated on CPU"."""
    _SEEN[_as_it_is_now(name)] = where


def seen_where(name):
    """Where this version was seen to run in this process; None if it did not yet."""
    return _SEEN.get(_as_it_is_now(name))


def launches_kernels(name):
    """Does this version launch kernels?  As was seen when it ran; before that, by its name."""
    seen = seen_where(name)
    return name.startswith("cuda") if seen is None else seen != "CPU"


def own_fit(name):
    """The version's own `fit`, which trains wholly on the device; None if it has none."""
    return getattr(get_version(name), "fit", None)


def check_hidden_size(name, H):
    """ValueError if this version cannot compute with H hidden units."""
    check = getattr(get_version(name), "check_hidden_size", None)
    if check is not None:
        check(H)
