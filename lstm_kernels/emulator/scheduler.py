"""Threads that wait for each other: every one is a generator, and a barrier is its `yield`.

A kernel with barriers is translated to a generator function. To run a thread means to resume its
generator until the next `yield`, which hands back a code that says at which barrier it now waits.
When all threads of the block wait at the same one, all may go on.

A code is `8 * site + kind`; the site tells the place in the source.
"""

import numpy as np
from numba import njit

from . import control as slots
from .clocks import meet, meet_lanes
from .compact import array_at
from .intrinsics import (  # noqa: F401  (translated kernels call three of them)
    call_resume,
    call_run_blocks,
    generator_size,
    keep_generator,
    load_as,
    resume_pointer,
    stop,
    store_at,
)
from .linked import CALLEE
from .runtime import (
    FOR_BLOCK,
    FOR_WARP,
    MAIL_SLOT,
    MASK,
    WARP,
    block_bytes,
    counts,
    deliver,
    position,
)

FINISHED = 0
EXCHANGE = 1  # shuffles and warp votes: the lanes of a mask wait for each other
SYNCWARP = 2  # the same, and what was written before is visible after
BLOCK = 3  # syncthreads
GRID = 4  # grid.sync
SPIN = 5  # it has looped for a while, perhaps for another thread's sake: it waits for nothing
IN_VAIN = -2  # what the others do if all threads loop, and nothing changes any more
READY = -1  # not a code that a thread gives: it waits for nothing


compiled = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, **CALLEE)


@compiled
def room_for_states(control, size):
    """Memory for the paused generators, `size` bytes each, of all blocks under way at once."""
    _, threads = counts(control)
    return np.empty(control[slots.RESIDENT] * threads * size, np.uint8)


@compiled
def run_blocks(resume, size, states, control, memory, first, last):
    """Run the resident blocks first..last-1 to their end. Returns False if they get stuck."""
    _, threads = counts(control)
    codes = np.full((last - first, threads), READY)
    looks = np.zeros(LOOKS, np.int64)
    while True:
        stop(control.ctypes.data)
        for i in range(last - first):
            room = position(i, last - first, control[slots.ORDER])
            control[slots.BLOCK] = first + room
            start = states.ctypes.data + room * threads * size
            mail = memory.ctypes.data + room * block_bytes(control) + control[slots.SHARED_BYTES]
            if not run_block(resume, size, start, control, codes[room], mail):
                return False
        if control[slots.AREAS] and any_spins(codes.ravel()):
            if in_vain(looks, codes.ravel(), states, control, memory):
                return False
            let_spins_go_on(codes.ravel())
            continue
        if not agree(codes.ravel(), control):
            return False
        if codes[0, 0] == FINISHED:
            return True
        control[slots.GRID_EPOCH] += 1
        if control[slots.CLOCKS]:
            meet(control[slots.CLOCKS], first * threads, last * threads)
        codes[:] = READY


@compiled
def run_block(resume, size, start, control, codes, mail):
    """Run one block until it has finished or waits for the rest of the grid."""
    while True:
        for first in range(0, len(codes), WARP):
            warp = (first, min(first + WARP, len(codes)))
            run_warp(resume, size, start, control, codes, mail, warp)
        if control[slots.AREAS] and any_spins(codes):
            return True
        stop(control.ctypes.data)
        if not agree(codes, control):
            return False
        if codes[0] & 7 != BLOCK:
            return True
        control[slots.BLOCK_EPOCH] += 1
        if control[slots.CLOCKS]:
            number = control[slots.BLOCK] * len(codes)  # of the block's first thread
            meet(control[slots.CLOCKS], number, number + len(codes))
        for rank in range(len(codes)):
            deliver(mail, rank, FOR_BLOCK)
        codes[:] = READY


@compiled
def run_warp(resume, size, start, control, codes, mail, warp):
    """Run the threads of one warp until none can go on without the others of the block."""
    first, last = warp
    going = True
    while going:
        for i in range(last - first):
            rank = first + position(i, last - first, control[slots.ORDER])
            if codes[rank] == READY:
                control[slots.THREAD] = rank
                codes[rank] = call_resume(resume, start + rank * size)
        going = release_lanes(codes, mail, first, last, control)


@compiled
def release_lanes(codes, mail, first, last, control):
    """Let lanes go on whose whole mask has arrived at the same shuffle, vote or syncwarp."""
    released = False
    for rank in range(first, last):
        code = codes[rank]
        if code & 7 == EXCHANGE or code & 7 == SYNCWARP:
            mask = load_as(mail + rank * MAIL_SLOT + MASK, np.int64(0))
            if mask_arrived(codes, mask, first, last, code):
                if control[slots.CLOCKS] and code & 7 == SYNCWARP:
                    lanes_meet(codes, mask, first, last, code, control)
                for lane in range(last - first):
                    if (mask >> lane) & 1 and codes[first + lane] == code:
                        deliver(mail, first + lane, FOR_WARP)
                        codes[first + lane] = READY
                    elif codes[first + lane] == FINISHED:
                        store_at(mail + (first + lane) * MAIL_SLOT + MASK, np.int64(0))
                codes[rank] = READY
                control[slots.WARP_EPOCH] += code & 7 == SYNCWARP
                released = True
    return released


