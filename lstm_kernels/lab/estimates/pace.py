"""How long does a version need for one mini-batch here?  From a few short probes.  Lesson 09.

A version's time is a sum of a few terms: a call, each step, each sample's step, each multiply-add.
What they cost differs between machines, so it is fitted, once in a process, to the fastest of a few
calls at three or four small sizes: some hundredths of a second a version, when it is first asked
for.  A version that compiles is probed only after it has run; before that its costs are those of
`COSTS`, in this machine's pace.  V7's always are: for each H it compiles anew, for seconds.
"""

import time
from itertools import combinations

import numpy as np

from lstm_kernels import data
from lstm_kernels.lab.estimates.bus import multiply_adds
from lstm_kernels.machine.threads import with_threads
from lstm_kernels.model import Sizes, init_params
from lstm_kernels.versions import (
    BEYOND,
    COURSE,
    get_version,
    launches_kernels,
    seen_where,
)
from lstm_kernels.versions.cuda_v7 import MULTIPLE
from lstm_kernels.versions.numba_cpu import FEW, LANES
from lstm_kernels.versions.packing import PADDED

SECONDS = 0.006  # of calls at one probe; at least three calls
COMPILES = ("numba_cpu",)  # and whatever launches kernels
COSTS = {  # seconds of each term, on the machine where the course was written; see `terms`
    "sequential": (50e-6, 0, 60e-9),
    "numpy_loop": (25e-6, 0, 0.1e-9),
    "numpy_batched": (50e-6, 12e-6, 3e-9, 0.07e-9),
    "numpy_batched, one": (50e-6, 12e-6, 3e-9, 0.5e-9),
    "numba_cpu": (30e-6, 4e-9, 0.013e-9),
    "numba_cpu, few": (30e-6, 8e-9, 0.08e-9),
    "cuda_v4": (150e-6, 0, 3.2e-9),
    "cuda_v5": (100e-6, 5e-6, 50e-9),
    "cuda_v7": (5e-3, 0, 15e-9),
    "emulated": (50e-6, 0, 0.9e-9),
}
PROBES = {  # (T, N, H): small, and where each of the terms counts
    "sequential": ((2, 1, 4), (2, 2, 24), (1, 1, 100)),
    "numpy_loop": ((8, 8, 4), (2, 128, 32), (4, 16, 128)),
    "numpy_batched": ((2, 2, 4), (11, 4, 4), (11, 128, 16), (6, 64, 100), (4, 512, 50)),
    "numpy_batched, one": ((2, 1, 4), (11, 1, 4), (11, 1, 32), (11, 1, 100)),
    "numba_cpu": ((2, 32, 4), (11, 64, 16), (11, 128, 64), (6, 256, 100)),
    "numba_cpu, few": ((2, 1, 4), (11, 7, 16), (11, 7, 100)),
    "cuda_v4": ((2, 1, 4), (8, 32, 16), (4, 16, 64)),
    "cuda_v5": ((2, 1, 32), (4, 16, 32), (2, 16, 64)),
    "emulated": ((2, 1, 4), (8, 32, 16), (3, 64, 100)),
}


def kind_of(version, sizes):
    """Which costs and probes are a version's, at these sizes."""
    if version == "numba_cpu":
        return "numba_cpu, few" if sizes.N <= FEW else "numba_cpu"
    if version == "numpy_batched" and sizes.N == 1:  # a matrix times a vector
        return "numpy_batched, one"
    if version in ("cuda_v5", "cuda_v6"):  # V6's gradients are V5's; V7 takes what is too large
        return "cuda_v5" if sizes.H <= PADDED[-1] else "cuda_v7"
    if version in COSTS:
        return version
    return "emulated" if launches_kernels(version) else "numpy_batched"


def terms(kind, sizes):
    """How often each of a kind's costs counts in one mini-batch."""
    T, N, _, H, _ = sizes
    work = multiply_adds(sizes)  # of one sample
    if kind in ("sequential", "numpy_loop"):
        return T * N, T * N * H, work * N
    if kind.startswith("numpy_batched"):
        return 1, T, T * N * H, work * N
    if kind == "numba_cpu":  # lanes come in whole rows
        N = -(-N // LANES) * LANES
    if kind == "cuda_v5":  # a block has its full width, whatever H is
        P = next(P for P in PADDED if P >= H)
        return 1, T * N * P, T * N * P * P / 32
    if kind == "cuda_v7":  # whole tiles of units and samples
        N, P = (-(-number // MULTIPLE) * MULTIPLE for number in (N, H))
        return 1, T * N * P, T * N * P * P
    return 1, T * N * H, work * N


def batch_seconds(version, sizes):
    """Seconds of one mini-batch on this machine's CPU, within a factor of two."""
    kind = kind_of(version, sizes)
    return float(np.dot(terms(kind, sizes), costs(version, kind)))


_FITTED = {}  # {kind: its costs here}: V1 to V3 share a kernel's pace, V6 has V5's; own by code


def costs(version, kind):
    """Seconds of each term: fitted, if this version can be probed without compiling."""
    own = version not in COURSE + BEYOND
    key = (get_version(version).gradients, kind) if own else kind
    if key not in _FITTED:
        compiles = version in COMPILES or launches_kernels(version)
        if kind not in PROBES or (compiles and seen_where(version) is None):
            return tuple(pace() * cost for cost in COSTS[kind])
        _FITTED[key] = probed_costs(version, kind)
    return _FITTED[key]


def pace():
    """How many times as long as there Python takes here: for what was not probed yet."""
    sizes = Sizes(1, 1, 1, 100, 1)
    there = np.dot(terms("sequential", sizes), COSTS["sequential"])
    return batch_seconds("sequential", sizes) / there


def probed_costs(version, kind):
    """The costs that fit the probes best; those of COSTS if the version fails at them."""
    try:
        found = {Sizes(T, N, 1, H, 1): probe(version, T, N, H) for T, N, H in PROBES[kind]}
    except Exception:  # its own row will say what is wrong with it
        return COSTS[kind]
    rows = [terms(kind, sizes) for sizes in found]
    return fit_positive(np.array(rows, float), np.array(list(found.values())))


def probe(version, T, N, H):
    """Seconds of one mini-batch: the fastest of a few calls, on one thread of BLAS and Numba."""
    (x, y), params = data.panel(N, T), init_params(1, H, 1)
    gradients, times = get_version(version).gradients, []
    with with_threads(1):
        end = time.perf_counter() + SECONDS
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            gradients(params, x, y)
            times.append(time.perf_counter() - start)
    return min(times)


def fit_positive(rows, seconds):
    """Costs, none below 0, whose sums rows @ costs have the least relative errors."""
    scaled, count = rows / seconds[:, None], rows.shape[1]
    best, least = np.zeros(count), np.inf
    for size in range(1, count + 1):
        for chosen in map(list, combinations(range(count), size)):
            part = np.linalg.lstsq(scaled[:, chosen], np.ones(len(rows)), rcond=None)[0]
            error = np.sum((scaled[:, chosen] @ part - 1) ** 2)
            if (part >= 0).all() and error < least:
                best, least = np.zeros(count), error
                best[chosen] = part
    return tuple(best)
