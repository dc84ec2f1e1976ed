"""The race finder's compiled half: remembers who touched each element, and compares.

Two accesses to one element are a race if all of this holds:

* different threads made them;
* at least one wrote, and they were not both atomic;
* no barrier lies between them: none of the block's for two threads of a block, none of the grid's
  for threads of two blocks (syncwarp counts inside a warp);
* no fence and atomic operations hand the knowledge of the first one on to the second (clocks.py).

For each element we keep a few of the accesses that a later one could still race with (a
"shadow"). Which threads happen to run first does not matter, so races are found that the results
of this run do not show.
"""

import numpy as np

from . import control as slots
from . import suspecting
from .arithmetic import device
from .clocks import BLOCK_SCOPE, GRID_SCOPE, atomic, fence, knows, plain_write
from .compact import array_at
from .intrinsics import NEGATIVE, SIZE, load_as, told
from .intrinsics import field_index as seen_field  # noqa: F401  (translated kernels call these)
from .intrinsics import noted_all as seen_all  # noqa: F401
from .intrinsics import noted_index as seen  # noqa: F401
from .intrinsics import noted_part as seen_part  # noqa: F401
from .intrinsics import noted_record as seen_record  # noqa: F401
from .parts import added_to, no_array  # noqa: F401
from .runtime import MAIL_SLOT, MASK, WARP, as_integer, at, block_threads
from .runtime import atomic_cas as swap

axis_part = slice  # of an index with slices
NOTHING, READ, WRITE, UPDATE, ATOMIC = 0, 1, 2, 3, 4
LOOK = 5  # an atomic operation that changes nothing: a compare-and-swap that finds another value
FENCE, FENCE_OF_BLOCK, ABSENT = 6, 7, 8  # a lane that takes no part in a shuffle is asked
COUNTED = 5  # counters of one piece of memory: the kind is the number of its counter
KINDS = {READ: "reads", WRITE: "writes", UPDATE: "reads and writes", ATOMIC: "atomically updates"}

# the trace header: int64 numbers at the address control[TRACE]; some for observe.py, the last one
# for suspects.py
REGIONS, REGIONS_AT, SHADOW_AT, RACES, RACES_AT, MAX_RACES, THREADS = range(7)
COUNTS_AT, TOUCHED_AT, ALL_THREADS = 7, 8, 9
LOG_AT, LOG_ROWS, LOGGED = 10, 11, 12  # LOGGED: accesses so far, also those without a row
SUSPECTS = 13  # address of suspecting.py's header, or 0
HEADER = 14
# one row for each piece of traced memory
START, END, ITEMSIZE, FIRST, SHARED = range(5)
REGION = 5
# one row of the log: WHO, KIND, SITE as below, the piece of memory, the element, its bits before
# the access, the barriers that the thread's block has passed
LOG_AREA, LOG_ELEMENT, LOG_BEFORE, LOG_BARRIERS = 3, 4, 5, 6
LOG = 7
# one remembered access: thread (counted from 1 over the whole grid, 0: empty), ...
WHO, KIND, SITE, BLOCK_EPOCH, WARP_EPOCH, GRID_EPOCH = range(6)
ENTRY = 6
ENTRIES = 10  # remembered accesses of one element
# one found race: how often, where, and the two accesses
COUNT, AREA, ELEMENT, ONE, OTHER = 0, 1, 2, 3, 6
RACE = 9


@device
def find_region(header, address):
    """Which piece of traced memory holds the address; -1 for local memory."""
    regions = array_at(header[REGIONS_AT], (header[REGIONS], REGION), np.int64)
    for n in range(header[REGIONS]):
        if regions[n, START] <= address < regions[n, END]:
            return n
    return -1


@device
def forget_other_blocks(entries, now, threads):
    """Shared memory is new for each block, though the emulator uses the same place again."""
    for n in range(ENTRIES):
        if entries[n, WHO] and block_of(entries[n], threads) != block_of(now, threads):
            entries[n, WHO] = 0


