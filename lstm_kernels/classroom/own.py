"""`python -m lstm_kernels judge my_v8.py`: the verdict, what it does, how fast; saved as JSON.

The version runs in a process of its own, with a limit of time: it may loop for ever.  Nothing else
is fenced in: judge a file of your own, or one that you would run.  Own versions: lesson 09.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lstm_kernels import versions
from lstm_kernels.classroom import entry as entries
from lstm_kernels.classroom import source
from lstm_kernels.judge.version import count, counts_text, verdict_on
from lstm_kernels.lab import apart, saving
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import race, records
from lstm_kernels.lab.measure.results import is_own, table, where_it_runs
from lstm_kernels.machine import device
from lstm_kernels.versions import get_version

BESIDE = "cuda_v2"  # whose counts stand beside those of a version that launches kernels
SLOW = ("sequential",)  # minutes: not raced
BUDGET = 0.5  # seconds of repeats for each version


def main(path, name=None, out=None, seconds=300):
    """Judge a file, save the entry; the exit status: 0 if it is right, 1 if not, 2 if refused."""
    path = Path(path)
    try:
        name = versions.check_name(name or name_from(path))
        text, out = source.text_of(path), Path(out or f"{name}.json")
        check_out(out)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(device.describe(), f"CPU: {device.describe_cpu()}", sep="\n", flush=True)
    machine, digest = records.describe_machine(), hashlib.sha256(text.encode()).hexdigest()
    found = {}

    def work(check):
        found.update(judged_apart(path, name, seconds))
        if found["wrong"]:
            print(f"{name}: not yet. {found['wrong']}")

    def save():
        if found:
            entries.save(entries.Entry(name, digest, machine, **found), out)
        return [str(out)] if found else []

    return saving.keep(work, save) or int(bool(found["wrong"]))


def name_from(path):
    """The file's own name, as far as it can be a version's."""
    return re.sub(r"[^\w .+-]", "_", path.stem)[:24]


def check_out(path):
    """OSError unless the entry can be written there, and no other kind of file is lost by it."""
    saving.check_writable(path)
    if path.is_file():
        try:
            entries.read(path)
        except ValueError as error:
            raise OSError(
                f"{path} is there already, and is {error}: choose another --out"
            ) from None


def judged_apart(path, name, seconds):
    """The parts of an entry that the other process finds: `wrong`, and if it is right the rest."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "found.json"
        command = apart.command("classroom.own", path, name, result)
        try:
            done = subprocess.run(
                command, env=apart.environment({}), timeout=seconds, stdin=subprocess.DEVNULL
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"wrong": f"It was stopped after {seconds} seconds: does a loop never end?"}
        if not result.exists():
            return {"wrong": f"It ended the process, with status {done.returncode}."}
        return json.loads(result.read_bytes())


# ---- in the process of its own ------------------------------------------------------------


def judge_here(path, name):
    """Load, judge and race it; the parts of its entry."""
    try:
        gradients = source.load(path, source.text_of(path))
    except Exception as error:
        return {"wrong": f"The file stops with {type(error).__name__}: {error}"}
    verdict = verdict_on(gradients)
    if verdict.wrong:
        return {"wrong": verdict.wrong}
    print(f"{name}: {verdict}", flush=True)
    versions.enter(name, gradients)
    versions.note_where(name, verdict.where)
    beside = {BESIDE: count(get_version(BESIDE).gradients)[1]} if verdict.counts.launches else {}
    for version, counts in beside.items():
        print(f"{version}, beside it: {counts_text(counts)}", flush=True)
    return {
        "wrong": "",
        "where": verdict.where,
        "counts": verdict.counts._asdict(),
        "beside": {version: counts._asdict() for version, counts in beside.items()},
        "rows": raced(name, rivals(name)),
    }


def rivals(name):
    """The course's versions whose times may stand beside its own; of the emulated, one CPU's."""
    if not is_own(where_it_runs(name)):
        return ("numpy_batched",)
    course = versions.COURSE + versions.BEYOND
    return tuple(v for v in course if v not in SLOW and is_own(where_it_runs(v)))


def raced(name, others):
    """Both workloads of `race`, as records without each single repeat; the tables are printed."""
    found = []
    for workload in (race.published_workload(epochs=1), race.larger_workload()):
        names = (*others, name)
        rows = race.race(workload, names, budget=BUDGET, skip=left_out(names, workload))
        print(f"\n{workload}\n{table(rows)}", flush=True)
        found += [records.record(workload, row) for row in rows]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


def left_out(names, workload):
    """{version: why it is not raced}.  Here nobody presses Cancel: a mini-batch may be long."""
    found = feasible.refusals(names, workload)
    return {
        name: why
        for name, why in found.items()
        if why.startswith("impossible")
        or feasible.repeat_seconds(name, workload) > feasible.REPEAT_LIMIT
    }


if __name__ == "__main__":
    file, its_name, result = sys.argv[1:]
    try:
        saving.write_atomically(result, json.dumps(judge_here(Path(file), its_name)))
    except KeyboardInterrupt:  # the other process says so
        sys.exit(130)
