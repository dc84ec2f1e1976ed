"""Who is known to come before whom, where more orders the threads than barriers of all of them.

Used by the race finder for kernels with a `cuda.syncwarp(mask)` or a `cuda.threadfence()`. Each
thread has a vector clock (Mattern 1988): a row with one number for each thread of the grid, how far
it knows that one to be. What a thread did comes before what another does now if that one's row says
so. All that meet at a barrier learn what each of them knows.

Atomic operations hand knowledge on, too, as in the memory model of PTX: a fence keeps what its
thread knows; an atomic write leaves at its address what was kept before it; who reads that address
atomically later learns it. Without a fence before the write nothing is handed on. A plain write to
the address ends it. Two things are taken more kindly than there: the reader needs no fence, and a
fence before a barrier also counts for an atomic write that another thread makes behind it. Each
fence has its scope: what `cuda.threadfence_block()` keeps is for threads of the same block.

Which atomic operation reads from which is this run's: a lock that never closes orders its threads
here, because one of them runs at a time.
"""

import numpy as np

from .arithmetic import device
from .compact import array_at

# the header: int64 numbers at the address control[CLOCKS]
ALL, ROWS_AT, KEPT_AT, KEYS_AT, LEFT_AT, FENCES, LEFT, PRETEND = range(8)
HEADER = 8
GRID_SCOPE, BLOCK_SCOPE = 0, 1  # of a fence; each thread has a row of what it kept for either
SCOPES = 2
MOST_THREADS = 4096  # of the grid: each has a row with a number for each
MOST_ADDRESSES = 4096  # at which something is left; a power of 2


class Clocks:
    """The memory for one run; pretend: as if a fence stood before each atomic operation."""

    def __init__(self, blocks, threads, pretend=False):
        count = blocks * threads
        self.rows = np.zeros((count, count), np.int32)
        np.fill_diagonal(self.rows, 1)
        self.kept = np.zeros((SCOPES, count, count), np.int32)
        self.keys = np.zeros(MOST_ADDRESSES, np.int64)
        self.left = np.zeros((MOST_ADDRESSES, count), np.int32)
        tables = self.rows, self.kept, self.keys, self.left
        self.header = np.array([count, *(t.ctypes.data for t in tables), 0, 0, pretend], np.int64)

    @property
    def address(self):
        return self.header.ctypes.data

    @property
    def full(self):
        """Were there more addresses than there is room for?"""
        return self.header[LEFT] >= MOST_ADDRESSES


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


# ---- barriers -----------------------------------------------------------------------------------


@device
def learn_from(clocks, thread, other):
    """One thread learns what another one knows, and what it has kept."""
    header = array_at(clocks, (HEADER,), np.int64)
    learn(clocks, place_in(clocks, ROWS_AT, thread), place_in(clocks, ROWS_AT, other))
    if header[FENCES]:
        for scope in range(SCOPES):
            kept = place_in(clocks, KEPT_AT, scope * header[ALL] + thread)
            learn(clocks, kept, place_in(clocks, KEPT_AT, scope * header[ALL] + other))


@device
def meet(clocks, first, last):
    """The threads first..last-1 of the grid, a block or all, meet at a barrier."""
    for thread in range(first + 1, last):
        learn_from(clocks, first, thread)
    for thread in range(first + 1, last):
        learn_from(clocks, thread, first)
    for thread in range(first, last):
        tick(clocks, thread)


@device
def meet_lanes(clocks, first, mask, lanes):
    """The lanes of a mask meet; `first`: the grid's number of lane 0."""
    for one in range(lanes):
        if (mask >> one) & 1:
            for other in range(lanes):
                if (mask >> other) & 1:
                    learn_from(clocks, first + one, first + other)
    for lane in range(lanes):
        if (mask >> lane) & 1:
            tick(clocks, first + lane)


# ---- fences and atomic operations ---------------------------------------------------------------


@device
def fence(clocks, thread, scope):
    """Keep what the thread knows; a fence of the grid is one of the block, too."""
    header = array_at(clocks, (HEADER,), np.int64)
    header[FENCES] += 1
    for smaller in range(scope, SCOPES):
        kept = place_in(clocks, KEPT_AT, smaller * header[ALL] + thread)
        learn(clocks, kept, place_in(clocks, ROWS_AT, thread))
    tick(clocks, thread)


@device
def key(address, scope, block, shared):
    """What is left at an address, for whom: for the grid, or for the threads of one block."""
    return address << 1 | scope | (block + 1 << 48 if scope == BLOCK_SCOPE or shared else 0)


@device
def find(clocks, wanted, add):
    """The number of the row with this key, perhaps a new one; -1 if there is none."""
    header = array_at(clocks, (HEADER,), np.int64)
    keys = array_at(header[KEYS_AT], (MOST_ADDRESSES,), np.int64)
    place = (wanted * 2654435761 >> 16) & (MOST_ADDRESSES - 1)
    while keys[place] != wanted:
        if keys[place] == 0:
            if not add or header[LEFT] >= MOST_ADDRESSES - 1:
                header[LEFT] += add
                return -1
            header[LEFT] += 1
            keys[place] = wanted
        else:
            place = (place + 1) & (MOST_ADDRESSES - 1)
    return place


@device
def atomic(clocks, thread, address, block, shared, writes):
    """An atomic operation: learn what was left there, and leave what was kept."""
    header = array_at(clocks, (HEADER,), np.int64)
    if header[PRETEND]:
        fence(clocks, thread, GRID_SCOPE)
    if not header[FENCES]:
        return
    for scope in range(SCOPES):
        place = find(clocks, key(address, scope, block, shared), writes)
        if place >= 0:
            left = place_in(clocks, LEFT_AT, place)
            learn(clocks, place_in(clocks, ROWS_AT, thread), left)
            if writes:
                learn(clocks, left, place_in(clocks, KEPT_AT, scope * header[ALL] + thread))


@device
def plain_write(clocks, address, block, shared):
    """What was left at the address is gone."""
    header = array_at(clocks, (HEADER,), np.int64)
    if header[LEFT]:
        for scope in range(SCOPES):
            place = find(clocks, key(address, scope, block, shared), False)
            if place >= 0:
                array_at(place_in(clocks, LEFT_AT, place), (header[ALL],), np.int32)[:] = 0