@device
def block_of(access, threads):
    return (access[WHO] - 1) // threads


@device
def warp_of(access, threads):
    return (access[WHO] - 1) % threads // WARP


@device
def conflict(one, other):
    """Two reads are harmless, and so are two atomic updates."""
    return not (one == other and (one == READ or one == ATOMIC))


@device
def ordered(control, old, now, threads):
    """Is it certain that the old access comes first?"""
    if control[slots.CLOCKS]:
        known = knows(control[slots.CLOCKS], now[WHO] - 1, old[WHO] - 1)
        return old[WHO] == now[WHO] or known >= old[BLOCK_EPOCH]
    if old[WHO] == now[WHO] or old[GRID_EPOCH] < now[GRID_EPOCH]:
        return True
    if block_of(old, threads) != block_of(now, threads):
        return False
    if old[BLOCK_EPOCH] < now[BLOCK_EPOCH]:
        return True
    return warp_of(old, threads) == warp_of(now, threads) and old[WARP_EPOCH] < now[WARP_EPOCH]


@device
def remember(control, entries, now, threads):
    """Drop what this access stands for, then store it; a few of each kind are enough."""
    for n in range(ENTRIES):
        if entries[n, WHO] and stands_for(control, now, entries[n], threads):
            entries[n, WHO] = 0
    place = room_for(control, entries, now, threads)
    if place >= 0:
        for field in range(ENTRY):
            entries[place, field] = now[field]


@device
def stands_for(control, now, old, threads):
    """Whatever will race with `old` will race with `now` too, so `old` need not be kept.

    Atomic operations on one element come one after another: who comes after `now` does after `old`.
    """
    if control[slots.CLOCKS] and old[KIND] == ATOMIC and now[KIND] == ATOMIC:
        return True
    covered = old[KIND] == now[KIND] or (old[KIND] == READ and now[KIND] != ATOMIC)
    return covered and ordered(control, old, now, threads)


@device
def room_for(control, entries, now, threads):
    """A free place for `now`; -1 if enough others of its kind are there to race in its stead.

    Two warps of the same block, or two other blocks, are enough: no later thread belongs to both.
    """
    place, same_warp, same_block, other_blocks = -1, 0, 0, 0
    for n in range(ENTRIES):
        if not entries[n, WHO]:
            place = n
        elif entries[n, KIND] == now[KIND]:
            if block_of(entries[n], threads) != block_of(now, threads):
                other_blocks += 1
            elif warp_of(entries[n], threads) != warp_of(now, threads):
                same_block += 1
            else:
                same_warp += 1
    enough = same_warp >= 2 or same_block >= 2 or other_blocks >= 4
    return -1 if enough and not control[slots.CLOCKS] else place


@device
def note_race(header, area, element, old, now):
    """Count a race; only the first of each pair of places is kept in full."""
    races = array_at(header[RACES_AT], (header[MAX_RACES], RACE), np.int64)
    for n in range(header[RACES]):
        row = races[n]
        if row[AREA] == area and row[ONE + SITE] == old[SITE] and row[OTHER + SITE] == now[SITE]:
            row[COUNT] += 1
            return
    if header[RACES] < header[MAX_RACES]:
        row = races[header[RACES]]
        row[COUNT], row[AREA], row[ELEMENT] = 1, area, element
        for field in range(3):
            row[ONE + field] = old[field]
            row[OTHER + field] = now[field]
        header[RACES] += 1


