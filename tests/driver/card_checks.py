"""The whole real path of `numba.cuda`, checked on the stand-in for the driver (libcuda.c).

tests/test_gpu_path.py starts this file in a process of its own, which meets a card.  By hand:

    python -m tests.driver python -m pytest tests/driver/card_checks.py

`with stand_in.count() as counted` tells what the driver saw inside: copies, bytes, launches and so
on (start/stand_in.py).  Some checks call the driver's functions directly, with ctypes.
"""

import ctypes
import gc
import inspect
import threading
import weakref
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import numba
import numpy as np
import pytest
import stand_in

from lstm_kernels import VERSIONS, __main__, cuda, data, init_params
from lstm_kernels.classroom.source import load
from lstm_kernels.judge.version import verdict_on
from lstm_kernels.lab.commands import bench
from lstm_kernels.lab.estimates import bus, compiler
from lstm_kernels.lab.measure import device_times, race, timing
from lstm_kernels.lab.measure.card import file as card_file
from lstm_kernels.lab.measure.card.plan import Plan
from lstm_kernels.machine import device, large_shared, watch
from lstm_kernels.machine.cuda_graph import Graph, GraphError, call, handle_of
from lstm_kernels.model import sizes
from lstm_kernels.optimizers import Adam
from lstm_kernels.training import fit
from lstm_kernels.versions import buffers, cuda_v5, cuda_v6, cuda_v7
from lstm_kernels.versions.packing import make_layout
from tests import PNG
from tests.problems import random_problem as batch

CUDA_VERSIONS = [name for name in VERSIONS if name.startswith("cuda")]
IN, OUT = "host to device", "device to host"


@cuda.jit
def fill(a, value):
    n = cuda.grid(1)
    if n < a.size:
        a[n] = value


def totals(log):
    """What watch.count_transfers reports, in the driver's own words."""
    found = {}
    for words, direction in (("in", IN), ("out", OUT)):
        nbytes = [t.nbytes for t in log if t.direction == direction]
        found |= {f"copies_{words}": len(nbytes), f"bytes_{words}": sum(nbytes)}
    return found


def copies_only(counted):
    return {name: counted[name] for name in ("copies_in", "bytes_in", "copies_out", "bytes_out")}


# ---- the device ---------------------------------------------------------------------------


def test_numba_cuda_itself_is_used_and_named():
    assert device.TARGET == "gpu" and device.WHY_NO_GPU is None
    assert cuda.__name__ == "numba.cuda"
    assert device.describe().startswith("Stand-in T4, CUDA 12.8, numba-cuda ")
    assert device.describe().endswith(": kernels run on the GPU.")
    assert device.count_gpus() == 1 and device.count_processors() == 40
    assert device.is_right(device.run_probe())


def test_memory_is_counted():
    free = device.free_memory()
    array = cuda.device_array(2**20, np.uint8)
    assert free - device.free_memory() == 2**20
    assert np.isnan(cuda.device_array(3, np.float32).copy_to_host()).all(), "fresh: rubbish"
    device.check_memory(free - 2**21, "this")
    with pytest.raises(MemoryError, match="the limit here is"):
        device.check_memory(free, f"more than is left beside {array.nbytes} bytes")


