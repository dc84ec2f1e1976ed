"""All versions on the same work, side by side: the course's table.  Lesson 09.

    python -m lstm_kernels race [--quick]

A time is given only for what it is: wall time on this CPU or on this GPU.  Without a card the
CUDA versions run in the emulator; such a row is marked, and never gets a ratio.  Where PyTorch is
installed, its nn.LSTM stands in the race, too.
"""

from typing import NamedTuple

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure.timing import Stopped, Timing, Workload, measure, seconds_text
from lstm_kernels.machine import device
from lstm_kernels.versions import COURSE, VERSIONS, get_version

PUBLISHED = {  # seconds; the student project of 2023 that the course builds on, its own hardware
    "sequential": 293.0,
    "numpy_loop": 130.0,
    "cuda_v1": 80.0,
    "cuda_v2": 18.8,
    "cuda_v3": 17.2,
}
BASELINES = ("sequential", "numpy_loop", "numpy_batched")


class Row(NamedTuple):
    """One version's result: a timing, or the reason why there is none."""

    version: str
    where: str  # "CPU", "GPU", or "emulated on CPU" (and then no ratio may be made of it)
    timing: Timing | None
    note: str = ""
    failed: bool = False

    @property
    def comparable(self):
        """True if the time may stand beside others."""
        return self.timing is not None and is_own(self.where)


def is_own(where):
    """True if times taken there are a CPU's or a GPU's own, and not the emulator's."""
    return where in ("CPU", "GPU")


def published_workload(epochs=5):
    """The size of the published times: 59 windows, T=11, batch 7, H=50, 5 epochs."""
    x, y = data.airline_workload()
    return Workload(x, y, batch_size=7, H=50, epochs=epochs)


def larger_workload(epochs=1):
    """A size that gives a GPU more to do: 512 windows, T=24, batch 256, H=32."""
    x, y = data.panel(512, T=24, seed=0)
    return Workload(x, y, batch_size=256, H=32, epochs=epochs)


def where_it_runs(version):
    """ "CPU", "GPU", or what stands in for a missing GPU."""
    if not version.startswith("cuda"):
        return "CPU"
    return {"gpu": "GPU", "emulator": "emulated on CPU"}.get(device.TARGET, "simulated on CPU")


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
    where, so_far = where_it_runs(version), []
    if where == "simulated on CPU":
        return Row(version, where, None, "Numba's simulator is too slow to race")
    if stop():
        return Row(version, where, None, "not run: cancelled")

    def note_repeat(timing):
        so_far.append(timing)
        if on_repeat:
            on_repeat(Row(version, where, timing))

    limits = {"budget": budget, "on_repeat": note_repeat, "stop": stop, **limits}
    try:
        return Row(version, where, measure(version, workload, **limits))
    except Stopped as why:
        if str(why).startswith("interrupted"):  # Ctrl-C, or a page's stop button: end the race
            raise KeyboardInterrupt(str(why)) from None
        if not stop():  # nobody asked for it: it diverged
            return Row(version, where, so_far[-1] if so_far else None, str(why), failed=True)
        repeats = len(so_far)
        note = f"cancelled after {repeats} repeat{'s' * (repeats != 1)}"
        return Row(version, where, so_far[-1] if so_far else None, note)
    except Exception as error:  # shown in the version's own row; the others go on
        return Row(version, where, None, f"{type(error).__name__}: {error}", failed=True)


def speedup(rows, version, baseline):
    """How many times faster a version is than the baseline; None where none may be given."""
    by_name = {row.version: row for row in rows}
    a, b = by_name.get(version), by_name.get(baseline)
    if a is None or b is None or not (a.comparable and b.comparable):
        return None
    return b.timing.median / a.timing.median


def table(rows):
    """The rows as aligned text, with ratios to the three CPU baselines."""
    names = [f"vs {name}" for name in BASELINES]
    lines = [["version", "runs on", "median", "half of the repeats", "repeats", *names, ""]]
    lines += [_table_line(rows, row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(aligned)


def _table_line(rows, row):
    if row.timing is None:
        return [row.version, row.where, *["-"] * (3 + len(BASELINES)), row.note]
    low, high = map(seconds_text, row.timing.quartiles)
    ratios = [ratio_text(speedup(rows, row.version, name)) for name in BASELINES]
    median, repeats = seconds_text(row.timing.median), str(len(row.timing.seconds))
    return [row.version, row.where, median, f"{low} to {high}", repeats, *ratios, row.note]


def parts_text(row):
    """Where a mini-batch's time goes on the device, in words; "" for a version of the CPU."""
    parts = row.timing and row.timing.parts
    if not parts:
        return ""
    copies_in, kernel, copies_out = map(seconds_text, parts[2:])
    mark = "" if parts.where == "GPU" else f" ({parts.where})"
    return f"a mini-batch: copies in {copies_in}, kernel {kernel}, copies out {copies_out}{mark}"


def ratio_text(ratio):
    """A ratio with a few digits, "-" where none may be given."""
    if ratio is None:
        return "-"
    return f"{ratio:.2g}x" if ratio < 1 else f"{ratio:,.0f}x" if ratio >= 1000 else f"{ratio:.3g}x"


def main(quick=False, png="race.png"):
    """Race on both workloads, print both tables, save the picture; returns the exit status."""
    from lstm_kernels.lab.figures.race import draw_race  # matplotlib only now
    from lstm_kernels.lab.measure import pytorch  # only now, because it needs this module

    print(device.describe(), f"CPU: {device.describe_cpu()}", sep="\n")
    results = []
    for name, workload, skip in _workloads(quick):
        print(f"\n{name}: {workload}")
        versions, budget = (COURSE, 0.5) if quick else (tuple(VERSIONS), 3.0)
        skip = skip | feasible.refusals([v for v in versions if v.startswith("cuda")], workload)
        rows = race(workload, versions, budget=budget, skip=skip, on_row=_print_progress)
        if not quick:  # PyTorch stands in the whole race, where it is installed
            rows += pytorch.race_rows(workload, budget, _print_progress)
        print("\n" + table(rows))
        results.append((name, workload, rows))
    if not device.ON_GPU:
        print("\nNo GPU here: 'emulated on CPU' is not a GPU's time, so it gets no ratio.")
    with open(png, "wb") as file:
        file.write(draw_race(results)._repr_png_())
    print(f"\nPicture: {png}")
    return 1 if any(row.failed for *_, rows in results for row in rows) else 0


def _workloads(quick):
    published = published_workload(epochs=1 if quick else 5)
    yield "Published size" + (", 1 epoch of 5" if quick else ""), published, {}
    yield "Larger size", larger_workload(), {"sequential": "left out"} if quick else {}


def _print_progress(row):
    print(f"  {row.version}: {row.timing or row.note}", flush=True)
