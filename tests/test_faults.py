"""Nothing is lost: signals, closed pipes, full disks, bad paths, old consoles, errors of others."""

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lstm_kernels import __main__, data
from lstm_kernels.lab import apart, saving
from lstm_kernels.lab.commands import bench as bench_command
from lstm_kernels.lab.commands import race as race_command
from lstm_kernels.lab.measure import grid, pytorch, race, records
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.machine import files
from tests import PNG
from tests.processes import run_python

TINY = Workload(*data.panel(4, T=2), 2, 3)
THREE = ("numpy_loop", "numpy_batched", "sequential")


@pytest.fixture
def tiny(ctrl_c, monkeypatch):
    """Races and grids of a moment, without PyTorch."""
    monkeypatch.setattr(grid, "QUICK", grid.Grid(batch=(1, 2), hidden=(3,), length=(2,)))
    monkeypatch.setattr(bench_command, "COURSE", THREE)
    monkeypatch.setattr(race_command, "COURSE", THREE)
    monkeypatch.setattr(race, "published_workload", lambda epochs: TINY)
    monkeypatch.setattr(race, "larger_workload", lambda: TINY)
    monkeypatch.setattr(pytorch, "has_torch", lambda: False)


def no_space(*_):
    raise OSError(28, "No space left on device")


# ---- a file is the old one or the new one -------------------------------------------------


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    saving.write_atomically(path, "old µ\n")
    assert path.read_bytes() == "old µ\n".encode()
    path.chmod(0o640)
    saving.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o640
    for where in ("fsync", "replace"):  # the disk is full; the process was stopped there
        for error in (no_space, interrupt):
            with monkeypatch.context() as patch:
                patch.setattr(files.os, where, error)
                with pytest.raises((OSError, KeyboardInterrupt)):
                    saving.write_atomically(path, b"half")
            assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    (tmp_path / "real.txt").write_text("old", encoding="utf-8")
    link = tmp_path / "link.txt"
    link.symlink_to("real.txt")
    saving.write_atomically(link, "new")
    assert link.is_symlink() and (tmp_path / "real.txt").read_text(encoding="utf-8") == "new"
    saving.check_writable(os.devnull)
    saving.write_atomically(os.devnull, "gone")
    assert not Path(os.devnull).is_file() and Path(os.devnull).exists()


def bad_paths(folder):
    (folder / "file").write_text("", encoding="utf-8")
    (folder / "folder.png").mkdir()
    return {
        "none/a.png": "there is no folder",
        "file/a.png": "there is no folder",
        "folder.png": "it is a folder",
        "x" * 300 + ".png": "cannot write",
    }


@pytest.mark.parametrize("command", ["race --quick --png", "report --png"])
def test_a_bad_path_is_found_before_anything_runs(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(race, "race", pytest.fail)
    for path, said in bad_paths(tmp_path).items():
        if command.startswith("race"):
            assert __main__.main([*command.split(), str(tmp_path / path)]) == 2
            printed = capsys.readouterr()
            assert said in printed.err and printed.err.count("\n") == 1 and not printed.out
        with pytest.raises(OSError, match=said):
            saving.check_writable(str(tmp_path / path))
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder.png"}


def test_the_bench_finds_a_bad_path_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grid, "run", pytest.fail)
    out = tmp_path / "none" / "b"
    assert __main__.main(["bench", "--quick", "--no-emulator", "--out", str(out)]) == 2
    assert "there is no folder" in capsys.readouterr().err


# ---- a race that ends early ---------------------------------------------------------------


def test_an_interrupted_race_gives_what_it_has():
    told, repeats = [], []

    def on_repeat(row):
        repeats.append(row)
        if len(repeats) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as why:
        race.race(TINY, THREE, budget=0.0, on_repeat=on_repeat, on_row=told.append, rows=(r := []))
    assert why.value.rows is r and told == r
    assert [row.note for row in r] == ["interrupted after 1 repeat"] * 2 + ["not run: interrupted"]
    assert [bool(row.timing) for row in r] == [True, True, False]
    assert not any(row.failed for row in r)


def test_ctrl_c_in_a_check_is_no_verdict(monkeypatch):
    """`fit` ends well after Ctrl-C, and so it did in the middle of an admission."""
    from lstm_kernels.lab.measure import admission

    monkeypatch.setattr(admission.get_version("numpy_batched"), "gradients", interrupt)
    with pytest.raises(KeyboardInterrupt):
        admission.losses_of("numpy_batched", TINY)


def test_versions_may_come_from_a_generator():
    rows = race.race(TINY, (name for name in THREE[:2]), budget=0.0)
    assert [row.version for row in rows] == list(THREE[:2])