# ---- the versions -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 5, 1, 3, 1), (12, 70, 2, 33, 2), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("version", CUDA_VERSIONS)
def test_gradients_are_the_references(version, shape):
    loss, grads = VERSIONS[version].gradients(*batch(*shape))
    right_loss, right = VERSIONS["numpy_batched"].gradients(*batch(*shape))
    assert loss == pytest.approx(right_loss, rel=1e-5)
    for name, a, b in zip(right._fields, grads, right, strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max(), name


def test_an_own_version_is_judged_before_the_card_runs_it():
    text = inspect.getsource(VERSIONS["cuda_v2"])
    outside = text.replace("if n < x.shape[1]:", "if n <= x.shape[1]:")
    with stand_in.count() as counted:
        verdict = verdict_on(load(Path("own.py"), outside))
    assert "is outside h" in verdict.wrong and counted["launches"] == 0
    verdict = verdict_on(load(Path("own.py"), text))
    assert (verdict.wrong, verdict.where) == ("", "GPU")
    assert (verdict.counts.launches, verdict.counts.copies) == (1, 38)


@pytest.mark.parametrize("version", ["cuda_v3", "cuda_v3c", "cuda_v4", "cuda_v5"])
def test_gradients_in_double_precision(version):
    problem = batch(4, 6, 2, 5, 2, np.float64)
    loss, grads = VERSIONS[version].gradients(*problem)
    right_loss, right = VERSIONS["numpy_batched"].gradients(*problem)
    assert loss == pytest.approx(right_loss, rel=1e-12)
    for a, b in zip(grads, right, strict=True):
        assert np.abs(a - b).max() <= 1e-12 * np.abs(b).max()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_v6s_training_is_the_references(optimizer):
    params, x, y = batch(6, 23, 1, 9, 1)
    settings = dict(epochs=3, batch_size=5, lr=1e-2, optimizer=optimizer, seed=1)
    device.release_memory()
    with stand_in.count() as counted:
        trained, history = fit("cuda_v6", params, x, y, **settings)
    right, reference = fit("numpy_batched", params, x, y, **settings)
    assert history.batch_losses == pytest.approx(reference.batch_losses, rel=1e-4)
    for a, b in zip(trained, right, strict=True):
        assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max()
    assert counted["launches"] == counted["recorded"] == 2 + 2 * 5, "the first epoch's"
    assert counted["replays"] == 2


@pytest.mark.parametrize("recorded", [False, True])
def test_v6_trains_more_than_64_units_with_v7s_cooperative_launches(recorded):
    """Two mini-batches, the second a short one: the plan in two, and three launches for each."""
    params, x, y = batch(3, 40, 1, 70, 1)
    orders = np.concatenate([np.random.default_rng(e).permutation(40) for e in range(3)])
    training = cuda_v6.DeviceTraining(params, x, y, orders, 32, Adam(params, 1e-2), recorded)
    counts, losses = [], []
    for epoch in range(3):
        with stand_in.count() as counted:
            training.epoch(epoch)
        counts.append([counted[name] for name in ("launches", "recorded", "replays")])
        losses += training.losses(epoch).tolist()
    right, rule = params, Adam(params, 1e-2)
    batches = [part for of_epoch in orders.reshape(3, 40) for part in np.split(of_epoch, [32])]
    for here, found in zip(batches, losses, strict=True):
        loss, grads = VERSIONS["numpy_batched"].gradients(right, x[:, here], y[:, here])
        assert found == pytest.approx(loss, rel=1e-4)
        right = rule.update(right, grads)
    for a, b in zip(training.params(3), right, strict=True):
        assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max()
    assert counts == ([[8, 8, 0], [0, 0, 1], [0, 0, 1]] if recorded else [[8, 0, 0]] * 3)


def signatures(kernel):
    """The types of the arguments that it was compiled for."""
    return list(kernel.overloads)


def test_the_compile_report_compiles_what_is_launched():
    small_training(False, 1).epoch(0)
    T, N, D, H, O, F32 = 3, 5, 2, 70, 1, np.dtype(np.float32)  # noqa: E741
    VERSIONS["cuda_v7"].gradients(*batch(T, N, D, H, O))
    steps = cuda_v7.Steps(cuda_v7.make_layout(D, H, O), T, N, F32)
    for kernel, axes in (
        (steps.kernel, compiler.WHOLE_CARD),
        (steps.weights_kernel, compiler.OF_DZ),
        (cuda_v6.plan_kernel, compiler.PLAN),
    ):
        assert signatures(kernel) == [compiler.argument_types(axes, "float32")]


# ---- what crosses the bus -----------------------------------------------------------------


@pytest.mark.parametrize(("version", "number"), [("cuda_v2", 38), ("cuda_v3", 3), ("cuda_v3c", 3)])
def test_the_driver_counts_the_copies_that_lesson_08_names(version, number):
    x, y = data.airline_workload()
    problem = init_params(1, 50, 1), x[:, :7], y[:, :7]
    with stand_in.count() as counted, watch.count_transfers() as log:
        VERSIONS[version].gradients(*problem)
    claimed = bus.copies(version, sizes(problem[0], problem[1]))
    assert [(t.direction, t.nbytes) for t in log] == [(c.direction, c.nbytes) for c in claimed]
    assert copies_only(counted) == totals(log) == totals(claimed)
    assert counted["copies_in"] + counted["copies_out"] == number
    assert counted["launches"] == 1


def test_each_mini_batch_of_v2_asks_for_memory_for_19_arrays_and_gives_it_back():
    problem, mini_batches = batch(3, 5, 1, 4, 1), 40
    VERSIONS["cuda_v2"].gradients(*problem)
    with stand_in.count() as counted:
        for _ in range(mini_batches):
            VERSIONS["cuda_v2"].gradients(*problem)
    assert counted["allocations"] == 19 * mini_batches
    assert abs(counted["frees"] - counted["allocations"]) < 19, "some are freed with the next ones"


@pytest.mark.parametrize(
    "version, copies, launches",
    [("cuda_v3", 3, 1), ("cuda_v3c", 3, 1), ("cuda_v4", 2, 2), ("cuda_v5", 2, 2)],
)
def test_between_mini_batches_nothing_is_allocated_and_nothing_freed(version, copies, launches):
    """Two sizes in turn, as in a training whose last mini-batch is short."""
    problems, rounds = (batch(3, 5, 1, 4, 1), batch(3, 2, 1, 4, 1)), 10
    for problem in problems:
        VERSIONS[version].gradients(*problem)
    with stand_in.count() as counted:
        for problem in problems * rounds:
            VERSIONS[version].gradients(*problem)
    assert counted["allocations"] == counted["frees"] == counted["copies_inside"] == 0
    assert counted["launches"] == 2 * rounds * launches
    assert counted["copies_in"] + counted["copies_out"] == 2 * rounds * copies


@pytest.mark.parametrize("version", ["cuda_v3", "cuda_v4", "cuda_v5"])
def test_two_threads_never_share_what_is_kept(version):
    """They call in turn, for the stand-in has no locks: the second inside the first's call."""
    problems = batch(3, 5, 1, 4, 1), batch(3, 5, 1, 4, 1)
    gradients, found = VERSIONS[version].gradients, []
    right, fetch = [gradients(*problem) for problem in problems], buffers.Piece.fetch

    def fetch_after_another(piece):
        if not found:
            found.append(None)
            thread = threading.Thread(target=lambda: found.append(gradients(*problems[1])))
            thread.start()
            thread.join()
        return fetch(piece)

    with mock.patch.object(buffers.Piece, "fetch", fetch_after_another):
        found.append(gradients(*problems[0]))
    for (loss, grads), (right_loss, right_grads) in zip(found[:0:-1], right, strict=True):
        assert loss == right_loss
        assert all(map(np.array_equal, grads, right_grads))


def test_v3s_host_needs_less_time_than_v2s():
    """Lesson 08 says so: what V3 asks of the driver is less work for Python, too."""
    problem, fastest = batch(11, 7, 1, 50, 1), {}
    with stand_in.idle_launches():
        for version in ("cuda_v2", "cuda_v3"):
            call = partial(VERSIONS[version].gradients, *problem)
            fastest[version] = min(timing.time_call(call, at_least=100, at_most=100).seconds)
    assert fastest["cuda_v3"] < 0.8 * fastest["cuda_v2"]


@pytest.mark.parametrize("version", CUDA_VERSIONS)
def test_no_copy_escapes_count_transfers(version):
    problem = batch(3, 5, 2, 4, 2)
    VERSIONS[version].gradients(*problem)
    with stand_in.count() as counted, watch.count_transfers() as log:
        VERSIONS[version].gradients(*problem)
    assert copies_only(counted) == totals(log)
    assert counted["loads"] == 0, "a second call compiles nothing"


@pytest.mark.parametrize("epochs", [1, 4])
def test_v6_copies_what_lesson_15_names(epochs):
    params, x, y = batch(6, 23, 1, 9, 1)
    settings = dict(epochs=epochs, batch_size=5, lr=1e-2, optimizer="adam")
    with stand_in.count() as counted, watch.count_transfers() as log:
        fit("cuda_v6", params, x, y, **settings)
    size = 4 * make_layout(1, 9, 1).size
    even = -(-3 * size // 8) * 8  # what follows has numbers of 8 bytes: the count, the orders
    in_one_piece = even + 8 + 8 * 23 * epochs + x.nbytes + y.nbytes + 2 * 4 * 5 * epochs
    assert [t.nbytes for t in log if t.direction == IN] == [in_one_piece]
    assert [t.nbytes for t in log if t.direction == OUT] == [4 * 23] * epochs + [size]
    assert copies_only(counted) == totals(log)
    assert counted["copies_inside"] == 0


def test_v6_asks_for_memory_once_and_the_next_training_of_its_sizes_not_at_all():
    params, x, y = batch(6, 23, 1, 9, 1)
    settings = dict(epochs=3, batch_size=5, lr=1e-2)
    device.release_memory()
    found = []
    for _ in range(2):
        with stand_in.count() as counted:
            fit("cuda_v6", params, x, y, **settings)
        names = "allocations", "frees", "launches", "recorded", "replays", "streams", "executables"
        found.append([counted[name] for name in names])
    assert found == [[1, 0, 12, 12, 2, 1, 1], [0, 0, 0, 0, 3, 0, 0]]
    with stand_in.count() as counted:
        device.release_memory()
    assert counted["frees"] >= 1 and counted["executables"] <= -1


def test_v6s_host_needs_little_time_for_a_mini_batch():
    """What the host does in a whole training of eight epochs, for each of its mini-batches."""
    x, y = data.panel(16 * 7, 11)
    settings = dict(epochs=8, batch_size=7, lr=1e-3)
    call = partial(fit, "cuda_v6", init_params(1, 50, 1), x, y, **settings)
    call()
    with stand_in.idle_launches():
        fastest = min(timing.time_call(call, at_least=30, at_most=30).seconds)
    assert fastest / (8 * 16) < 15e-6


def test_v6_queues_an_epoch_without_a_wait():
    training = small_training(False, 1)
    with stand_in.count() as counted:
        training.epoch(0)
    waited = ("copies_in", "copies_out", "synchronisations", "allocations", "frees")
    assert {name: counted[name] for name in waited} == dict.fromkeys(waited, 0)
    assert counted["launches"] == 12, "the plan in two, and two for each of five mini-batches"


def test_what_is_allocated_is_freed_again():
    """Numba frees late, some arrays together; those that wait, or are kept, become no more."""
    problem = batch(3, 5, 2, 4, 2)
    gc.collect()
    gc.freeze()  # a collection then looks at what is new, and takes no second
    for _ in range(8):
        for version in CUDA_VERSIONS:
            VERSIONS[version].gradients(*problem)
        device.release_memory()
        gc.collect()
        waiting = stand_in.state.allocations - stand_in.state.frees
        assert waiting <= numba.config.CUDA_DEALLOCS_COUNT == 10
    gc.unfreeze()


# ---- a recorded graph ---------------------------------------------------------------------


def small_training(recorded, epochs):
    params, x, y = batch(6, 23, 1, 9, 1)
    orders = [np.random.default_rng(e).permutation(23) for e in range(epochs)]
    settings = np.concatenate(orders), 5, Adam(params, 1e-2), recorded
    return cuda_v6.DeviceTraining(params, x, y, *settings)


def test_a_recorded_epoch_is_one_call_with_the_same_bits():
    plain, graph = (small_training(recorded, 4) for recorded in (False, True))
    calls = []
    for epoch in range(4):
        plain.epoch(epoch)
        with stand_in.count() as counted:
            graph.epoch(epoch)
        calls.append([counted[name] for name in ("launches", "recorded", "replays")])
        waited = ("copies_in", "copies_out", "synchronisations", "loads")
        assert {name: counted[name] for name in waited} == dict.fromkeys(waited, 0)
        assert np.array_equal(plain.losses(epoch), graph.losses(epoch))
    assert calls == [[12, 12, 0], *[[0, 0, 1]] * 3]
    for a, b in zip(plain.params(4), graph.params(4), strict=True):
        assert np.array_equal(a, b) and np.isfinite(a).all()


def test_a_recorded_training_waits_for_its_own_queue():
    """A copy in the default stream would wait as well, but only while that waits for all others."""
    training = small_training(True, 2)
    for epoch in range(2):
        training.epoch(epoch)
    for read, nbytes in ((training.losses, 4 * 23), (training.params, training.room.packed.nbytes)):
        with stand_in.count() as counted:
            read(1)
        assert [counted[name] for name in ("copies_out", "bytes_out")] == [1, nbytes]
        assert counted["synchronisations"] == 1


@contextmanager
def no_collector():
    """Inside, only what nobody refers to dies; what Numba keeps for later is freed before."""
    gc.collect()
    free_what_waits()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def free_what_waits():
    """Numba keeps the last launches' settings, with their streams, and frees late."""
    type(cuda_v6.make_adam(np.dtype(np.float32))).configure.cache_clear()
    context = cuda.current_context()
    context.deallocations.clear()
    context.memory_manager.deallocations.clear()


def test_a_recorded_training_dies_with_its_last_name():
    with no_collector(), stand_in.count() as counted:
        training = small_training(True, 3)
        for epoch in range(3):
            training.epoch(epoch)
            training.losses(epoch)
        room = training.room
        parts = training, room, room.graph, room.stream, room.state, room.order
        dead = [weakref.ref(part) for part in parts]
        del training, room, parts
        assert [ref() for ref in dead[:3]] == [None] * 3, "no cycle keeps it or its graph"
        free_what_waits()
        assert [ref() for ref in dead] == [None] * 6
    assert counted["recorded"] == 12 and counted["replays"] == 2
    assert counted["allocations"] == counted["frees"] > 0
    assert [counted[name] for name in ("streams", "graphs", "executables")] == [0] * 3


def interrupted():
    raise KeyboardInterrupt


def test_what_cannot_be_recorded_is_refused_and_the_stream_goes_on():
    stream, array = cuda.stream(), cuda.to_device(np.zeros(4, np.float32))
    fill[1, 32, stream](array, 1)
    with stand_in.count() as counted:
        with pytest.raises(GraphError, match="while recording: .*CAPTURE_IMPLICIT"):
            Graph(stream, array.copy_to_host)  # a copy to the host waits
        with pytest.raises(GraphError, match="while recording: .*CAPTURE_UNSUPPORTED"):
            Graph(stream, lambda: cuda.device_array(4))
        with pytest.raises(KeyboardInterrupt):
            Graph(stream, interrupted)
    assert counted["graphs"] == counted["executables"] == 0
    with pytest.raises(GraphError, match="this driver has no cuTomorrow"):
        call("cuTomorrow")
    again = Graph(stream, lambda: fill[1, 32, stream](array, 3))
    assert array.copy_to_host().tolist() == [1] * 4, "recorded, and not started"
    again.launch()
    assert array.copy_to_host().tolist() == [3] * 4


def test_a_graph_and_what_starts_are_two_things():
    stream, array = cuda.stream(), cuda.to_device(np.zeros(4, np.float32))
    fill[1, 32, stream](array, 1)
    recorded = Graph(stream, lambda: fill[1, 32, stream](array, 2))
    with pytest.raises(GraphError, match=r"cuGraphDestroy: CUDA_ERROR_INVALID_VALUE \(1\)"):
        call("cuGraphDestroy", recorded.handle)
    graph = ctypes.c_void_p()
    call("cuStreamBeginCapture_v2", handle_of(stream), ctypes.c_int(1))
    call("cuStreamEndCapture", handle_of(stream), ctypes.byref(graph))
    for refused in ("cuGraphLaunch", "cuGraphExecDestroy"):
        with pytest.raises(GraphError, match=f"{refused}: CUDA_ERROR_INVALID_VALUE"):
            call(refused, graph, handle_of(stream))
    call("cuGraphDestroy", graph)


class Cycle:
    """Something that only the garbage collector frees."""

    def __init__(self, *things):
        self.things, self.me = things, self


def test_nothing_is_freed_while_a_graph_is_recorded():
    stream, array = cuda.stream(), cuda.to_device(np.zeros(4, np.float32))
    fill[1, 32, stream](array, 1)

    def launch():
        fill[1, 32, stream](array, 2)

    def launch_in_a_full_house():
        for _ in range(2 * numba.config.CUDA_DEALLOCS_COUNT):
            waiting.pop()  # the last name of an array: Numba would free ten at once
        Cycle(rubbish.pop())
        gc.set_threshold(1)
        launch()

    waiting = [cuda.device_array(4) for _ in range(2 * numba.config.CUDA_DEALLOCS_COUNT)]
    rubbish, threshold = [Graph(stream, launch)], gc.get_threshold()
    try:
        with stand_in.count() as counted:
            Graph(stream, launch_in_a_full_house).launch()
    finally:
        gc.set_threshold(*threshold)
    assert counted["recorded"] == 1 and array.copy_to_host().tolist() == [2] * 4
    assert gc.isenabled()


# ---- times --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["cuda_v1", "cuda_v2", "cuda_v3", "cuda_v6"])
def test_the_parts_of_a_mini_batch_are_measured(version):
    x, y = data.airline_workload()
    workload = timing.Workload(x, y, batch_size=30, H=4)
    found = timing.measure(version, workload, budget=0.0).parts
    assert found.where == "GPU"
    times = np.array(found[1:])
    assert np.isfinite(times).all() and (times >= 0).all() and (times[1:] > 0).all()
    assert 0 < found.copies < 1


@pytest.mark.parametrize(("version", "copies", "launches"), [("cuda_v2", 38, 1), ("cuda_v6", 2, 2)])
def test_every_copy_and_launch_gets_its_two_events(version, copies, launches):
    problem = batch(3, 5, 1, 3, 1)
    with watch.watch() as spans:
        VERSIONS[version].gradients(*problem)
    kinds = [kind for kind, *_ in spans]
    assert kinds.count(watch.KERNEL) == launches
    assert kinds.count(watch.IN) + kinds.count(watch.OUT) == copies
    with stand_in.count() as counted:
        VERSIONS[version].gradients(*problem)
    assert len(spans) == copies + launches and counted["launches"] == launches


@pytest.mark.parametrize("version", ["cuda_v2", "cuda_v3"])
def test_the_time_line_is_measured_with_the_versions_own_copies(version):
    problem = batch(3, 5, 1, 4, 1)
    with stand_in.count() as counted:
        spans = device_times.measure_time_line(version, *problem, repeats=3)
    claimed = bus.copies(version, sizes(problem[0], problem[1]))
    assert copies_only(counted) == {name: 4 * n for name, n in totals(claimed).items()}
    assert [s.name for s in spans if s.kind != "kernel"] == [c.name for c in claimed]
    assert all(np.isfinite(s.seconds) and s.seconds > 0 for s in spans)


def test_the_race_gives_the_card_its_rows_and_ratios(monkeypatch, tmp_path, capsys):
    """The command, at a small size: its own would be Python's time, not the card's."""
    x, y = data.airline_workload()
    small = timing.Workload(x[:4, :16], y[:4, :16], batch_size=7, H=4)
    for name in ("published_workload", "larger_workload"):
        monkeypatch.setattr(race, name, lambda epochs=1: small)
    picture = tmp_path / "race.png"
    assert __main__.main(["race", "--quick", "--png", str(picture)]) == 0
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines() if line.startswith("cuda_v")]
    assert [row[:2] for row in rows] == 2 * [[f"cuda_v{n}", "GPU"] for n in (1, 2, 3)]
    ratios = [[cell for cell in row[2:] if cell.endswith("x")] for row in rows]
    assert all(len(found) >= 2 for found in ratios), "a note may follow: was the machine busy?"
    assert "emulated" not in said and "No GPU" not in said
    assert picture.read_bytes().startswith(PNG)


# ---- all about one card -------------------------------------------------------------------

SMALL = Plan(
    shapes=((2, 3, 1, 4, 1), (2, 2, 1, 66, 1)), training=((2, 5, 4, 2),), steps=((2, 4, 2),),
    step_seconds=0.0, profiled=(), trainings=(), kernels=((4, 2),), replays=2, host=((2, 4, 2),),
)  # fmt: skip


def test_the_whole_of_bench_card(tmp_path, capsys):
    """At small sizes, twice: the second time nothing is left to do."""
    out = str(tmp_path / "card_standint4")
    bench.main_card(out, plan=SMALL)
    found = card_file.load(f"{out}.json")
    assert card_file.why_name_wrong(f"{out}.json", found) == ""
    assert all(row["right"] for row in found["rows"] if row["what"] in ("gradients", "training")
               and row["section"] == "right")  # fmt: skip
    assert [row for row in found["rows"] if "failed" in row] == []
    assert {"V6", "V6 recorded"} <= {row.get("rival") for row in found["rows"] if "median" in row}
    of_host = {row["version"]: row for row in found["rows"] if row["section"] == "host"}
    assert of_host["cuda_v2"]["copies_in"] == 19 and of_host["cuda_v2"]["allocations"] == 0
    assert of_host["V6 recorded"]["copies_in"] == of_host["V6 recorded"]["allocations"] == 0
    bench.main_card(out, plan=SMALL)
    assert card_file.load(f"{out}.json")["rows"] == found["rows"]
    assert "no verdict" in capsys.readouterr().out


def test_allocations_are_counted():
    with stand_in.count() as counted, watch.count_allocations() as sizes:
        arrays = [cuda.device_array(n, np.uint8) for n in (3, 2**20)]
    assert sizes == [array.nbytes for array in arrays] and counted["allocations"] == 2


# ---- what a card refuses ------------------------------------------------------------------

INVALID_VALUE, INVALID_HANDLE, TOO_MANY_RESOURCES = 1, 400, 701  # the driver's answers
COOPERATIVE_LAUNCH_TOO_LARGE = 720


@pytest.mark.parametrize(
    ("grid", "block"), [(1, 1025), ((1, 65536), 32), (1, (1, 1, 65)), (1, (32, 33))]
)
def test_a_grid_or_block_that_is_too_large(grid, block):
    array = cuda.to_device(np.zeros(4, np.float32))
    with stand_in.count() as counted, pytest.raises(Exception, match="(?i)invalid"):
        fill[grid, block](array, 1)
    assert counted["launches"] == 0
    fill[1, 32](array, 2)
    assert array.copy_to_host().tolist() == [2] * 4, "the next launch is as good as ever"


def launch_without_arguments(handle, threads):
    """The driver's answer; its checks of the launch come before the arguments."""
    sizes = [ctypes.c_uint(n) for n in (1, 1, 1, threads, 1, 1, 0)]
    return stand_in.library.cuLaunchKernel(ctypes.c_void_p(handle), *sizes, None, None, None)


def test_more_registers_than_an_sm_has():
    """V5's kernel for 64 units holds its weights in registers: 256 threads fit, 1,024 do not."""
    VERSIONS["cuda_v5"].gradients(*batch(2, 3, 1, 40, 1))
    kernel = cuda_v5.make_kernel(64, np.dtype(np.float32))
    (compiled,) = kernel.overloads.values()
    assert 64 < compiled.regs_per_thread <= 255
    handle = int(compiled._codelibrary.get_cufunc().handle)
    assert launch_without_arguments(handle, 256) == INVALID_VALUE
    assert launch_without_arguments(handle, 1024) == TOO_MANY_RESOURCES
    assert launch_without_arguments(handle + 8, 256) == INVALID_HANDLE
    assert launch_without_arguments(0, 256) == INVALID_HANDLE


@cuda.jit
def together(a):
    """All blocks wait for each other, with as much shared memory as the launch asks for."""
    shared = cuda.shared.array(0, numba.float32)
    if cuda.threadIdx.x == 0:
        shared[shared.size - 1] = 1
    cuda.cg.this_grid().sync()
    if cuda.threadIdx.x == 0:
        a[cuda.blockIdx.x] = shared[shared.size - 1]


@pytest.mark.parametrize("threads, nbytes, most", [(256, 1024, 160), (32, 20 * 1024, 120)])
def test_blocks_that_wait_for_each_other_must_be_on_the_card_at_once(threads, nbytes, most):
    """40 SMs, each with 1,024 threads and 64 KB.  Numba asks the driver before it launches."""
    array = cuda.to_device(np.zeros(most, np.float32))
    limit = rf"exceeds the limit \({most}\)"
    with stand_in.count() as counted, pytest.raises(Exception, match=limit):
        together[most + 1, threads, 0, nbytes](array)
    assert counted["launches"] == 0
    together[most, threads, 0, nbytes](array)
    assert array.copy_to_host().tolist() == [1] * most
    for blocks, answer in ((most, INVALID_VALUE), (most + 1, COOPERATIVE_LAUNCH_TOO_LARGE)):
        assert launch_together_without_arguments(blocks, threads, nbytes) == answer


def launch_together_without_arguments(blocks, threads, nbytes):
    """The driver's answer; arguments are looked at last."""
    (compiled,) = together.overloads.values()
    handle = ctypes.c_void_p(int(compiled._codelibrary.get_cufunc().handle))
    sizes = [ctypes.c_uint(n) for n in (blocks, 1, 1, threads, 1, 1, nbytes)]
    return stand_in.library.cuLaunchCooperativeKernel(handle, *sizes, None, None)


def test_more_than_48_kb_of_shared_memory_only_for_who_asks():
    array = cuda.to_device(np.zeros(40, np.float32))
    together[1, 32, 0, 48 * 1024](array)
    with pytest.raises(Exception, match="(?i)invalid"):
        together[40, 32, 0, 48 * 1024 + 16](array)
    large_shared.allow(together, (array,), 64 * 1024)
    together[40, 32, 0, 64 * 1024](array)
    assert array.copy_to_host().tolist() == [1] * 40
    with pytest.raises(Exception, match=r"exceeds the limit \(0\)"):
        together[1, 32, 0, 64 * 1024 + 16](array)
    with pytest.raises(RuntimeError, match="65552 bytes .* the driver says .*INVALID_VALUE"):
        large_shared.allow(together, (array,), 64 * 1024 + 16)


def test_memory_that_is_not_there():
    library, pointer, host = stand_in.library, ctypes.c_uint64(), (ctypes.c_char * 64)()
    assert library.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(64)) == 0
    inside, past = ctypes.c_size_t(64), ctypes.c_size_t(65)
    assert library.cuMemcpyHtoD_v2(pointer, host, inside) == 0
    assert library.cuMemcpyHtoD_v2(pointer, host, past) == INVALID_VALUE
    assert library.cuMemcpyDtoH_v2(host, pointer, past) == INVALID_VALUE
    assert library.cuMemFree_v2(ctypes.c_uint64(pointer.value + 4)) == INVALID_VALUE
    assert library.cuMemFree_v2(pointer) == 0
    assert library.cuMemFree_v2(pointer) == INVALID_VALUE, "freed twice"
    assert library.cuMemcpyDtoH_v2(host, pointer, inside) == INVALID_VALUE, "used when freed"


