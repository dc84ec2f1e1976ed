"""The control block: a few numbers that compiled code and Python share during a launch.

Compiled code writes here which thread runs, and what went wrong if something did; Python reads it
when the launch has ended. One int64 array, with these slots:
"""

import numpy as np

SITE = 0  # the place in the source that failed (-1: none)
NDIM = 1  # how many of the next slots are used
INDEX = 2  # ... the index that was out of bounds
SHAPE = 10  # ... and the array's shape
MAX_NDIM = 8

BLOCK = 18  # the block that runs now, counted along x, then y, then z
THREAD = 19  # the thread that runs now, counted the same way inside its block
BLOCK_EPOCH = 20  # barriers that this block has passed
WARP_EPOCH = 21  # syncwarps that this warp has passed
GRID_EPOCH = 22  # grid barriers passed

STUCK_CODE = 23  # the code of the barrier where STUCK_THREAD waits
STUCK_THREAD = 24
OTHER_CODE = 25  # what another thread of the block does instead
OTHER_THREAD = 26

TRACE = 27  # address of the race finder's notebook, 0 if nobody traces
NOTE = 28  # address of the compiled function that it is told every access by

GRID_DIM = 29  # 3 slots: what the launch asked for
BLOCK_DIM = 32  # 3 slots
ORDER = 35  # in which order threads run: 0 forward, 1 backward, others shuffled
SHARED_BYTES = 36  # shared memory of a block: static arrays, then the dynamic one
DYNAMIC_START = 37  # where the dynamic one begins
MAIL_BYTES = 38  # where the threads of a block leave values for shuffles and votes
LOCAL_BYTES = 39  # local arrays of one thread
THREAD_ROOMS = 40  # how many threads of a block need local memory of their own at once
RESIDENT = 41  # how many blocks are under way at once (all of them for grid.sync)
FIRST = 42  # the blocks to run are FIRST .. LAST - 1: all, or one CPU core's share
LAST = 43
DYNAMIC_BYTES = 44  # what the launch asked for, to the byte
STOP = 45  # not 0: leave as soon as you can (Ctrl-C)
AREAS = 46  # 0, or if loops may wait for other threads: address of a table of the pieces of
AREA_COUNT = 47  # ... memory that all threads share, and how many there are
RUN = 48  # address of the compiled `scheduler.run_blocks`, for kernels with barriers
CLOCKS = 49  # address of the race finder's clocks (clocks.py), 0 if barriers tell the order
SLOTS = 50


def new_control(grid, block):
    """A fresh control block for a launch of this shape."""
    control = np.zeros(SLOTS, np.int64)
    control[SITE] = control[THREAD] = -1
    control[GRID_DIM : GRID_DIM + 3] = grid
    control[BLOCK_DIM : BLOCK_DIM + 3] = block
    control[LAST] = grid[0] * grid[1] * grid[2]
    return control
