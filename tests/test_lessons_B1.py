"""Lesson B1: its pictures."""

import pytest

from lstm_kernels.lab.figures import bugs
from tests.pictures import no_overlap, texts


def test_errors_of_two_programs_stand_above_each_other():
    errors = {"found": {"U": 0.02, "W": 0.04}, "right": {"U": 1e-10, "W": 2e-10}}
    picture = bugs.draw_errors(errors)
    (ax,) = picture.axes
    found, right = (line.get_ydata() for line in ax.lines[:2])
    assert list(found) == pytest.approx([2, 4]) and list(right) == pytest.approx([1e-8, 2e-8])
    assert texts(ax) == ["found", "right"] and ax.get_yscale() == "log"
    assert "found: U 2 % and W 4 %" in picture.alt
    no_overlap(picture)


def test_calls_are_bars_from_zero_and_the_clock_is_a_line():
    picture = bugs.draw_calls([0.4, 0.004, 0.15], 0.1)
    (ax,) = picture.axes
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([400, 4, 150])
    assert ax.lines[0].get_ydata()[0] == pytest.approx(100) and ax.get_ylim()[0] == 0
    no_overlap(picture)
