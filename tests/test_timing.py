"""Timing, the race, the doctor and the command line."""

import time
import types

import numpy as np
import pytest

from lstm_kernels import VERSIONS, __main__, init_params
from lstm_kernels.lab.figures.race import draw_published, draw_race
from lstm_kernels.lab.measure import race, results, timing
from lstm_kernels.lab.measure.timing import Timing, Workload, measure, time_call
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device, doctor, watch
from lstm_kernels.versions import COURSE
from tests import PNG
from tests.pictures import names_on, texts
from tests.processes import run_python


@pytest.fixture
def workload():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 5, 1)).astype(np.float32)
    return Workload(x, x, batch_size=2, H=3, epochs=1)


def test_the_warm_up_is_not_timed():
    calls = []

    def slow_at_first():
        calls.append(len(calls))
        time.sleep(0.2 if len(calls) == 1 else 0.001)

    result = time_call(slow_at_first, at_least=4, budget=0.0)
    assert len(calls) == 5
    assert len(result.seconds) == 4
    assert max(result.seconds) < 0.1


def test_repeats_end_with_the_budget_and_are_told():
    told = []
    result = time_call(lambda: time.sleep(0.01), at_most=6, budget=60, on_repeat=told.append)
    assert [len(t.seconds) for t in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1] == result
    assert len(time_call(lambda: time.sleep(0.01), budget=0.015).seconds) == 3


def test_median_quartiles_and_text():
    result = Timing((4.0, 1.0, 2.0, 3.0, 100.0))
    assert result.median == 3.0
    assert result.quartiles == (2.0, 4.0)
    assert str(result) == "3.00 s (2.00 s to 4.00 s)"
    texts = {0.01234: "12.3 ms", 1234.0: "1234 s", 2.5e-5: "25.0 µs", 3e-8: "30 ns"}
    assert {s: seconds_text(s) for s in texts} == texts


@pytest.mark.parametrize("version", ["sequential", "numpy_batched", "cuda_v2"])
def test_measure_trains_each_repeat_the_same(version, workload, monkeypatch):
    ran = []
    original = timing.fit

    def watched(*args, **kwargs):
        result = original(*args, **kwargs)
        ran.append(result[1].batch_losses)
        return result

    monkeypatch.setattr(timing, "fit", watched)
    result = measure(version, workload, at_least=3, budget=0.0)
    whole = [losses for losses in ran if len(losses) == 3]  # 5 windows, batch 2
    assert len(result.seconds) == len(whole) == 3
    assert np.allclose(whole, whole[0], rtol=1e-6)
    assert len(ran[0]) == 2, "the warm-up: a full mini-batch, and one as short as the last"
    assert (result.parts is None) == (version != "cuda_v2" or device.TARGET == "simulator")


def test_repeats_end_when_they_agree(monkeypatch):
    seconds = iter([9.0] + [1.0] * 20)
    monkeypatch.setattr(timing, "wall_seconds", lambda call: next(seconds))
    assert len(time_call(print, budget=60).seconds) == 7
    assert len(time_call(print, budget=60, spread=0, at_most=9).seconds) == 9


def test_a_stopped_and_a_diverged_training_say_so(workload):
    with pytest.raises(timing.Stopped, match="on_batch"):
        measure("numpy_batched", workload, stop=lambda: True)
    huge = workload._replace(x=workload.x * 1e30, y=workload.y * 1e30)
    with pytest.raises(timing.Stopped, match="diverged"):
        measure("numpy_batched", huge)


@pytest.mark.skipif(device.TARGET == "simulator", reason="no events in Numba's simulator")
def test_parts_add_up_to_less_than_the_whole(workload):
    start = time.perf_counter()
    measured = measure("cuda_v3", workload, budget=0.0).parts
    whole = time.perf_counter() - start
    assert measured.where == ("GPU" if device.ON_GPU else "emulated on CPU")
    assert min(measured.host_to_device, measured.kernel, measured.device_to_host) > 0
    assert sum(measured[2:]) + measured.compile < whole
    assert 0 < measured.copies < 1


@pytest.mark.skipif(device.TARGET == "simulator", reason="no events in Numba's simulator")
def test_every_copy_and_launch_is_watched_and_nothing_stays_watched(workload):
    params = init_params(1, 3, 1)
    before = vars(device.cuda).copy()
    for version, copies_in in (("cuda_v2", None), ("cuda_v3", 2)):
        with watch.watch() as spans:
            VERSIONS[version].gradients(params, workload.x, workload.y)
        kinds = [kind for kind, *_ in spans]
        assert kinds.count(watch.KERNEL) == 1
        assert {watch.IN, watch.OUT} < set(kinds)
        if copies_in and not device.ON_GPU:  # parameters, x and y; zeros; and the launch's own
            assert kinds.count(watch.IN) == copies_in + 1
    assert vars(device.cuda) == before


def test_on_a_card_the_drivers_functions_are_marked(monkeypatch):
    """Without a card: the same hooks, on a stand-in for the driver."""
    driver = types.SimpleNamespace(driver=types.SimpleNamespace())
    for name in ("cuMemcpyHtoD", "cuMemcpyHtoDAsync", "cuMemcpyDtoH", "cuMemcpyDtoHAsync"):
        setattr(driver.driver, name, lambda *args, name=name: name)
    driver.launch_kernel = lambda *args: "launched"
    monkeypatch.setattr(watch, "_driver_modules", lambda: (types.SimpleNamespace(), driver))
    monkeypatch.setattr(device, "ON_GPU", True)
    with watch.watch() as spans:
        assert driver.driver.cuMemcpyHtoD(1) == "cuMemcpyHtoD"
        assert driver.launch_kernel(1, 2) == "launched"
        assert driver.driver.cuMemcpyDtoHAsync() == "cuMemcpyDtoHAsync"
    assert [kind for kind, *_ in spans] == [watch.IN, watch.KERNEL, watch.OUT]
    driver.launch_kernel()
    assert len(spans) == 3


