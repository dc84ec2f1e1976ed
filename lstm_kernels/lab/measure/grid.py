"""The whole grid: versions x batch x hidden x length, saved as JSON, CSV and a picture.  Lesson 09.

    python -m lstm_kernels bench [--quick] [--out bench]
    python -m lstm_kernels bench --batch 7 64 --hidden 50 --length 11     a grid of your own
    python -m lstm_kernels bench --cudnn [--out cudnn]     V6 against PyTorch + cuDNN, on a card
    python -m lstm_kernels bench --compare before.json after.json

One point of the grid is one epoch over four mini-batches.  All versions get the same windows, the
same start values and float32.  Compilation and warm-up are never in a time.  Where PyTorch is
installed it stands in the same run, on the same work (on a card: its cuDNN LSTM, too): there, all
times hold the copies to the card and back.
"""

import csv
import json
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from typing import NamedTuple

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import cudnn, emulator_speed, pytorch, race
from lstm_kernels.lab.measure.timing import Workload, seconds_text
from lstm_kernels.machine import device
from lstm_kernels.versions import COURSE, VERSIONS

PACKAGES = ("numpy", "numba", "numba-cuda", "torch")
AGAINST = (
    "sequential", "numpy_loop", "numpy_batched", "pytorch", "pytorch_cudnn", "pytorch_graph",
)  # fmt: skip


class Grid(NamedTuple):
    """What is combined with what."""

    batch: tuple = (7, 64, 256)
    hidden: tuple = (16, 50)
    length: tuple = (11, 48)

    def workloads(self):
        """One Workload for each combination: four mini-batches of made-up windows."""
        for T, H, batch in product(self.length, self.hidden, self.batch):
            yield Workload(*data.panel(4 * batch, T), batch, H)


QUICK = Grid(batch=(7, 64), hidden=(16,), length=(11,))
LARGE = Grid(batch=(64, 256), hidden=(128, 256), length=(cudnn.T,))  # of `bench --cudnn`


# ---- measuring ----------------------------------------------------------------------------


def run(grid, budget, versions=tuple(VERSIONS), on_text=print):
    """Race all versions at each point; returns a list of (workload, rows)."""
    points = list(grid.workloads())
    results = []
    for number, workload in enumerate(points, 1):
        on_text(f"\n[{number} of {len(points)}] {workload}")
        skip = feasible.refusals(versions, workload)
        rows = race.race(workload, versions, budget=budget, skip=skip)
        rows += pytorch.rows(workload, budget=budget)
        on_text(table(rows))
        results.append((workload, rows))
    return results


def table(rows):
    """The rows as aligned text: median, middle half, and how many times faster than whom."""
    names = [row.version for row in rows if row.timing]
    against = [name for name in AGAINST if name in names]
    lines = [["version", "runs on", "median", "half of the repeats"]]
    lines[0] += [f"vs {name}" for name in against]
    for row in rows:
        if row.timing is None:
            lines.append([row.version, row.where, row.note])
            continue
        low, high = map(seconds_text, row.timing.quartiles)
        ratios = [race.ratio_text(race.speedup(rows, row.version, name)) for name in against]
        median = seconds_text(row.timing.median)
        lines.append([row.version, row.where, median, f"{low} to {high}", *ratios, row.note])
    return aligned(lines)


def aligned(lines):
    """Lines of cells as text; a line's last cell may be as long as it likes."""
    columns = range(max(map(len, lines)))
    widths = [max((len(x[i]) for x in lines if len(x) > i + 1), default=0) for i in columns]
    texts = ("  ".join(c.ljust(w) for c, w in zip(x, widths, strict=False)) for x in lines)
    return "\n".join(text.rstrip() for text in texts)


