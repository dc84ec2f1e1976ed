"""What each round of a loop reads and writes: nested lists that take notes.  Lesson 03.

Rounds may run at the same time if none of them writes what another one reads or writes.
"""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple


class Loop(NamedTuple):
    """A loop of plain Python, cut into its rounds."""

    rounds: int
    body: Callable  # (number of the round, the arrays by their names): one round
    arrays: dict  # {name: nested lists} before the loop


class Noted(list):
    """A nested list that notes which of its numbers are read and written."""

    def __init__(self, values, name, reads, writes):
        self.name, self.reads, self.writes = name, reads, writes
        super().__init__(
            Noted(value, f"{name}[{n}]", reads, writes) if isinstance(value, list) else value
            for n, value in enumerate(values)
        )

    def _at(self, n):
        return f"{self.name}[{range(len(self))[n]}]"

    def __getitem__(self, n):
        value = super().__getitem__(n)
        if isinstance(n, slice):
            return [self[m] for m in range(*n.indices(len(self)))]
        if not isinstance(value, list):
            self.reads.add(self._at(n))
        return value

    def __setitem__(self, n, value):
        self.writes.add(self._at(n))
        super().__setitem__(n, value)

    def __iter__(self):
        return (self[n] for n in range(len(self)))

    def __reversed__(self):
        return (self[n] for n in reversed(range(len(self))))


def trace(loop):
    """Run the rounds in their order; (reads, writes): a set of element names per round, of each."""
    reads, writes, now = [], [], loop.arrays
    for n in range(loop.rounds):
        reads.append(set())
        writes.append(set())
        noted = {name: Noted(a, name, reads[n], writes[n]) for name, a in now.items()}
        loop.body(n, **noted)
        now = {name: plain_list(a) for name, a in noted.items()}
    return reads, writes


def run(loop, order):
    """The arrays after the rounds, taken in this order."""
    arrays = copy.deepcopy(loop.arrays)
    for n in order:
        loop.body(n, **arrays)
    return arrays


def order_matters(loop):
    """Does the last round first give other numbers, not counting what rounding does?"""
    usual, reverse = run(loop, range(loop.rounds)), run(loop, reversed(range(loop.rounds)))
    pairs = zip(_numbers(list(usual.values())), _numbers(list(reverse.values())), strict=True)
    return not all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in pairs)


def _numbers(values):
    """All numbers of a nested list, one after the other."""
    for value in values:
        yield from _numbers(value) if isinstance(value, list | tuple) else (value,)


def first_conflict(reads, writes):
    """None, or (one round, another, an element): one of the two writes it, and both touch it."""
    for a in range(len(writes)):
        for b in range(len(writes)):
            shared = writes[a] & (writes[b] | reads[b])
            if a != b and shared:
                return a, b, min(shared)
    return None


def plain_list(values):
    """The same nested list without notes."""
    if not isinstance(values, list):
        return values
    return [plain_list(value) for value in list.__iter__(values)]