def test_the_published_workload_has_the_published_size():
    x, y, batch_size, H, epochs = race.published_workload()
    assert (x.shape, y.shape) == ((11, 59, 1), (11, 59, 1))
    assert (batch_size, H, epochs) == (7, 50, 5)
    assert str(race.published_workload()) == "59 windows, T=11, batch 7, H=50, 5 epochs"


def test_rows_without_a_gpu_get_no_ratio(workload):
    rows = race.race(workload, budget=0.0, skip=("cuda_v1",))
    assert [row.version for row in rows] == list(COURSE)
    by_name = {row.version: row for row in rows}
    assert by_name["cuda_v1"].timing is None
    assert results.speedup(rows, "sequential", "sequential") == 1
    assert results.speedup(rows, "numpy_batched", "sequential") > 0
    comparable = results.speedup(rows, "cuda_v2", "sequential") is not None
    assert comparable == device.ON_GPU
    text = results.table(rows)
    assert len(text.splitlines()) == 1 + len(COURSE)
    if device.TARGET == "emulator":
        assert "emulated on CPU" in text
    for picture in (draw_race([("a", workload, rows)]), draw_published(rows)):
        ax = picture.axes[0]
        assert names_on(ax.yaxis) == list(COURSE)
        assert texts(ax).count("left out") == 1
        marks = [text for text in texts(ax) if "(emulated)" in text or "no ratio" in text]
        assert device.TARGET != "emulator" or len(marks) == 2, "V2 and V3 have no ratio"


def test_an_error_ends_only_its_own_row(workload, monkeypatch):
    def broken(params, x, y):
        raise ArithmeticError("planted")

    monkeypatch.setattr(VERSIONS["numpy_loop"], "gradients", broken)
    rows = race.race(workload, ("numpy_loop", "numpy_batched"), budget=0.0)
    assert rows[0].failed and rows[0].note == "ArithmeticError: planted"
    assert rows[1].timing is not None
    with pytest.raises(ValueError, match="unknown version 'nothing'"):
        race.race(workload, ("nothing",))


def test_the_command_line_race(workload, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(race, "published_workload", lambda epochs: workload)
    monkeypatch.setattr(race, "larger_workload", lambda: workload)
    picture = tmp_path / "race.png"
    assert __main__.main(["race", "--quick", "--png", str(picture)]) == 0
    assert picture.read_bytes().startswith(PNG)
    printed = capsys.readouterr().out
    assert "numpy_batched" in printed and "vs sequential" in printed
    assert ("not a GPU's time" in printed) != device.ON_GPU


def test_the_doctor_finds_this_machine_well(capsys):
    assert __main__.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "Probe kernel: ran, its result is right" in printed
    assert printed.endswith("All is well.\n")


def test_the_doctor_is_well_in_numbas_simulator():
    there = {"LSTM_KERNELS_TARGET": "simulator"}
    done = run_python("-m", "lstm_kernels", "doctor", settings=there)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Numba's simulator" in done.stdout
    assert "Probe kernel: ran, its result is right" in done.stdout


@pytest.mark.parametrize(
    "error, words",
    [
        (RuntimeError("[222] CUDA_ERROR_UNSUPPORTED_PTX_VERSION"), "update the NVIDIA driver"),
        (OSError("libNVVM cannot be found"), "requirements-gpu.txt"),
        (RuntimeError('Failed to find "libnvrtc.so"'), "requirements-gpu.txt"),
        (RuntimeError("CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image"), "requirements-gpu.txt"),
        (
            RuntimeError("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"),
            "smaller batch",
        ),
        (ImportError("cannot import name 'types' from 'numba'"), "numba==0.68.1"),
        (RuntimeError("CUDA_ERROR_NO_DEVICE (100)"), "nvidia-smi must list a card"),
    ],
)
def test_the_doctor_knows_the_cure(error, words, monkeypatch, capsys):
    def fails():
        raise error

    monkeypatch.setattr(device, "run_probe", fails)
    assert doctor.main() == 1
    printed = capsys.readouterr().out
    assert str(error) in printed and "cure:" in printed and words in printed


def test_the_doctor_shows_what_it_does_not_know(monkeypatch, capsys):
    monkeypatch.setattr(device, "run_probe", lambda: np.zeros(64, np.int32))
    assert doctor.main() == 1
    monkeypatch.setattr(device, "run_probe", lambda: 1 / 0)
    assert doctor.main() == 1
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().out


def test_an_unusable_card_is_explained(monkeypatch):
    monkeypatch.setattr(device, "count_gpus", lambda: 1)
    monkeypatch.setattr(device, "WHY_NO_GPU", OSError("libNVVM cannot be found"))
    finding = doctor.check_gpu()
    assert not finding.ok and "libNVVM" in finding.text
    assert finding.fix == doctor.install(doctor.INSTALL_GPU)
    assert "doctor" in device.describe() or device.ON_GPU


def test_an_unknown_target_is_refused(monkeypatch):
    monkeypatch.setenv("LSTM_KERNELS_TARGET", "tpu")
    with pytest.raises(ValueError, match="LSTM_KERNELS_TARGET is 'tpu'; choose auto, gpu"):
        device.choose_target()
    monkeypatch.setenv("LSTM_KERNELS_TARGET", "simulator")
    assert device.choose_target() == "simulator"
