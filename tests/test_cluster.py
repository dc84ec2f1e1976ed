"""The same training on many workers, real processes of Dask: the same steps, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lstm_kernels import VERSIONS, __main__, checks, cluster, data, init_params, training
from lstm_kernels.cluster import engine, shards, step, windows
from lstm_kernels.lab import apart
from tests import driver
from tests.problems import random_problem, same, settings
from tests.processes import run_python
from tests.workers import LIMIT, Workers, kill, wait_until

long = pytest.mark.long
ELEVEN = random_problem(4, 11, 1, 5, 1, np.float64)  # windows: no number of shards divides them


@pytest.fixture
def processes(dask, tmp_path):
    """A scheduler without workers."""
    found = Workers(tmp_path)
    yield found
    found.end()


@pytest.fixture
def client(dask, processes):
    with dask.Client(processes.address, timeout=10) as client:
        yield client


def with_workers(processes, client, count):
    started = [processes.worker() for _ in range(count)]
    client.wait_for_workers(count, timeout=LIMIT)
    return started


# ---- without Dask -------------------------------------------------------------------------


def test_without_dask_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError) as why:
        cluster.fit("numpy_batched", *ELEVEN, **settings())
    assert str(why.value) == (
        "Training on many workers needs Dask distributed: "
        "python -m pip install -r requirements-cluster.txt"
    )


def test_the_course_and_its_cluster_import_no_dask():
    code = "import sys, lstm_kernels.cluster; print('distributed' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("N, count, sizes", [(11, 4, [2, 3, 3, 3]), (3, 8, [1, 1, 1]), (8, 1, [8])])
def test_shards_of_unequal_size(N, count, sizes):
    params, x, y = random_problem(2, N, 1, 3, 1)
    parts, bounds = shards.cut(params, x, y, count)
    assert np.diff(bounds).tolist() == sizes
    assert np.array_equal(np.concatenate([part.x for part in parts], axis=1), x)


def test_files_hold_the_panels_windows_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "AT_ONCE", 1000)
    paths = windows.write_windows(tmp_path / "new", 100, T=7)
    for path, a in zip(paths, data.panel(100, 7), strict=True):
        assert np.array_equal(np.load(path).swapaxes(0, 1), a)
        assert np.array_equal(shards.read(path, np.array([99, 0, 3])), a[:, [99, 0, 3]])
    assert sorted(os.listdir(tmp_path / "new")) == ["x.npy", "y.npy"]


def test_the_command_that_writes_windows(tmp_path, capsys):
    folder = tmp_path / "w"
    assert __main__.main(["windows", str(folder), "--count", "5", "--length", "3"]) == 0
    assert [np.load(folder / f"{name}.npy").shape for name in "xy"] == [(5, 3, 1)] * 2
    assert "x.npy: 5 windows of 3 steps" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (file := tmp_path / "file").write_text("")
    assert __main__.main(["windows", str(file), "--count", "5"]) == 2
    assert capsys.readouterr().err == f"cannot write windows to {file}: File exists\n"


def test_a_file_that_was_cut_off_is_named(tmp_path):
    x, _ = windows.write_windows(tmp_path, 9, T=7)
    os.truncate(x, x.stat().st_size - 1)
    with pytest.raises(ValueError, match="x.npy is no whole .npy file of numbers"):
        shards.read(x, np.array([8]))
    x.write_text("no numbers")
    with pytest.raises(ValueError, match="x.npy is no whole .npy file of numbers"):
        shards.cut(init_params(1, 3, 1), x, x, 4)


@long  # not that it takes long: CI has Dask only where it runs the long tests
@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"shards": 0}, ValueError, "shards is 0; it must be at least 1"),
        ({"epochs": 0}, ValueError, "epochs is 0; it must be at least 1"),
        ({"client": 7}, TypeError, "client is 7; it must be a dask.distributed Client, an address"),
        ({"workers": 0}, ValueError, "workers is 0; it must be at least 1"),
        ({"step": 1}, TypeError, "unexpected keyword argument 'step'"),
    ],
)
def test_bad_input(dask, change, error, message):
    with pytest.raises(error, match=message):
        cluster.fit("numpy_batched", *ELEVEN, **settings(**change))


@long  # as the test before
def test_an_unknown_version_is_told_before_any_worker_is_asked(dask):
    with pytest.raises(ValueError, match="no_such"):
        cluster.fit("no_such", *ELEVEN, **settings(), client=7)


@long  # as the tests before
def test_too_many_hidden_units_for_this_machine_start_no_worker(dask, monkeypatch):
    monkeypatch.setattr(engine, "local", None)
    with pytest.raises(ValueError, match="H is 999; cuda_v4 needs 4 H threads per block"):
        cluster.fit("cuda_v4", *random_problem(2, 3, 1, 999, 1), **settings())


# ---- the same steps -----------------------------------------------------------------------


@long
def test_the_same_training_on_1_2_and_3_workers(processes, client):
    """Each version and number of shards; with 4 shards the same bits, whatever the workers."""
    first = {}
    for workers in (1, 2, 3):
        with_workers(processes, client, 1)
        client.wait_for_workers(workers, timeout=LIMIT)
        for version in ("sequential", "numpy_batched", "cuda_v2"):
            expected, history = training.fit(version, *ELEVEN, **settings())
            for count in (1, 3, 4):
                trained, ours = cluster.fit(
                    version, *ELEVEN, **settings(), client=client, shards=count
                )
                for p, q in zip(trained, expected, strict=True):
                    assert checks.relative_error(p, q) < 1e-6
                np.testing.assert_allclose(ours.batch_losses, history.batch_losses, rtol=1e-6)
                assert same(trained, first.setdefault((version, count), trained))
                assert ours.stopped == "" and (count > 1 or same(trained, expected))


@long
def test_a_batch_smaller_than_the_number_of_workers(processes, client):
    with_workers(processes, client, 3)
    wish = settings(batch_size=2)
    expected, _ = training.fit("numpy_batched", *ELEVEN, **wish)
    trained, _ = cluster.fit("numpy_batched", *ELEVEN, **wish, client=processes.address)
    assert max(map(checks.relative_error, trained, expected)) < 1e-6


@long
def test_each_step_in_float32(processes, client):
    """Gradients of one batch against one worker's: no optimiser makes them larger or smaller."""
    params, x, y = random_problem(8, 100, 2, 16, 3)
    with_workers(processes, client, 2)
    parts, bounds = shards.cut(params, x, y, 3)
    one = step.Step(
        client, "numpy_batched", parts, bounds, training.make_plan(params, 100, 1, 60, 0.1)
    )
    for batch in (np.arange(100), np.array([99, 3, 50]), np.array([7])):
        loss, grads = one.gradients(params, batch)
        expected = VERSIONS["numpy_batched"].gradients(params, x[:, batch], y[:, batch])
        assert max(map(checks.relative_error, (loss, *grads), (expected[0], *expected[1]))) < 1e-6
        assert set(one.spent.workers) <= set(client.nthreads()) and one.spent.whole > 0


