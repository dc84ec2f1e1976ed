"""The counters' compiled half, when a block has ended: the lists of its threads are added up.

The lists (counting.py) of a warp's lanes are laid side by side.  A *request* is what these lanes
ask at the same place in the source, each at its n-th visit since the last barrier.

As long as all lanes do the same, row after row is read (`in_step`); where they part, their n-th
visits are sought out, up to the next barrier (`apart`).  Most requests are regular: each lane asks
a fixed number of bytes behind the one before it.  What these take follows without a search; for
the others the rule stands in requests.py.
"""

from collections import namedtuple

import numpy as np
from numba import njit

from .arithmetic import DEVICE, device
from .compact import array_at
from .counting import ADDRESS, BARRIER, BRANCH, CHUNK, CODE_AT, PER_SITE, STEP
from .linked import CALLEE
from .requests import SECTOR, WORD, lay_out, words_in
from .runtime import WARP
from .tracing import ATOMIC, END, ITEMSIZE, READ, SHARED, START, UPDATE, WRITE

# what is found, a row for each place in the source, piece of memory and way
LOAD, STORE, ATOMICS = range(3)
REQUESTS, LANES, SECTORS, TURNS, CONFLICTS, MEETING = range(6)
VISITS, VISITORS, SPLITS = range(3)
INSIDE = (1 << CHUNK) - 1
OF_SECTOR, OF_WORD = SECTOR.bit_length() - 1, WORD.bit_length() - 1  # as powers of 2
# of rows that are compared at once: the entry of the last lane so far, the first lane's, the gap
# from lane to lane, and which bits of it change
ROWS = 64
LAST, FIRST, GAP, OTHER, ALL = range(0, 5 * ROWS, ROWS)
PARTED = 1 << CODE_AT - 1  # addresses have fewer bits: so large a gap is from one code to another
IRREGULAR = 1 << CODE_AT

# regions (n, REGION): the pieces of traced memory; those from first_shared on are the blocks' own.
# found (sites, areas, ways, 6), visits (sites, 3): the sums.  bodies (sites,): which code a branch
# notes besides its own for those who go in, or NO_BODY.  idle (2,): lanes, and whole warps, that
# touch no memory.  guess (sites,), numbers (WARP,), boxes (BANKS, WARP), filled (BANKS,): room to
# work in.
Sums = namedtuple(
    "Sums", "regions first_shared found visits bodies idle guess numbers boxes filled"
)
NO_BODY = -1
# A warp: its first thread; for each lane, where it reads, where its part ends, how many entries it
# has; what comparing has found; a row, its entries and their lanes; where these read in memory.
Warp = namedtuple("Warp", "first at stops used compared row lanes begins")

compiled = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, **CALLEE)
# what is called for each row: Sums is long, and would be copied at each call
of_row = njit(**DEVICE, forceinline=True, **CALLEE)
_words_in, _lay_out = of_row(words_in), of_row(lay_out)


@compiled
def add_up(lists, first, last, used, sums):
    """Add what the lists of the threads first .. last - 1, one block's, tell.

    lists (chunks, threads, ROOM); used (threads,): how many entries each has.
    """
    row, lanes = np.empty(WARP, np.int64), np.empty(WARP, np.int64)
    at, stops = np.empty(WARP, np.int64), np.empty(WARP, np.int64)
    begins, compared = np.empty(WARP, np.int64), np.empty(ALL, np.int64)
    codes = np.zeros((2, len(sums.visits) * PER_SITE), np.int64)
    for begin in range(first, last, WARP):
        ends = used[begin : min(begin + WARP, last)]
        note_idle(lists, begin, ends, sums.idle)
        at[:] = 0
        warp = Warp(begin, at, stops, ends, compared, row, lanes, begins)
        while not in_step(lists, warp, sums):
            rows = find_stops(lists, warp, codes, sums.bodies)
            apart(lists, warp, codes, np.full((rows, WARP), -1), sums)


@device
def entry_of(lists, thread, n):
    return lists[n >> CHUNK, thread, n & INSIDE]


@device
def address_of(lists, thread, n):
    """Where that entry lies; the following ones of its chunk lie behind it."""
    return lists[n >> CHUNK, thread, n & INSIDE :].ctypes.data


@of_row
def kind_of(entry):
    return (entry >> CODE_AT) % PER_SITE


@device
def note_idle(lists, first, used, idle):
    """Count the lanes without an access to memory, and the warp if all of them are such."""
    count = 0
    for lane in range(len(used)):
        n = 0
        while n < used[lane] and kind_of(entry_of(lists, first + lane, n)) >= STEP:
            n += 1
        count += n == used[lane]
    idle[0] += count
    idle[1] += count == len(used)


