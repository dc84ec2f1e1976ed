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


def words_in(itemsize):
    """How many words a number of so many bytes takes."""
    return max(1, itemsize // WORD)


def lanes_at_once(itemsize):
    """How many lanes shared memory serves at once, whose numbers have so many bytes."""
    return WARP // words_in(itemsize)


# ---- for single requests ------------------------------------------------------------------------


def sectors_of(addresses):
    """The numbers of the sectors of global memory that hold these byte addresses, in order."""
    return sorted(sum(_laid_out(int(address) // SECTOR for address in addresses), []))


def sectors(addresses):
    """How many sectors of global memory hold these byte addresses."""
    return len(sectors_of(addresses))


def words_of_banks(words):
    """{bank: [word, ...]}: each of the words once, in the order they are asked."""
    return {bank: laid for bank, laid in enumerate(_laid_out(map(int, words))) if laid}


def bank_turns(words):
    """How many turns the banks of shared memory need to give the words with these numbers."""
    return max(map(len, _laid_out(map(int, words))))


def _laid_out(numbers):
    """The numbers of each box, as `lay_out` finds them."""
    numbers = np.array(list(numbers), np.int64)
    boxes, filled = np.empty((BANKS, len(numbers)), np.int64), np.empty(BANKS, np.int64)
    lay_out(numbers, boxes, filled)
    return [box[:count].tolist() for box, count in zip(boxes, filled, strict=True)]