@long
def test_an_own_version_that_answers_in_any_order(processes, client):
    """It sleeps for a random time: the parts come in another order in each training."""
    from lstm_kernels import versions
    from lstm_kernels.versions.numpy_batched import gradients

    def slow(params, x, y):
        time.sleep(np.random.default_rng().uniform(0, 0.05))
        return gradients(params, x, y)

    with_workers(processes, client, 2)
    versions.enter("slow", slow)
    try:
        one, two = (cluster.fit("slow", *ELEVEN, **settings(), client=client)[0] for _ in range(2))
    finally:
        del VERSIONS["slow"]
    expected, _ = cluster.fit("numpy_batched", *ELEVEN, **settings(), client=client)
    assert same(one, two) and same(one, expected)


@long
def test_workers_that_lack_a_package_are_told_from_an_error_here(processes, client):
    from lstm_kernels import versions

    def lacking(params, x, y):
        import not_installed_there  # noqa: F401

    with_workers(processes, client, 1)
    versions.enter("lacking", lacking)
    try:
        with pytest.raises(ImportError, match="a worker lacks the package not_installed_there;"):
            cluster.fit("lacking", *ELEVEN, **settings(), client=client)
    finally:
        del VERSIONS["lacking"]


# ---- what goes wrong ----------------------------------------------------------------------

