"""A notebook judged in a process of its own, with limits of time, memory and output.

The process finds a copy of the course, which goes with it.  What ends it early (a crash, a step
that takes too long, too much output) costs that step: the rest is judged in a new process.
"""

import json
import os
import queue
import secrets
import signal
import subprocess
import time
from contextlib import suppress
from threading import Thread
from typing import NamedTuple

CHILD = "from lstm_kernels.classroom.child import main; main()"
START = 60.0  # seconds that Python and the course may take to start
AGAIN = 3  # new processes for one notebook, at most
NOISE = 100  # lines in the channel that are not the judge's
LINE = 1 << 16  # bytes of a line in the channel
TAIL = 2000  # bytes of what was printed that are kept


class Limits(NamedTuple):
    """What one notebook may take."""

    seconds: float = 60.0  # per step: a cell, or a verdict
    memory: int = 4 << 30  # bytes of address space
    output: int = 1 << 20  # bytes printed
    file: int = 64 << 20  # bytes of a file that is written

    def of_system(self):
        """Those that the operating system holds, in the words of guard.LIMITS."""
        return {
            "memory": self.memory,
            "processor time": int(10 * self.seconds) + 1,
            "size of a file": self.file,
            "number of processes": 512,
            "size of a core file": 0,
        }


def judge(text, place, limits, seed, lesson="", closed=()):
    """What the judge found in one notebook, as a dict that JSON can hold.

    text: its bytes.  lesson: only this one.  closed: folders that it may not even read.
    lessons: those it has.  tasks: {number: {state, words}}.  remarks: sentences.  patched: what of
    the judge it replaced.  missing: limits that this system does not have.  printed: its end.
    """
    found = {"seed": seed, "lessons": [], "tasks": {}, "remarks": [], "patched": "", "missing": []}
    skip = []
    for _ in range(1 + AGAIN):
        place.empty()
        wishes = {"lesson": lesson, "seed": seed, "skip": [*skip, *found["tasks"]]}
        with _Process(place, text, limits, wishes, closed) as process:
            step, ending = _follow(process, limits, found)
        if place.stopped:
            raise OSError("stopped")
        found["printed"] = process.tail.decode("utf-8", "replace")
        if changed := place.mend():
            found["patched"] = f"the course's files: {', '.join(changed[:5])}"
        if not ending:
            break
        _remark(found, f"{step}: it {ending}")
        if step == "start":
            break
        skip.append(step)
    else:
        _remark(found, "what comes after was not judged")
    place.remove()
    found["remarks"] = [r.replace(f"{place.folder}{os.sep}", "") for r in found["remarks"]]
    return {**found, "tasks": {} if found["patched"] else found["tasks"]}


def _follow(process, limits, found):
    """Note what the process tells; (its last step, what ended it early, or nothing)."""
    step, tasks, noise = "start", [], 0
    deadline = time.monotonic() + max(START, limits.seconds)
    while True:
        said = process.next(deadline) or {"ended": f"takes more than {limits.seconds:g} s"}
        if "noise" in said:
            noise += 1
            _remark(found, "it writes into the judge's channel, as if it were the judge")
            said = {"ended": "floods the judge's channel"} if noise > NOISE else said
        if "ended" in said:
            for number in tasks:
                found["tasks"][number] = {"state": "not yet", "words": f"It {said['ended']}."}
            return step, said["ended"]
        if "done" in said:
            return step, ""
        if "doing" in said:
            step, tasks = said["doing"], said["tasks"]
            deadline = time.monotonic() + limits.seconds
        _note(found, said)


def _note(found, said):
    """Keep what the process tells."""
    if "task" in said:
        found["tasks"][said["task"]] = {"state": said["state"], "words": said["words"]}
    for key in {"lessons", "patched"} & set(said):
        found[key] = said[key]
    if "missing" in said and said["missing"] not in found["missing"]:
        found["missing"].append(said["missing"])
    if "remark" in said:
        _remark(found, said["remark"])


def _remark(found, words):
    if words not in found["remarks"] and len(found["remarks"]) < NOISE:
        found["remarks"].append(words)


class _Process:
    """The process, its channel, and what it prints, of which only the end is kept."""

    def __init__(self, place, text, limits, wishes, closed):
        self.token, self.tail, self.said = secrets.token_hex(16), b"", queue.Queue()
        job = {
            **wishes, "token": self.token, "limits": limits.of_system(),
            "closed": [str(path) for path in closed],
            **{name: str(place.box / name) for name in ("work", "cells", "cache")},
        }  # fmt: skip
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.place, self.process = place, place.start(CHILD, **pipes)
        works = (
            lambda: self._feed(json.dumps(job).encode() + b"\n" + text),
            self._listen,
            lambda: self._drain(limits.output),
        )
        self.threads = [Thread(target=work, daemon=True) for work in works]
        for thread in self.threads:
            thread.start()

    def _feed(self, data):
        with suppress(OSError), self.process.stdin as pipe:  # it may have ended
            pipe.write(data)

    def _listen(self):
        while line := self.process.stdout.readline(LINE):
            self.said.put(self._read(line))
        self.said.put({"ended": self._how_it_ended()})

    def _read(self, line):
        """What a line tells; noise if it lacks the token."""
        try:
            said = json.loads(line)
            return said if said.pop("token") == self.token else {"noise": True}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {"noise": True}

    def _drain(self, most):
        count = 0
        while count <= most and (part := self.process.stderr.read1(LINE)):
            count, self.tail = count + len(part), (self.tail + part)[-TAIL:]
        if count > most:
            self.said.put({"ended": f"prints more than {most:,} bytes"})

    def _how_it_ended(self):
        status = self.process.wait()
        if status >= 0:
            return f"ends its process, with status {status}"
        names = {-number: number.name for number in signal.Signals}
        return f"crashes, with {names.get(status, f'signal {-status}')}"

    def next(self, deadline):
        """What it tells next; None if it tells nothing until then."""
        with suppress(queue.Empty):
            return self.said.get(timeout=max(0, deadline - time.monotonic()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.place.end()
        for thread in self.threads:  # they read what is left in the pipes
            thread.join(timeout=5)
