"""Results as plain numbers: what is saved, read again and compared.  Lesson 09."""

import csv
import json
import platform
from datetime import datetime, timezone

from lstm_kernels import data
from lstm_kernels.lab.words import aligned, seconds_text
from lstm_kernels.machine import device
from lstm_kernels.machine.platforms import package_version

PACKAGES = ("numpy", "numba", "numba-cuda", "torch")
COLUMNS = (
    "version", "where", "windows", "length", "batch", "hidden", "epochs", "median", "q1", "q3",
    "repeats", "compile", "host_to_device", "kernel", "device_to_host", "note",
)  # fmt: skip


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
    return found | {"note": row.note}


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


def compare_runs(before, after):
    """Text: for each point that both have, how many times faster the second one is."""
    texts = [f"a: {in_one_line(before)}", f"b: {in_one_line(after)}", ""]
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


def in_one_line(found):
    machine = found["machine"]
    return f"{machine['date']}, {machine['cpu']}; {machine['kernels']}"
