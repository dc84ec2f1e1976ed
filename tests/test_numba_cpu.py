"""All cores of the CPU: the same numbers as numpy_batched and PyTorch, the same bits each run."""

import math
import os
import threading

import numba
import numpy as np
import pytest

from lstm_kernels import __main__, checks
from lstm_kernels.lab.measure import cpu_baselines
from lstm_kernels.lab.measure.pytorch import torch_gradients
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.versions import numba_cpu, numpy_batched
from tests.problems import worst

SHAPES = [  # T, N, D, H, O: each path, sizes that fill no lane, no row of four, no worker
    (1, 1, 1, 1, 1),
    (3, 2, 2, 3, 2),
    (1, 8, 3, 5, 5),
    (2, 9, 1, 4, 1),
    (11, 7, 1, 50, 1),
    (4, 31, 2, 7, 3),
    (12, 33, 1, 17, 1),
    (5, 129, 4, 6, 6),
    (4, 1000, 1, 8, 1),
    (2, 2100, 1, 4, 1),
]


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_numpy_batched(shape, dtype, tolerance, problem):
    batch = problem(*shape, dtype=dtype)
    before = [a.copy() for a in (*batch[0], *batch[1:])]
    loss, grads = numba_cpu.gradients(*batch)
    assert worst((loss, grads), numpy_batched.gradients(*batch)) < tolerance
    assert type(loss) is float and [g.dtype for g in grads] == [dtype] * 5
    assert [g.shape for g in grads] == [p.shape for p in batch[0]]
    assert all(map(np.array_equal, before, (*batch[0], *batch[1:])))


@pytest.mark.parametrize("shape", [(11, 7, 1, 50, 1), (12, 64, 2, 33, 3)], ids=str)
def test_agrees_with_pytorch(shape, problem, torch):
    batch = problem(*shape)
    assert worst(numba_cpu.gradients(*batch), torch_gradients(*batch)) < 1e-5


@pytest.mark.parametrize("N", [7, 129, 2100])
def test_same_bits_on_every_run_and_any_number_of_threads(N, problem):
    batch, results = problem(4, N, 1, 9, 1), []
    threads = numba.get_num_threads()
    try:
        for count in (1, threads, 1, threads):
            numba.set_num_threads(count)
            loss, grads = numba_cpu.gradients(*batch)
            results.append(np.array([loss]).tobytes() + b"".join(g.tobytes() for g in grads))
    finally:
        numba.set_num_threads(threads)
    assert len(set(results)) == 1


