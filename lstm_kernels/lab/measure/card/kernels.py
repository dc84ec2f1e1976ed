"""Kernels by the card's own clock, and what starting one, and one wait of all blocks, costs.

By events around a recorded graph that holds the same launches many times: no host is in between.
"""

from functools import lru_cache

import numpy as np

from lstm_kernels.lab.measure.card.points import (
    Point,
    Settled,
    may_refuse,
    sizes_text,
    time_text,
    timed,
)
from lstm_kernels.lab.measure.card.right import is_wrong
from lstm_kernels.lab.measure.timing import wall_seconds
from lstm_kernels.lab.words import aligned, seconds_text
from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import Graph
from lstm_kernels.machine.device import cuda
from lstm_kernels.model import init_params
from lstm_kernels.versions import VERSIONS
from lstm_kernels.versions.packing import PADDED, pack

SECONDS = 60.0
T = 12
REPEATS = 30
SYNCS, SYNC_THREADS = 100, 256  # waits of a launch; threads of each of its blocks
LAUNCHES = 200  # empty ones, of a repeat


def points(plan, rows):
    yield Point({"what": "empty launch"}, empty_launches)
    yield Point({"what": "graph node"}, lambda: graph_nodes(plan.replays))
    yield Point({"what": "grid sync"}, grid_syncs)
    for H, N in plan.kernels:
        key = {"T": T, "H": H, "N": N}
        version = "cuda_v5" if H <= PADDED[-1] else "cuda_v7"
        if version in VERSIONS and not is_wrong(rows, version, H):
            here = {"what": "gradients in a graph", "version": version, **key}
            yield Point(here, lambda v=version, H=H, N=N: time_steps(v, H, N, plan.replays))


# ---- starting, and waiting for all --------------------------------------------------------


@cuda.jit
def empty(a):
    """It does nothing."""


@lru_cache
def sync_kernel(count):
    """A kernel whose blocks all wait for each other so many times."""

    @cuda.jit
    def kernel(a):
        grid = cuda.cg.this_grid()
        for _ in range(count):
            grid.sync()
        if cuda.grid(1) == 0:
            a[0] += 1

    return kernel


def empty_launches():
    """From the host, launched through Numba: the host's time, and until the last one has run."""
    array = cuda.to_device(np.zeros(1, np.float32))

    def launch():
        for _ in range(LAUNCHES):
            empty[1, 32](array)

    wall_seconds(launch)
    return [timed([wall_seconds(launch) for _ in range(REPEATS)], LAUNCHES)]


def graph_nodes(replays):
    """The same launch as a node of a graph, one after another."""
    stream, array = cuda.stream(), cuda.to_device(np.zeros(1, np.float32))
    return [in_graph(stream, lambda: empty[1, 32, stream](array), replays * 10)]


def grid_syncs():
    """One wait of a block on every SM for all others: a launch with many, less one with none."""
    blocks, array = device.count_processors(), cuda.to_device(np.zeros(1, np.float32))
    few, many = sync_kernel(1), sync_kernel(1 + SYNCS)
    seconds = []
    for _ in range(REPEATS):
        one, all_ = (on_card(lambda k=k: k[blocks, SYNC_THREADS](array)) for k in (few, many))
        seconds.append(max(all_ - one, 1e-9))
    return [{"blocks": blocks, **timed(seconds[1:], SYNCS)}]


def on_card(call, stream=0):
    """Seconds on the card between an event before and one after what `call` queues."""
    start, end = cuda.event(), cuda.event()
    start.record(stream)
    call()
    end.record(stream)
    end.synchronize()
    return cuda.event_elapsed_time(start, end) / 1e3


def in_graph(stream, launch, count, repeats=REPEATS):
    """Times of a graph that holds `launch()` so many times; each is a part."""
    launch()  # compiles
    stream.synchronize()

    def queue():
        for _ in range(count):
            launch()

    graph = Graph(stream, queue)
    graph.launch()
    stream.synchronize()
    return timed([on_card(graph.launch, stream) for _ in range(repeats)], count)


# ---- a version's kernels ------------------------------------------------------------------


def time_steps(version, H, N, replays):
    """One mini-batch's gradients by a version that has `Steps`: V5's one kernel, all of V7's."""
    module = VERSIONS[version]
    if not hasattr(module, "Steps"):
        raise Settled(f"{version} has no Steps")
    rng, stream = np.random.default_rng(0), cuda.stream()
    windows = rng.normal(size=(2, T, N, 1)).astype(np.float32)
    layout = module.make_layout(1, H, 1)
    with may_refuse():
        steps = module.Steps(layout, T, N, windows.dtype)
    x, y, packed, order = map(
        cuda.to_device, (*windows, pack(init_params(1, H, 1), layout), np.arange(N))
    )
    arguments = packed, x, y, order, 0, N, cuda.device_array(N, np.float32)
    return [in_graph(stream, lambda: steps.queue(*arguments, stream=stream), replays)]


def table(rows):
    lines = [["what", "", "sizes", "time"]]
    for row in rows:
        name = " ".join(filter(None, (row.get("version"), row.get("kernel", "")[:40])))
        lines.append([row["what"], name, sizes_text(row), time_text(row)])
        if "median" in row:
            lines[-1].append(f"{seconds_text(row['q1'])} to {seconds_text(row['q3'])}")
    return aligned(lines)
