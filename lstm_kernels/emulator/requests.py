"""How memory serves a request of a warp: the one rule of sectors, and of banks.

Global memory moves whole sectors.  Shared memory lies in banks, word after word; in a turn each
bank gives one of its words, to all who want it.  It serves 32 lanes at once, half a warp if their
numbers have 8 bytes.  (NVIDIA, CUDA C++ Best Practices Guide: "Coalesced Access to Global Memory",
"Shared Memory and Memory Banks".)

The counters compile this rule (adding_up.py); what looks at single requests calls it from Python.
"""

import numpy as np

from .runtime import WARP

SECTOR = 32  # bytes: a piece of global memory
WORD, BANKS = 4, 32  # bytes of a word of shared memory; word number w lies in bank w % BANKS


def lay_out(numbers, boxes, filled):
    """Each different one of the numbers, once, into the box number % BANKS.

    boxes (BANKS, len(numbers)) or wider; filled (BANKS,): how many a box holds.  Both are only
    written.  Returns how many there are in all boxes, and in the fullest.
    """
    filled[:] = 0
    different = most = 0
    for number in numbers:
        box = number % BANKS
        n = 0
        while n < filled[box] and boxes[box, n] != number:
            n += 1
        if n == filled[box]:
            boxes[box, n] = number
            filled[box] += 1
            different += 1
            most = max(most, filled[box])
    return different, most


def lanes_at_once(itemsize):
    """How many lanes shared memory serves at once, whose numbers have so many bytes."""
    return WARP // max(1, itemsize // WORD)


# ---- for single requests ------------------------------------------------------------------------


def sectors(addresses):
    """How many sectors of global memory hold these byte addresses."""
    numbers = _whole(addresses) // SECTOR
    return lay_out(numbers, *_room(numbers))[0]


def bank_turns(words):
    """How many turns shared memory's banks need to give the words with these numbers."""
    numbers = _whole(words)
    return int(lay_out(numbers, *_room(numbers))[1])


def words_of_banks(words):
    """{bank: [words]}: each of the words once, with the bank that gives it."""
    numbers = _whole(words)
    boxes, filled = _room(numbers)
    lay_out(numbers, boxes, filled)
    return {n: boxes[n, : filled[n]].tolist() for n in range(BANKS) if filled[n]}


def _whole(numbers):
    return np.array([int(number) for number in numbers], np.int64)


def _room(numbers):
    return np.empty((BANKS, len(numbers)), np.int64), np.empty(BANKS, np.int64)