# ---- what a card refuses while a stream is captured, and streams that are not there ---------

CAPTURE_UNSUPPORTED, IMPLICIT, CAPTURED_EVENT, WRONG_THREAD = 900, 906, 907, 908
THREAD_LOCAL, RELAXED = 1, 2


def made(function, *arguments):
    """A handle that this function of the driver makes."""
    handle = ctypes.c_void_p()
    assert getattr(stand_in.library, function)(ctypes.byref(handle), *arguments) == 0
    return handle


@contextmanager
def capture(mode=THREAD_LOCAL):
    """Yields a stream that is captured; after the `with` it is not any more."""
    stream, graph = made("cuStreamCreate", 0), ctypes.c_void_p()
    assert stand_in.library.cuStreamBeginCapture_v2(stream, mode) == 0
    try:
        yield stream
    finally:
        if stand_in.library.cuStreamEndCapture(stream, ctypes.byref(graph)) == 0:
            stand_in.library.cuGraphDestroy(graph)
        stand_in.library.cuStreamDestroy_v2(stream)


def test_waits_and_questions_in_a_captured_stream():
    """As in the CUDA Programming Guide: "Prohibited and Unhandled Operations"."""
    library, event, before = stand_in.library, made("cuEventCreate", 0), made("cuEventCreate", 0)
    assert library.cuEventRecord(before, None) == 0
    with capture() as stream:
        assert library.cuEventRecord(event, stream) == 0, "a mark in the graph"
        for refused in (library.cuEventQuery, library.cuEventSynchronize):
            assert refused(event) == CAPTURED_EVENT
            assert refused(before) == CAPTURE_UNSUPPORTED
        for refused in (library.cuStreamQuery, library.cuStreamSynchronize):
            assert refused(stream) == CAPTURE_UNSUPPORTED
            assert refused(None) == IMPLICIT, "the default stream waits for this one"
        assert library.cuCtxSynchronize() == CAPTURE_UNSUPPORTED
        assert library.cuEventRecord(before, None) == IMPLICIT
    assert library.cuEventSynchronize(event) == CAPTURED_EVENT, "still"
    assert library.cuEventRecord(event, None) == library.cuEventSynchronize(event) == 0
    for each in (event, before):
        assert library.cuEventDestroy_v2(each) == 0


