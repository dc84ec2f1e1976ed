"""What a mini-batch asks of the host: allocations, copies, launches, and its own time.

Counted are Numba's calls of the driver.  The host's time is, of a version that answers after each
mini-batch, the whole time less the card's part by events; of V6 the time to queue an epoch's work.
"""

import time

import numpy as np

from lstm_kernels.lab.measure import cudnn
from lstm_kernels.lab.measure.card import rivals
from lstm_kernels.lab.measure.card.points import Point, sizes_text, time_text, timed
from lstm_kernels.lab.measure.card.right import is_wrong, takes, versions
from lstm_kernels.lab.measure.device_times import measure_parts
from lstm_kernels.lab.measure.timing import wall_seconds
from lstm_kernels.lab.words import aligned, seconds_text
from lstm_kernels.machine import device, watch
from lstm_kernels.model import init_params
from lstm_kernels.versions import VERSIONS

SECONDS = 30.0
REPEATS = 20


def points(plan, rows):
    for T, H, N in plan.host:
        key = {"T": T, "H": H, "N": N}
        for version in versions():
            if takes(version, (T, N, 1, H, 1)) and not is_wrong(rows, version, H):
                here = {"what": "gradients", "version": version, **key}
                yield Point(here, lambda v=version, s=(T, H, N): of_gradients(v, *s))
        for name, recorded in rivals.OURS.items():
            if not is_wrong(rows, "cuda_v6", H):
                here = {"what": "queue", "version": name, **key}
                yield Point(here, lambda r=recorded, s=(T, H, N): of_queue(r, *s))


def of_gradients(version, T, H, N):
    """One mini-batch's gradients: times of the whole call, the card's parts, counts."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, T, N, 1)).astype(np.float32)
    batch = init_params(1, H, 1), x, y

    def call():
        VERSIONS[version].gradients(*batch)

    first = wall_seconds(call)
    counts = counted(call)
    row = timed([wall_seconds(call) for _ in range(REPEATS)])
    parts = measure_parts(call, first)._asdict()
    on_card = sum(parts[name] for name in ("host_to_device", "kernel", "device_to_host"))
    return [{**row, **counts, **parts, "host": row["median"] - on_card}]


def of_queue(recorded, T, H, N):
    """V6's mini-batches: the host's time to queue them, the card's work left aside."""
    workload = rivals.make_workload(T, H, N)
    training = cudnn.v6_training(workload, rivals.make_orders(workload), recorded)
    epochs, seconds = rivals.cycle_of_epochs(), []

    def queue():
        number = next(epochs)
        start = time.perf_counter()
        training.epoch(number)
        seconds.append(time.perf_counter() - start)
        training.losses(number)

    for _ in range(2):  # compiles; records
        queue()
    counts = counted(lambda: training.epoch(next(epochs)), rivals.BATCHES)
    device.synchronize()
    seconds.clear()
    for _ in range(REPEATS):
        queue()
    row = timed(seconds, rivals.BATCHES)
    return [{**row, **counts, "host": row["median"]}]


def counted(call, parts=1):
    """Copies, their bytes, launches and allocations of `call()`, each of so many equal parts."""
    found = {}
    with watch.count_transfers() as copies:
        call()
    for name, direction in (("in", watch.IN), ("out", watch.OUT)):
        sizes = [copy.nbytes for copy in copies if copy.direction == direction]
        found |= {f"copies_{name}": len(sizes), f"bytes_{name}": sum(sizes)}
    with watch.count_launches() as launches:
        call()
    with watch.count_allocations() as allocations:
        call()
    found |= {"launches": len(launches), "allocations": len(allocations)}
    return {name: count / parts for name, count in found.items()}


def table(rows):
    counts = ("launches", "copies_in", "copies_out", "allocations")
    lines = [["a mini-batch", "sizes", "whole", "host", *(c.replace("_", " ") for c in counts)]]
    for row in rows:
        line = [f"{row['what']}, {row['version']}", sizes_text(row), time_text(row)]
        if "host" in row:
            host = seconds_text(row["host"]) if row["host"] > 0 else "-"
            line += [host, *(f"{row[count]:g}" for count in counts)]
        lines.append(line)
    return aligned(lines)
