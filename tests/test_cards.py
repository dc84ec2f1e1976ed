"""Training on the cards of one machine, a process each: the same steps, whatever happens."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from lstm_kernels import VERSIONS, checks, cluster, training, versions
from lstm_kernels.cluster import cards
from lstm_kernels.lab import apart
from tests import driver
from tests.problems import random_problem, same, settings
from tests.processes import run_python
from tests.workers import LIMIT, wait_until

long = pytest.mark.long
ELEVEN = random_problem(4, 11, 1, 5, 1, np.float64)  # windows: two cards cannot share them equally


@pytest.fixture
def own(dask):
    """own(gradients): a version "own" of the learner's.  It travels by cloudpickle, Dask's."""
    yield lambda gradients: versions.enter("own", gradients)
    VERSIONS.pop("own", None)


# ---- how many -----------------------------------------------------------------------------


@pytest.mark.parametrize("here, asked, due", [(0, None, 1), (0, 3, 3), (2, None, 2), (2, 1, 1)])
def test_how_many_cards(here, asked, due, monkeypatch):
    monkeypatch.setattr(cards.device, "ON_GPU", here > 0)
    monkeypatch.setattr(cards.device, "count_gpus", lambda: here)
    assert cards.check_cards(asked) == due


@pytest.mark.parametrize(
    "asked, message",
    [
        (3, "cards is 3; the limit is 2, as many as this machine has"),
        (0, "cards is 0; it must be at least 1"),
    ],
)
def test_more_cards_than_there_are(asked, message, monkeypatch):
    monkeypatch.setattr(cards.device, "ON_GPU", True)
    monkeypatch.setattr(cards.device, "count_gpus", lambda: 2)
    with pytest.raises(ValueError, match=message):
        cluster.fit_on_cards("numpy_batched", *ELEVEN, **settings(), cards=asked)


@pytest.mark.parametrize(
    "version, H, change, message",
    [
        ("cuda_v4", 999, {}, "H is 999; cuda_v4 needs 4 H threads per block: the limit is H="),
        ("no_such", 3, {}, "unknown version 'no_such'"),
        ("numpy_batched", 3, {"epochs": 0}, "epochs is 0; it must be at least 1"),
    ],
)
def test_bad_input_starts_no_process(version, H, change, message, monkeypatch):
    monkeypatch.setattr(cards, "Team", None)
    with pytest.raises(ValueError, match=message):
        cluster.fit_on_cards(version, *random_problem(2, 3, 1, H, 1), **settings(**change))


# ---- the same steps -----------------------------------------------------------------------


@long
@pytest.mark.parametrize("version, count, times", [("numpy_batched", 3, 1), ("cuda_v2", 2, 2)])
def test_the_same_training_on_several_cards(version, count, times):
    """And with the same number of cards the same bits, each time."""
    expected, history = training.fit(version, *ELEVEN, **settings())
    found = [
        cluster.fit_on_cards(version, *ELEVEN, **settings(), cards=count) for _ in range(times)
    ]
    for trained, ours in found:
        assert max(map(checks.relative_error, trained, expected)) < 1e-6
        np.testing.assert_allclose(ours.batch_losses, history.batch_losses, rtol=1e-6)
        assert same(trained, found[0][0]) and ours.stopped == ""


@long
def test_one_card_alone_trains_as_without_this_room():
    wish = settings(batch_size=2)
    trained, _ = cluster.fit_on_cards("numpy_batched", *ELEVEN, **wish)
    assert same(trained, training.fit("numpy_batched", *ELEVEN, **wish)[0])


TWO_CARDS = """
import os
import numpy as np
from lstm_kernels import cluster, checks, training, versions
from tests.problems import random_problem, settings
import stand_in

def own(params, x, y):
    from lstm_kernels.machine import device
    with stand_in.count() as counted:
        found = versions.get_version("cuda_v2").gradients(params, x, y)
    seen = os.environ["CUDA_VISIBLE_DEVICES"], device.count_gpus(), device.TARGET
    with open("card" + seen[0], "a") as file:
        print(*seen, x.shape[1], counted["launches"], file=file)
    return found

problem, wish = random_problem(3, 7, 1, 4, 1, np.float64), settings(batch_size=7)
versions.enter("own", own)
trained, _ = cluster.fit_on_cards("own", *problem, **wish)
expected, _ = training.fit("numpy_batched", *problem, **wish)
print(max(map(checks.relative_error, trained, expected)) < 1e-6)
try:
    cluster.fit_on_cards("cuda_v2", *problem, **wish, cards=3)
