"""How many threads one multiprocessor (SM) of a card can hold at a time.  Lesson 07.

An SM hides the time that memory takes by switching between warps (groups of 32 threads), so
it wants many of them.  Four limits say how many blocks fit side by side on one SM; the
smallest wins.  Occupancy is the warps that fit, divided by the warps that the SM has room for.

It is *theoretical*: it assumes that the launch brings enough blocks for every SM, and high
occupancy is a means, not the aim: a kernel can be fast at 25 % and slow at 100 %.

Sources: "CUDA C++ Programming Guide", table "Technical Specifications per Compute Capability";
how registers and shared memory are handed out is in `cuda_occupancy.h`, which NVIDIA ships
with the CUDA toolkit.
"""

import math
from typing import NamedTuple

WARP = 32  # threads
MAX_THREADS = 1024  # a block
REGISTERS = 64 * 1024  # 32-bit registers an SM; a block may use them all
MAX_REGISTERS = 255  # a thread
REGISTER_UNIT = 256  # a warp gets its registers in pieces of this many
SHARED_BLOCK = 48 * 1024  # bytes a block; more needs a permission that Numba does not ask for


class Limits(NamedTuple):
    """What one SM of an architecture offers."""

    card: str  # a card of this architecture
    threads: int  # an SM
    blocks: int  # an SM
    shared: int  # bytes of shared memory an SM
    shared_unit: int  # bytes: a block gets shared memory in pieces of this size
    shared_reserved: int  # bytes a block that the system takes for itself
    parts: int  # an SM is split in so many parts, each with its own share of the registers


LIMITS = {  # by compute capability, 75 for 7.5
    60: Limits("P100", 2048, 32, 64 * 1024, 256, 0, 2),
    75: Limits("T4", 1024, 16, 64 * 1024, 256, 0, 4),
    80: Limits("A100", 2048, 32, 164 * 1024, 128, 1024, 4),
    89: Limits("L4", 1536, 24, 100 * 1024, 128, 1024, 4),
    90: Limits("H100", 2048, 32, 228 * 1024, 128, 1024, 4),
}


class Occupancy(NamedTuple):
    """What fits on one SM, and which limits say so."""

    blocks: int  # side by side on one SM
    warps: int  # the same in warps
    fraction: float  # of the warps that the SM has room for, 0 to 1
    limited_by: tuple  # names of the smallest limits, as in `block_limits`


def get_limits(cc):
    """The limits of a compute capability such as 75; ValueError lists the known ones."""
    if cc not in LIMITS:
        raise ValueError(f"unknown compute capability {cc}; choose from {sorted(LIMITS)}")
    return LIMITS[cc]


def round_up(value, unit):
    """The smallest multiple of unit that is at least value."""
    return -(-value // unit) * unit


def warps_of(threads):
    """Warps of a block; one of 33 threads has 2, for lanes left empty count as taken."""
    return -(-threads // WARP)


def blocks_by_registers(limits, threads, registers):
    """Blocks that the registers allow; registers are those of one thread.

    A warp takes 32 times as many, rounded up to a multiple of 256, from the registers of the
    part of the SM where it lives.  The card refuses a block whose warps, rounded up to a
    multiple of 4, would need more than there are.
    """
    a_warp = round_up(max(registers, 1) * WARP, REGISTER_UNIT)
    if registers > MAX_REGISTERS or a_warp * round_up(warps_of(threads), 4) > REGISTERS:
        return 0
    a_part = REGISTERS // limits.parts
    return limits.parts * (a_part // a_warp) // warps_of(threads)


def blocks_by_shared(limits, shared):
    """Blocks that shared memory allows; shared: bytes of one block.

    All of the SM's shared memory counts, as if the cache beside it kept its smallest size.
    Infinity if the block takes none.
    """
    if shared > SHARED_BLOCK:
        return 0
    needed = round_up(shared + limits.shared_reserved, limits.shared_unit)
    return limits.shared // needed if needed else math.inf


def block_limits(cc, threads, registers, shared=0):
    """Blocks an SM that each of the four limits allows on its own, by the limit's name."""
    if threads < 1 or registers < 0 or shared < 0:
        raise ValueError(f"threads={threads}, registers={registers}, shared={shared}: too small")
    limits = get_limits(cc)
    rooms = limits.threads // WARP  # for warps
    return {
        "registers": blocks_by_registers(limits, threads, registers),
        "shared memory": blocks_by_shared(limits, shared),
        "block size": rooms // warps_of(threads) if threads <= MAX_THREADS else 0,
        "blocks an SM": limits.blocks,
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
    return Occupancy(blocks, warps, warps * WARP / get_limits(cc).threads, limited_by)
