"""Before anything runs: can this setting run at all, and about how long would it take?  Lesson 09.

The estimates decide what a page leaves out and what a progress bar says; they are never shown as
measurements.  `REPEAT_LIMIT` keeps a page from waiting for minutes, `PIECE_LIMIT` keeps Cancel
quick (within a second, should an estimate be half of the truth), because a training can only stop
between two mini-batches, and V6 between two epochs.
"""

from lstm_kernels.lab.estimates import pace
from lstm_kernels.lab.estimates.bus import multiply_adds
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device
from lstm_kernels.model import Sizes
from lstm_kernels.versions import check_hidden_size, launches_kernels, own_fit
from lstm_kernels.versions.per_sample import workspace_shapes

REPEAT_LIMIT = 15.0  # seconds of one repeat
PIECE_LIMIT = 0.5  # seconds between two moments at which a training can stop


def sizes_of(workload):
    """The five sizes of one mini-batch of a workload."""
    (T, N, D), O = workload.x.shape, workload.y.shape[2]  # noqa: E741
    return Sizes(T, min(workload.batch_size, N), D, workload.H, O)


def batch_seconds(version, sizes):
    """The seconds of one mini-batch here: from short probes (pace.py); roughly, on a card."""
    if not (device.ON_GPU and launches_kernels(version)):
        return pace.batch_seconds(version, sizes)
    N, work = sizes.N, multiply_adds(sizes)  # of one sample
    chain = {"cuda_v1": work * N, "cuda_v2": work, "cuda_v3": work, "cuda_v3c": work}
    chain = chain.get(version, 0)
    calls = 150e-6 if stops_after(version) == "an epoch" else 1e-3  # V6 only queues launches
    return calls + 100e-9 * chain + 1e-11 * work * N


def stops_after(version):
    """What a training ends before it can stop: a mini-batch, or an epoch on the device."""
    return "an epoch" if own_fit(version) else "a mini-batch"


def repeat_seconds(version, workload):
    """Roughly the seconds of one repeat: all mini-batches of all epochs."""
    batches = -(-workload.x.shape[1] // workload.batch_size)
    return workload.epochs * batches * batch_seconds(version, sizes_of(workload))


def refusal(version, workload):
    """Why this version cannot or should not run this workload, in words; "" if it may."""
    sizes = sizes_of(workload)
    try:
        check_hidden_size(version, sizes.H)
        if launches_kernels(version):
            workspace_shapes(sizes, workload.x.itemsize)
    except (ValueError, MemoryError) as error:
        return f"impossible: {error}"
    if device.TARGET not in ("gpu", "emulator") and launches_kernels(version):
        return "left out: Numba's simulator is too slow to race"
    piece, repeat = batch_seconds(version, sizes), repeat_seconds(version, workload)
    if stops_after(version) == "an epoch":
        piece = repeat / workload.epochs
    for what, seconds, limit in (
        (stops_after(version), piece, PIECE_LIMIT),
        ("a repeat", repeat, REPEAT_LIMIT),
    ):
        if seconds > limit:
            return f"left out: roughly {seconds_text(seconds)} for {what} (limit {limit:g} s)"
    return ""


def refusals(versions, workload):
    """{version: why it cannot or should not run this workload}, of those that are refused."""
    found = {version: refusal(version, workload) for version in versions}
    return {version: reason for version, reason in found.items() if reason}
