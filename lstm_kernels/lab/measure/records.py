"""Results as plain numbers: what is saved, read again and compared.  Lesson 09."""

import csv
import json
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstm_kernels import data
from lstm_kernels.lab.words import aligned, count_text, ratio_text, seconds_text
from lstm_kernels.machine import device
from lstm_kernels.machine.platforms import package_version

PACKAGES = ("numpy", "numba", "numba-cuda", "torch", "threadpoolctl")
COLUMNS = (
    "version", "where", "windows", "length", "batch", "hidden", "epochs", "median", "q1", "q3",
    "repeats", "compile", "host_to_device", "kernel", "device_to_host", "others", "note",
)  # fmt: skip
LAUNCHED_THEN = {  # names in a recording from before V6 recorded its epochs by itself
    "cuda_v6": "cuda_v6_launched",
    "cuda_v6_graph": "cuda_v6",
}
KEY = ("version", "where", "windows", "length", "batch", "hidden", "epochs")  # of a point


def describe_machine():
    """What these times belong to."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "cpu": device.describe_cpu(),
        "kernels": device.describe(),
        "python": platform.python_version(),
        "packages": {name: package_version(name) or "not installed" for name in PACKAGES},
    }


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
    return found | {"others": row.others, "note": row.note}


def write_csv(found, file, columns=COLUMNS):
    """Write records as CSV into an open file; times are seconds."""
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)


def as_json(found, machine, emulator):
    """A text with one line for each record."""
    rows = ",\n".join(map(json.dumps, found))
    machine, emulator = json.dumps(machine, indent=1), json.dumps(emulator)
    return f'{{"machine": {machine},\n"rows": [\n{rows}\n],\n"emulator": {emulator}}}\n'


def mini_batches(row):
    """How many mini-batches one repeat of a saved row trained."""
    return row["epochs"] * -(-row["windows"] // row["batch"])


def kept(name):
    """A result that came with the course, measured on a real card: data/measured/NAME.json."""
    return load(data.data_folder() / "measured" / f"{name}.json")


def load(path):
    """What `save` wrote as JSON; ValueError if this is no such file."""
    try:
        found = json.loads(Path(path).read_bytes())
    except ValueError:  # no JSON, or no text at all
        found = None
    if not _is_whole(found):
        raise ValueError(f"{path} is no result of `python -m lstm_kernels bench`")
    return _with_todays_names(found)


def _with_todays_names(found):
    """In a recording with V6 as a graph beside it, `cuda_v6` is V6 launched one by one."""
    if any(row["version"] == "cuda_v6_graph" for row in found["rows"]):
        for row in found["rows"]:
            row["version"] = LAUNCHED_THEN.get(row["version"], row["version"])
    return found


def _is_whole(found):
    """Has it all that a comparison reads?"""
    if not has_fields(found, ("machine", "rows")) or not isinstance(found["rows"], list):
        return False
    for row in found["rows"]:
        if not has_fields(row, KEY) or ("median" in row and not has_numbers(row)):
            return False
    return has_fields(found["machine"], ("date", "cpu", "kernels"))


def has_fields(record, names):
    return isinstance(record, dict) and set(names) <= set(record)


def has_numbers(row):
    """Are the times numbers above zero?"""
    times = [row.get(name) for name in ("median", "q1", "q3")]
    return all(isinstance(time, (int, float)) and time > 0 for time in times)


# ---- two runs side by side ----------------------------------------------------------------

MOST_NAMED = 5  # points that the verdict names on each side


class Compared(NamedTuple):
    """One point that two runs have in common."""

    key: tuple  # as KEY
    before: float  # medians, in seconds
    after: float
    clear: bool  # the middle halves of the repeats do not overlap: more than the spread

    @property
    def ratio(self):
        """How many times as fast the second run is."""
        return self.before / self.after

    def __str__(self):
        name, where, _, T, batch, H, _ = self.key
        return f"{name} ({where}, T={T}, batch {batch}, H={H}) {ratio_text(self.ratio)}"


def compare_runs(before, after):
    """Text: each point that both have, then one verdict on all of them."""
    texts = [f"a: {in_one_line(before)}", f"b: {in_one_line(after)}", ""]
    old = {tuple(row[k] for k in KEY): row for row in before["rows"] if "median" in row}
    new = {tuple(row[k] for k in KEY): row for row in after["rows"] if "median" in row}
    points = [_compared(key, old[key], new[key]) for key in old if key in new]
    if not points:
        return "\n".join([*texts, "No point is in both runs."])
    lines = [["version", "runs on", "T", "batch", "H", "a", "b", "b is"]]
    lines += [_compare_line(point) for point in points]
    alone = len(old) + len(new) - 2 * len(points)
    texts += [aligned(lines), f"\nOnly in one of the runs: {alone} rows.", verdict(points)]
    return "\n".join(texts)


def _compared(key, a, b):
    return Compared(key, a["median"], b["median"], a["q1"] > b["q3"] or b["q1"] > a["q3"])


def _compare_line(point):
    name, where, _, T, batch, H, _ = point.key
    times = [seconds_text(point.before), seconds_text(point.after)]
    words = f"{point.ratio:.3g}x as fast" if point.clear else "the same within the spread"
    return [name, where, str(T), str(batch), str(H), *times, words]


def verdict(points):
    """What a run of `bench --compare` comes to: which differences count, and the whole of it."""
    faster = sorted((p for p in points if p.clear and p.ratio > 1), key=lambda p: -p.ratio)
    slower = sorted((p for p in points if p.clear and p.ratio < 1), key=lambda p: p.ratio)
    count = len(faster) + len(slower)
    lines = [f"Different by more than the spread: {count} of {count_text(len(points), 'point')}."]
    for words, side in (("faster", faster), ("slower", slower)):
        if side:
            named = "; ".join(map(str, side[:MOST_NAMED]))
            more = f"; and {len(side) - MOST_NAMED} more" if len(side) > MOST_NAMED else ""
            lines.append(f"b is {words} at {len(side)}: {named}{more}.")
    return "\n".join([*lines, f"Verdict: {_verdict_words(points, faster, slower)}"])


def _verdict_words(points, faster, slower):
    if not faster and not slower:
        return "the two runs are the same within the spread."
    if not slower or not faster:
        words = "slower" if slower else "faster"
        return (
            f"b is {words} at {len(faster) + len(slower)} of {len(points)}, the rest is the same."
        )
    mean = float(np.exp(np.mean([np.log(point.ratio) for point in points])))
    return (
        f"mixed: b is faster at {len(faster)} and slower at {len(slower)} of {len(points)}; in the "
        f"geometric mean of all points it is {ratio_text(mean)} as fast."
    )


def in_one_line(found):
    machine = found["machine"]
    return f"{machine['date']}, {machine['cpu']}; {machine['kernels']}"