def describe_machine():
    """What these times belong to."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "cpu": device.describe_cpu(),
        "kernels": device.describe(),
        "python": platform.python_version(),
        "packages": packages,
    }


# ---- saving and reading -------------------------------------------------------------------

COLUMNS = (
    "version", "where", "windows", "length", "batch", "hidden", "epochs", "median", "q1", "q3",
    "repeats", "compile", "host_to_device", "kernel", "device_to_host", "note",
)  # fmt: skip


def records(results):
    """One dict a row: sizes, seconds of all repeats, the parts of a mini-batch, the note."""
    return [record(workload, row) for workload, rows in results for row in rows]


def record(workload, row):
    """One row of the results as plain numbers and texts."""
    T, N, _ = workload.x.shape
    sizes = {"windows": N, "length": T, "batch": workload.batch_size, "hidden": workload.H}
    found = {"version": row.version, "where": row.where, **sizes, "epochs": workload.epochs}
    if row.timing is not None:
        low, high = row.timing.quartiles
        found |= {"median": row.timing.median, "q1": low, "q3": high}
        found |= {"repeats": len(row.timing.seconds), "seconds": list(row.timing.seconds)}
        if row.timing.parts:
            found |= {k: v for k, v in row.timing.parts._asdict().items() if k != "where"}
    return found | {"note": row.note}


def write_csv(found, file, columns=COLUMNS):
    """Write records as CSV into an open file; times are seconds."""
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)


def save(results, machine, emulator, out):
    """Write OUT.json, OUT.csv and OUT.png; returns their names."""
    from lstm_kernels.lab.figures.bench import draw_bench  # matplotlib only now

    found = records(results)
    with open(f"{out}.json", "w", encoding="utf-8") as file:
        file.write(as_json(found, machine, emulator))
    with open(f"{out}.csv", "w", encoding="utf-8", newline="") as file:
        write_csv(found, file)
    with open(f"{out}.png", "wb") as file:
        file.write(draw_bench(found, machine)._repr_png_())
    return [f"{out}.{ending}" for ending in ("json", "csv", "png")]


def as_json(found, machine, emulator):
    """A text with one line for each record."""
    rows = ",\n".join(map(json.dumps, found))
    machine, emulator = json.dumps(machine, indent=1), json.dumps(emulator)
    return f'{{"machine": {machine},\n"rows": [\n{rows}\n],\n"emulator": {emulator}}}\n'


def kept(name):
    """A result that came with the course, measured on a real card: data/measured/NAME.json."""
    return load(data.data_folder() / "measured" / f"{name}.json")


def load(path):
    """What `save` wrote as JSON; ValueError if this is no such file."""
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if not isinstance(found, dict) or not {"machine", "rows"} <= set(found):
        raise ValueError(f"{path} is no result of `python -m lstm_kernels bench`")
    return found


# ---- two runs side by side ----------------------------------------------------------------

KEY = ("version", "where", "windows", "length", "batch", "hidden", "epochs")


def compare(before, after):
    """Text: for each point that both have, how many times faster the second one is."""
    texts = [f"a: {summary(before)}", f"b: {summary(after)}", ""]
    old = {tuple(row[k] for k in KEY): row for row in before["rows"] if "median" in row}
    new = {tuple(row[k] for k in KEY): row for row in after["rows"] if "median" in row}
    both = [key for key in old if key in new]
    if not both:
        return "\n".join([*texts, "No point is in both runs."])
    lines = [["version", "runs on", "T", "batch", "H", "a", "b", "b is"]]
    lines += [_compare_line(key, old[key], new[key]) for key in both]
    alone = len(old) + len(new) - 2 * len(both)
    return "\n".join([*texts, aligned(lines), f"\nOnly in one of the runs: {alone} rows."])


def _compare_line(key, a, b):
    name, where, _, T, batch, H, _ = key
    times = [seconds_text(a["median"]), seconds_text(b["median"])]
    clear = a["q1"] > b["q3"] or b["q1"] > a["q3"]
    ratio = a["median"] / b["median"]
    words = f"{ratio:.3g}x as fast" if clear else "the same within the spread"
    return [name, where, str(T), str(batch), str(H), *times, words]


def summary(found):
    machine = found["machine"]
    return f"{machine['date']}, {machine['cpu']}; {machine['kernels']}"


# ---- the command --------------------------------------------------------------------------


def main(quick=False, out="bench", paths=None, emulator=True, **wished):
    """`bench`, or `bench --compare a.json b.json`; returns the exit status.

    wished: batch, hidden, length: sizes of the grid in place of the usual ones.
    """
    if paths:
        return _main_compare(*paths)
    machine = describe_machine()
    print(device.describe(), f"CPU: {device.describe_cpu()}", pytorch.describe(), sep="\n")
    grid, *settings = (QUICK, 0.3, COURSE) if quick else (Grid(), 1.5, tuple(VERSIONS))
    results = run(grid._replace(**wished), *settings)
    if not device.ON_GPU:
        print("\nNo GPU here: 'emulated on CPU' is not a GPU's time, so it gets no ratio.")
    speeds = emulator_speed.run() if emulator else {}
    print("\n" + emulator_speed.text(speeds) if speeds else "")
    print("Saved:", ", ".join(save(results, machine, speeds, out)))
    missed = emulator_speed.missed(speeds)
    failed = any(row.failed for _, rows in results for row in rows)
    return 1 if failed or missed else 0


def main_cudnn(out="cudnn"):
    """`bench --cudnn`: V6's training step against the vendor's library; returns the exit status."""
    if reason := cudnn.missing():
        print(reason, file=sys.stderr)
        return 1
    print(device.describe(), pytorch.describe(), sep="\n")
    results = []
    for workload in cudnn.workloads():
        print(f"\nan epoch of {cudnn.BATCHES} mini-batches: {workload}")
        results.append((workload, cudnn.compare(workload)))
        print(table(results[-1][1]))
    print("\n" + cudnn.summary(results))
    print("\nApart from that, more hidden units than V5 and V6 have registers for, where cuDNN may")
    print("win: whole trainings, copies included.  V4 stands beside it as far as it goes (H=128).")
    results += run(LARGE, 1.5, ("cuda_v4",))
    print("Saved:", ", ".join(save(results, describe_machine(), {}, out)))
    return 0


def _main_compare(a, b):
    try:
        print(compare(load(a), load(b)))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