def test_calls_from_several_threads_wait_for_each_other(problem):
    batch = problem(4, 100, 1, 9, 1)
    expected, results = numba_cpu.gradients(*batch), []
    callers = [
        threading.Thread(target=lambda: results.append(numba_cpu.gradients(*batch)))
        for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [worst(result, expected) for result in results] == [0] * 4


def test_saturated_gates_and_huge_inputs_stay_finite(problem):
    params, x, y = problem(4, 40, 1, 5, 1)
    x *= np.float32(1e6)
    result = numba_cpu.gradients(params, x, y)
    assert all(np.isfinite(g).all() for g in result[1])
    assert checks.relative_error(result[0], numpy_batched.gradients(params, x, y)[0]) < 1e-5


def test_a_loss_that_overflows_is_not_hidden(problem):
    params, x, y = problem(4, 40, 1, 5, 1)
    params.b_out[:] = 1e30
    assert not math.isfinite(numba_cpu.gradients(params, x, y)[0])


def test_a_worker_without_memory_is_an_error(problem, monkeypatch):
    monkeypatch.setattr(numba_cpu, "share_chunks", lambda *arguments: None)
    with pytest.raises(MemoryError, match="no room for the steps of 32 samples"):
        numba_cpu.gradients(*problem(4, 100, 1, 5, 1))


def test_the_fraction_for_tanh():
    z = np.linspace(-12, 12, 20_001).astype(np.float32)
    fast = np.array([numba_cpu.tanh_of_float32(v) for v in z], np.float64)
    assert np.abs(fast - np.tanh(z.astype(np.float64))).max() < 4e-7


@pytest.mark.parametrize("shape", [(3, 2, 2, 3, 2), (3, 40, 2, 3, 2)], ids=str)
def test_bad_input_is_named_before_any_work(shape, problem):
    params, x, y = problem(*shape)
    with pytest.raises(ValueError, match=r"must be \(T, N, 2\)"):
        numba_cpu.gradients(params, x[:, :, 0], y)
    with pytest.raises(TypeError, match="x is float64 and the parameters are float32"):
        numba_cpu.gradients(params, x.astype(np.float64), y)
    x[1, 0, 1] = np.nan
    with pytest.raises(ValueError, match=r"x\[1, 0, 1\] is nan"):
        numba_cpu.gradients(params, x, y)
    with pytest.raises(ValueError, match="W has shape"):
        numba_cpu.gradients(params._replace(W=params.W[:, :2]), y, y)


def test_arrays_in_any_memory_order(problem):
    params, x, y = problem(3, 40, 2, 3, 2)
    expected = numba_cpu.gradients(params, x, y)
    result = numba_cpu.gradients(params, np.asfortranarray(x), y[:, ::-1][:, ::-1])
    assert worst(result, expected) == 0


# ---- the lines to beat ------------------------------------------------------------------------


def test_baselines_take_turns_and_report():
    (row,) = cpu_baselines.time_shapes(
        [(3, 2, 4)], seconds=0
    )  # three turns of three calls, at least
    assert {"numpy_batched", "numba_cpu"} <= set(row.timings)
    assert all(len(t.seconds) == 9 and min(t.seconds) > 0 for t in row.timings.values())
    assert "numba_cpu" in cpu_baselines.row_text(row)


@pytest.mark.parametrize(("threads", "pauses"), [("1", {0.0}), ("2", {cpu_baselines.PAUSE})])
def test_only_more_than_one_thread_needs_a_pause(threads, pauses, monkeypatch):
    slept = set()
    monkeypatch.setattr(cpu_baselines.time, "sleep", slept.add)
    for name in cpu_baselines.THREAD_SETTINGS:
        monkeypatch.setenv(name, threads)
    cpu_baselines.time_shapes([(3, 2, 4)], seconds=0)
    assert slept == pauses


def test_ratios_to_pytorch():
    row = cpu_baselines.ShapeTimings(1, 1, 1, {
        "numpy_batched": Timing((2.0, 2.0, 8.0)), "numba_cpu": Timing((1.0, 2.0, 1.0)),
        "torch": Timing((3.0, 4.0, 4.0)),
    })  # fmt: skip
    assert cpu_baselines.ratio(row, "numba_cpu") == 4
    assert cpu_baselines.ratio(row, "numpy_batched", fastest=True) == 1.5
    assert "4.00x to 4.00x; numpy_batched alone 2.00x" in cpu_baselines.summary([row])
    alone = row._replace(timings={k: v for k, v in row.timings.items() if k != "torch"})
    assert cpu_baselines.ratio(alone, "numba_cpu") is None
    assert "not installed" in cpu_baselines.summary([alone])


def test_threads_have_a_limit(capsys):
    too_many = (os.cpu_count() or 1) + 1
    assert __main__.main(["baselines", "--threads", str(too_many)]) == 2
    assert f"the number of threads is {too_many}; the limit is 1 to" in capsys.readouterr().err
    with pytest.raises(ValueError, match="the number of threads is -1; the limit is 1 to"):
        cpu_baselines.time_shapes_apart(-1)


def test_a_process_of_its_own_measures_with_one_thread():
    (row,) = cpu_baselines.time_shapes_apart(1, [(3, 2, 4)], seconds=0)
    assert (row.N, row.T, row.H) == (3, 2, 4) and len(row.timings["numba_cpu"].seconds) == 9
