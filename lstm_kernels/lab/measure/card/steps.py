"""Training steps with everything on the card: ours and PyTorch's, each launched and recorded.

A repeat is an epoch of 16 mini-batches; the rivals take turns.  Before that the losses of the first
two mini-batches are held against numpy_batched's, at the largest sizes against PyTorch's: within
1e-4, or no time.  (PyTorch as it comes may round to TF32: its error is noted.)
"""

import numpy as np

from lstm_kernels.checks import relative_error
from lstm_kernels.lab.measure import pytorch
from lstm_kernels.lab.measure.admission import SAME, raced_problem
from lstm_kernels.lab.measure.card import rivals
from lstm_kernels.lab.measure.card.points import (
    Point,
    only_those_that_run,
    sizes_text,
    time_text,
    timed,
)
from lstm_kernels.lab.measure.card.right import is_wrong
from lstm_kernels.lab.measure.cpu_baselines import take_turns
from lstm_kernels.lab.words import aligned
from lstm_kernels.model import init_params
from lstm_kernels.optimizers import make_optimizer
from lstm_kernels.versions.numpy_batched import gradients

SECONDS = 190.0
PRECISION, CHECKED = 1e-5, 32  # PyTorch's gradients of so many windows: full float32?
SLOW = 2**26  # N H² from which numpy_batched takes a second


def points(plan, rows):
    for T, H, N in plan.steps:
        key = {"what": "step", "T": T, "H": H, "N": N}
        wrong = is_wrong(rows, "cuda_v6", H)
        yield Point(key, lambda s=(T, H, N), wrong=wrong: time_steps(s, plan.step_seconds, wrong))


# ---- in turns -----------------------------------------------------------------------------


def time_steps(sizes, seconds, wrong=False, place="cuda"):
    """A row for each rival: its step, from the repeats of its epoch."""
    workload = rivals.make_workload(*sizes)
    with rivals.Rivals(workload, wrong, place) as here:
        check_precision(workload, place)
        errors, rows = first_errors(here)
        calls = {name: here.trains[name] for name in errors}
        for name, timing in take_turns(calls, seconds, at_least=1).items():
            times = timed(timing.seconds, rivals.BATCHES)
            rows.append({"rival": name, "error": errors[name], **times})
        return rows + [{"rival": name, "note": note} for name, note in here.notes.items()]


def check_precision(workload, place):
    """RuntimeError unless PyTorch computes in full float32 now."""
    if not rivals.torch_is_here(place):
        return
    batch = raced_problem(workload, min(CHECKED, workload.batch_size))
    (loss, grads), (right_loss, right) = pytorch.torch_gradients(*batch, place), gradients(*batch)
    error = max(map(relative_error, (loss, *grads), (right_loss, *right)))
    if not error <= PRECISION:
        raise RuntimeError(f"PyTorch is {error:.1e} off: not in full float32?")


def first_errors(here):
    """({name: error of the first two losses}, rows of those that fail or are wrong).

    It trains the first epoch, which compiles.
    """
    found, failed = only_those_that_run(here.trains)
    expected, errors = expected_losses(here, found), {}
    for name, losses in found.items():
        error = relative_error(np.array(losses[:2]), expected)
        if error <= SAME or name == rivals.AS_IT_COMES:
            errors[name] = error
        else:
            failed[name] = f"wrong: the losses of two mini-batches are {error:.1e} off"
    return errors, [{"rival": name, "failed": why} for name, why in failed.items()]


def expected_losses(here, found):
    """numpy_batched's first two losses; of sizes too slow for it, those that PyTorch found."""
    N, H = here.workload.batch_size, here.workload.H
    if N * H * H > SLOW and "PyTorch" in found:
        return np.array(found["PyTorch"][:2])
    return losses_in_order(here.workload, here.orders[0][: 2 * N])


def losses_in_order(workload, order):
    """numpy_batched's losses of the first two mini-batches in this order."""
    x, y, N = workload.x, workload.y, workload.batch_size
    params = init_params(x.shape[2], workload.H, y.shape[2], dtype=x.dtype)
    rule, losses = make_optimizer("adam", params, pytorch.LR), []
    for batch in (order[:N], order[N:]):
        loss, grads = gradients(params, x[:, batch], y[:, batch])
        params = rule.update(params, grads)
        losses.append(loss)
    return np.array(losses)


# ---- words --------------------------------------------------------------------------------


def table(rows):
    names = list(dict.fromkeys(row["rival"] for row in rows if "rival" in row))
    lines, found = [["a step of", *names]], {}
    for row in rows:
        if "rival" in row:
            found.setdefault(sizes_text(row), {})[row["rival"]] = row
    for sizes, of in found.items():
        lines.append([sizes, *(time_text(of[n])[:24] if n in of else "-" for n in names)])
    return aligned(lines)
