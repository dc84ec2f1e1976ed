"""Before a version is timed: is it right, and where does it run?  Lesson 09.

A wrong version may be as fast as it likes: it gets no time.  Its loss and gradients are held
against `numpy_batched`, on a small size (there also against float64) and on the raced one; a
version with a training of its own also by the losses of two mini-batches.  `numpy_batched` itself
is held against finite differences.  While all this runs, launches are counted: where a version
runs is seen, and its name decides nothing.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lstm_kernels.checks import finite_differences, relative_error
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure.timing import wall_seconds
from lstm_kernels.lab.words import count_text
from lstm_kernels.machine import watch
from lstm_kernels.model import Params, init_params
from lstm_kernels.training import fit, mean_squared_error
from lstm_kernels.versions import get_version, launches_kernels, note_where, own_fit
from lstm_kernels.versions.numpy_batched import gradients as reference

T, N, H = 3, 5, 4  # the small size
TOLERANCE = 1e-5  # relative, max norm, float32
SAME = 1e-4  # of PyTorch's losses: another library's roundings, as in `bench --cudnn`
SECONDS = feasible.PIECE_LIMIT  # a check that would take longer takes fewer windows
NAMES = ("the loss", *(f"d{name}" for name in Params._fields))


class Admission(NamedTuple):
    """What the check of one version found."""

    where: str  # "CPU", "GPU" or "emulated on CPU": where it was seen to run
    wrong: str = ""  # what is wrong, in words
    windows: int = 0  # of the raced mini-batch, so many were checked
    note: str = ""  # says so, if these are not all
    compile: float = 0.0  # seconds that the first calls took more; 0 if checked before


class Problem(NamedTuple):
    """What gradients are taken of."""

    params: Params
    x: np.ndarray
    y: np.ndarray

    def __str__(self):
        steps, windows, _ = self.x.shape
        return f"{count_text(windows, 'window')}, T={steps}, H={self.params.W.shape[1]}"


_DONE = {}  # what was checked in this process: {(version, its code, sizes): what was found}


def admit(version, workload):
    """Check a version before it is timed on this workload; an Admission.

    Once for each version and sizes: a version whose code was replaced is checked anew.
    """
    module, sizes = get_version(version), feasible.sizes_of(workload)
    enough = workload.x.shape[1] >= 2 * sizes.N
    key = version, module.gradients, own_fit(version), sizes, enough, workload.x.dtype.str
    if key in _DONE:
        note_where(version, _DONE[key].where)
        return _DONE[key]._replace(compile=0.0)
    found = _DONE[key] = _admit(version, workload)
    return found


def _admit(version, workload):
    windows = checked_windows(version, feasible.sizes_of(workload))
    wrong, compiling, places = why_reference_wrong(), 0.0, []
    for problem in (small_problem(workload), raced_problem(workload, windows)):
        if not wrong:
            with watch.count_launches() as launches:
                wrong, first = why_wrong(version, problem)
            places += launches
            compiling += first
            note_where(version, place(places))
    if not wrong and own_fit(version):
        with watch.count_launches() as launches:
            wrong = why_training_wrong(version, workload, windows)
        places += launches
        note_where(version, place(places))
    whole = feasible.sizes_of(workload).N
    note = "" if windows == whole else f"checked on {windows:,} of {whole:,} windows"
    return Admission(place(places), wrong, windows, note, compiling if places else 0.0)


def place(launches):
    """Where a version runs that made these launches."""
    return next(iter(launches), "CPU")


# ---- the sizes ----------------------------------------------------------------------------


def checked_windows(version, sizes, seconds=SECONDS):
    """How many windows of a mini-batch are taken: all, unless that needs more than `seconds`."""
    needed = feasible.batch_seconds(version, sizes)
    return max(1, min(sizes.N, int(sizes.N * seconds / max(needed, 1e-9))))


def small_problem(workload):
    """A few made-up windows with the workload's inputs and outputs."""
    shapes, rng = (workload.x.shape[2], workload.y.shape[2]), np.random.default_rng(0)
    x, y = (rng.normal(size=(T, N, size)).astype(workload.x.dtype) for size in shapes)
    return Problem(init_params(shapes[0], H, shapes[1], dtype=x.dtype), x, y)


