"""All versions on the same work, side by side, and PyTorch where it is installed.  Lesson 09.

A time is given only for what it is: wall time on this CPU or on this GPU.  Without a card the
CUDA versions run in the emulator; such a row is marked, and never gets a ratio.  A wrong version
gets no time (admission.py).  Rivals take turns, each with the number of threads that is best for
it, and a row says if other programs used the cores meanwhile (neighbours.py).
"""

from contextlib import nullcontext

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import pytorch
from lstm_kernels.lab.measure.admission import (
    Admission,
    admit,
    checked_windows,
    raced_problem,
    two_batches,
    why_torch_wrong,
)
from lstm_kernels.lab.measure.neighbours import (
    Others,
    better_count,
    better_text,
    busy_text,
    threads_text,
    wait_until_quiet,
)
from lstm_kernels.lab.measure.results import Row, where_it_runs
from lstm_kernels.lab.measure.timing import Stopped, Timing, Workload, measure, time_call
from lstm_kernels.lab.words import count_text
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.machine.threads import with_threads
from lstm_kernels.versions import COURSE, get_version

ON_CARD = {"pytorch_cudnn": pytorch.TorchTraining, "pytorch_graph": pytorch.GraphTraining}
TURNS = 3  # of each rival
CHOICE_SECONDS = 0.1  # of one call at most, when numbers of threads are compared
IN_RACE = {"pytorch": "PyTorch, CPU", "pytorch_cudnn": "PyTorch, card"}  # as they come


def published_workload(epochs=5):
    """The size of the published times: 59 windows, T=11, batch 7, H=50, 5 epochs."""
    x, y = data.airline_workload()
    return Workload(x, y, batch_size=7, H=50, epochs=epochs)


def larger_workload(epochs=1):
    """A size that gives a GPU more to do: 512 windows, T=24, batch 256, H=32."""
    x, y = data.panel(512, T=24, seed=0)
    return Workload(x, y, batch_size=256, H=32, epochs=epochs)


def race(
    workload, versions=COURSE, *, budget=2.0, skip=(), on_turn=None, on_repeat=None, on_row=None,
    stop=lambda: False, rows=None,
):  # fmt: skip
    """Time each version on the workload; returns a list of Row.

    Each is checked first: a wrong one gets no time.  Then they take turns, so that a busy moment of
    the machine hits all of them.
    versions: by default those of lessons 03 to 08; tuple(VERSIONS) for all.
    budget: seconds of repeats for each version (at least 3 repeats all the same).
    skip: versions that get a row without a time; a dict may say why.  An error ends only its own
    row.  on_turn: called with the version's row so far, before each turn; on_repeat: after each
    repeat; on_row: with its last row.  stop: when it returns True, what was measured so far is
    kept, and the rest is not run.

    Ctrl-C ends the race with a KeyboardInterrupt.  Nothing is lost: on_row was told of every
    version, the rows stand in the exception's `rows`, and in the list `rows` if one was given.
    """
    versions = tuple(versions)  # also from a generator
    for version in versions:
        get_version(version)
    told = {"on_turn": on_turn, "on_repeat": on_repeat, "on_row": on_row}
    limits = {"budget": budget, "stop": stop, **told}
    rivals = [version_rival(version, workload, skip, **limits) for version in versions]
    return take_turns(rivals, rows=rows)


def race_one(version, workload, *, budget=2.0, on_repeat=None, stop=lambda: False):
    """One version's Row, without others to take turns with."""
    rival = version_rival(version, workload, budget=budget, on_repeat=on_repeat, stop=stop)
    return take_turns([rival], turns=1)[0]


def take_turns(rivals, turns=TURNS, rows=None):
    """Let each be timed once, then each a second time, and so on; their rows, added to `rows`.

    After Ctrl-C, too: then they say so, and the KeyboardInterrupt has them as its `rows`.
    """
    rows = [] if rows is None else rows
    try:
        for turn in range(turns):
            for rival in rivals:
                rival.take_turn(turn, turns)
    except KeyboardInterrupt as why:
        for rival in rivals:
            rival.end_early("interrupted")
        why.rows = rows
        raise
    finally:
        rows += [rival.row for rival in rivals]
    return rows


