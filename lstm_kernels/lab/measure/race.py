"""All versions on the same work, side by side, and PyTorch where it is installed.  Lesson 09.

A time is given only for what it is: wall time on this CPU or on this GPU.  Without a card the
CUDA versions run in the emulator; such a row is marked, and never gets a ratio.
"""

from lstm_kernels import data
from lstm_kernels.lab.measure import pytorch
from lstm_kernels.lab.measure.results import Row, where_it_runs
from lstm_kernels.lab.measure.timing import Stopped, Workload, measure, time_call
from lstm_kernels.lab.words import count_text
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.versions import COURSE, get_version

ON_CARD = {"pytorch_cudnn": pytorch.TorchTraining, "pytorch_graph": pytorch.GraphTraining}
IN_RACE = {"pytorch": "PyTorch, CPU", "pytorch_cudnn": "PyTorch, cuDNN"}  # as they come


def published_workload(epochs=5):
    """The size of the published times: 59 windows, T=11, batch 7, H=50, 5 epochs."""
    x, y = data.airline_workload()
    return Workload(x, y, batch_size=7, H=50, epochs=epochs)


def larger_workload(epochs=1):
    """A size that gives a GPU more to do: 512 windows, T=24, batch 256, H=32."""
    x, y = data.panel(512, T=24, seed=0)
    return Workload(x, y, batch_size=256, H=32, epochs=epochs)


def race(
    workload, versions=COURSE, *, budget=2.0, skip=(), on_row=None, on_repeat=None,
    stop=lambda: False,
):  # fmt: skip
    """Time each version on the workload; returns a list of Row.

    versions: by default those of lessons 03 to 08; tuple(VERSIONS) for all.
    budget: seconds of repeats for each version (at least 3 repeats all the same).
    skip: versions that get a row without a time; a dict may say why.  An error ends only its own
    row.  on_repeat: called with the version's row so far, after each repeat.  stop: when it
    returns True, what was measured so far is kept, and the rest is not run.
    """
    for version in versions:
        get_version(version)
    rows = []
    for version in versions:
        if version in skip:
            why = skip[version] if isinstance(skip, dict) else "left out"
            row = Row(version, where_it_runs(version), None, why)
        else:
            row = race_one(version, workload, budget=budget, on_repeat=on_repeat, stop=stop)
        rows.append(row)
        if on_row:
            on_row(row)
    return rows


def race_one(version, workload, *, budget=2.0, on_repeat=None, stop=lambda: False, **limits):
    """One version's Row; an error, or being stopped, becomes its note."""
    where = where_it_runs(version)
    if where == "simulated on CPU":
        return Row(version, where, None, "Numba's simulator is too slow to race")

    def time(**more):
        return measure(version, workload, stop=stop, **limits, **more)

    return _row_of(version, where, time, budget, on_repeat, stop)


def _row_of(name, where, time, budget, on_repeat, stop):
    """The Row of time(budget=..., on_repeat=...), which gives a Timing."""
    if stop():
        return Row(name, where, None, "not run: cancelled")
    so_far = []

    def note_repeat(timing):
        so_far.append(timing)
        if on_repeat:
            on_repeat(Row(name, where, timing))

    def ended(note, **more):
        return Row(name, where, so_far[-1] if so_far else None, note, **more)

    try:
        return Row(name, where, time(budget=budget, on_repeat=note_repeat))
    except Stopped as why:
        if str(why).startswith("interrupted"):  # Ctrl-C, or a page's stop button: end the race
            raise KeyboardInterrupt(str(why)) from None
        if not stop():  # nobody asked for it: it diverged
            return ended(str(why), failed=True)
        return ended(f"cancelled after {count_text(len(so_far), 'repeat')}")
    except GraphError as error:
        return Row(name, where, None, f"left out: {error}")
    except Exception as error:  # shown in the version's own row; the others go on
        return Row(name, where, None, f"{type(error).__name__}: {error}", failed=True)


# ---- PyTorch ------------------------------------------------------------------------------


def torch_race_rows(workload, budget, on_row):
    """PyTorch's rows for the race; none without PyTorch.  on_row: told of each."""
    if not pytorch.has_torch():
        return []
    found = torch_rows(workload, budget=budget, on_card=("pytorch_cudnn",))
    found = [row._replace(version=IN_RACE[row.version]) for row in found]
    for row in found:
        on_row(row)
    return found


def torch_rows(
    workload, *, on_card=tuple(ON_CARD), budget=2.0, stop=lambda: False, on_repeat=None
):  # fmt: skip
    """A Row for PyTorch on the CPU and those of `on_card` with cuDNN, as far as they are here."""
    if not pytorch.has_torch():
        return [Row("pytorch", "CPU", None, "not installed")]
    limits = {"budget": budget, "on_repeat": on_repeat, "stop": stop}
    found = [_faster_torch_row(workload, limits)]
    if not pytorch.sees_card():
        return found
    if why := pytorch.why_no_torch_card():
        return [*found, *(Row(name, "GPU", None, why) for name in on_card)]
    return found + [torch_row(n, ON_CARD[n], "cuda", workload, **limits) for n in on_card]


def _faster_torch_row(workload, limits):
    """On the CPU: with all its threads or with one, whichever is faster; the note says which."""
    found = []
    for count in sorted({1, pytorch.count_threads()}):
        with pytorch.with_threads(count):
            row = torch_row("pytorch", pytorch.TorchTraining, "cpu", workload, **limits)
        note = row.note or f"{count_text(count, 'thread')}, the better choice"
        found.append(row._replace(note=note))
    return min(found, key=lambda row: row.timing.median if row.timing else float("inf"))


def torch_row(name, kind, place, workload, *, budget, on_repeat, stop):
    """One Row of PyTorch's.  kind: TorchTraining or GraphTraining; place: "cpu" or "cuda"."""

    def time(**limits):
        with pytorch.full_precision(place):
            return time_call(pytorch.make_training(workload, kind, place, stop), **limits)

    return _row_of(name, {"cpu": "CPU", "cuda": "GPU"}[place], time, budget, on_repeat, stop)
