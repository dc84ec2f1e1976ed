"""Loops cut into rounds: who touches what, and which of them disturb each other."""

import pytest

from lstm_kernels.judge.mistakes import mistaken, typical
from lstm_kernels.judge.rounds import Loop, first_conflict, order_matters, run, trace
from lstm_kernels.judge.sequential_loops import add_row, loops


def add_up(n, a, total):
    total[0] += a[n]


def double(n, a, out):
    for value in a[n : n + 1]:
        out[n] = 2 * value


def chain(n, a):
    a[n + 1] += a[n]


def test_a_trace_names_what_each_round_reads_and_writes():
    reads, writes = trace(Loop(2, add_up, {"a": [1.0, 2.0], "total": [0.0]}))
    assert reads == [{"a[0]", "total[0]"}, {"a[1]", "total[0]"}] and writes == [{"total[0]"}] * 2
    reads, writes = trace(Loop(2, double, {"a": [1.0, 2.0], "out": [0.0, 0.0]}))
    assert reads == [{"a[0]"}, {"a[1]"}] and writes == [{"out[0]"}, {"out[1]"}]


def test_nested_lists_and_places_from_the_end_have_the_same_names():
    def body(n, a):
        a[-1][n] = a[0][-1]

    reads, writes = trace(Loop(2, body, {"a": [[1.0, 2.0], [3.0, 4.0]]}))
    assert reads == [{"a[0][1]"}] * 2 and writes == [{"a[1][0]"}, {"a[1][1]"}]


def test_a_round_sees_what_the_rounds_before_it_have_written():
    loop = Loop(2, chain, {"a": [1.0, 0.0, 0.0]})
    assert run(loop, (0, 1)) == {"a": [1.0, 1.0, 1.0]} and loop.arrays["a"] == [1.0, 0.0, 0.0]
    assert run(loop, (1, 0)) == {"a": [1.0, 1.0, 0.0]}
    assert order_matters(loop) and first_conflict(*trace(loop)) == (0, 1, "a[1]")


def test_a_sum_has_a_conflict_and_no_order():
    loop = Loop(3, add_up, {"a": [0.1, 0.2, 0.3], "total": [0.0]})
    assert not order_matters(loop) and first_conflict(*trace(loop)) == (0, 1, "total[0]")


def test_reading_together_is_no_conflict():
    assert first_conflict([{"x"}, {"x"}], [{"a"}, {"b"}]) is None
    assert first_conflict([{"b"}, set()], [set(), {"b"}]) == (1, 0, "b")


def test_the_programs_loops_are_what_lesson_03_says():
    free = {name[0] for name, loop in loops().items() if not first_conflict(*trace(loop))}
    assert free == set("ACDEH")
    assert {name[0] for name, loop in loops().items() if order_matters(loop)} == {"B"}


def test_a_mistake_is_our_source_with_another_piece():
    wrong = mistaken((add_row,), "h[t][j]", "h[t + 1][j]")
    dW = [[0.0]]
    wrong(0, [[1.0]], [[2.0], [3.0]], [[1.0]], [[0.0]], dW, [0.0])
    assert dW == [[3.0]]
    with pytest.raises(ValueError, match="add_row and its helpers have no 'c"):
        mistaken((add_row,), "c[t]", "")


def test_a_mistake_is_made_only_when_it_is_asked_for():
    made = typical({"cause": ("dz[t][k]", "0.0")}, (add_row,), lambda function: function.__name__)
    assert made["cause"]() == "add_row"