@device
def note_access(control_at, address, kind, site):
    """Compare with what is remembered of what it touches, then remember this access too.

    `kind` holds the bytes of the access, too (SIZE): one element, or several smaller ones.
    """
    negative, kind, nbytes = kind & NEGATIVE, kind % NEGATIVE, max(kind // SIZE, 1)
    if kind == NOTHING and not negative:
        return
    control = array_at(control_at, (slots.SLOTS,), np.int64)
    header = array_at(control[slots.TRACE], (HEADER,), np.int64)
    who = control[slots.BLOCK] * header[THREADS] + control[slots.THREAD] + 1
    if kind >= FENCE:
        no_access(control, header, kind, address, site, who)
        return
    area = find_region(header, address)
    if area < 0:
        return
    if header[SUSPECTS]:
        suspect(control, header, area, address, nbytes, (who, kind, site, negative))
    elif kind != NOTHING:
        race(control, header, area, address, nbytes, (who, kind, site))


@device
def race(control, header, area, address, nbytes, access):
    """For data_races.py and observe.py."""
    who, kind, site = access
    now = (
        who, ATOMIC if kind == LOOK else kind, site, moment(control, who),
        control[slots.WARP_EPOCH], control[slots.GRID_EPOCH],
    )  # fmt: skip
    compare_and_remember(control, header, area, address, nbytes, now)
    if control[slots.CLOCKS] and kind != READ:
        hand_on(control, header, area, address, kind, who - 1)


@device
def no_access(control, header, kind, value, site, who):
    """A fence; or a shuffle asks a lane that takes no part, whose number is `value`."""
    if kind == ABSENT:
        if header[SUSPECTS]:
            suspecting.note(header[SUSPECTS], suspecting.ABSENT, site, who, -1, value)
    elif control[slots.CLOCKS]:
        fence(control[slots.CLOCKS], who - 1, GRID_SCOPE if kind == FENCE else BLOCK_SCOPE)


@device
def suspect(control, header, area, address, nbytes, access):
    """For suspects.py: is what is read written, and does the index count from the end?"""
    who, kind, site, negative = access
    suspects = header[SUSPECTS]
    region = array_at(header[REGIONS_AT] + 8 * REGION * area, (REGION,), np.int64)
    element = (address - region[START]) // region[ITEMSIZE]
    after = (min(address + nbytes, region[END]) - 1 - region[START]) // region[ITEMSIZE] + 1
    stamp = np.int64(1)
    if region[SHARED] == suspecting.SHARED:
        stamp = control[slots.BLOCK] + 1
    elif region[SHARED] == suspecting.LOCAL:
        stamp = who
    if negative:
        suspecting.note(suspects, suspecting.FROM_END, site, who, area, element)
    first, last = region[FIRST] + element, region[FIRST] + after
    reads = kind != WRITE and kind != NOTHING
    if reads and not suspecting.is_written(suspects, first, last, stamp):
        suspecting.note(suspects, suspecting.UNWRITTEN, site, who, area, element)
    if kind == WRITE or kind == UPDATE or kind == ATOMIC:
        suspecting.write(suspects, first, last, stamp)


@device
def hand_on(control, header, area, address, kind, thread):
    """For the clocks: a write, or an atomic operation."""
    regions = array_at(header[REGIONS_AT], (header[REGIONS], REGION), np.int64)
    clocks, block = control[slots.CLOCKS], control[slots.BLOCK]
    if kind == ATOMIC or kind == LOOK:
        atomic(clocks, thread, address, block, regions[area, SHARED], kind == ATOMIC)
    else:
        plain_write(clocks, address, block, regions[area, SHARED])


@device
def atomic_cas(control, site, array, index, expected, value):
    """A compare-and-swap: the access is noted as what it will be."""
    place = at(control, site, array, index)
    swaps = array[place] == as_integer(array, expected)
    seen(control, site, ATOMIC if swaps else LOOK, array, place)
    return swap(array, place, expected, value)


@device
def threadfence(control, kind):
    """A fence, noted."""
    told(control, kind, 0, 0)
    return 0


@device
def asks(cuda, site, mask, lane):
    """After a shuffle: a lane that takes no part in it is told."""
    there = lane < block_threads(cuda) - cuda.rank + cuda.lane and (np.int64(mask) >> lane) & 1
    mail = cuda.mail + (cuda.rank - cuda.lane + lane) * MAIL_SLOT
    if not there or load_as(mail + MASK, np.int64(0)) == 0:  # 0: it has left the kernel
        told(cuda.control, ABSENT, np.int64(lane), site)
    return 0


@device
def asks_shfl_sync(cuda, site, mask, lane):
    return asks(cuda, site, mask, lane % WARP)


@device
def asks_shfl_up_sync(cuda, site, mask, delta):
    return asks(cuda, site, mask, cuda.lane - delta) if cuda.lane >= delta else 0


@device
def asks_shfl_down_sync(cuda, site, mask, delta):
    return asks(cuda, site, mask, cuda.lane + delta) if cuda.lane + delta < WARP else 0


@device
def asks_shfl_xor_sync(cuda, site, mask, lane_mask):
    return asks(cuda, site, mask, (cuda.lane ^ lane_mask) % WARP)


@device
def moment(control, who):
    """When it is: barriers that the block has passed, or the thread's own time (clocks.py)."""
    if control[slots.CLOCKS]:
        return knows(control[slots.CLOCKS], who - 1, who - 1)
    return control[slots.BLOCK_EPOCH]


@device
def count(header, area, element, now):
    """For observe.py: one more access of this kind; the element keeps one bit for each kind."""
    counts = array_at(header[COUNTS_AT] + 8 * COUNTED * area, (COUNTED,), np.int64)
    counts[now[KIND]] += 1
    touched = header[TOUCHED_AT] + element * header[ALL_THREADS] + now[WHO] - 1
    array_at(touched, (1,), np.uint8)[0] |= 1 << now[KIND]


@device
def bits_at(address, itemsize):
    """The bits of the number at an address, as one whole number; 0 for those of other sizes."""
    if itemsize == 8:
        return array_at(address, (1,), np.int64)[0]
    if itemsize == 4:
        return np.int64(array_at(address, (1,), np.uint32)[0])
    return np.int64(array_at(address, (1,), np.uint8)[0]) if itemsize == 1 else np.int64(0)


@device
def log(header, area, element, now, address, itemsize):
    """For observe.py: one more row, while there is room."""
    if header[LOGGED] < header[LOG_ROWS]:
        row = array_at(header[LOG_AT] + 8 * LOG * header[LOGGED], (LOG,), np.int64)
        row[WHO], row[KIND], row[SITE] = now[WHO], now[KIND], now[SITE]
        row[LOG_AREA], row[LOG_ELEMENT] = area, element
        row[LOG_BEFORE], row[LOG_BARRIERS] = bits_at(address, itemsize), now[BLOCK_EPOCH]
    header[LOGGED] += 1


@device
def compare_and_remember(control, header, area, address, nbytes, now):
    """The access `now`, to so many bytes at an address in the traced memory number `area`."""
    region = array_at(header[REGIONS_AT] + 8 * REGION * area, (REGION,), np.int64)
    element = (address - region[START]) // region[ITEMSIZE]
    if header[COUNTS_AT] and not region[SHARED]:
        count(header, area, region[FIRST] + element, now)
    if header[LOG_ROWS]:
        log(header, area, element, now, address, region[ITEMSIZE])
    last = min(address + nbytes, region[END]) - 1
    for touched in range(element, (last - region[START]) // region[ITEMSIZE] + 1):
        compare_element(control, header, area, region, touched, now)


@device
def compare_element(control, header, area, region, element, now):
    """The same for one element."""
    shadow = header[SHADOW_AT] + 4 * ENTRY * ENTRIES * (region[FIRST] + element)
    entries, threads = array_at(shadow, (ENTRIES, ENTRY), np.int32), header[THREADS]
    if region[SHARED]:
        forget_other_blocks(entries, now, threads)
    for n in range(ENTRIES):
        if entries[n, WHO] and conflict(entries[n, KIND], now[KIND]):
            if not ordered(control, entries[n], now, threads):
                note_race(header, area, element, entries[n], now)
    remember(control, entries, now, threads)