@pytest.mark.parametrize("mode", [THREAD_LOCAL, RELAXED])
def test_what_is_unsafe_while_a_stream_is_captured(mode):
    library, pointer, answers = stand_in.library, ctypes.c_uint64(), []
    expected = CAPTURE_UNSUPPORTED if mode == THREAD_LOCAL else 0
    array = cuda.device_array(4)
    with capture(mode) as stream:
        assert library.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(64)) == expected
        if mode == RELAXED:
            assert library.cuMemFree_v2(pointer) == 0
        address = ctypes.c_uint64(array.gpu_data.device_ctypes_pointer.value)
        copy = address, address, ctypes.c_size_t(8)
        assert library.cuMemcpyDtoD_v2(*copy) == IMPLICIT, "by the default stream"
        assert library.cuMemcpyDtoDAsync_v2(*copy, stream) == CAPTURE_UNSUPPORTED
        end = ctypes.byref(ctypes.c_void_p())
        thread = threading.Thread(target=lambda: answers.append(other_thread(stream, end)))
        if mode == THREAD_LOCAL:
            thread.start()
            thread.join()
            assert answers == [WRONG_THREAD]


def other_thread(stream, end):
    """In a thread of its own: memory may be had there; the capture is not its own to end."""
    cuda.device_array(4)
    return stand_in.library.cuStreamEndCapture(stream, end)


