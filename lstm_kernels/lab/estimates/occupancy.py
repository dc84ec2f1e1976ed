"""How many threads one multiprocessor (SM) of a card can hold at a time.  Lesson 07.

An SM hides the time that memory takes by switching between warps (groups of 32 threads), so
it wants many of them.  Four limits say how many blocks fit side by side on one SM; the
smallest wins.  Occupancy is the warps that fit, divided by the warps that the SM has room for.

It is *theoretical*: it assumes that the launch brings enough blocks for every SM, and high
occupancy is a means, not the aim: a kernel can be fast at 25 % and slow at 100 %.
"""

import math
from typing import NamedTuple

from lstm_kernels.lab.estimates.cards import (
    MAX_REGISTERS,
    MAX_THREADS,
    REGISTER_UNIT,
    REGISTERS,
    WARP,
    get_card,
)


class Occupancy(NamedTuple):
    """What fits on one SM, and which limits say so."""

    blocks: int  # side by side on one SM
    warps: int  # the same in warps
    fraction: float  # of the warps that the SM has room for, 0 to 1
    limited_by: tuple  # names of the smallest limits, as in `block_limits`


def round_up(value, unit):
    """The smallest multiple of unit that is at least value."""
    return -(-value // unit) * unit


def warps_of(threads):
    """Warps of a block; one of 33 threads has 2, for lanes left empty count as taken."""
    return -(-threads // WARP)


def blocks_by_registers(card, threads, registers):
    """Blocks that the registers allow; registers are those of one thread.

    A warp takes 32 times as many, rounded up to a multiple of 256, from the registers of the
    part of the SM where it lives.  The card refuses a block whose warps, rounded up to a
    multiple of 4, would need more than there are.
    """
    a_warp = round_up(max(registers, 1) * WARP, REGISTER_UNIT)
    if registers > MAX_REGISTERS or a_warp * round_up(warps_of(threads), 4) > REGISTERS:
        return 0
    a_part = REGISTERS // card.parts
    return card.parts * (a_part // a_warp) // warps_of(threads)


def blocks_by_shared(card, shared):
    """Blocks that shared memory allows; shared: bytes of one block.

    All of the SM's shared memory counts, as if the cache beside it kept its smallest size.
    Infinity if the block takes none.
    """
    if shared > card.shared_block:
        return 0
    needed = round_up(shared + card.shared_reserved, card.shared_unit)
    return card.shared // needed if needed else math.inf


def block_limits(cc, threads, registers, shared=0):
    """Blocks per SM that each of the four limits allows on its own, by the limit's name."""
    if threads < 1 or registers < 0 or shared < 0:
        raise ValueError(f"threads={threads}, registers={registers}, shared={shared}: too small")
    card = get_card(cc)
    rooms = card.threads // WARP  # for warps
    return {
        "registers": blocks_by_registers(card, threads, registers),
        "shared memory": blocks_by_shared(card, shared),
        "block size": rooms // warps_of(threads) if threads <= MAX_THREADS else 0,
        "blocks per SM": card.blocks,
    }


def occupancy(cc, threads, registers, shared=0):
    """Theoretical occupancy of blocks of `threads` on an SM of compute capability cc.

    registers: of one thread; shared: bytes of one block, static and dynamic together.
    0 blocks means that the card refuses the launch.
    """
    allowed = block_limits(cc, threads, registers, shared)
    blocks = min(allowed.values())
    warps = blocks * warps_of(threads)
    limited_by = tuple(name for name, limit in allowed.items() if limit == blocks)
    return Occupancy(blocks, warps, warps * WARP / get_card(cc).threads, limited_by)


def limit_text(found):
    """What limits this Occupancy, in words."""
    return "none, the SM is full" if found.fraction == 1 else ", ".join(found.limited_by)
