"""The counters' compiled half: each thread lists what it does, then warps are put together.

While a kernel runs, every thread writes a list of its own: what it reads and writes and where,
each line that it comes to, and which way it takes there.  When the block has ended, `add_up` lays
the lists of a warp's 32 lanes side by side.  A *request* is what these lanes ask at the same place
in the source, each at its n-th visit since the last barrier.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from . import control as slots
from .arithmetic import device
from .compact import array_at, opened
from .intrinsics import _call_note
from .runtime import WARP
from .tracing import ATOMIC, END, ITEMSIZE, READ, SHARED, START, UPDATE, WRITE

# kinds besides those of accesses to memory, 1 to 4
STEP, BRANCH, BARRIER = 5, 6, 7  # a statement; one look at a condition; all threads are here
FLOAT32, FLOAT64, SPECIAL32, SPECIAL64 = 8, 9, 10, 11  # operations: only counted
OPERATIONS = 4
KINDS = 16  # a code is KINDS * site + kind
CODE_AT = 48  # an entry of a list: the code from this bit on, below it an address, or a way
ADDRESS = (1 << CODE_AT) - 1
MOST_SITES = (1 << 63 - CODE_AT) // KINDS

# the header: int64 numbers at the address control[TRACE]
FIRST_BLOCK, THREADS, ROWS, USED_AT, LISTS_AT, OPERATIONS_AT = range(6)
HEADER = 6

# what is found, a row for each place in the source, piece of memory and way
LOAD, STORE, ATOMICS = range(3)
REQUESTS, LANES, SECTORS, TURNS, CONFLICTS, MEETING = range(6)
VISITS, VISITORS, SPLITS = range(3)
SECTOR, BANKS, WORD = (
    5,
    32,
    2,
)  # powers of 2: 32 bytes; banks of shared memory, which give 4 bytes each


# ---- while the kernel runs ------------------------------------------------------------------


@device
def note(control_at, address, kind, site):
    """One more line in the list of the thread that runs."""
    control = array_at(control_at, (slots.SLOTS,), np.int64)
    header = array_at(control[slots.TRACE], (HEADER,), np.int64)
    thread = (control[slots.BLOCK] - header[FIRST_BLOCK]) * header[THREADS] + control[slots.THREAD]
    used = array_at(header[USED_AT] + 8 * thread, (1,), np.int64)
    n = used[0]
    if n < header[ROWS]:
        place = header[LISTS_AT] + 8 * (thread * header[ROWS] + n)
        array_at(place, (1,), np.int64)[0] = (KINDS * site + kind) << CODE_AT | address
    used[0] = n + 1


@intrinsic(prefer_literal=True)
def here(typingctx, control, kind, site, value):
    """Note that the thread is here; `value`: which way it takes."""

    def codegen(context, builder, signature, args):
        words = [context.cast(builder, a, t, types.int64) for a, t in _pairs(args, signature)]
        _call_note(context, builder, words[0], words[3], words[1], words[2])
        return context.get_dummy_value()

    return types.none(control, kind, site, value), codegen


@device
def taken(control, site, test):
    """`test`, noted as the way that the thread takes."""
    here(control, BRANCH, site, test)
    return test


@intrinsic
def computed(typingctx, control, site, value):
    """`value`, the result of an operation of +, -, *, /, which is counted by its type."""
    return _counted(control, site, value, value, {types.float32: FLOAT32, types.float64: FLOAT64})


@intrinsic
def special(typingctx, control, site, value):
    """The same for a function such as exp or a power."""
    kinds = {types.float32: SPECIAL32, types.float64: SPECIAL64}
    return _counted(control, site, value, value, kinds)


@intrinsic
def added(typingctx, control, site, array, value):
    """`value`, which the statement adds to an element of `array`: counted by the sum's type."""
    kinds = {types.float32: FLOAT32, types.float64: FLOAT64}
    whole = typingctx.unify_types(getattr(opened(array), "dtype", value), types.unliteral(value))
    result, codegen = _counted(control, site, value, whole, kinds)

    def without_array(context, builder, signature, args):
        return codegen(context, builder, result, [args[0], args[1], args[3]])

    return value(control, site, array, value), without_array


