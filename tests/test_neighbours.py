"""Who else uses the cores: a library's own threads, other programs; and whose turn it is."""

import subprocess
import sys
import time
import types
from contextlib import contextmanager, nullcontext

import numba
import numpy as np
import pytest

from lstm_kernels import VERSIONS, data
from lstm_kernels.emulator import build
from lstm_kernels.lab.figures.bench import draw_bench
from lstm_kernels.lab.figures.race import draw_race
from lstm_kernels.lab.figures.style import MARGIN
from lstm_kernels.lab.measure import neighbours, race, records, results
from lstm_kernels.lab.measure.timing import Timing, Workload
from lstm_kernels.lab.widgets.race import Race, reading
from lstm_kernels.machine import threads
from lstm_kernels.versions import numpy_batched
from tests import quiet_machine

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells, in /proc/stat")


@pytest.fixture
def workload():
    return Workload(*data.panel(12, T=4), batch_size=6, H=8)


@contextmanager
def another_program():
    """A process that uses one core, until the `with` ends."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.3)
        yield
    finally:
        process.kill()
        process.wait()


# ---- threads ------------------------------------------------------------------------------


def blas_threads():
    from threadpoolctl import threadpool_info

    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_threads_are_set_and_set_back():
    pytest.importorskip("threadpoolctl")
    before = blas_threads(), numba.get_num_threads()
    with threads.with_threads(1):
        assert (blas_threads(), numba.get_num_threads()) == ({1}, 1)
    assert (blas_threads(), numba.get_num_threads()) == before


def test_no_library_is_loaded_beside_threadpoolctl(monkeypatch):
    """The emulator's preparation loads some: each would wait for the other's lock, for ever."""
    pytest.importorskip("threadpoolctl")
    told = []
    monkeypatch.setattr(build, "_preparation", types.SimpleNamespace(join=lambda: told.append(1)))
    limits = lambda *_, **__: told.append(2) or nullcontext()  # noqa: E731
    monkeypatch.setattr("threadpoolctl.threadpool_limits", limits)
    with threads.with_threads(1):
        assert told == [1, 2]


def test_without_threadpoolctl_it_still_runs_and_says_so(workload, monkeypatch):
    monkeypatch.setattr(threads, "has_threadpoolctl", lambda: False)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    (row,) = race.race(workload, ("numpy_batched",), budget=0.0)
    assert row.timing and "threadpoolctl is not installed" in row.note


@pytest.mark.parametrize("slow, best", [(1, 2), (2, 1), (None, 1)])
def test_the_better_number_of_threads_is_measured(slow, best, monkeypatch):
    now = []

    @contextmanager
    def with_threads(count):
        now.append(count)
        yield

    monkeypatch.setattr(threads, "count_all", lambda: 2)
    monkeypatch.setattr(threads, "with_threads", with_threads)
    call = lambda: time.sleep(0.004 if now[-1] == slow else 0.001)  # noqa: E731
    assert neighbours.better_count(call, seconds=0.05) == best
    words = {1: "1 thread is enough", 2: "2 threads, the better choice"}
    assert neighbours.threads_text(best) == words[best]
    assert set(now) == {1, 2}


def test_a_row_names_its_threads(workload):
    (row,) = race.race(workload, ("numpy_batched",), budget=0.0)
    assert row.note.startswith(("1 thread", f"{threads.count_all()} threads"))
    assert row.note in results.table([row])
    assert records.record(workload, row)["note"] == row.note


@quiet_machine
def test_spinning_threads_are_waited_for():
    pytest.importorskip("threadpoolctl")
    a = np.ones((600, 600), np.float32)
    with threads.with_threads(threads.count_all()):
        for _ in range(3):
            a @ a
    neighbours.wait_until_quiet()
    before = time.process_time()
    time.sleep(0.05)
    assert time.process_time() - before < 0.025
    start = time.perf_counter()
    neighbours.wait_until_quiet(most=0.1)
    assert time.perf_counter() - start < 0.15, "a thread that never rests is not waited for"


# ---- turns --------------------------------------------------------------------------------


def rival_of(order, name, **limits):
    def time_it(on_repeat, **more):
        order.append(name)
        on_repeat(Timing((1.0,)))
        return Timing((1.0,))

    admission = race.Admission("CPU")
    return race.Rival(results.Row(name, "CPU", None), lambda: admission, time_it, **limits)


def test_rivals_take_turns():
    order, told = [], []
    rows = race.take_turns([rival_of(order, n, on_row=told.append) for n in "ab"])
    assert order == ["a", "b"] * race.TURNS
    assert [len(row.timing.seconds) for row in rows] == [race.TURNS] * 2
    assert told == rows, "each is told once, when it is complete"


def test_a_race_takes_turns_and_repeats_within_its_budget(workload):
    order = []
    rows = race.race(
        workload, ("numpy_loop", "numpy_batched"), budget=0.1,
        on_repeat=lambda row: order.append(row.version),
    )  # fmt: skip
    changes = [v for n, v in enumerate(order) if n == 0 or order[n - 1] != v]
    assert changes == ["numpy_loop", "numpy_batched"] * race.TURNS
    assert all(3 <= len(row.timing.seconds) <= 30 for row in rows)


def test_one_that_fails_in_a_later_turn_loses_its_time(workload, monkeypatch):
    calls = []

    def fails_later(*problem):
        calls.append(problem)
        if len(calls) > 40:
            raise ArithmeticError("planted")
        return numpy_batched.gradients(*problem)

    monkeypatch.setitem(VERSIONS, "mine", types.SimpleNamespace(gradients=fails_later))
    rows = race.race(workload, ("mine", "numpy_loop"), budget=0.5)
    assert rows[0].failed and rows[0].timing is None and "planted" in rows[0].note
    assert rows[1].timing


# ---- other programs -----------------------------------------------------------------------


@LINUX
def test_another_program_is_noticed():
    with another_program(), neighbours.Others() as others:
        time.sleep(0.5)
    assert 0.5 < others.cores
    assert neighbours.busy_text(others.cores).startswith("the machine was busy: others used ")


@LINUX
@quiet_machine
def test_ones_own_work_is_not_anothers():
    used = []
    for _ in range(20):  # until the others of this machine leave it alone for a moment
        with neighbours.Others() as others, neighbours.Others() as idle:
            end = time.perf_counter() + 0.3
            while time.perf_counter() < end:
                pass
        with idle:
            time.sleep(0.3)
        used.append(others.cores - idle.cores)
    assert np.median(used) < 0.5


def test_what_nobody_tells_is_not_known(monkeypatch):
    monkeypatch.setattr(neighbours, "STAT", "/no/such/file")
    with neighbours.Others() as others:
        time.sleep(0.12)
    assert others.cores is None and neighbours.busy_text(None) == ""
    with neighbours.Others() as too_short:
        pass
    assert too_short.cores is None


def test_a_busy_machine_is_said_in_table_picture_and_sentence(workload):
    rows = [
        results.Row("numpy_loop", "CPU", Timing((2.0,)), others=0.1),
        results.Row("numpy_batched", "CPU", Timing((1.0,)), others=0.9),
    ]
    assert "the machine was busy: others used 90% of a core" in reading(rows)
    said = draw_race([("a", workload, rows)]).get_supxlabel()
    assert said == "the machine was busy: others used 90% of a core: the times may be too long"
    quiet = [row._replace(others=0.1) for row in rows]
    assert "busy" not in reading(quiet) and not draw_race([("a", workload, quiet)]).get_supxlabel()


@pytest.mark.parametrize("panels", [1, 2])
@pytest.mark.parametrize("cores", [0.9, 19.9, 1e9])
def test_no_warning_below_a_race_is_cut(workload, cores, panels):
    rows = [
        results.Row("numpy_batched", "CPU", Timing((1.0,)), others=cores),
        results.Row("cuda_v2", "emulated on CPU", Timing((1.0,)), others=cores),
    ]
    picture = draw_race([("a", workload, rows)] * panels)
    picture.draw_without_rendering()
    words = next(text for text in picture.texts if "busy" in text.get_text())
    assert "emulated" in words.get_text() and "too long" in words.get_text()
    box, edge = words.get_window_extent(), MARGIN * picture.dpi
    assert box.x0 >= edge and box.x1 <= picture.bbox.width - edge


def test_the_benchs_picture_and_the_scale_tab_say_it_too(workload, monkeypatch):
    row = results.Row("numpy_batched", "CPU", Timing((1.0, 2.0)), others=0.9)
    machine = {"cpu": "a CPU", "kernels": "No GPU."}
    found = records.records([(workload, [row])])
    assert found[0]["others"] == 0.9
    title = " ".join(draw_bench(found, machine).get_suptitle().split())
    assert title == "a CPU. No GPU. At times the machine was busy: others used 90% of a core."
    monkeypatch.setattr(race, "race_one", lambda *args, **limits: row)
    scale = Race(versions=("numpy_batched",)).scale
    scale.most.value = 256
    scale.bar.run(wait=True)
    assert "But the machine was busy: others used 90% of a core" in scale.words.value


@LINUX
@quiet_machine
def test_numpy_batched_holds_out_beside_another_program():
    """Batch 1,024, H=32: with all of BLAS's threads it took up to 50 times as long."""
    pytest.importorskip("threadpoolctl")
    large = Workload(*data.panel(1024), 1024, 32)

    def row():
        (found,) = race.race(large, ("numpy_batched",), budget=0.6)
        return found

    ratios = []
    for _ in range(5):
        quiet = row()
        with another_program():
            ratios.append(row().timing.median / quiet.timing.median)
    assert np.median(ratios) < 1.5, ratios
