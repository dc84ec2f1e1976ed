"""Tools that cannot mislead: a wrong version gets no time, a name decides nothing."""

import types

import numpy as np
import pytest

from lstm_kernels import VERSIONS, __main__, data
from lstm_kernels.lab.figures.race import draw_race
from lstm_kernels.lab.figures.scene import Words
from lstm_kernels.lab.measure import admission, grid, pytorch, race, records, results
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.lab.widgets.race import Race
from lstm_kernels.machine import device, watch
from lstm_kernels.model import zeros_like
from lstm_kernels.versions import launches_kernels, numpy_batched
from tests.pictures import texts

EMULATED = pytest.mark.skipif(device.TARGET == "simulator", reason="launches cannot be counted")


@pytest.fixture
def workload():
    return Workload(*data.panel(12, T=4), batch_size=6, H=8)


@pytest.fixture
def add(monkeypatch):
    """add(name, gradients, fit=...): one more version."""

    def add(name, gradients, **more):
        module = types.SimpleNamespace(gradients=gradients, **more)
        monkeypatch.setitem(VERSIONS, name, module)

    return add


def zeros(params, x, y):
    return 0.0, zeros_like(params)


def wrong_sign(params, x, y):
    loss, grads = numpy_batched.gradients(params, x, y)
    return loss, grads._replace(W=-grads.W)


def wrong_when_large(params, x, y):
    loss, grads = numpy_batched.gradients(params, x, y)
    return loss, grads._replace(V=grads.V * (1 + 1e-4 * (x.shape[1] > 5)))


def not_a_number(params, x, y):
    loss, grads = numpy_batched.gradients(params, x, y)
    return loss, grads._replace(B=grads.B * np.float32(np.nan))


@pytest.mark.parametrize(
    "gradients, said",
    [
        (zeros, "wrong: the loss is 100% off, for 5 windows, T=3, H=4"),
        (wrong_sign, "wrong: dW is 200% off, for 5 windows, T=3, H=4"),
        (wrong_when_large, "wrong: dV is 1.0e-04 off, for 6 windows, T=4, H=8"),
        (not_a_number, "wrong: dB is not a finite number, for 5 windows, T=3, H=4"),
    ],
)
def test_a_wrong_version_is_shown_as_wrong_and_gets_no_time(workload, add, gradients, said):
    add("mine", gradients)
    wrong, fine = race.race(workload, ("mine", "numpy_batched"), budget=0.0)
    assert wrong.timing is None and wrong.failed and wrong.note == said
    assert fine.timing and not fine.failed
    assert results.speedup([wrong, fine], "mine", "numpy_batched") is None
    assert said in results.table([wrong, fine]) and said in grid.table([wrong, fine])
    shown = " ".join(texts(draw_race([("a", workload, [wrong, fine])]).axes[0]))
    assert " ".join(shown.split()).startswith(said)


def test_every_version_of_the_course_is_right(workload):
    for version in VERSIONS:
        if device.TARGET != "simulator" or not launches_kernels(version):
            found = admission.admit(version, workload)
            assert found.wrong == "" and found.windows == 6, version


def test_a_version_is_checked_once_for_its_sizes_and_anew_if_its_code_changes(workload, add):
    calls = []

    def counted(*problem):
        calls.append(problem[1].shape)
        return numpy_batched.gradients(*problem)

    add("mine", counted)
    admission.checked_windows("mine", admission.feasible.sizes_of(workload))
    calls.clear()  # these were probes: how long does this code take?
    first = admission.admit("mine", workload)
    assert set(calls) == {(3, 5, 1), (4, 6, 1)}
    calls.clear()
    assert admission.admit("mine", workload) == first and calls == []
    assert admission.admit("mine", workload._replace(H=9)).wrong == "" and calls
    add("mine", zeros)
    assert admission.admit("mine", workload).wrong.startswith("wrong")


def test_a_slow_version_is_checked_on_fewer_windows_and_says_so(workload, add, monkeypatch):
    monkeypatch.setattr(admission.feasible, "batch_seconds", lambda *_: 6 * admission.SECONDS)
    add("mine", numpy_batched.gradients)
    (row,) = race.race(workload, ("mine",), budget=0.0)
    assert row.timing and "checked on 1 of 6 windows" in row.note


def test_a_training_of_its_own_is_checked_by_its_losses(workload, add):
    def forgets_to_update(params, x, y, **schedule):
        from lstm_kernels.training import fit

        limits = {key: schedule[key] for key in ("epochs", "batch_size", "seed")}
        return fit("numpy_batched", params, x, y, lr=1e-12, **limits)

    add("mine", numpy_batched.gradients, fit=forgets_to_update)
    found = admission.admit("mine", workload)
    assert found.wrong.startswith("wrong: the losses of two mini-batches are")
    one_batch = Workload(*data.panel(6, T=4), batch_size=6, H=8)
    assert admission.admit("mine", one_batch).wrong.startswith("wrong: the losses of two")


def test_a_wrong_reference_is_said(workload, monkeypatch):
    monkeypatch.setattr(admission, "reference", wrong_sign)
    admission.why_reference_wrong.cache_clear()
    try:
        assert "numpy_batched's dW is 200% off" in admission.why_reference_wrong()
    finally:
        monkeypatch.undo()
        admission.why_reference_wrong.cache_clear()
    assert admission.why_reference_wrong() == ""