# ---- commands that end early, in this process ---------------------------------------------


def after(count, end):
    """A stand-in for race.race that runs `end` in its call number `count`."""
    calls, ended, real = [], [], race.race

    def stand_in(*arguments, on_row=None, **limits):
        calls.append(arguments)

        def tell(row):
            if on_row:
                on_row(row)
            if len(calls) == count and not ended:
                ended.append(row)
                end()

        return real(*arguments, on_row=tell, **{**limits, "budget": 0.0})

    return stand_in


def by(name):
    return lambda: signal.raise_signal(getattr(signal, name))


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_leaves_a_bench_saved(tiny, name, status, tmp_path, monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(race, "race", after(2, by(name)))
    out = tmp_path / "b"
    assert __main__.main(["bench", "--quick", "--no-emulator", "--out", str(out)]) == status
    rows = records.load(f"{out}.json")["rows"]
    assert {row["batch"] for row in rows} == {1, 2}
    assert [row["note"].startswith("interrupted after") for row in rows[4:]] == [False, True, True]
    assert (tmp_path / "b.png").read_bytes().startswith(PNG)
    assert len(list(tmp_path.iterdir())) == 3
    printed = capsys.readouterr()
    assert f"Stopped by {name}. Saved: {out}.json" in printed.out and not printed.err
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_leaves_a_race_saved(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(race, "race", after(2, by("SIGTERM")))
    picture = tmp_path / "race.png"
    assert __main__.main(["race", "--quick", "--png", str(picture)]) == 143
    assert picture.read_bytes().startswith(PNG)
    assert f"Stopped by SIGTERM. Saved: {picture}" in capsys.readouterr().out


def test_nothing_measured_changes_no_file(tiny, tmp_path, monkeypatch, capsys):
    picture = tmp_path / "race.png"
    picture.write_bytes(b"old")
    monkeypatch.setattr(race, "race", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert __main__.main(["race", "--quick", "--png", str(picture)]) == 130
    assert picture.read_bytes() == b"old"
    assert saving.NOTHING in capsys.readouterr().out


def test_a_signal_that_a_library_swallows_is_heard_after_the_point(tiny, tmp_path, monkeypatch):
    def swallowed():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            pass

    monkeypatch.setattr(race, "race", after(1, swallowed))
    out = tmp_path / "b"
    assert __main__.main(["bench", "--quick", "--no-emulator", "--out", str(out)]) == 143
    assert {row["batch"] for row in records.load(f"{out}.json")["rows"]} == {1}


def test_a_ctrl_c_that_python_wraps_is_one(tiny, tmp_path, monkeypatch, capsys):
    """Python up to 3.11 makes it the cause of a RuntimeError where a class is just being made."""

    def wrapped():
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr(grid, "table", lambda rows: wrapped())
    out = tmp_path / "b"
    assert __main__.main(["bench", "--quick", "--no-emulator", "--out", str(out)]) == 130
    assert f"Stopped by SIGINT. Saved: {out}.json" in capsys.readouterr().out
    monkeypatch.setattr(__main__, "main", wrapped)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    assert __main__.door() == 130
    assert capsys.readouterr().err == "Stopped.\n"


@pytest.mark.parametrize("cause", ["KeyboardInterrupt", "RuntimeError() from KeyboardInterrupt()"])
def test_ctrl_c_while_a_command_is_imported(cause, tmp_path):
    (tmp_path / "numpy.py").write_text(f"raise {cause}", encoding="utf-8")
    done = run_python("-m", "lstm_kernels", "doctor", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n")
    (tmp_path / "numpy.py").write_text("1 / 0", encoding="utf-8")
    assert "ZeroDivisionError" in run_python("-m", "lstm_kernels", "doctor", folder=tmp_path).stderr


def test_a_signal_in_a_librarys_callback_is_heard_and_prints_nothing(tiny, tmp_path, monkeypatch):
    """There Python can only print a KeyboardInterrupt; threadpoolctl has such a callback."""
    monkeypatch.setattr(sys, "unraisablehook", (told := []).append)
    monkeypatch.setattr(race, "race", after(1, ctypes.CFUNCTYPE(None)(by("SIGINT"))))
    out = tmp_path / "b"
    assert __main__.main(["bench", "--quick", "--no-emulator", "--out", str(out)]) == 130
    assert {row["batch"] for row in records.load(f"{out}.json")["rows"]} == {1} and not told
    assert saving.keep(lambda check: ctypes.CFUNCTYPE(None)(lambda: 1 / 0)(), list) == 0
    assert [lost.exc_type for lost in told] == [ZeroDivisionError]


def test_a_command_that_saves_nothing_hears_it_a_moment_later(ctrl_c, monkeypatch, capsys):
    def work():
        ctypes.CFUNCTYPE(None)(by("SIGINT"))()
        ctypes.CFUNCTYPE(None)(lambda: 1 / 0)()
        time.sleep(60)

    monkeypatch.setattr(sys, "unraisablehook", (told := []).append)
    monkeypatch.setattr(__main__, "main", work)
    assert __main__.door() == 130 and capsys.readouterr().err == "Stopped.\n"
    assert [lost.exc_type for lost in told] == [ZeroDivisionError]


def test_a_full_disk_keeps_the_old_files_and_says_so(tiny, tmp_path, monkeypatch, capsys):
    picture = tmp_path / "race.png"
    picture.write_bytes(b"old")
    monkeypatch.setattr(files.os, "fsync", no_space)
    assert __main__.main(["race", "--quick", "--png", str(picture)]) == 1
    assert picture.read_bytes() == b"old" and list(tmp_path.iterdir()) == [picture]
    printed = capsys.readouterr().out
    assert "Not saved: [Errno 28]" in printed and printed.count("vs numpy_batched") == 2


def test_an_error_of_ours_leaves_what_was_measured(tiny, tmp_path, monkeypatch):
    calls, out = [], tmp_path / "b"

    def table(rows):
        calls.append(rows)
        raise ArithmeticError("a bug")

    monkeypatch.setattr(grid, "table", table)
    with pytest.raises(ArithmeticError, match="a bug"):
        __main__.main(["bench", "--quick", "--no-emulator", "--out", str(out)])
    assert len(records.load(f"{out}.json")["rows"]) > 0


# ---- commands that end early, in a process of their own -----------------------------------

SMALL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where pytest itself ignores it
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
from lstm_kernels import __main__
from lstm_kernels.lab.measure import grid, pytorch
from lstm_kernels.lab.commands import bench
grid.QUICK = grid.Grid(batch=(1, 2, 3, 4, 5, 6), hidden=(3, 4), length=(2, 3))
bench.COURSE = "numpy_loop", "numpy_batched", "numba_cpu"
pytorch.has_torch = lambda: False
sys.exit(__main__.door())
"""


def start_bench(folder, **settings):
    """A bench of 24 points, each of about a second, in a process of its own."""
    command = [sys.executable, "-c", SMALL, "bench", "--quick", "--no-emulator", "--out", "b"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=apart.environment(settings), **pipes)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for one process")
@pytest.mark.parametrize(
    "name, status",
    [
        ("SIGINT", 130),
        pytest.param("SIGTERM", 143, marks=pytest.mark.long),
        pytest.param("SIGHUP", 129, marks=pytest.mark.long),
    ],
)
def test_signals_at_any_moment(name, status, tmp_path):
    running = start_bench(tmp_path)
    first = running.stdout.readline() + running.stdout.readline()
    while not first.count(b"[2 of"):
        first += running.stdout.readline()
    time.sleep(random.Random(name).uniform(0, 1.5))
    running.send_signal(getattr(signal, name))
    printed, errors = running.communicate(timeout=60)
    assert running.returncode == status, errors
    assert errors == b"" and f"Stopped by {name}. Saved: b.json, b.csv, b.png" in printed.decode()
    rows = records.load(tmp_path / "b.json")["rows"]
    assert len(rows) >= 3 and all("median" in row for row in rows[:3])
    assert {p.name for p in tmp_path.iterdir()} == {"b.json", "b.csv", "b.png"}


@pytest.mark.long
def test_a_closed_pipe_ends_it_silently_and_saved(tmp_path):
    running = start_bench(tmp_path)
    while b"[2 of" not in running.stdout.readline():
        pass
    running.stdout.close()  # as `| head` does
    assert running.wait(timeout=60) == __main__.PIPE_CLOSED
    assert running.stderr.read() == b""
    assert len(json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["rows"]) >= 3


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "cp1252", "utf-8"])
def test_any_console_can_print_a_microsecond(encoding, tmp_path):
    code = "from lstm_kernels import __main__ as m\nm.main = lambda: print('5 µs → ok')\nm.door()"
    settings = apart.environment({"PYTHONIOENCODING": encoding})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=settings)
    expected = {"cp1252": "5 µs ? ok".encode("cp1252"), "utf-8": "5 µs → ok".encode()}
    assert done.stdout.split(b"\n")[0].strip() == expected.get(encoding, b"5 us ? ok"), done.stderr
    assert done.returncode == 0 and done.stderr == b""
