"""The compiled half of `find_suspects`: which memory has been written, and what was suspected.

Each element of traced memory has a stamp: 1 once global memory is written, for shared memory the
number of the block that wrote it, for local memory the number of the thread, both from 1. So what
another block or thread left there counts as never written, as on a card.
"""

import numpy as np

from .arithmetic import device
from .compact import array_at

# kinds of suspects
UNWRITTEN, FROM_END, ABSENT = range(3)
# memories
GLOBAL, SHARED, LOCAL = range(3)
# the header: int64 numbers
STAMPS_AT, ROWS_AT, ROWS = range(3)
HEADER = 3
# one suspect: how often, what, and the first one: place, thread from 1, piece of memory, element
COUNT, WHAT, SITE, WHO, AREA, ELEMENT = range(6)
ROW = 6
MOST = 256


@device
def note(suspects, what, site, who, area, element):
    """Count a suspect; only the first at each place is kept in full."""
    header = array_at(suspects, (HEADER,), np.int64)
    rows = array_at(header[ROWS_AT], (MOST, ROW), np.int64)
    for n in range(header[ROWS]):
        if rows[n, WHAT] == what and rows[n, SITE] == site:
            rows[n, COUNT] += 1
            return
    if header[ROWS] < MOST:
        row = rows[header[ROWS]]
        row[COUNT], row[WHAT], row[SITE], row[WHO] = 1, what, site, who
        row[AREA], row[ELEMENT] = area, element
        header[ROWS] += 1


@device
def is_written(suspects, first, last, stamp):
    """Do all these elements have the stamp?"""
    header = array_at(suspects, (HEADER,), np.int64)
    for element in range(first, last):
        if array_at(header[STAMPS_AT] + 4 * element, (1,), np.int32)[0] != stamp:
            return False
    return True


@device
def write(suspects, first, last, stamp):
    """These elements are written now."""
    header = array_at(suspects, (HEADER,), np.int64)
    array_at(header[STAMPS_AT] + 4 * first, (last - first,), np.int32)[:] = stamp