def test_streams_that_are_not_there():
    library, array = stand_in.library, cuda.device_array(4, np.uint8)
    address, unknown = ctypes.c_uint64(array.gpu_data.device_ctypes_pointer.value), 0x5150
    host, size = (ctypes.c_char * 4)(), ctypes.c_size_t(4)
    stream = made("cuStreamCreate", 0)
    assert library.cuMemcpyHtoDAsync_v2(address, host, size, stream) == 0
    assert library.cuStreamDestroy_v2(stream) == 0
    for gone in (ctypes.c_void_p(unknown), stream):
        assert library.cuMemcpyHtoDAsync_v2(address, host, size, gone) == INVALID_HANDLE
        assert library.cuMemcpyDtoHAsync_v2(host, address, size, gone) == INVALID_HANDLE
        assert library.cuMemcpyDtoDAsync_v2(address, address, size, gone) == INVALID_HANDLE
        assert library.cuMemsetD8Async(address, 0, size, gone) == INVALID_HANDLE
        assert library.cuStreamSynchronize(gone) == INVALID_HANDLE
        assert library.cuStreamBeginCapture_v2(gone, THREAD_LOCAL) == INVALID_HANDLE
    assert library.cuStreamBeginCapture_v2(None, THREAD_LOCAL) == CAPTURE_UNSUPPORTED
