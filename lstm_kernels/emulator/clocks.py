"""Who is known to come before whom, where barriers of all threads do not tell it.

Used by the race finder for kernels with a `cuda.threadfence()`, or a `cuda.syncwarp(mask)`.
Each thread has a vector clock (Mattern 1988): a row with one number for each thread of the
grid, how far it knows that one to be. What a thread did comes before what another does now if that
one's row says so.

    barrier, syncwarp(mask)    all that meet there learn what each of them knows
    threadfence                what this thread knows now, it may pass on
    atomic operation           it learns what was passed on at this element, and passes on its own

So "write, threadfence, atomic" and then "atomic, read" are in order: the last block that sums the
others' results, a lock by compare-and-swap.
"""

import numpy as np

from . import control as slots
from .arithmetic import device
from .compact import array_at

# the header: int64 numbers at the address control[CLOCKS]
THREADS, ALL, ROWS_AT, FENCED_AT, PLACES_AT, PLACES, PASSED_AT = range(7)
HEADER = 7
MOST_PLACES = 256  # elements at which something was passed on
MOST_THREADS = 2048  # of the grid: each has a row with a number for each


class Clocks:
    """The memory for one run: who knows what, what was fenced, what was passed on where."""

    def __init__(self, blocks, threads):
        count = blocks * threads
        self.rows = np.zeros((count, count), np.int32)
        np.fill_diagonal(self.rows, 1)
        self.fenced = np.zeros((count, count), np.int32)
        self.places = np.zeros(MOST_PLACES, np.int64)
        self.passed = np.zeros((MOST_PLACES, count), np.int32)
        self.header = np.zeros(HEADER, np.int64)
        self.header[THREADS], self.header[ALL] = threads, count
        for slot, array in (
            (ROWS_AT, self.rows),
            (FENCED_AT, self.fenced),
            (PLACES_AT, self.places),
            (PASSED_AT, self.passed),
        ):
            self.header[slot] = array.ctypes.data

    @property
    def address(self):
        return self.header.ctypes.data


@device
def place_in(clocks, table, number):
    """Where a row of a table begins; `clocks`: the address of the header."""
    header = array_at(clocks, (HEADER,), np.int64)
    return header[table] + 4 * header[ALL] * number


@device
def learn(clocks, at, other_at):
    """The row at one address learns what the row at the other one knows."""
    count = array_at(clocks, (HEADER,), np.int64)[ALL]
    row, other = array_at(at, (count,), np.int32), array_at(other_at, (count,), np.int32)
    for n in range(count):
        row[n] = max(row[n], other[n])


@device
def tick(clocks, thread):
    """The thread's own time goes on."""
    count = array_at(clocks, (HEADER,), np.int64)[ALL]
    array_at(place_in(clocks, ROWS_AT, thread), (count,), np.int32)[thread] += 1


@device
def knows(clocks, thread, other):
    """How far `thread` knows `other` to be; itself: its own time."""
    count = array_at(clocks, (HEADER,), np.int64)[ALL]
    return np.int64(array_at(place_in(clocks, ROWS_AT, thread), (count,), np.int32)[other])


@device
def meet(clocks, first, last):
    """The threads first..last-1 of the grid, a block or all, meet at a barrier."""
    start = place_in(clocks, ROWS_AT, first)
    for thread in range(first + 1, last):
        learn(clocks, start, place_in(clocks, ROWS_AT, thread))
    for thread in range(first + 1, last):
        learn(clocks, place_in(clocks, ROWS_AT, thread), start)
    for thread in range(first, last):
        tick(clocks, thread)


@device
def meet_lanes(clocks, first, mask, lanes):
    """The lanes of a mask meet; `first`: the grid's number of lane 0."""
    for one in range(lanes):
        if (mask >> one) & 1:
            for other in range(lanes):
                if (mask >> other) & 1:
                    one_at = place_in(clocks, ROWS_AT, first + one)
                    learn(clocks, one_at, place_in(clocks, ROWS_AT, first + other))
    for lane in range(lanes):
        if (mask >> lane) & 1:
            tick(clocks, first + lane)


@device
def fence(control_at):
    """The present thread's `cuda.threadfence()`."""
    control = array_at(control_at, (slots.SLOTS,), np.int64)
    clocks = control[slots.CLOCKS]
    if clocks:
        threads = array_at(clocks, (HEADER,), np.int64)[THREADS]
        thread = control[slots.BLOCK] * threads + control[slots.THREAD]
        fenced = place_in(clocks, FENCED_AT, thread)
        learn(clocks, fenced, place_in(clocks, ROWS_AT, thread))
        tick(clocks, thread)


@device
def number_of(clocks, address):
    """The number of the element in the table; -1 if the table is full."""
    header = array_at(clocks, (HEADER,), np.int64)
    places = array_at(header[PLACES_AT], (MOST_PLACES,), np.int64)
    for n in range(header[PLACES]):
        if places[n] == address:
            return n
    if header[PLACES] == MOST_PLACES:
        return -1
    places[header[PLACES]] = address
    header[PLACES] += 1
    return header[PLACES] - 1


@device
def pass_on(clocks, address, thread):
    """An atomic operation: learn what was passed on here, pass on what is fenced."""
    number = number_of(clocks, address)
    if number >= 0:
        passed = place_in(clocks, PASSED_AT, number)
        learn(clocks, place_in(clocks, ROWS_AT, thread), passed)
        learn(clocks, passed, place_in(clocks, FENCED_AT, thread))
