"""Who is known to come before whom, where a barrier is one of some lanes only.

Used by the race finder for kernels with a `cuda.syncwarp(mask)`. Each thread has a vector clock
(Mattern 1988): a row with one number for each thread of the grid, how far it knows that one to be.
What a thread did comes before what another does now if that one's row says so. All that meet at a
barrier learn what each of them knows.
"""

import numpy as np

from .arithmetic import device
from .compact import array_at

# the header: int64 numbers at the address control[CLOCKS]
ALL, ROWS_AT = 0, 1
HEADER = 2
MOST_THREADS = 2048  # of the grid: each has a row with a number for each


class Clocks:
    """The memory for one run: one row for each thread."""

    def __init__(self, blocks, threads):
        count = blocks * threads
        self.rows = np.zeros((count, count), np.int32)
        np.fill_diagonal(self.rows, 1)
        self.header = np.array([count, self.rows.ctypes.data], np.int64)

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