except ValueError as error:
    print(error)
"""


@long
def test_each_process_computes_on_a_card_of_its_own(dask, compiler, driver_folder, tmp_path):
    """Two cards, on a stand-in for the driver: each launches for its windows, two batches."""
    (program := tmp_path / "program.py").write_text(TWO_CARDS)
    there = driver.environment(driver_folder, CARDS=2)
    done = run_python(program, settings=there, folder=tmp_path)
    told = ["True", "cards is 3; the limit is 2, as many as this machine has"]
    assert done.stdout.splitlines() == told, done.stderr
    for card, windows in ((0, 3), (1, 4)):
        seen = (tmp_path / f"card{card}").read_text().splitlines()
        assert seen == [f"{card} 1 gpu {windows} 1"] * 2


# ---- what goes wrong ----------------------------------------------------------------------


@long
def test_a_process_that_dies_costs_no_training(own, tmp_path):
    flag, checkpoint = tmp_path / "flag", tmp_path / "run.npz"

    def dies(params, x, y):
        import os

        from lstm_kernels.versions.numpy_batched import gradients

        if os.path.exists(flag):
            os._exit(7)
        return gradients(params, x, y)

    def on_batch(progress):
        if (progress.epoch, progress.batch) == (2, 2):
            flag.touch()

    own(dies)
    wish = {**settings(), "on_batch": on_batch, "checkpoint": checkpoint}
    words = "lost process 0: its process ended with status 7. .*run.npz its last whole epoch"
    with pytest.raises(ConnectionError, match=words) as why:
        cluster.fit_on_cards("own", *ELEVEN, **wish, cards=2)
    trained, history = why.value.trained
    assert len(history.batch_losses) == 5 and not same(trained, ELEVEN[0])


@long
def test_an_error_there_is_an_error_here(own):
    def broken(params, x, y):
        print("this must not get between the answers")
        raise MemoryError("no room")

    own(broken)
    with pytest.raises(MemoryError, match="no room") as why:
        cluster.fit_on_cards("own", *ELEVEN, **settings())
    assert "in the process of process 0:" in str(why.value.__cause__)
    assert "in broken" in str(why.value.__cause__)


def test_an_error_that_cannot_travel_is_told_in_words():
    class Odd(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")

    found, words = cards.part_here("card 1", "gpu", b"", None, None, None, 1)
    assert str(found) == "card 1 cannot be used: None" and words.startswith("Traceback")
    assert repr(cards._that_travels(Odd(1, 2))) == "RuntimeError('Odd: 1 and 2')"
    assert repr(cards._that_travels(KeyError("a"))) == "KeyError('a')"


def test_an_own_version_needs_cloudpickle(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    monkeypatch.setitem(VERSIONS, "own", VERSIONS["numpy_batched"])
    with pytest.raises(ImportError, match="the package cloudpickle must be installed"):
        cluster.fit_on_cards("own", *ELEVEN, **settings())


PROGRAM = """
import signal
from lstm_kernels import cluster, data, init_params
from lstm_kernels.cluster import cards

class Told(cards.Member):
    def __init__(self, *wish):
        super().__init__(*wish)
        print(self.process.pid, flush=True)

cards.Member = Told
signal.signal(signal.SIGINT, signal.default_int_handler)
x, y = data.panel(64, T=6)
trained, history = cluster.fit_on_cards(
    "numpy_batched", init_params(1, 8, 1), x, y, epochs=10**6, batch_size=8, lr=1e-3, cards=1,
    on_batch=lambda p: p.batch > 1 or print("epoch", flush=True)
)
print(history.stopped, len(history.batch_losses), flush=True)
"""


@long
@pytest.mark.skipif(os.name == "nt", reason="a terminal's Ctrl-C goes to a process group")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_no_process_is_left(name, tmp_path):
    """After Ctrl-C, as a terminal sends it, what was trained is kept; after SIGKILL it is lost."""
    number = getattr(signal, name)
    (program := tmp_path / "program.py").write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, program], env=apart.environment({}), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        started = int(process.stdout.readline())
        assert process.stdout.readline() == "epoch\n"
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not _is_there(started))
    assert err == "" and process.returncode == (0 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        *_, batches, count = out.splitlines()[-1].replace(" batches", "").split()
        assert batches == count and int(count) >= 1


def _is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
