"""The dashboard's runs, sweep, explanations and challenges.  Its race: test_lessons_09."""

import types

import pytest

from lstm_kernels import data
from lstm_kernels.lab.estimates import pace
from lstm_kernels.lab.estimates.bus import copies, multiply_adds
from lstm_kernels.lab.estimates.cards import H200, T4
from lstm_kernels.lab.estimates.why import cpu_shares, launch_of, shares, why
from lstm_kernels.lab.figures.scene import Mark
from lstm_kernels.lab.measure import challenges as aims
from lstm_kernels.lab.measure.device_times import Parts
from lstm_kernels.lab.measure.results import Row
from lstm_kernels.lab.measure.timing import Timing, Workload
from lstm_kernels.lab.widgets import sweep as sweep_widget
from lstm_kernels.lab.widgets.race import Race
from lstm_kernels.lab.widgets.runs import Runs, compared
from lstm_kernels.machine import device
from lstm_kernels.model import Sizes
from lstm_kernels.versions import VERSIONS, numpy_batched
from tests.pictures import no_overlap
from tests.test_lessons_09 import choose

SIZES = Sizes(11, 64, 1, 50, 1)
NO_CARD = pytest.mark.skipif(device.ON_GPU, reason="a card is here")


def workload(batch=7, H=4, T=2, epochs=1):
    return Workload(*data.panel(batch, T), batch, H, epochs)


def row(version="numpy_batched", *seconds, where="CPU", parts=None):
    return Row(version, where, Timing(seconds or (1.0,), parts))


# ---- why ----------------------------------------------------------------------------------


def on_card(copied, kernel):
    return Parts("GPU", 0.0, copied / 2, kernel, copied / 2)


def test_the_shares_of_a_mini_batch_add_up():
    found = shares(10.0, on_card(2.0, 5.0))
    assert found == {"copies": 0.2, "kernels": 0.5, "rest": 0.3}
    assert sum(shares(1.0, on_card(2.0, 5.0)).values()) == pytest.approx(1), (
        "events longer than wall"
    )


def test_what_bounds_a_version_on_a_card():
    kernel = why("cuda_v2", SIZES, 10e-3, on_card(1e-3, 8e-3), H200)
    assert kernel.reason.startswith("cuda_v2 spends 80% of a mini-batch in its kernels")
    assert f"each thread does {multiply_adds(SIZES):,} multiply-adds" in kernel.reason
    assert "64 threads in 2 warps, on 2 of 132 multiprocessors" in kernel.reason
    assert kernel.advice == "Try batch 256: 256 threads in 8 warps, on 8 of 132 multiprocessors."
    moved = why("cuda_v2", SIZES, 10e-3, on_card(7e-3, 1e-3), H200)
    made = copies("cuda_v2", SIZES)
    assert f"70% of a mini-batch in copies: {len(made)} of them, 3.08 MB" in moved.reason
    assert sum(copy.nbytes for copy in made) == pytest.approx(3.08e6, rel=2e-3)
    assert moved.advice == f"Try cuda_v3: it makes {len(copies('cuda_v3', SIZES))} copies."
    host = why("cuda_v5", SIZES, 10e-3, on_card(1e-3, 1e-3), H200)
    assert "80% of a mini-batch in neither copies nor kernels" in host.reason


def test_a_full_card_is_not_told_to_take_more():
    full = SIZES._replace(N=1024)
    assert why("cuda_v2", full, 1.0, on_card(0.0, 1.0), T4).advice == (
        "Try cuda_v4: it gives each sample 200 threads."
    )
    assert why("cuda_v1", SIZES, 1.0, on_card(0.0, 1.0)).advice == (
        "Try cuda_v2: a thread for each sample."
    )