class Rival:
    """One that is timed in turns with others; `row` grows, and in the end is its result."""

    def __init__(
        self, row, admit, time, *, threads=None, budget=2.0, on_turn=None, on_repeat=None,
        on_row=None, stop=lambda: False,
    ):  # fmt: skip
        """row: without a time.  admit(): an Admission.  time(**limits): a Timing of one turn.

        threads(admission): how many are best for it; None: leave them as they come.
        """
        self.row, self.admit, self.time, self.threads = row, admit, time, threads
        self.budget, self.stop, self.over = budget, stop, False
        tell = (on_turn, on_repeat, on_row)
        self.on_turn, self.on_repeat, self.on_row = (f or (lambda row: None) for f in tell)
        self.seconds, self.parts, self.notes, self.count = (), None, [], None
        self.others = Others()

    def end(self, note, **more):
        """This is its last row.  note: why there is no time, or not all of it; "" if all is well.

        A row that is well says with how many threads it ran, and whether the machine was busy.
        """
        self.over = True
        if self.row.timing:
            more["others"] = self.others.cores
            well = [*self.notes, busy_text(self.others.cores)]
            note = note or "; ".join(filter(None, well))
        self.row = self.row._replace(note=note, **more)
        self.on_row(self.row)

    def take_turn(self, turn, turns):
        """Check it (before its first turn), then time it; an error, or a stop, ends it."""
        if self.over:
            return
        if self.stop():
            return self.end_early("cancelled")
        self.on_turn(self.row)
        try:
            if turn == 0 and not self.prepare():
                return
            self.measure(self.limits_of(turns))
        except Stopped as why:
            self.end_stopped(str(why))
        except GraphError as error:
            self.forget_time()
            self.end(f"left out: {error}")
        except Exception as error:  # shown in its own row; the others go on
            self.forget_time()
            self.end(f"{type(error).__name__}: {error}", failed=True)
        else:
            if turn == turns - 1:
                self.end("")

    def prepare(self):
        """True if it is right: then it may be timed, with its best number of threads."""
        admission = self.admit()
        self.row = self.row._replace(where=admission.where)
        if admission.wrong:
            self.end(admission.wrong, failed=True)
            return False
        self.notes, self.compile = [admission.note], admission.compile
        if self.threads and admission.where == "CPU":
            self.count = self.threads(admission)
            self.notes.insert(0, threads_text(self.count))
        return True

    def measure(self, limits):
        """One turn; what was measured before it stays."""
        before = self.seconds

        def note_repeat(timing):
            self.seconds = before + timing.seconds
            self.row = self.row._replace(timing=Timing(self.seconds, self.parts))
            self.on_repeat(self.row)

        wait_until_quiet()
        with self.others, with_threads(self.count) if self.count else nullcontext():
            timing = self.time(on_repeat=note_repeat, **limits)
        if self.parts is None and timing.parts:
            compiled = timing.parts.compile + self.compile
            self.parts = timing.parts._replace(compile=compiled)
        self.row = self.row._replace(timing=Timing(self.seconds, self.parts))

    def limits_of(self, turns):
        """Its share of the budget and of the repeats: in all turns together 3 to 30."""
        return {"budget": self.budget / turns, "at_least": -(-3 // turns), "at_most": 30 // turns}

    def end_early(self, how):
        """It keeps the repeats that it has.  how: "cancelled" or "interrupted"."""
        repeats = len(self.seconds)
        words = f"{how} after {count_text(repeats, 'repeat')}" if repeats else f"not run: {how}"
        if not self.over:
            self.end(words)

    def end_stopped(self, why):
        if why.startswith("interrupted"):  # Ctrl-C, or a page's stop button: end the race
            raise KeyboardInterrupt(why) from None
        if self.stop():
            return self.end_early("cancelled")
        self.end(why, failed=True)  # nobody asked for it: it diverged

    def forget_time(self):
        self.row = self.row._replace(timing=None)


def version_rival(version, workload, skip=(), stop=lambda: False, **limits):
    """A version of the course as a Rival; one that is skipped is over before it begins."""

    def time(**more):
        return measure(version, workload, stop=stop, **more)

    def threads(admission):
        windows = checked_windows(version, feasible.sizes_of(workload), CHOICE_SECONDS)
        problem = raced_problem(workload, min(windows, admission.windows))
        return better_count(lambda: get_version(version).gradients(*problem))

    row = Row(version, where_it_runs(version), None)
    rival = Rival(
        row, lambda: admit(version, workload), time, threads=threads, stop=stop, **limits
    )  # fmt: skip
    if version in skip:
        rival.end(skip[version] if isinstance(skip, dict) else "left out")
    elif row.where == "simulated on CPU":
        rival.end("Numba's simulator is too slow to race")
    return rival


# ---- PyTorch ------------------------------------------------------------------------------


def torch_race_rows(workload, budget, on_row, rows=None):
    """PyTorch's rows for the race, added to `rows`; none without PyTorch.  on_row: told of each."""
    rows, first = ([], 0) if rows is None else (rows, len(rows))
    if not pytorch.has_torch():
        return rows
    limits = {"budget": budget, "on_card": ("pytorch_cudnn",)}
    try:
        rows += torch_rows(workload, **limits)
    except KeyboardInterrupt as why:
        rows += getattr(why, "rows", [])
        raise
    finally:
        rows[first:] = [row._replace(version=IN_RACE[row.version]) for row in rows[first:]]
    for row in rows[first:]:
        on_row(row)
    return rows


def torch_rows(
    workload, *, on_card=tuple(ON_CARD), budget=2.0, stop=lambda: False, on_repeat=None
):  # fmt: skip
    """A Row for PyTorch on the CPU and those of `on_card` with cuDNN, as far as they are here."""
    if not pytorch.has_torch():
        return [Row("pytorch", "CPU", None, "not installed")]
    limits = {"budget": budget, "on_repeat": on_repeat, "stop": stop}
    counts = sorted({1, pytorch.count_threads()})
    rivals = [torch_rival("pytorch", "cpu", workload, count, **limits) for count in counts]
    why = pytorch.why_no_torch_card() if pytorch.sees_card() else ""
    names = on_card if pytorch.sees_card() and not why else ()
    rivals += [torch_rival(name, "cuda", workload, **limits) for name in names]
    left_out = [Row(name, "GPU", None, why) for name in on_card if why]
    try:
        rows = take_turns(rivals)
    except KeyboardInterrupt as stopped:
        stopped.rows = _best_first(getattr(stopped, "rows", []), len(counts))
        raise
    return [*_best_first(rows, len(counts)), *left_out]


def _best_first(rows, count):
    """Of the first `count` rows only the fastest, then the others."""
    return [min(rows[:count], key=_median), *rows[count:]] if rows else []


def _median(row):
    return row.timing.median if row.timing else float("inf")


def torch_rival(name, place, workload, count=None, *, stop=lambda: False, **limits):
    """PyTorch as a Rival.  place: "cpu" or "cuda"; count: of its threads, on the CPU."""
    kind, where = ON_CARD.get(name, pytorch.TorchTraining), {"cpu": "CPU", "cuda": "GPU"}[place]

    def make(workload):
        return pytorch.make_training(workload, kind, place, stop)

    def settings():
        threads = pytorch.with_threads(count) if count else nullcontext()
        return pytorch.full_precision(place), threads

    def admit():
        pair = two_batches(workload, feasible.sizes_of(workload).N)
        full, threads = settings()
        with full, threads:
            wrong = why_torch_wrong((name, count, pytorch.make_training), make, pair)
        return Admission(where, wrong, note=better_text(count) if count else "")

    def time(**more):
        full, threads = settings()
        with full, threads:
            return time_call(make(workload), **more)

    return Rival(Row(name, where, None), admit, time, stop=stop, **limits)