@device
def in_step(lists, warp, sums):
    """Read on, also past barriers, as long as all lanes that are there do the same.

    Returns True if all is read.
    """
    rows = 4
    while True:
        rows = min(2 * rows, ROWS)
        count = 0
        for lane in range(len(warp.used)):
            n = warp.at[lane]
            if n < warp.used[lane]:
                warp.lanes[count] = lane
                warp.begins[count] = address_of(lists, warp.first + lane, n)
                count += 1
                rows = min(rows, warp.used[lane] - n, (1 << CHUNK) - (n & INSIDE))
        if count == 0:
            return True
        compare(warp, count, rows)
        together = add_rows(warp, count, rows, sums)
        for i in range(count):
            warp.at[warp.lanes[i]] += together
        if together < rows:
            return False


@of_row
def compare(warp, count, rows):
    """Find the gap from lane to lane in each row, and where it is not the same everywhere.

    Row after row lies side by side in the list of a lane, so many are compared at once.
    """
    compared = warp.compared
    first = array_at(warp.begins[0], (ROWS,), np.int64)
    second = array_at(warp.begins[min(1, count - 1)], (ROWS,), np.int64)
    for n in range(rows):
        compared[FIRST + n] = compared[LAST + n] = first[n]
        compared[GAP + n], compared[OTHER + n] = second[n] - first[n], 0
    for i in range(1, count):
        entries = array_at(warp.begins[i], (ROWS,), np.int64)
        for n in range(rows):
            compared[OTHER + n] |= (entries[n] - compared[LAST + n]) ^ compared[GAP + n]
            compared[LAST + n] = entries[n]


@of_row
def add_rows(warp, count, rows, sums):
    """Add the rows up to the first in which lanes part; returns how many."""
    for n in range(rows):
        gap = warp.compared[GAP + n]
        if warp.compared[OTHER + n] or abs(gap) >= PARTED:
            if not lay_side_by_side(warp, count, n):
                return n
            gap = IRREGULAR
        else:
            warp.row[0] = warp.compared[FIRST + n]
        if kind_of(warp.row[0]) == BRANCH and not go_in(warp, count, n, gap, sums):
            return n
        add_row(warp.row, warp.lanes, count, gap, sums)
    return rows


@of_row
def lay_side_by_side(warp, count, n):
    """A row of the lanes' n-th entries from here; returns whether all do the same."""
    other = 0
    for i in range(count):
        warp.row[i] = array_at(warp.begins[i], (ROWS,), np.int64)[n]
        other |= warp.row[i] ^ warp.row[0]
    return other >> CODE_AT == 0