def test_pytorch_is_checked_by_its_losses(torch, workload, monkeypatch):
    rows = race.torch_rows(workload, budget=0.0)
    assert rows[0].timing and not rows[0].failed
    make = pytorch.make_training

    def wrong(*args):
        train = make(*args)
        return lambda: (train()[0], [loss * 1.01 for loss in train()[1]])

    monkeypatch.setattr(pytorch, "make_training", wrong)
    row, *_ = race.torch_rows(workload, budget=0.0)
    assert row.timing is None and row.failed and "losses of two mini-batches are" in row.note


def test_the_race_ends_with_status_1_if_a_version_is_wrong(workload, monkeypatch, tmp_path):
    monkeypatch.setattr(race, "published_workload", lambda epochs: workload)
    monkeypatch.setattr(race, "larger_workload", lambda: workload)
    picture = ["race", "--quick", "--png", str(tmp_path / "race.png")]
    monkeypatch.setattr(VERSIONS["numpy_loop"], "gradients", zeros)
    assert __main__.main(picture) == 1


# ---- where it runs ------------------------------------------------------------------------


@EMULATED
def test_a_version_that_launches_is_marked_whatever_its_name(workload, add):
    add("mine", VERSIONS["cuda_v2"].gradients)
    assert results.where_it_runs("mine") == "CPU", "a guess, before it ran"
    rows = race.race(workload, ("numpy_batched", "mine"), budget=0.0)
    where = "GPU" if device.ON_GPU else "emulated on CPU"
    assert rows[1].where == results.where_it_runs("mine") == where
    assert rows[1].timing.parts.where == where and rows[1].timing.parts.kernel > 0
    assert (results.speedup(rows, "mine", "numpy_batched") is None) != device.ON_GPU
    assert (not rows[1].comparable) != device.ON_GPU


@EMULATED
def test_a_name_with_cuda_that_launches_nothing_runs_on_the_cpu(workload, add):
    add("cuda_mine", numpy_batched.gradients)
    assert results.where_it_runs("cuda_mine") != "CPU", "a guess, before it ran"
    rows = race.race(workload, ("numpy_batched", "cuda_mine"), budget=0.0)
    assert rows[1].where == results.where_it_runs("cuda_mine") == "CPU"
    assert rows[1].timing.parts is None and rows[1].comparable


@EMULATED
def test_the_first_call_is_still_what_compiled(workload):
    admission._DONE.clear()
    first, again = (admission.admit("cuda_v2", workload).compile for _ in range(2))
    assert first >= 0 and again == 0


def test_on_a_card_its_own_launch_is_counted(monkeypatch):
    dispatcher = types.SimpleNamespace(launch=lambda *args: "launched")
    modules = (dispatcher, types.SimpleNamespace())
    monkeypatch.setattr(watch, "_driver_modules", lambda: modules)
    monkeypatch.setattr(device, "ON_GPU", True)
    with watch.count_launches() as launches:
        assert dispatcher.launch(1) == dispatcher.launch(2) == "launched"
    dispatcher.launch(3)
    assert launches == ["GPU", "GPU"] and admission.place(launches) == "GPU"


# ---- on the screen ------------------------------------------------------------------------


def test_the_dashboard_shows_what_is_wrong(add):
    add("mine", wrong_sign)
    board = Race(batch_size=7, H=4, T=2, budget=0.0, versions=("numpy_batched", "mine")).versus
    board.boxes["mine"].value = True
    board.bar.run(wait=True)
    _, (fine, wrong) = board.results[-1][1]
    assert fine.timing and wrong.timing is None
    assert "Wrong, so without a time: mine." in board.bar.note.value
    assert "wrong: dW is 200% off" in board.table.value


def test_what_is_saved_says_it_too(workload, add):
    add("mine", zeros)
    (found,) = records.records([(workload, race.race(workload, ("mine",), budget=0.0))])
    assert "median" not in found and found["note"].startswith("wrong: the loss")


def test_the_base_of_the_ratios_is_the_users_and_never_changes_by_itself(workload):
    board = Race(batch_size=1, H=4, T=2, budget=0.0).versus
    for name, box in board.boxes.items():
        box.value = name in ("numpy_loop", "numpy_batched")
    board.base.value = "numpy_loop"
    board.bar.run(wait=True)
    board.boxes["numpy_loop"].value = False
    board.bar.run(wait=True)
    words = [words.text for words in board.scene().of(Words)]
    assert words.count("x: times as fast as numpy_loop") == 1, "of the first run"
    assert words.count("no ratios: numpy_loop has no time here") == 1, "of the second"
    assert len([text for text in words if " = " in text]) == 1
    before = board.image.value
    board.base.value = "numpy_batched"
    assert board.image.value != before
    words = [words.text for words in board.scene().of(Words)]
    assert "x: times as fast as numpy_batched" in words
    assert board.base.value == "numpy_batched"


def test_panels_side_by_side_have_one_base(workload):
    timed = [results.Row(n, "CPU", results.Timing((s,))) for n, s in (("sequential", 9.0),)]
    both = [results.Row("numpy_loop", "CPU", results.Timing((2.0,)))]
    both += [results.Row("numpy_batched", "CPU", results.Timing((1.0,)))]
    picture = draw_race([("a", workload, timed + both), ("b", workload, both)])
    labels = {ax.get_xlabel().splitlines()[-1] for ax in picture.axes}
    assert labels == {"x: times as fast as numpy_loop"}