TWENTY = random_problem(4, 20, 1, 5, 1)
FOUR_EPOCHS = {"epochs": 4, "batch_size": 4, "lr": 1e-2}


@pytest.fixture(scope="session")
def undisturbed(dask):
    """Four epochs of training as they are when nothing happens."""
    with cluster.local(1) as client:
        return cluster.fit("numpy_batched", *TWENTY, **FOUR_EPOCHS, client=client)


@long
def test_a_worker_that_is_killed_within_an_epoch_changes_nothing(undisturbed, processes, client):
    killed, *_ = with_workers(processes, client, 2)

    def on_batch(progress):
        if (progress.epoch, progress.batch) == (2, 2):
            kill(killed)

    trained, history = cluster.fit(
        "numpy_batched", *TWENTY, **FOUR_EPOCHS, client=client, on_batch=on_batch
    )
    assert same(trained, undisturbed[0]) and history.stopped == ""
    assert history.batch_losses == undisturbed[1].batch_losses
    assert len(client.nthreads()) == 1


@long
def test_a_new_worker_gets_work(undisturbed, processes, client):
    with_workers(processes, client, 1)

    def on_batch(progress):
        if (progress.epoch, progress.batch) == (1, 5):
            with_workers(processes, client, 1)
            client.wait_for_workers(2, timeout=LIMIT)

    trained, _ = cluster.fit(
        "numpy_batched", *TWENTY, **FOUR_EPOCHS, client=client, on_batch=on_batch
    )
    assert same(trained, undisturbed[0])
    done = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert len(done) == 2 and min(done.values()) > 15  # two of four shards, in 15 batches


@long
def test_a_scheduler_that_goes_away(undisturbed, processes, client, tmp_path):
    with_workers(processes, client, 2)
    wish = {**FOUR_EPOCHS, "checkpoint": str(tmp_path / "run.npz")}

    def on_batch(progress):
        if (progress.epoch, progress.batch) == (3, 2):
            kill(processes.scheduler)

    with pytest.raises(ConnectionError, match="lost the scheduler .*run.npz its last whole") as why:
        cluster.fit("numpy_batched", *TWENTY, **wish, client=client, on_batch=on_batch)
    assert len(why.value.trained[1].batch_losses) == 12
    with cluster.local(2) as other:
        trained, history = cluster.fit("numpy_batched", *TWENTY, **wish, client=other)
    assert same(trained, undisturbed[0])
    assert history.batch_losses == undisturbed[1].batch_losses


def test_what_was_lost_is_told_on_one_line():
    plan = training.make_plan(ELEVEN[0], 11, **settings())
    told = str(step.lost(plan, "the scheduler (cancelled.\nCheck your connection)"))
    assert told == (
        "lost the scheduler (cancelled. Check your connection). "
        "The error's attribute `trained` holds what was trained"
    )


