"""Ctrl-C and SIGTERM at random moments: nothing measured is lost, no file is half, no traceback.

Each command runs as a person starts it, in a process of its own, from Python's own start on.  The
moments are drawn with a seed.  LSTM_KERNELS_SIGNALS=20 tries 20 of them for each command, in place
of one; of a command that starts processes, at most FEW.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from lstm_kernels.lab import apart
from tests import PNG

RUNS = int(os.environ.get("LSTM_KERNELS_SIGNALS", "1"))
# `python -m lstm_kernels ...`, which says when Python itself has started: before, nobody can help.
DOOR = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where pytest itself ignores it
sys.argv[0], sys.orig_argv = "-m", ["python", "-m", "lstm_kernels", *sys.argv[1:]]
print("started", flush=True)
runpy.run_module("lstm_kernels", run_name="__main__", alter_sys=True)
"""
# What a learner may write: a training that saves as it goes, and in the end.
TRAINING = """
import json, signal, sys
import numpy as np
from lstm_kernels import data, init_params, training
from lstm_kernels.lab import saving
signal.signal(signal.SIGINT, signal.default_int_handler)
losses = []

def save():
    saving.write_atomically("losses.json", json.dumps(losses))
    return ["losses.json"]

def on_batch(progress):
    losses.append(progress.loss)
    print("batch", len(losses))
    save()
    check()

def work(check):
    globals().update(check=check)
    x, y = data.panel(64, T=6)
    limits = {"epochs": 200, "batch_size": 8, "lr": 1e-3}
    training.fit("numpy_batched", init_params(1, 8, 1), x, y, **limits, on_batch=on_batch)

sys.stdout.reconfigure(line_buffering=True)
print("started")
sys.exit(saving.keep(work, save))
"""
SMALL = "--quick --batch 1 2 3 --hidden 3 --length 2 --no-emulator --out b"
SCALING = "1 2 --batch 8 --hidden 4 --length 3 --out s"
COMMANDS = {  # how it is started, and the seconds within which the signal comes
    "doctor": ((DOOR, "doctor"), 3),
    "race": ((DOOR, "race", "--quick", "--png", "race.png"), 8),
    "bench": ((DOOR, "bench", *SMALL.split()), 6),
    "baselines": ((DOOR, "baselines", "--seconds", "0.2"), 4),
    "forecast": ((DOOR, "forecast"), 4),
    "report": ((DOOR, "report", "--cc", "75", "--png", "report.png"), 4),
    "scaling": ((DOOR, "bench", "--workers", *SCALING.split()), 8),
    "training": ((TRAINING,), 2),
}
FEW = {"scaling": 4}
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


def stopped(command, number, moment, folder):
    """(exit status, what it printed, what it said on stderr) of a command that gets a signal.

    A terminal sends Ctrl-C to the processes that the command has started, too.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(
        [sys.executable, "-c", *command], cwd=folder, env=apart.environment({}), **pipes
    ) as running:
        assert running.stdout.readline() == b"started\n"
        time.sleep(moment)
        send = os.killpg if number == signal.SIGINT else os.kill
        send(running.pid, number)
        printed, errors = running.communicate(timeout=60)
    return running.returncode, printed.decode(), errors.decode()


@pytest.mark.long
@pytest.mark.parametrize(
    "name, run", [(name, run) for name in COMMANDS for run in range(min(RUNS, FEW.get(name, RUNS)))]
)
def test_a_signal_at_a_random_moment(name, run, tmp_path, request):
    if name == "scaling":
        request.getfixturevalue("dask")
    (command, seconds), draw = COMMANDS[name], random.Random(f"{name}, {run}")
    number, moment = draw.choice((signal.SIGINT, signal.SIGTERM)), draw.uniform(0, seconds)
    status, printed, errors = stopped(command, number, moment, tmp_path)
    said = f"{name}, {number.name} after {moment:.2f} s: {status}\n{printed}\n{errors}"
    assert "Traceback" not in errors and errors in ("", "Stopped.\n"), said
    # -number: it ended by the signal itself, with nothing to save; a shell shows 128 + number, too
    assert status in (0, 128 + number, -number), said
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    check_files(name, files, printed, said)
    if "Stopped by" in printed:
        assert status == 128 + number and ("Saved: " in printed) == bool(files), said


def check_files(name, files, printed, said):
    """Each is whole, none is left over, and they hold all that was told."""
    for file, content in files.items():
        if file.endswith(".png"):
            assert content.startswith(PNG) and b"IEND" in content[-12:], said
    if name == "bench":
        assert set(files) <= {"b.json", "b.csv", "b.png"}, said
        rows = json.loads(files.get("b.json", '{"rows": []}'))["rows"]
        points = {row["batch"] for row in rows if "median" in row}
        assert len(points) >= printed.count("half of the repeats"), said
    elif name == "scaling":
        assert set(files) <= {"s.json"}, said
        rows = json.loads(files.get("s.json", '{"rows": []}'))["rows"]
        assert len(rows) >= printed.count("measured: "), said
    elif name == "training":
        assert set(files) <= {"losses.json"}, said
        losses = json.loads(files.get("losses.json", "[]"))
        assert len(losses) >= len(re.findall("batch", printed)), said
    else:
        assert set(files) <= {"race.png", "report.png"}, said
        assert name != "race" or "half of the repeats" not in printed or files, said