@pytest.mark.parametrize(
    "version, launch",
    [
        ("cuda_v1", (1, 1, 1)),
        ("cuda_v2", (64, 2, 32)),
        ("cuda_v4", (64 * 200, 64, 200)),
        ("cuda_v5", (40 * 256, 40, 256)),  # a block of 4 P threads on each of the T4's SMs
        ("cuda_v7", None),
        ("mine", None),
    ],
)
def test_the_threads_of_a_launch(version, launch):
    found = launch_of(version, SIZES, T4)
    assert found == launch and (launch is None or found.warps == launch[1] * -(-launch[2] // 32))


def test_of_an_emulated_time_no_speed_is_said():
    found = why("cuda_v2", SIZES, 1.0, Parts("emulated on CPU", 0.0, 0.2, 0.6, 0.2), T4)
    assert "emulated" in found.reason and "no GPU's time" in found.reason
    assert "on a card like the T4: 64 threads in 2 warps, on 2 of 40" in found.reason
    assert "%" not in found.reason, "no share of the emulator's time stands for a card's"


def test_what_bounds_a_version_on_the_cpu(monkeypatch):
    """With costs of our own: a call 4, a step 1 each, the rest nothing."""
    monkeypatch.setattr(pace, "costs", lambda version, kind: (4.0, 1.0, 0.0, 0.0))
    sizes = Sizes(12, 8, 1, 4, 1)
    assert cpu_shares("numpy_batched", sizes) == (0.25, 0.75, 0, 0)
    found = why("numpy_batched", sizes, 1.0)
    assert found.reason == (
        "numpy_batched spends about 75% of a mini-batch on NumPy's calls in 12 steps."
    )
    assert "larger batch" in found.advice
    monkeypatch.setattr(pace, "costs", lambda version, kind: (0.0, 0.0, 1.0))
    found = why("sequential", sizes, 1.0)
    assert f"100% of a mini-batch on {8 * multiply_adds(sizes):,} multiply-adds" in found.reason
    assert "numpy_loop" in found.advice


def test_of_a_version_of_ones_own_only_the_work_is_said():
    assert f"{64 * multiply_adds(SIZES):,} multiply-adds" in why("mine", SIZES, 1.0).reason


# ---- challenges ---------------------------------------------------------------------------


def met(aim, *runs):
    return aim([aims.Run(f"Run {n}", *run) for n, run in enumerate(runs, 1)])


def test_the_same_run_twice():
    small = workload()
    assert met(aims.same_again, (small, [row()]), (small, [row("numpy_batched", 1.2)])) == ""
    assert met(aims.same_again, (small, [row()]), (workload(8), [row()])) == ""
    words = met(aims.same_again, (small, [row()]), (small, [row("numpy_batched", 1.04)]))
    assert words == "Run 1 and Run 2: numpy_batched, 3.8% apart"


def test_many_for_few():
    one, ten = workload(7), workload(70)
    fine = met(aims.many_for_few, (ten, [row("numpy_batched", 2.9)]), (one, [row()]))
    assert fine == "numpy_batched, Run 1: 10 times the batch takes 2.9x the time"
    assert met(aims.many_for_few, (ten, [row("numpy_batched", 3.1)]), (one, [row()])) == ""
    assert met(aims.many_for_few, (workload(70, H=8), [row()]), (one, [row()])) == ""
    assert met(aims.many_for_few, (workload(70, epochs=2), [row()]), (one, [row()])) == ""


def test_level_and_steep():
    fast, loop = row(), row("numpy_loop", 1.4)
    assert met(aims.level, (workload(), [fast, loop])).startswith("Run 1: numpy_batched is 1.4x")
    assert met(aims.level, (workload(), [fast, row("numpy_loop", 1.6)])) == ""
    large = workload(H=16)
    times = met(aims.steep, (workload(H=4), [row()]), (large, [row("numpy_batched", 7.0)]))
    assert times == "from H=4 to H=16, numpy_batched takes 7x the time"
    assert met(aims.steep, (workload(H=4), [row()]), (large, [row("numpy_batched", 5.0)])) == ""


def test_what_needs_a_card_is_never_met_by_the_emulator():
    parts = Parts("GPU", 0.0, 0.3, 0.5, 0.3)
    slow = row("cuda_v3", 2.0, where="GPU", parts=parts)
    assert met(aims.loses, (workload(), [row(), slow])).startswith("Run 1: cuda_v3 is 0.5x")
    assert met(aims.copies_half, (workload(), [slow])) == "Run 1: cuda_v3, copies 55%"
    fake = slow._replace(where="emulated on CPU")
    for challenge in aims.CHALLENGES:
        assert challenge.met([aims.Run(str(n), workload(), [fake]) for n in range(3)]) == ""
    assert sum(challenge.needs_card for challenge in aims.CHALLENGES) == 2


def test_the_list_ticks_itself_off_and_stays_ticked():
    board = Race(batch_size=1, H=4, T=2, budget=0.0, versions=("numpy_loop", "numpy_batched"))
    assert board.met.value == "Challenges: 0 of 7 met"
    board.versus.prediction.points.append(3)
    assert "Earn 3 points" in board.look_at_challenges()
    board.versus.prediction.points.clear()
    assert board.look_at_challenges() == "" and board.met.value == "Challenges: 1 of 7 met"
    assert 'aria-label="met"' in board.challenges.list.value
    if not device.ON_GPU:
        assert board.challenges.list.value.count("on a card: not this one") == 2


# ---- runs ---------------------------------------------------------------------------------


@pytest.fixture
def runs():
    changed = []
    runs = Runs(lambda: changed.append(1))
    runs.changed = changed
    for batch in (1, 7, 32):
        runs.add(workload(batch), [row("numpy_batched", batch / 4)])
    return runs


def shown(runs):
    return [run.number for run in runs.shown()]


def test_a_new_run_stands_beside_the_one_before(runs):
    assert shown(runs) == [2, 3]
    runs.left.value = 1
    assert shown(runs) == [1, 3] and runs.changed
    runs.add(workload(64), [row()])
    assert shown(runs) == [3, 4]
    runs.left.value = 4
    assert shown(runs) == [4], "a run is not shown beside itself"


def test_a_pinned_run_stays_on_the_left_and_is_not_cleared(runs):
    runs.right.value = 1
    runs.pin.value = True
    runs.add(workload(64), [row()])
    runs.add(workload(64), [row()])
    assert shown(runs) == [1, 5]
    runs.clear_button.click()
    assert [run.number for run in runs.kept] == [1] and shown(runs) == [1]
    assert runs.pin.value and "(pinned)" in runs.right.options[0][0]
    runs.pin.value = False
    runs.clear()
    assert runs.kept == [] and shown(runs) == [] and runs.pin.disabled
    assert runs.add(workload(), [row()]).number == 6, "no number comes twice"


def test_a_run_can_be_named(runs):
    runs.name.value = "  the <large> one "
    assert [run.title for run in runs.shown()] == ["Run 2", "the <large> one"]
    assert "&lt;large&gt;" in runs.words.value
    runs.right.value = 1
    assert runs.name.value == ""


def test_two_runs_in_words(runs):
    first, second, third = runs.kept
    assert compared(first, third) == (
        "From Run 1 to Run 3 (batch 1 to 32): numpy_batched takes 32x the time."
    )
    second.rows[0] = row("numpy_batched", 0.2, 20.0)
    assert compared(second, third).endswith("numpy_batched the same within the spread.")
    third.rows[0] = row("cuda_v2", 1.0, where="emulated on CPU")
    assert compared(second, third) == "", "an emulated time is not compared"


def test_the_table_and_the_explanation_are_of_the_run_on_the_right():
    board = Race(batch_size=1, H=4, T=2, versions=("numpy_loop", "numpy_batched")).versus
    for batch in (1, 7):
        board.runs.add(workload(batch), [row("numpy_loop", batch), row("numpy_batched", batch / 8)])
    board.show_runs()
    assert "875&nbsp;ms" in board.table.value and "numpy_batched spends about" in board.why.value
    board.runs.right.value = 1
    assert "125&nbsp;ms" in board.table.value and "875&nbsp;ms" not in board.table.value
    board.explained.value = "numpy_loop"
    assert "numpy_loop spends about" in board.why.value and "Next:" in board.why.value
    board.runs.clear()
    assert board.table.value == "" and "no time" in board.why.value


def test_no_cell_of_the_table_can_be_broken():
    board = Race(batch_size=1, H=4, T=2, versions=("numpy_loop", "numpy_batched")).versus
    board.runs.add(workload(), [row("numpy_loop", 1234.5), row("numpy_batched", 0.001)])
    board.show_runs()
    cells = board.table.value.split("<td")[1:]
    assert len(cells) == 12 and not any(" " in cell.split(">")[1] for cell in cells)
    assert "1.00&nbsp;ms" in board.table.value


# ---- the sweep ----------------------------------------------------------------------------


@pytest.fixture
def dashboard(monkeypatch):
    monkeypatch.setitem(sweep_widget.SIZES, "N", (1, 3, 7))
    dashboard = Race(batch_size=1, H=4, T=2, budget=0.0)
    dashboard.sweep.budget = 0.0
    choose(dashboard.sweep, "numpy_batched")
    return dashboard


@pytest.fixture
def sweep(dashboard):
    return dashboard.sweep


def test_one_press_makes_one_curve_that_grows_point_by_point(dashboard, sweep):
    counts = []
    sweep.image.observe(lambda _: counts.append(len(sweep.found)), "value")
    sweep.bar.run_button.click()
    assert dashboard.runner.wait(60)
    assert counts == sorted(counts) and set(counts) >= {1, 2, 3}
    ((version, where),) = sweep.lines()
    assert (version, where) == ("numpy_batched", "CPU")
    assert list(sweep.lines()[version, where]) == [1, 3, 7]
    assert [w.batch_size for w, _ in sweep.results()] == [1, 3, 7]
    assert {w.H for w, _ in sweep.results()} == {50}
    assert sweep.bar.note.value.startswith("Done.") and "7x the size" in sweep.words.value
    assert "Next:" in sweep.words.value
    assert [r["run"] for r in dashboard.records()] == ["sweep"] * 3


def test_the_recording_of_a_named_card_lies_in_the_same_plot(sweep):
    assert "recorded beside an NVIDIA H200" in sweep.image.value
    before = len(sweep.scene().of(Mark))
    assert before == 4, "the CPU of that machine, before anything was measured here"
    sweep.boxes["cuda_v3"].value = True
    assert len(sweep.scene().of(Mark)) == 8
    sweep.card.value = "no card"
    assert len(sweep.scene().of(Mark)) == 0 and "recorded" not in sweep.image.value


def test_another_axis_begins_where_a_card_was_recorded(sweep):
    choose(sweep, "cuda_v6")
    for axis, fixed in (("H", "N=64, T=12"), ("T", "N=64, H=64"), ("N", "H=50, T=11")):
        sweep.along.value = axis
        assert sweep.sliders[axis].layout.display == "none"
        assert fixed in sweep.image.value and "cuda_v6, recorded" in sweep.image.value
        assert sweep.why_no_recording() == ""
    sweep.sliders["H"].value = 32
    assert "at H=32, T=12 there is: cuda_v6" in sweep.reasons.value
    assert "recorded beside" not in sweep.image.value, "no line of another size"


@NO_CARD
def test_what_only_the_emulator_could_run_is_not_run_unasked(sweep):
    choose(sweep, "cuda_v3")
    sweep.bar.run(wait=True)
    assert sweep.found == {} and "There is no card for these versions" in sweep.bar.note.value
    sweep.emulate.value = True
    assert sweep.measured() == ("cuda_v3",)
    sweep.along.value, sweep.sliders["H"].value, sweep.sliders["T"].value = "N", 4, 2
    sweep.bar.run(wait=True)
    assert list(sweep.lines()) == [("cuda_v3", "emulated on CPU")]
    assert "grey: emulated" in sweep.image.value and "emulated" in sweep.words.value
    assert "Faster than" not in sweep.words.value and "x the time" not in sweep.words.value


def test_what_takes_minutes_is_left_out_and_said_before(sweep, monkeypatch):
    choose(sweep, "sequential", "numpy_batched")
    monkeypatch.setitem(sweep_widget.SIZES, "N", (1, 65536))
    sweep.sliders["H"].value = 4
    sweep.show_setting()
    assert "sequential" in sweep.reasons.value and "left out: roughly" in sweep.reasons.value
    assert 65536 in sweep.refusals()["sequential"] and 1 not in sweep.refusals()["sequential"]


def test_a_wrong_version_gets_no_point(sweep, monkeypatch):
    def wrong(params, x, y):
        loss, grads = numpy_batched.gradients(params, x, y)
        return 2 * loss, grads

    monkeypatch.setitem(VERSIONS, "numpy_loop", types.SimpleNamespace(gradients=wrong))
    choose(sweep, "numpy_loop")
    sweep.bar.run(wait=True)
    assert sweep.lines() == {} and "wrong: the loss is 100% off" in sweep.words.value


def test_cancel_keeps_the_points(dashboard, sweep):
    sweep.bar.show_progress = lambda *_: sweep.found and dashboard.runner.cancel()
    sweep.bar.run(wait=True)
    assert 1 <= len(sweep.found) < 3
    assert sweep.bar.note.value == "Cancelled; what was measured stays."


def test_a_busy_machine_is_said_in_the_picture_too(sweep):
    sweep.found = {1: (workload(1, 50, 11), [row()._replace(others=0.01)])}
    assert "busy" not in sweep.scene().svg()
    sweep.found = {1: (workload(1, 50, 11), [row()._replace(others=0.9)])}
    assert ">the machine was busy: the lines may be bent<" in sweep.scene().svg()
    no_overlap(sweep.picture())


def test_the_base_of_the_ratios_is_one_for_the_whole_board(dashboard, sweep):
    assert dashboard.versus.base is sweep.base is dashboard.base
    assert dashboard.base.value == "numpy_batched"
    rows = [row("numpy_batched", 1.0), row("numpy_loop", 0.5)]
    sweep.found = {1: (workload(1, 50, 11), rows)}
    choose(sweep, "numpy_batched", "numpy_loop")
    sweep.found = {1: (workload(1, 50, 11), rows)}
    sweep.say_words()
    assert "Faster than numpy_batched: numpy_loop at 1." in sweep.words.value
    dashboard.base.value = "numpy_loop"
    assert "Faster than numpy_loop: numpy_batched nowhere." in sweep.words.value


# ---- versions that come later -------------------------------------------------------------


def test_a_board_takes_the_versions_that_are_there_when_it_is_made(monkeypatch):
    mine = types.SimpleNamespace(gradients=numpy_batched.gradients, __doc__="Mine, with a twist.")
    monkeypatch.setitem(VERSIONS, "mine", mine)
    board = Race(batch_size=1, H=4, T=2, budget=0.0)
    for tab in (board.versus, board.sweep, board.scale):
        assert tab.boxes["mine"].tooltip == "mine: Mine, with a twist."
    choose(board.versus, "mine", "numpy_batched")
    board.run()
    scene = board.versus.scene()
    faces = {mark.tip.split(",")[0]: mark.face for mark in scene.of(Mark)}
    assert faces["mine"] != faces["numpy_batched"]
    board.versus.explained.value = "mine"
    assert "mine is not one of the course" in board.versus.why.value
