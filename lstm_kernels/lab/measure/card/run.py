"""Runs the sections of `bench --card`: each point once, saved at once, whatever comes.

A point that fails is noted, and the next one follows.  What a broken card or a kernel that never
ends would spoil ends this process instead (status AGAIN): started again, it goes on behind it.
"""

import os
import sys
import threading
import time
from contextlib import contextmanager

from lstm_kernels.lab.measure.card import (
    counters,
    host,
    kernels,
    races,
    right,
    steps,
    traces,
    trainings,
)
from lstm_kernels.lab.measure.card.file import FIRST
from lstm_kernels.lab.measure.card.points import Settled, words_of
from lstm_kernels.lab.measure.pytorch import first_line
from lstm_kernels.lab.words import count_text
from lstm_kernels.machine import device

SECTIONS = {
    "right": right, "races": races, "steps": steps, "trainings": trainings, "kernels": kernels,
    "host": host, "traces": traces, "counters": counters,
}  # fmt: skip
AGAIN = 75  # exit status: start it again, and it goes on (as EX_TEMPFAIL of sysexits.h)
TOO_LONG = 90.0  # seconds after which a point is taken for one that never ends
TOTAL = 420.0  # after so many seconds no point is begun


def run(file, plan, names, check, say=print):
    """Measure these sections into the file, all by default; FIRST is always among them.

    check: raises KeyboardInterrupt after a signal.
    """
    end = time.monotonic() + TOTAL
    for name in [name for name in SECTIONS if not names or name in (FIRST, *names)]:
        start = time.monotonic()
        left = run_section(file, plan, name, check, end, say)
        say(f"\n{name}, {time.monotonic() - start:.0f} s")
        say(SECTIONS[name].table(file.of(name)))
        if left:
            say(f"{count_text(left, 'point')} left out: the time is spent; run it again to go on")


def run_section(file, plan, name, check, end, say=print):
    """Measure the points that the file lacks; returns how many no time was left for.

    end: when the time for all sections is spent, on time.monotonic's clock.
    """
    section, left = SECTIONS[name], 0
    end = min(end, time.monotonic() + section.SECONDS)
    for point in section.points(plan, file.rows):
        if file.has(name, point.key):
            continue
        if time.monotonic() > end:
            left += 1
            continue
        with watched(file, name, point):
            found = attempt(point)
            file.add(name, point.key, found)
        file.save()
        for row in found:
            if "failed" in row:
                say(f"failed: {name}, {point.key}: {row['failed']}")
                check_card(file)
        check()
    return left


def attempt(point):
    """The rows of a point; if it fails, one row that says how."""
    try:
        return point.measure()
    except Settled as why:
        return [{"note": str(why)}]
    except Exception as error:  # noted in the file, told, and in the end the status is 1
        return [{"failed": words_of(error)}]


def check_card(file, leave=os._exit):
    """Ends this process if the card answers no more: after such a failure nothing else works."""
    try:
        device.synchronize()
    except Exception as error:
        end_at_once(file, f"the card answers no more ({first_line(error)})", leave)


@contextmanager
def watched(file, name, point, seconds=TOO_LONG, leave=os._exit):
    """Inside, a point that takes too long is noted as failed, and this process ends."""

    def too_long():
        words = f"no end within {seconds:g} s"
        file.add(name, point.key, [{"failed": words}])
        end_at_once(file, f"{name}, {point.key}: {words}", leave)

    timer = threading.Timer(seconds, too_long)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def end_at_once(file, why, leave):
    """No cleaning up: it would wait for the card."""
    file.save()
    print(f"\nEnded: {why}. Start it again, and it goes on.", file=sys.stderr, flush=True)
    leave(AGAIN)
