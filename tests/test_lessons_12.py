"""Lesson 12: its code is the module's own, its pictures and its widget work."""

import inspect

import pytest

from lstm_kernels.lab.figures import cores as figures
from lstm_kernels.lab.figures.versions_table import versions_table
from lstm_kernels.lab.measure.cpu_baselines import ShapeTimings
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.cores import CoresMap
from lstm_kernels.versions import numba_cpu
from tests.test_lessons_06 import PNG, code_cells

SOURCE = inspect.getsource(numba_cpu)
FUNCTIONS = [
    function
    for function in vars(numba_cpu).values()
    if getattr(getattr(function, "py_func", function), "__module__", "") == numba_cpu.__name__
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_lesson_12_shows_the_modules_own_source(function):
    source = inspect.getsource(getattr(function, "py_func", function)).strip()
    assert any(source in text for text in code_cells("12_all_cores"))


def test_nothing_of_the_module_is_left_out():
    assert len(FUNCTIONS) == SOURCE.count("\ndef ") >= 20
    code = SOURCE[SOURCE.index("\nimport math") :].splitlines()
    settings = [s for s in code if s[:1].isupper() or s.startswith(("import", "from", "compiled"))]
    shown = "\n".join(code_cells("12_all_cores")).splitlines()
    assert len(settings) > 12 and set(settings) <= set(shown)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_12_is_solved_with_the_same_check(number):
    solutions = "\n".join(code_cells("solutions/12_solutions"))
    text = next(t for t in code_cells("12_all_cores") if f'checks.exercise("{number},' in t)
    assert text[text.index("\n\n\ndef check_") :].strip() in solutions


@pytest.mark.parametrize(
    "N, cores, said",
    [
        (1, 2, "1 sample: 1 chunk on 1 of 2 cores, 31 idle lanes,\n1 chunk in a row"),
        (129, 2, "5 chunks on 2 of 2 cores, 31 idle lanes,\n3 chunks in a row"),
        (1000, 64, "32 chunks on 32 of 64 cores, 24 idle lanes"),
    ],
)
def test_the_map_says_what_is_idle(N, cores, said):
    picture = figures.draw_cores(N, cores)
    assert said in picture.get_suptitle()
    assert len(picture.axes[0].patches) == 32 * min(-(-N // 32), figures.MAX_ROWS)
    assert picture._repr_png_().startswith(PNG)


def test_pictures_of_lesson_08():
    timings = {1: Timing((4.0, 4.0, 4.1)), 2: Timing((2.0, 2.2, 2.1))}
    rows = [
        ShapeTimings(1, 12, 16, {"numpy_batched": timings[1], "numba_cpu": timings[2]}),
        ShapeTimings(
            64, 12, 64, dict.fromkeys(("numpy_batched", "numba_cpu", "torch"), timings[1])
        ),
    ]
    pictures = [
        figures.draw_lanes(),
        figures.draw_tile(),
        figures.draw_tile(rows=4, width=8),
        figures.draw_speedup(timings, 0.05),
        figures.draw_speedup({1: timings[1]}, 0.05),
        figures.draw_against_torch(rows),
        versions_table(upto="numba_cpu"),
    ]
    assert all(picture._repr_png_().startswith(PNG) for picture in pictures)
    assert len(pictures[5].axes[0].patches) == 2 and len(pictures[5].axes[1].patches) == 3


@pytest.mark.parametrize(
    "control, value, said",
    [("batch", 1000, "1,000 samples"), ("cores", 64, "of 64 cores"), ("lanes", 8, "8 chunks")],
)
def test_each_control_repaints_the_map(control, value, said):
    cores_map = CoresMap(N=59, cores=2)
    before = bytes(cores_map.image.value)
    getattr(cores_map, control).value = value
    after = bytes(cores_map.image.value)
    assert after.startswith(PNG) and after != before
    assert said in cores_map.picture().get_suptitle()
