"""Lesson 07: its code is the module's own, its pictures and its widget work."""

import inspect

import pytest

from lstm_kernels.lab.estimates.thread_layout import ThreadLayout
from lstm_kernels.lab.figures import threads as figures
from lstm_kernels.lab.figures.style import ORANGE
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.thread_map import ThreadMap
from lstm_kernels.versions import cuda_v2
from tests.test_lessons_06 import PNG, code_cells, own_source


@pytest.mark.parametrize("name", ["add_gradients", "kernel", "blocks_for", "gradients"])
def test_lesson_07_shows_the_modules_own_source(name):
    plain = name in ("blocks_for", "gradients")
    function = getattr(cuda_v2, name)
    source = inspect.getsource(function).strip() if plain else own_source(cuda_v2, name)
    assert any(source in text for text in code_cells("07_cuda_v2"))


def test_lesson_07_has_the_modules_block_size():
    line = next(s for s in inspect.getsource(cuda_v2).splitlines() if s.startswith("THREADS"))
    assert any(line in text.splitlines() for text in code_cells("07_cuda_v2"))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_07_is_solved_with_the_same_check(number):
    solutions = "\n".join(code_cells("solutions/07_solutions"))
    text = next(t for t in code_cells("07_cuda_v2") if f'checks.exercise("{number},' in t)
    assert text[text.index("\n\n\ndef check_") :].strip() in solutions


@pytest.mark.parametrize("N, threads", [(1, 32), (7, 32), (1000, 32), (250, 100), (20000, 1024)])
def test_the_thread_map_says_what_is_idle(N, threads):
    launch = ThreadLayout(N, threads)
    picture = figures.draw_thread_map(launch)
    assert picture._repr_png_().startswith(PNG)
    said = picture.get_suptitle()
    assert f"{launch.idle_lanes:,} idle lanes" in said and f"{launch.sms} of 40 SMs" in said


@pytest.mark.parametrize("draw", [figures.draw_lost_update, figures.draw_addresses])
def test_fixed_figures_of_lesson_07_are_png(draw):
    assert draw()._repr_png_().startswith(PNG)


@pytest.mark.parametrize("where, said", [("GPU", "on the GPU"), ("emulated", "not a GPU's time")])
def test_a_time_is_labelled_by_where_it_ran(where, said):
    timings = [Timing((0.001, 0.002, 0.003)), Timing((0.004, 0.005, 0.006))]
    picture = figures.draw_times_by_batch((7, 32), timings, where, ORANGE)
    assert said in picture.axes[0].get_title(loc="left")


@pytest.mark.parametrize(
    "control, value, said",
    [("batch", 1000, "1,000 samples"), ("threads", 64, "of 64"), ("card", "H100", "132 SMs")],
)
def test_each_control_repaints_the_thread_map(control, value, said):
    thread_map = ThreadMap(N=59, threads=32)
    before = bytes(thread_map.image.value)
    getattr(thread_map, control).value = value
    after = bytes(thread_map.image.value)
    assert after.startswith(PNG) and after != before
    assert said in thread_map.picture().get_suptitle()


def test_occupancy_says_what_fits_and_what_is_used():
    rows = [(32, 16, "blocks an SM", 1, 32), (256, 16, "registers", 8, 4)]
    picture = figures.draw_occupancy(rows, room=32, N=1000)
    assert len(picture.axes[0].patches) == 2 * 32 + len(figures.OCCUPIED)
    said = [text.get_text() for text in picture.axes[0].texts]
    assert "1 used, on 32 SMs\n16 fit: limit is blocks an SM" in said