@compiled
def lanes_meet(codes, mask, first, last, code, control):
    """For the race finder: those of the mask who are here know of each other now."""
    _, threads = counts(control)
    here = 0
    for lane in range(last - first):
        if (mask >> lane) & 1 and codes[first + lane] == code:
            here |= 1 << lane
    start = control[slots.BLOCK] * threads + first
    meet_lanes(control[slots.CLOCKS], start, here, last - first)


@compiled
def mask_arrived(codes, mask, first, last, code):
    """Do all lanes of the mask wait at `code`? Threads that have finished need not."""
    for lane in range(last - first):
        here = codes[first + lane]
        if (mask >> lane) & 1 and here != code and here != FINISHED:
            return False
    return True


@compiled
def agree(codes, control):
    """Do all threads wait at the same barrier, or have all finished? Else note who does not."""
    for n in range(len(codes)):
        waiting_in_warp = codes[n] & 7 == EXCHANGE or codes[n] & 7 == SYNCWARP
        if codes[n] != codes[0] or waiting_in_warp:
            other = 0 if codes[n] != codes[0] else _someone_else(codes, n)
            note_divergence(control, codes, n, other)
            return False
    return True


# ---- loops that wait for other threads ----------------------------------------------------------

HASH, PASSES, ROUNDS, MEMORY, EVERYTHING, LOOKS = range(6)
ENOUGH = 1_500_000_000  # rounds of all threads together, in which no memory changes
SPINS = 256  # rounds of a loop before its thread gives way


@compiled
def any_spins(codes):
    for code in codes:
        if code & 7 == SPIN and code > 0:
            return True
    return False


@compiled
def let_spins_go_on(codes):
    for n in range(len(codes)):
        if codes[n] & 7 == SPIN and codes[n] > 0:
            codes[n] = READY


@compiled
def in_vain(looks, codes, states, control, memory):
    """Do all threads only loop, for nothing? That is so if one pass over all of them changes no
    variable and no memory, or if very many passes change no memory."""
    now = hash_of(codes.ctypes.data, codes.nbytes, control[slots.BLOCK_EPOCH])
    now = now * 31 + control[slots.GRID_EPOCH]
    if now != looks[HASH]:
        looks[:] = 0
        looks[HASH] = now
        return False
    looks[PASSES] += 1
    looks[ROUNDS] += len(codes) * SPINS
    if is_time_to_look(looks[PASSES]):
        shared = hash_of_memory(control, memory)
        everything = hash_of(states.ctypes.data, states.nbytes, shared)
        if everything == looks[EVERYTHING]:
            return note_vain(codes, control)
        looks[EVERYTHING] = everything
        if shared != looks[MEMORY]:
            looks[MEMORY], looks[ROUNDS] = shared, 0
    return looks[ROUNDS] > ENOUGH and note_vain(codes, control)


@compiled
def is_time_to_look(passes):
    """After 8, 16, 32 ... passes, and once more after the next one: looking at all takes long."""
    return passes >= 8 and (passes & (passes - 1) == 0 or (passes - 1) & (passes - 2) == 0)


@compiled
def note_vain(codes, control):
    """Note the first thread that loops."""
    for n in range(len(codes)):
        if codes[n] & 7 == SPIN and codes[n] > 0:
            control[slots.STUCK_CODE], control[slots.STUCK_THREAD] = codes[n], n
            control[slots.OTHER_CODE] = IN_VAIN
            control[slots.BLOCK] -= control[slots.BLOCK] % control[slots.RESIDENT]
            return True
    return False


@compiled
def hash_of_memory(control, memory):
    """Of the blocks' own memory, and of the arrays that the kernel was given."""
    result = hash_of(memory.ctypes.data, memory.nbytes, 0)
    areas = array_at(control[slots.AREAS], (control[slots.AREA_COUNT], 2), np.int64)
    for n in range(control[slots.AREA_COUNT]):
        result = hash_of(areas[n, 0], areas[n, 1], result)
    return result


@compiled
def hash_of(address, nbytes, start):
    """A number that is another one if any of these bytes changes (nearly always)."""
    result = np.uint64(start)
    words = array_at(address, (nbytes // 8,), np.uint64)
    for n in range(nbytes // 8):
        result = (result ^ words[n]) * np.uint64(1099511628211)
    rest = array_at(address + nbytes // 8 * 8, (nbytes % 8,), np.uint8)
    for n in range(nbytes % 8):
        result = (result ^ np.uint64(rest[n])) * np.uint64(1099511628211)
    return np.int64(result >> np.uint64(1))


@compiled
def _someone_else(codes, n):
    for other in range(len(codes)):
        if codes[other] != codes[n]:
            return other
    return n


@compiled
def note_divergence(control, codes, one, other):
    """The thread that waits first, then the one that does something else."""
    if codes[one] == FINISHED:
        one, other = other, one
    control[slots.STUCK_CODE] = codes[one]
    control[slots.STUCK_THREAD] = one
    control[slots.OTHER_CODE] = codes[other]
    control[slots.OTHER_THREAD] = other