@long
def test_nobody_at_the_address(dask, monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE", 2)
    with pytest.raises(ConnectionError, match="no scheduler answers at tcp://127.0.0.1:9: is a"):
        cluster.fit("numpy_batched", *ELEVEN, **settings(), client="tcp://127.0.0.1:9")


@long
def test_a_scheduler_without_workers(processes, client, monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE", 1)
    with pytest.raises(ConnectionError, match="has no worker; start one: dask worker tcp://"):
        cluster.fit("numpy_batched", *ELEVEN, **settings(), client=client)


@long
def test_all_workers_are_lost(processes, client, monkeypatch):
    monkeypatch.setattr(step, "PATIENCE", 1)
    (only,) = with_workers(processes, client, 1)

    def on_batch(progress):
        if (progress.epoch, progress.batch) == (2, 2):
            kill(only)

    with pytest.raises(ConnectionError, match="lost all workers: none is there, 1 s") as why:
        cluster.fit("numpy_batched", *TWENTY, **FOUR_EPOCHS, client=client, on_batch=on_batch)
    assert len(why.value.trained[1].batch_losses) == 7
    assert why.value.trained[1].stopped == "ConnectionError after 7 batches"


CTRL_C = """
import signal, sys
from lstm_kernels import cluster, data, init_params
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    x, y = data.panel(64, T=6)
    tell = lambda p: print("batch", flush=True)
    trained, history = cluster.fit("numpy_batched", init_params(1, 8, 1), x, y, epochs=2000,
                                   batch_size=8, lr=1e-3, on_batch=tell)
    print(history.stopped, len(history.batch_losses), flush=True)
"""


@long
@pytest.mark.skipif(os.name == "nt", reason="a terminal's Ctrl-C goes to a process group")
def test_ctrl_c_ends_cleanly_and_keeps_what_was_trained(dask, tmp_path):
    """As a terminal sends it: to this process and to all workers that it has started."""
    program = tmp_path / "program.py"
    program.write_text(CTRL_C)
    process = subprocess.Popen(
        [sys.executable, program], env=apart.environment({}), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "batch\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    batches = out.count("batch\n") + 1
    assert out.splitlines()[-1] in [
        f"interrupted after {n} batches {n}" for n in (batches - 1, batches)
    ], err
    assert process.returncode == 0 and "Traceback" not in err
    wait_until(lambda: not _is_there(process.pid))


def _is_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


# ---- cards --------------------------------------------------------------------------------

TWO_CARDS = """
import os
import numpy as np
from lstm_kernels import checks, cluster, training
from lstm_kernels.machine import device
from tests import driver
from tests.problems import random_problem, settings

def seen():
    return os.environ["CUDA_VISIBLE_DEVICES"], device.count_gpus(), device.TARGET

if __name__ == "__main__":
    problem, wish = random_problem(3, 7, 1, 4, 1, np.float64), settings()
    expected, _ = training.fit("numpy_batched", *problem, **wish)
    with cluster.local(3) as client:
        trained, _ = cluster.fit("cuda_v2", *problem, **wish, client=client)
        print(*sorted(client.run(seen).values()))
    print(max(map(checks.relative_error, trained, expected)) < 1e-6)
"""


@long
def test_each_worker_sees_a_card_of_its_own(dask, compiler, driver_folder, tmp_path):
    """Three workers and two cards, on a stand-in for the driver: the third shares the first."""
    (program := tmp_path / "program.py").write_text(TWO_CARDS)
    there = driver.environment(driver_folder, CARDS=2)
    done = run_python(program, settings=there, folder=tmp_path)
    first, second = (("0", 1, "gpu"), ("1", 1, "gpu"))
    assert done.stdout.splitlines() == [f"{first} {first} {second}", "True"], done.stderr


@pytest.mark.parametrize("outside, inside", [(None, ["0", "1"]), ("3,5", ["3", "5"])])
def test_of_the_cards_that_are_seen_here_each_worker_sees_one(outside, inside, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if outside:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", outside)
    assert [engine.environment(card)["CUDA_VISIBLE_DEVICES"] for card in (0, 1)] == inside


def test_dask_cuda_gets_the_cards_that_are_seen_here(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")
    monkeypatch.setattr(engine, "_dask_cuda", lambda: dict)
    asked = engine._cluster(None, 2, 3)
    assert (asked["n_workers"], asked["CUDA_VISIBLE_DEVICES"]) == (2, ["3", "5"])


# ---- data larger than memory --------------------------------------------------------------


@long
def test_windows_from_files_train_as_those_in_memory(processes, client, tmp_path):
    with_workers(processes, client, 2)
    paths = windows.write_windows(tmp_path / "w", 50, T=6)
    params, wish = init_params(1, 5, 1), {"epochs": 2, "batch_size": 20, "lr": 1e-2}
    one, _ = cluster.fit("numpy_batched", params, *paths, **wish, client=client)
    two, _ = cluster.fit("numpy_batched", params, *data.panel(50, 6), **wish, client=client)
    assert same(one, two)


@long
def test_dask_arrays_train_as_those_in_memory(processes, client):
    """Their blocks are no shards, and are computed by the workers, never here."""
    from dask import array

    here = os.getpid()

    def computed(block):
        assert os.getpid() != here
        return block

    with_workers(processes, client, 2)
    params, wish = init_params(1, 5, 1), {"epochs": 2, "batch_size": 20, "lr": 1e-2}
    x, y = data.panel(50, 6)
    blocks = [
        array.from_array(a, chunks=(4, 17, 1)).map_blocks(computed, meta=a[:0]) for a in (x, y)
    ]
    one, _ = cluster.fit("numpy_batched", params, *blocks, **wish, client=client)
    two, _ = cluster.fit("numpy_batched", params, x, y, **wish, client=client)
    assert same(one, two)


@long  # as above: CI has Dask only where it runs the long tests
def test_dask_arrays_that_do_not_fit_are_named_before_anything_is_computed(dask):
    from dask import array

    params, x, y = ELEVEN
    lazy = array.from_array(x)
    for wrong, error, message in [
        ((lazy, array.from_array(y[:, :3])), ValueError, "x has 11 windows and y 3;"),
        ((lazy[lazy[:, 0, 0] > 0], lazy), ValueError, r"array x has shape \(nan, 11, 1\); it must"),
        ((lazy, array.from_array(y[0])), ValueError, r"array y has shape \(11, 1\); it must be"),
        ((lazy[:2], array.from_array(y)), ValueError, r"x has \(T, N\) = \(2, 1\) and y \(4, 1\)"),
        ((lazy[:, :0], lazy[:, :0]), ValueError, r"x has shape \(4, 0, 1\)"),
        ((lazy.astype("f4"), array.from_array(y)), TypeError, "x is float32 and the parameters"),
        ((lazy, y), TypeError, "x is a Array; it must be a NumPy array"),
    ]:
        with pytest.raises(error, match=message):
            cluster.fit("numpy_batched", params, *wrong, **settings())
    with pytest.raises(TypeError, match="Dask arrays: for these, use `cluster.fit`"):
        cluster.fit_on_cards("numpy_batched", params, lazy, y, **settings())


GROWING = """
import json
from dask import array
import numpy as np
from lstm_kernels import cluster, init_params

def block(path, block_info=None):
    _, (first, end), _ = block_info[None]["array-location"]
    return np.load(path, mmap_mode="r")[first:end].swapaxes(0, 1)

def status():
    return open("/proc/self/status").read()

def twenty(progress):
    seen.append(progress)
    return len(seen) < 20

if __name__ == "__main__":
    paths, seen = ("x.npy", "y.npy"), []
    wish = {"epochs": 20, "batch_size": 2000, "lr": 1e-3, "on_batch": twenty}
    with cluster.local(1) as client:
        cluster.fit("numpy_batched", init_params(1, 4, 1), *paths, **wish, client=client)
        (worker,) = client.run(status).values()
        N, T, _ = np.load("x.npy", mmap_mode="r").shape
        kind = {"chunks": (T, (2000,) * (N // 2000), 1), "meta": np.empty((0, 0, 0), np.float32)}
        blocks = [array.map_blocks(block, path, **kind) for path in paths]
        wish["on_batch"] = lambda progress: False  # by then, all blocks have been computed
        cluster.fit("numpy_batched", init_params(1, 4, 1), *blocks, **wish, client=client)
        print(json.dumps([status(), worker]))
"""


@long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it asks Linux for the memory")
def test_memory_stays_flat_as_the_data_grow(dask, tmp_path):
    """The writer's, the client's and the worker's highest, with 1, 10 and 100 times the windows.

    In as many steps: of each, Dask keeps some records.
    """
    (program := tmp_path / "program.py").write_text(GROWING)
    peaks = {}
    for times in (1, 10, 100):
        folder = tmp_path / str(times)
        code = f"from lstm_kernels.cluster import windows as w; w.write_windows({str(folder)!r}, "
        code += f"{2000 * times}, T=48); print(open('/proc/self/status').read())"
        writer = run_python("-c", code)
        client = run_python(program, folder=folder)
        assert writer.stderr == client.stderr == ""
        peaks[times] = list(map(peak, (writer.stdout, *json.loads(client.stdout))))
    print("MiB", peaks)
    size = sum((folder / f"{name}.npy").stat().st_size for name in "xy") / 2**20
    assert size > 70
    for small, large in zip(peaks[1], peaks[100], strict=True):
        assert large < small + size / 4, peaks


def peak(status):
    """The highest memory that a process had, in MiB, from Linux's own words about it."""
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