@of_row
def go_in(warp, count, n, gap, sums):
    """Add the visit to what a branch leads to; returns whether the lanes stay in step.

    They do not if some go in and others, which do not, have not ended.
    """
    code = body_of(warp.row[0] >> CODE_AT, 1, sums.bodies)
    inside = count * (warp.row[0] & 1)
    if code != NO_BODY and gap != 0:
        inside = 0
        for i in range(count):
            goes_in = array_at(warp.begins[i], (ROWS,), np.int64)[n] & 1
            if not goes_in and warp.at[warp.lanes[i]] + n + 1 < warp.used[warp.lanes[i]]:
                return False
            inside += goes_in
    if code != NO_BODY and inside:
        sums.visits[code // PER_SITE, VISITS] += 1
        sums.visits[code // PER_SITE, VISITORS] += inside
    return True


@of_row
def body_of(code, value, bodies):
    """The code that this one says, too; NO_BODY if it is not a branch that leads somewhere."""
    if code % PER_SITE != BRANCH or value & 1 == 0:
        return NO_BODY
    return bodies[code // PER_SITE]


@device
def find_stops(lists, warp, codes, bodies):
    """Where each lane's part up to the next barrier ends; returns how many rows that is.

    codes[0]: for each code the number of its first row.
    """
    most, count = codes
    most[:] = 0
    for lane in range(len(warp.used)):
        n, count[:] = warp.at[lane], 0
        while n < warp.used[lane]:
            entry = entry_of(lists, warp.first + lane, n)
            if kind_of(entry) == BARRIER:
                break
            code = entry >> CODE_AT
            while code != NO_BODY:
                count[code] += 1
                most[code] = max(most[code], count[code])
                code = body_of(code, entry, bodies)
            n += 1
        warp.stops[lane] = n
    rows = 0
    for code in range(len(most)):
        rows, most[code] = rows + most[code], rows
    return rows


@device
def apart(lists, warp, codes, table, sums):
    """The rest, up to the barrier: lanes that took other ways meet at their n-th visit.

    table: a row for each visit of each code, a column for each lane; -1 where it does not come.
    """
    start, count = codes
    for lane in range(len(warp.used)):
        for code in range(len(start)):
            count[code] = start[code]
        for n in range(warp.at[lane], warp.stops[lane]):
            entry = entry_of(lists, warp.first + lane, n)
            code = entry >> CODE_AT
            while code != NO_BODY:
                table[count[code], lane] = code << CODE_AT | entry & ADDRESS
                count[code] += 1
                code = body_of(code, entry, sums.bodies)
        warp.at[lane] = min(warp.stops[lane] + 1, warp.used[lane])
    for number in range(len(table)):
        row, there = table[number], 0
        for lane in range(len(warp.used)):
            if row[lane] >= 0:
                row[there], warp.lanes[there] = row[lane], lane
                there += 1
        add_row(row, warp.lanes, there, gap_of(row, there), sums)


@of_row
def add_row(row, lanes, count, gap, sums):
    """One visit of a line, or one request: what these lanes do there together.

    gap: as gap_of tells; if it is regular, only row[0] is read.
    """
    code = row[0] >> CODE_AT
    site, kind = code // PER_SITE, code % PER_SITE
    if kind < STEP:
        add_access(row, lanes, count, gap, site, kind, sums)
    elif kind != BARRIER:
        sums.visits[site, VISITS] += 1
        sums.visits[site, VISITORS] += count
        if kind == BRANCH:
            sums.visits[site, SPLITS] += gap != 0  # some go in, some do not


@of_row
def add_access(row, lanes, count, gap, site, kind, sums):
    region = region_of(row[0] & ADDRESS, sums.regions, sums.guess[site])
    sums.guess[site] = region
    area = min(region, sums.first_shared) if region >= 0 else sums.first_shared + 1
    sectors, turns, conflicts = 0, 0, 0
    if region >= 0 and sums.regions[region, SHARED]:
        turns, conflicts = turns_of(row, lanes, count, gap, sums.regions[region], sums)
    elif region >= 0:
        sectors = sectors_of(row, count, gap, sums.regions[region, START], sums)
    for way in range(ATOMICS + 1):
        if asks(kind, way):
            found = sums.found[site, area, way]
            found[REQUESTS] += 1
            found[LANES] += count
            found[SECTORS] += sectors
            found[TURNS] += turns
            found[CONFLICTS] += conflicts
    if kind == ATOMIC:
        sums.found[site, area, ATOMICS, MEETING] += most_at_one(row, count, gap)


@of_row
def asks(kind, way):
    """Does an access of this kind load, store, or both?"""
    if way == LOAD:
        return kind == READ or kind == UPDATE
    if way == STORE:
        return kind == WRITE or kind == UPDATE
    return kind == ATOMIC


@of_row
def region_of(address, regions, guess):
    """The piece of memory that holds the address; -1: local memory.  guess: tried first."""
    if guess >= 0 and regions[guess, START] <= address < regions[guess, END]:
        return guess
    for n in range(len(regions)):
        if regions[n, START] <= address < regions[n, END]:
            return n
    return -1


@device
def gap_of(row, count):
    """How many bytes each address lies behind the one before it; IRREGULAR: now so, now so."""
    if count == 1:
        return 0
    gap, other = row[1] - row[0], 0
    for i in range(1, count):
        other |= (row[i] - row[i - 1]) ^ gap
    return gap if other == 0 else IRREGULAR


@of_row
def sectors_of(row, count, gap, start, sums):
    """In how many sectors the addresses lie."""
    if abs(gap) <= SECTOR:  # none between the first and the last is left out
        last = row[0] + gap * (count - 1)
        return abs(piece_of(last, start, OF_SECTOR) - piece_of(row[0], start, OF_SECTOR)) + 1
    if gap != IRREGULAR:
        return count
    for i in range(count):
        sums.numbers[i] = piece_of(row[i], start, OF_SECTOR)
    return _lay_out(sums.numbers[:count], sums.boxes, sums.filled)[0]


@of_row
def piece_of(entry, start, power):
    """In which piece of 2**power bytes it lies."""
    return ((entry & ADDRESS) - start) >> power


@of_row
def turns_of(row, lanes, count, gap, region, sums):
    """Turns of shared memory, and those besides the first of all lanes that it serves at once."""
    itemsize = region[ITEMSIZE]
    at_once = WARP // _words_in(itemsize)
    # one number for all, or numbers side by side, at most 32 words
    in_one = gap == 0 or abs(gap) == max(itemsize, WORD)
    if not in_one and gap != IRREGULAR:
        for i in range(1, count):
            row[i] = row[i - 1] + gap
    turns, groups, first = 0, 0, 0
    while first < count:
        last = count if at_once == WARP else first + 1
        while last < count and lanes[last] // at_once == lanes[first] // at_once:
            last += 1
        turns += 1 if in_one else turns_of_words(row[first:last], region, sums)
        groups += 1
        first = last
    return turns, turns - groups


@of_row
def turns_of_words(row, region, sums):
    """The same for addresses that lie anyhow."""
    width, count = _words_in(region[ITEMSIZE]), 0
    for entry in row:
        word = piece_of(entry, region[START], OF_WORD)
        for n in range(word, word + width):
            sums.numbers[count] = n
            count += 1
    return _lay_out(sums.numbers[:count], sums.boxes, sums.filled)[1]


@device
def most_at_one(row, count, gap):
    """How many lanes are at the address where most are."""
    if gap != IRREGULAR:
        return 1 if gap else count
    most = 0
    for i in range(count):
        at_one = 0
        for other in range(count):
            at_one += row[i] == row[other]
        most = max(most, at_one)
    return most
