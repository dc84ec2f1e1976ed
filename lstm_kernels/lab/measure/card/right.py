"""Is every version right on this card?  Before anything is timed: a wrong one gets no time.

Loss and gradients against numpy_batched, float32; the same bits on each run, of those that promise
it; a whole training's losses; and what compute-sanitizer finds, where it is.
"""

from functools import lru_cache

import numpy as np

from lstm_kernels.checks import relative_error
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure.card import tools
from lstm_kernels.lab.measure.card.points import Point, Settled, may_refuse
from lstm_kernels.lab.words import aligned
from lstm_kernels.model import Sizes, init_params
from lstm_kernels.training import fit
from lstm_kernels.versions import VERSIONS, check_hidden_size, launches_kernels, own_fit
from lstm_kernels.versions.numpy_batched import gradients as reference
from lstm_kernels.versions.packing import PADDED

SECONDS = 110.0
TOLERANCE, TRAINING = 1e-5, 1e-4  # relative, max norm: loss and gradients; losses of a training
RUNS = 5  # that must give the same bits
NO_ORDER = ("cuda_v2", "cuda_v3")  # atomic additions: the last bits may differ
NAMES = ("T", "N", "D", "H", "O")
TOOLS = ("racecheck", "memcheck")


def points(plan, rows):
    """Each version's gradients at each shape that it takes, then trainings, then the tools."""
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
    yield Point({"what": "sanitizer"}, lambda: check_by_tools(plan.tools_seconds))


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
    """Was this version found wrong?  Up to 64 units and above are two programs, in V5 and V6."""
    module = VERSIONS[version]
    same = {name for name, other in VERSIONS.items() if other.gradients is module.gradients}
    return any(
        row.get("version") in same
        and (row["H"] <= PADDED[-1]) == (H <= PADDED[-1])
        and not row.get("right", "note" in row)
        for row in rows
        if row["section"] == "right"
    )


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


# ---- compute-sanitizer --------------------------------------------------------------------


def check_by_tools(seconds):
    """What each tool of compute-sanitizer says of a tiny program of all versions."""
    program = tools.find("compute-sanitizer")
    if program is None:
        raise Settled("compute-sanitizer is not here")
    calls = {tool: [program, "--tool", tool, *tools.tiny("all")] for tool in TOOLS}
    said = tools.run_all(calls, seconds)
    return [{"tool": tool, **told(said[tool])} for tool in TOOLS]


def told(said):
    """Its last words, and whether it found nothing (None if it did not come to an end)."""
    summary = next((s for s in reversed(said.lines) if "SUMMARY" in s), "")
    clean = None if not summary else " 0 hazards" in summary or " 0 errors" in summary
    return {"clean": clean, "words": said.lines[-12:], "status": said.status}


def table(rows):
    """A line for each version: how many checks, the largest error, what is wrong."""
    lines = [["version", "checks", "largest error", "same bits", ""]]
    for version in dict.fromkeys(row["version"] for row in rows if "version" in row):
        lines.append(version_line(version, [row for row in rows if row.get("version") == version]))
    words = [aligned(lines)]
    for row in rows:
        if row["what"] == "sanitizer":
            words.append(row.get("note") or f"{row.get('tool')}: {' | '.join(row['words'][-2:])}")
    return "\n".join(words)


def version_line(version, rows):
    errors = [row["error"] for row in rows if row.get("error") is not None]
    promised = [row["same_bits"] for row in rows if row.get("same_bits") is not None]
    same = "-" if not promised else "yes" if all(promised) else "NO"
    wrong = [row for row in rows if not row.get("right", "note" in row)]
    where = [
        f"{row['what']} " + " ".join(f"{n}={row[n]}" for n in NAMES if n in row) for row in wrong
    ]
    largest = f"{max(errors):.1e}" if errors else "-"
    return [version, str(len(rows)), largest, same, f"WRONG: {'; '.join(where)}" if wrong else ""]
