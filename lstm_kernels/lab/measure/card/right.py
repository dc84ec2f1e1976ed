"""Is every version right on this card?  Before anything is timed: a wrong one gets no time.

Loss and gradients against numpy_batched, float32; the same bits on each run, of those that promise
it; and a whole training's losses.
"""

from functools import lru_cache

import numpy as np

from lstm_kernels.checks import relative_error
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure.card.points import Point, may_refuse
from lstm_kernels.lab.words import aligned
from lstm_kernels.model import Sizes, init_params
from lstm_kernels.training import fit
from lstm_kernels.versions import VERSIONS, check_hidden_size, launches_kernels, own_fit
from lstm_kernels.versions.numpy_batched import gradients as reference
from lstm_kernels.versions.packing import PADDED

SECONDS = 110.0
TOLERANCE, TRAINING = 1e-5, 1e-4  # relative, max norm: loss and gradients; losses of a training
RUNS = 5  # that must give the same bits
NO_ORDER = ("cuda_v2", "cuda_v3", "cuda_v3c")  # atomic additions: the last bits may differ
NAMES = ("T", "N", "D", "H", "O")


def points(plan, rows):
    """Each version's gradients at each shape that it takes, then trainings."""
    for shape in plan.shapes:
        for version in versions():
            if takes(version, shape):
                key = dict(zip(NAMES, shape, strict=True))
                yield Point(
                    {"what": "gradients", "version": version, **key},
                    lambda version=version, shape=shape: check_gradients(version, shape),
                )
    for version in filter(own_fit, launching()):
        for T, windows, H, batch in plan.training:
            if takes(version, (T, batch, 1, H, 1)):
                key = {"what": "training", "version": version, "T": T, "N": batch, "H": H}
                yield Point(key, lambda v=version, s=(T, windows, H, batch): check_training(v, *s))


def launching():
    return [name for name in VERSIONS if launches_kernels(name)]


def versions():
    """One name for each way to compute gradients: V6's are V5's."""
    return list({VERSIONS[name].gradients: name for name in reversed(launching())}.values())[::-1]


def takes(version, shape):
    """Can it compute with these sizes, and within half a second?  V1 takes the small ones."""
    sizes = Sizes(*shape)
    try:
        check_hidden_size(version, sizes.H)
    except ValueError:
        return False
    return feasible.batch_seconds(version, sizes) < feasible.PIECE_LIMIT


def is_wrong(rows, version, H):
    """Was this version found wrong?  By the checks with so many units, if there are any.

    Else by those on the same side of 64: above it V5 and V6 are another program.
    """
    gradients = VERSIONS[version].gradients
    same = {name for name, other in VERSIONS.items() if other.gradients is gradients}
    found = [row for row in rows if row["section"] == "right" and row.get("version") in same]
    here = [row for row in found if row["H"] == H]
    near = [row for row in found if (row["H"] <= PADDED[-1]) == (H <= PADDED[-1])]
    return not all(map(is_well, here or near))


def is_well(row):
    """A check that found nothing wrong, or was refused in words."""
    return row.get("right", "note" in row)


# ---- gradients ----------------------------------------------------------------------------


@lru_cache(maxsize=2)
def problem(T, N, D, H, O):  # noqa: E741
    """Parameters, a batch, and what numpy_batched finds."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(T, N, size)).astype(np.float32) for size in (D, O))
    params = init_params(D, H, O)
    return (params, x, y), reference(params, x, y)


def check_gradients(version, shape):
    """The largest error, and whether all runs gave the same bits; None if none were promised."""
    batch, (right_loss, right) = problem(*shape)
    with may_refuse():
        loss, grads = first = VERSIONS[version].gradients(*batch)
    error = max(map(relative_error, (loss, *grads), (right_loss, *right)))
    same = None
    if version not in NO_ORDER:
        runs = (VERSIONS[version].gradients(*batch) for _ in range(RUNS - 1))
        same = all(bits(run) == bits(first) for run in runs)
    return [{"error": error, "same_bits": same, "right": error <= TOLERANCE and same is not False}]


def bits(found):
    loss, grads = found
    return np.float64(loss).tobytes() + b"".join(np.ascontiguousarray(g).tobytes() for g in grads)


def check_training(version, T, windows, H, batch):
    """The largest error of the losses of three epochs, against numpy_batched's."""
    x, y = np.random.default_rng(0).normal(size=(2, T, windows, 1)).astype(np.float32)
    settings = {"epochs": 3, "batch_size": batch, "lr": 1e-3, "seed": 0}
    ours, right = (
        fit(name, init_params(1, H, 1), x, y, **settings)[1] for name in (version, "numpy_batched")
    )
    for history in (ours, right):
        if history.stopped.startswith("interrupted"):
            raise KeyboardInterrupt
    if len(ours.batch_losses) != len(right.batch_losses):
        return [{"error": None, "right": False, "note": ours.stopped or right.stopped}]
    error = relative_error(ours.batch_losses, right.batch_losses)
    return [{"error": error, "right": error <= TRAINING}]


# ---- words --------------------------------------------------------------------------------


def table(rows):
    """A line for each version: how many checks, the largest error, what is wrong."""
    lines = [["version", "checks", "largest error", "same bits", ""]]
    for version in dict.fromkeys(row["version"] for row in rows if "version" in row):
        lines.append(version_line(version, [row for row in rows if row.get("version") == version]))
    return aligned(lines)


def version_line(version, rows):
    errors = [row["error"] for row in rows if row.get("error") is not None]
    promised = [row["same_bits"] for row in rows if row.get("same_bits") is not None]
    same = "-" if not promised else "yes" if all(promised) else "NO"
    wrong = [row for row in rows if not is_well(row)]
    where = [
        f"{row['what']} " + " ".join(f"{n}={row[n]}" for n in NAMES if n in row) for row in wrong
    ]
    largest = f"{max(errors):.1e}" if errors else "-"
    return [version, str(len(rows)), largest, same, f"WRONG: {'; '.join(where)}" if wrong else ""]
