"""What V7 puts on a card: which kind of tile, how many blocks, how much shared memory.  Lesson 16.

`cuda_v7.choose_tile` asks the card that is there; here its rule is asked for any card of the table,
with D = 1 input.
"""

from typing import NamedTuple

from lstm_kernels.lab.estimates.cards import MAX_REGISTERS, REGISTERS, SHARED_BLOCK, WARP
from lstm_kernels.versions.cuda_v7 import MULTIPLE, Tile, cheapest, padded, tiles_for

FLOAT = 4  # bytes of a float32
ASKS_FROM = 70  # compute capability from which a block may ask for more than SHARED_BLOCK


def bytes_of_W(H):
    """W (4 H, H) in float32."""
    return 4 * H * H * FLOAT


def shared_of_block(card):
    """Bytes of shared memory that one block may have, if it asks (CUDA C++ Programming Guide)."""
    return SHARED_BLOCK if card.cc < ASKS_FROM else card.shared - card.shared_reserved


def rooms(card):
    """{where: bytes} of a card's fast memory, from one thread's to the whole card's."""
    return {
        "a thread's registers": FLOAT * MAX_REGISTERS,
        "a block's shared memory": shared_of_block(card),
        "a block's registers": FLOAT * REGISTERS,
        "the card's shared memory": card.sms * shared_of_block(card),
    }


class Plan(NamedTuple):
    """V7's launch for H units and N samples on a card."""

    tile: Tile
    P: int  # H, padded
    fits: int  # how many times the card can hold all of W
    tiles: int  # pieces of the samples, each of tile.block[1]

    @property
    def owners(self):
        """Blocks that hold W once."""
        return self.P // self.tile.block[0]

    @property
    def groups(self):
        """How many times W is held: each group of blocks has its own samples."""
        return min(self.fits, self.tiles)

    @property
    def blocks(self):
        return self.owners * self.groups

    def shared(self):
        """{what: bytes} in a block's shared memory; their sum is that of `Tile.shared`."""
        whole = self.tile.shared(self.P, 1) * FLOAT
        weights = 4 * self.tile.block[0] * self.P * FLOAT
        return {"W": weights, "pieces of h, and more": whole - weights}


def tiles_that_fit(card, H):
    """{tile: how many times the card holds all of W}, as in cuda_v7."""
    return tiles_for(padded(H), 1, FLOAT, card.sms, shared_of_block(card))


def plan(card, H, N):
    """V7's Plan; None if W does not fit on the card."""
    P, found = padded(H), tiles_that_fit(card, H)
    if not found:
        return None
    tile = cheapest(found, P, N)
    return Plan(tile, P, found[tile], -(-N // tile.block[1]))


def largest_H(card):
    """Up to how many hidden units V7 takes on this card."""
    H = MULTIPLE
    while tiles_that_fit(card, H + MULTIPLE):
        H += MULTIPLE
    return H


def step_seconds(card, H, N):
    """A step's multiply-adds with W for N samples, at the card's peak: no step can be faster."""
    return 2 * 4 * H * H * N / (card.tera * 1e12)


def cycles_per_k(card, units, samples, across):
    """(reading, multiplying): an SM's cycles for one k of a warp's product, by a simple count.

    A thread has the four gates of `units` units for `samples` samples, and reads up to four
    numbers at once.  Of the warp's threads `across` have other units, WARP / across other samples.
    Those that ask for the same number get it in the same cycle.
    """
    weights = units * _cycles_to_read(card, across, 4)
    values = -(-samples // 4) * _cycles_to_read(card, WARP // across, min(4, samples))
    return weights + values, 4 * units * samples * WARP / card.cores


def _cycles_to_read(card, threads, numbers):
    """Of a read, in which so many threads ask for so many numbers of their own."""
    return max(1, threads * numbers / card.loads)