def _counted(control, site, value, kind, kinds):
    """The counter of this place and type is written into the kernel: a call would take longer."""
    code = kinds.get(types.unliteral(kind))

    def codegen(context, builder, signature, args):
        if code is not None:
            where = context.cast(builder, args[1], signature.args[1], types.int64)
            _count_one(builder, args[0], where, code - FLOAT32)
        return args[-1]

    return value(control, site, value), codegen


def _count_one(builder, control, site, column):
    word = ir.IntType(64)

    def at(address, place):
        return builder.inttoptr(builder.add(address, place), word.as_pointer())

    header = builder.load(at(control, word(8 * slots.TRACE)))
    sums = builder.load(at(header, word(8 * OPERATIONS_AT)))
    row = builder.mul(site, word(8 * OPERATIONS))
    counter = at(sums, builder.add(row, word(8 * column)))
    builder.store(builder.add(builder.load(counter), word(1)), counter)


def _pairs(args, signature):
    return list(zip(args, signature.args, strict=True))


# ---- afterwards -----------------------------------------------------------------------------

compiled = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


@compiled
def add_up(lists, used, regions, first_shared, found, visits, idle):
    """Add what the lists of one block's threads tell.

    lists (threads, rows), used (threads,).  regions (n, REGION): the pieces of traced memory;
    those from first_shared on are the blocks' own.  found (sites, areas, ways, 6) and visits
    (sites, 3): the sums.  idle (2,): lanes, and whole warps, that touch no memory.
    """
    at, ends = np.zeros(WARP, np.int64), np.zeros(WARP, np.int64)
    for first in range(0, len(used), WARP):
        warp = slice(first, min(first + WARP, len(used)))
        note_idle(lists[warp], used[warp], idle)
        at[:] = 0
        while find_ends(lists[warp], used[warp], at, ends):
            in_step(lists[warp], at, ends, regions, first_shared, found, visits)
            apart(lists[warp], at, ends, regions, first_shared, found, visits)
            at[:] = ends + 1


@compiled
def note_idle(lists, used, idle):
    """Count the lanes without an access to memory, and the warp if all of them are such."""
    count = 0
    for lane in range(len(used)):
        touches = False
        for n in range(used[lane]):
            if (lists[lane, n] >> CODE_AT) % KINDS < STEP:
                touches = True
                break
        count += not touches
    idle[0] += count
    idle[1] += count == len(used)


@compiled
def find_ends(lists, used, at, ends):
    """Where each lane's part up to the next barrier ends; False if all lists are read."""
    more = False
    ends[:] = at
    for lane in range(len(used)):
        n = at[lane]
        more |= n < used[lane]
        while n < used[lane] and (lists[lane, n] >> CODE_AT) % KINDS != BARRIER:
            n += 1
        ends[lane] = n
    return more


@compiled
def in_step(lists, at, ends, regions, first_shared, found, visits):
    """Read on as long as all lanes that are there do the same."""
    lanes = np.flatnonzero(at < ends)
    if len(lanes) == 0:
        return
    entries = np.empty(len(lanes), np.int64)
    steps = (ends - at)[lanes].min()
    for n in range(steps):
        for i in range(len(lanes)):
            entries[i] = lists[lanes[i], at[lanes[i]] + n]
        code, same = entries[0] >> CODE_AT, True
        for entry in entries:
            same &= entry >> CODE_AT == code
        if not same:
            steps = n
            break
        add_row(code, entries, lanes, regions, first_shared, found, visits)
    at[lanes] += steps