def raced_problem(workload, windows):
    """The first windows of the workload, with the parameters from which its training starts."""
    x, y = workload.x[:, :windows], workload.y[:, :windows]
    return Problem(init_params(x.shape[2], workload.H, y.shape[2], dtype=x.dtype), x, y)


def in_float64(problem):
    """The same numbers with more digits."""
    params, x, y = problem
    return Problem(Params(*(p.astype(float) for p in params)), x.astype(float), y.astype(float))


# ---- gradients ----------------------------------------------------------------------------


def why_wrong(version, problem):
    """(what is wrong with a version's loss and gradients, or ""; seconds that it compiled).

    The same if the reference itself overflows: then the training will say that it diverges.
    """
    gradients, results = get_version(version).gradients, []
    first = wall_seconds(lambda: results.append(gradients(*problem)))
    compiling, is_small = 0.0, problem.x.shape[:2] == (T, N)
    if is_small or launches_kernels(version):
        compiling = max(0.0, first - wall_seconds(lambda: gradients(*problem)))
    references = [problem, in_float64(problem)] if is_small else [problem]
    for expected in (reference(*p) for p in references):
        if np.isfinite(expected[0]) and (words := difference(results[0], expected)):
            return f"wrong: {words}, for {problem}", compiling
    return "", compiling


def difference(found, expected, tolerance=TOLERANCE):
    """The first of loss and gradients that is not the expected one, in words; "" if all are."""
    (loss, grads), (right_loss, right) = found, expected
    for name, ours, theirs in zip(NAMES, (loss, *grads), (right_loss, *right), strict=True):
        error = relative_error(ours, theirs)
        if not error <= tolerance:
            return f"{name} is {off_text(error)}"
    return ""


def off_text(error):
    """A relative error for a person."""
    if not np.isfinite(error):
        return "not a finite number"
    return f"{error:,.0%} off" if error >= 0.01 else f"{error:.1e} off"


@lru_cache(maxsize=1)
def why_reference_wrong():
    """What is wrong with numpy_batched itself, by finite differences; "" if nothing."""
    x, y = np.random.default_rng(1).normal(size=(2, T, N, 1))
    params = init_params(1, H, 1, dtype=np.float64)
    right = finite_differences(lambda p: mean_squared_error(p, x, y), params)
    words = difference(reference(params, x, y), (mean_squared_error(params, x, y), right))
    return f"nothing can be checked: numpy_batched's {words}" if words else ""


# ---- trainings ----------------------------------------------------------------------------


def two_batches(workload, windows):
    """A training of two mini-batches of so many windows, or of two epochs of a single one."""
    count = min(2 * windows, workload.x.shape[1])
    x, y = workload.x[:, :count], workload.y[:, :count]
    epochs = 1 if count > windows else 2
    return workload._replace(x=x, y=y, batch_size=windows, epochs=epochs)


def losses_of(version, workload):
    """The losses of the first two mini-batches of this training."""
    x, y = workload.x, workload.y
    params = init_params(x.shape[2], workload.H, y.shape[2], dtype=x.dtype)
    limits = {"epochs": workload.epochs, "batch_size": workload.batch_size, "lr": 1e-3, "seed": 0}
    return np.array(fit(version, params, x, y, **limits)[1].batch_losses[:2])


def why_training_wrong(version, workload, windows):
    """What is wrong with the losses of a version's own `fit`; "" if they are numpy_batched's."""
    pair = two_batches(workload, windows)
    return _losses_differ(losses_of(version, pair), pair, TOLERANCE)


def why_torch_wrong(key, make, pair):
    """The same of PyTorch, once for each key and sizes.

    make(pair): a function that gives trained parameters and the losses of `pair`'s batches.
    """
    key = key, feasible.sizes_of(pair), pair.epochs
    if key not in _DONE:
        _DONE[key] = _losses_differ(np.array(make(pair)()[1][:2]), pair, SAME)
    return _DONE[key]


def _losses_differ(losses, pair, tolerance):
    expected = losses_of("numpy_batched", pair)
    if len(expected) < 2:
        return ""  # it diverges: the timed training will say so
    error = relative_error(losses, expected) if len(losses) == 2 else np.inf
    if error <= tolerance:
        return ""
    what = f"batch {pair.batch_size}, T={pair.x.shape[0]}, H={pair.H}"
    return f"wrong: the losses of two mini-batches are {off_text(error)}, for {what}"
