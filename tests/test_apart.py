"""Processes side by side: their results in order, no more at a time than asked, none left over."""

import sys

import pytest

from lstm_kernels.lab import apart

ECHO = "import json, sys; print('words'); print(json.dumps(sys.argv[1:]))"


@pytest.fixture
def started(monkeypatch):
    """The processes; how many ran when the next one began."""
    found, at_once = [], []

    def start(*arguments, start=apart._start):
        at_once.append(sum(process.poll() is None for process in found))
        found.append(start(*arguments))
        return found[-1]

    monkeypatch.setattr(apart, "_start", start)
    return found, at_once


@pytest.fixture
def run(monkeypatch):
    """run(code): what is started in place of a module of the course."""

    def run(code):
        monkeypatch.setattr(apart, "command", lambda _, *more: [sys.executable, "-c", code, *more])

    return run


def test_results_come_in_the_order_of_the_calls(run, started):
    run(ECHO)
    calls = [("a", "b"), ("c",), ("d",), ("e",)]
    assert apart.run_side_by_side("module", calls, {}) == [list(call) for call in calls]
    assert max(started[1]) <= 1, "two at a time"


def test_one_that_fails_is_told_by_its_last_words(run):
    run("raise ArithmeticError('a bug')")
    with pytest.raises(RuntimeError, match="(?s)ended with 1:.*a bug"):
        apart.run_apart("module", settings={})


def test_ctrl_c_ends_those_that_run(run, started, monkeypatch):
    def interrupted(process):
        raise KeyboardInterrupt

    run("import time; time.sleep(60)")
    monkeypatch.setattr(apart, "_result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apart.run_side_by_side("module", [(), ()], {})
    assert len(started[0]) == 2 and all(process.returncode for process in started[0])