@compiled
def apart(lists, at, ends, regions, first_shared, found, visits):
    """The rest, up to the barrier: lanes that took other ways meet at their n-th visit."""
    lanes, places = np.flatnonzero(at < ends), len(visits) * KINDS
    if len(lanes) == 0:
        return
    count = np.zeros((len(lanes), places), np.int64)
    for i in range(len(lanes)):
        for n in range(at[lanes[i]], ends[lanes[i]]):
            count[i, lists[lanes[i], n] >> CODE_AT] += 1
    start = np.zeros(places + 1, np.int64)
    for code in range(places):
        start[code + 1] = start[code] + count[:, code].max()
    table = np.full((start[-1], len(lanes)), -1)
    count[:] = 0
    for i in range(len(lanes)):
        for n in range(at[lanes[i]], ends[lanes[i]]):
            entry = lists[lanes[i], n]
            code = entry >> CODE_AT
            table[start[code] + count[i, code], i] = entry
            count[i, code] += 1
    for code in range(places):
        for row in table[start[code] : start[code + 1]]:
            there = row >= 0
            add_row(code, row[there], lanes[there], regions, first_shared, found, visits)


@compiled
def add_row(code, entries, lanes, regions, first_shared, found, visits):
    """One visit of a line, or one request: what these lanes do there together."""
    site, kind = code // KINDS, code % KINDS
    if kind >= STEP:
        ways = 0
        for entry in entries:
            ways += entry & ADDRESS
        visits[site, VISITS] += 1
        visits[site, VISITORS] += len(lanes)
        visits[site, SPLITS] += 0 < ways < len(lanes)
        return
    region = region_of(entries[0] & ADDRESS, regions)
    area = min(region, first_shared) if region >= 0 else first_shared + 1
    if kind == READ or kind == UPDATE:
        add_request(entries, lanes, regions, region, found[site, area, LOAD])
    if kind == WRITE or kind == UPDATE:
        add_request(entries, lanes, regions, region, found[site, area, STORE])
    if kind == ATOMIC:
        add_request(entries, lanes, regions, region, found[site, area, ATOMICS])
        found[site, area, ATOMICS, MEETING] += most_at_one(entries)


@compiled
def region_of(address, regions):
    """The piece of memory that holds the address; -1: local memory."""
    for n in range(len(regions)):
        if regions[n, START] <= address < regions[n, END]:
            return n
    return -1


@compiled
def add_request(entries, lanes, regions, region, sums):
    sums[REQUESTS] += 1
    sums[LANES] += len(lanes)
    if region < 0:
        return
    start, itemsize = regions[region, START], regions[region, ITEMSIZE]
    if not regions[region, SHARED]:
        sums[SECTORS] += distinct(entries, start, SECTOR)
        return
    lanes_at_once = WARP // max(1, itemsize >> WORD)  # 8-byte numbers: half a warp
    for first in range(0, WARP, lanes_at_once):
        now = (lanes >= first) & (lanes < first + lanes_at_once)
        turns = turns_of(entries[now], start, itemsize)
        sums[TURNS] += turns
        sums[CONFLICTS] += max(0, turns - 1)


@compiled
def distinct(entries, start, power):
    """In how many different pieces of 2**power bytes the addresses lie."""
    found, last = 0, np.int64(-1)
    for n in range(len(entries)):
        piece = ((entries[n] & ADDRESS) - start) >> power
        if piece > last:  # the usual order: only larger ones follow
            last = piece
            found += 1
        elif piece < last and not met(entries, n, piece, start, power):
            found += 1
    return found


@compiled
def met(entries, n, piece, start, power):
    """Does one of the first n addresses lie in this piece?"""
    for other in range(n):
        if ((entries[other] & ADDRESS) - start) >> power == piece:
            return True
    return False


@compiled
def turns_of(entries, start, itemsize):
    """Turns of shared memory: in one, each bank gives one word, to all who want it."""
    of_bank = np.zeros(BANKS, np.int64)
    for n in range(len(entries)):
        first = ((entries[n] & ADDRESS) - start) >> WORD
        if not met(entries, n, first, start, WORD):
            for word in range(first, first + max(1, itemsize >> WORD)):
                of_bank[word % BANKS] += 1
    return of_bank.max()


@compiled
def most_at_one(entries):
    """How many lanes are at the address where most are."""
    most = 0
    for entry in entries:
        most = max(most, np.count_nonzero(entries == entry))
    return most
