"""What translated kernels call: the compiled counterparts of the names of `numba.cuda`.

Each emulated thread gets one `Thread`, a tuple of plain numbers: where it stands in the grid, and
the addresses of the memory that it may use. The translator passes it along as `_cuda`.
"""

from collections import namedtuple

import numpy as np

from . import control as slots
from .arithmetic import device
from .compact import array_at
from .intrinsics import (  # noqa: F401
    as_integer,
    as_number,
    as_unsigned,
    for_block_vote,
    for_shuffle,
    for_warp_vote,
    load_as,
    stop,  # noqa: F401
    store_at,
)
from .intrinsics import checked_axis as at_axis  # noqa: F401  (translated kernels use these two)
from .intrinsics import checked_index as at  # noqa: F401

Thread = namedtuple(
    "Thread",
    "thread_x thread_y thread_z block_x block_y block_z "
    "block_dim_x block_dim_y block_dim_z grid_dim_x grid_dim_y grid_dim_z "
    "rank lane control shared dynamic dynamic_bytes mail local",
)
THREAD_BYTES = 8 * len(Thread._fields)
WARP = 32
# Mail of one thread, in bytes: the value that it posts, the mask of lanes that take part, and the
# value as the others may read it: copied when all of the warp (or the block) have posted.
POSTED, MASK, FOR_WARP, FOR_BLOCK, MAIL_SLOT = 0, 8, 16, 24, 32


# ---- where a thread stands ----------------------------------------------------------------------


@device
def counts(control):
    """Blocks of the grid, threads of a block."""
    g, b = slots.GRID_DIM, slots.BLOCK_DIM
    blocks = control[g] * control[g + 1] * control[g + 2]
    return blocks, control[b] * control[b + 1] * control[b + 2]


@device
def position(i, n, order):
    """The i-th of n threads (or blocks) to run: forward, backward, or a fixed shuffle."""
    if order == 0:
        return i
    if order == 1:
        return n - 1 - i
    return (order - i * 2654435761) % n  # a prime above all n: each number once


@device
def block_bytes(control):
    """Memory of one block: shared arrays, mail, and its threads' local arrays."""
    local = control[slots.LOCAL_BYTES] * control[slots.THREAD_ROOMS]
    return control[slots.SHARED_BYTES] + control[slots.MAIL_BYTES] + local


@device
def fill_with_nan(address, nbytes):
    """All bits one: a NaN in each float type, -1 in each integer type."""
    memory = array_at(address, (nbytes,), np.uint8)
    for i in range(nbytes):
        memory[i] = 255


@device
def enter_block(control, memory, block, room):
    """Shared memory holds rubbish when a block starts."""
    control[slots.BLOCK] = block
    size = block_bytes(control)
    shared = control[slots.SHARED_BYTES] + control[slots.MAIL_BYTES]
    fill_with_nan(memory.ctypes.data + room * size, shared)


@device
def enter_thread(control, memory, block, rank, room):
    """The `Thread` of one thread; its block uses the memory number `room`."""
    control[slots.THREAD] = rank
    shared = memory.ctypes.data + room * block_bytes(control)
    mail = shared + control[slots.SHARED_BYTES]
    nbytes = control[slots.LOCAL_BYTES]
    local = mail + control[slots.MAIL_BYTES] + nbytes * (rank % control[slots.THREAD_ROOMS])
    fill_with_nan(local, nbytes)
    b, g = slots.BLOCK_DIM, slots.GRID_DIM
    bx, by, bz, gx, gy, gz = (
        control[b], control[b + 1], control[b + 2], control[g], control[g + 1], control[g + 2],
    )  # fmt: skip
    int32 = np.int32  # as on the card
    return Thread(
        int32(rank % bx), int32(rank // bx % by), int32(rank // (bx * by)),
        int32(block % gx), int32(block // gx % gy), int32(block // (gx * gy)),
        int32(bx), int32(by), int32(bz), int32(gx), int32(gy), int32(gz),
        rank, int32(rank % WARP), control.ctypes.data, shared,
        shared + control[slots.DYNAMIC_START], control[slots.DYNAMIC_BYTES], mail, local,
    )  # fmt: skip


@device
def grid_1(cuda):
    return cuda.block_x * cuda.block_dim_x + cuda.thread_x


@device
def grid_2(cuda):
    return grid_1(cuda), cuda.block_y * cuda.block_dim_y + cuda.thread_y


@device
def grid_3(cuda):
    x, y = grid_2(cuda)
    return x, y, cuda.block_z * cuda.block_dim_z + cuda.thread_z


@device
def gridsize_1(cuda):
    return cuda.grid_dim_x * cuda.block_dim_x


@device
def gridsize_2(cuda):
    return gridsize_1(cuda), cuda.grid_dim_y * cuda.block_dim_y


@device
def gridsize_3(cuda):
    x, y = gridsize_2(cuda)
    return x, y, cuda.grid_dim_z * cuda.block_dim_z


# ---- atomics: threads take turns only at barriers, so plain steps cannot be interrupted ---------
# Each value is converted to the array's type first, as on the card.


@device
def atomic_add(array, index, value):
    old = array[index]
    array[index] = old + as_number(array, value)
    return old


@device
def atomic_sub(array, index, value):
    old = array[index]
    array[index] = old - as_number(array, value)
    return old


@device
def atomic_and_(array, index, value):
    old = array[index]
    array[index] = old & as_integer(array, value)
    return old


@device
def atomic_or_(array, index, value):
    old = array[index]
    array[index] = old | as_integer(array, value)
    return old


@device
def atomic_xor(array, index, value):
    old = array[index]
    array[index] = old ^ as_integer(array, value)
    return old


@device
def atomic_inc(array, index, value):
    old = array[index]
    array[index] = 0 if old >= as_unsigned(array, value) else old + 1
    return old


@device
def atomic_dec(array, index, value):
    old, value = array[index], as_unsigned(array, value)
    array[index] = value if old == 0 or old > value else old - 1
    return old


@device
def atomic_exch(array, index, value):
    old = array[index]
    array[index] = as_integer(array, value)
    return old


@device
def atomic_max(array, index, value):
    old, value = array[index], as_number(array, value)
    if value > old:
        array[index] = value
    return old


@device
def atomic_min(array, index, value):
    old, value = array[index], as_number(array, value)
    if value < old:
        array[index] = value
    return old


@device
def atomic_nanmax(array, index, value):
    old, value = array[index], as_number(array, value)
    if value > old or old != old:
        array[index] = value
    return old


@device
def atomic_nanmin(array, index, value):
    old, value = array[index], as_number(array, value)
    if value < old or old != old:
        array[index] = value
    return old


@device
def atomic_cas(array, index, expected, value):
    old = array[index]
    if old == as_integer(array, expected):
        array[index] = as_integer(array, value)
    return old


# ---- values passed between threads at a barrier -------------------------------------------------


@device
def post(cuda, mask, value):
    """Leave a value in this thread's mail slot; a barrier follows, then others read it."""
    slot = cuda.mail + cuda.rank * MAIL_SLOT
    store_at(slot, value)
    store_at(slot + MASK, np.int64(mask))


@device
def deliver(mail, rank, copy):
    """Copy what a thread has posted to where the others read it, so that it may post again."""
    slot = mail + rank * MAIL_SLOT
    store_at(slot + copy, load_as(slot + POSTED, np.int64(0)))


@device
def read_lane(cuda, mine, lane):
    """What the thread in `lane` of this warp has posted."""
    return load_as(cuda.mail + (cuda.rank - cuda.lane + lane) * MAIL_SLOT + FOR_WARP, mine)


@device
def shfl_sync(cuda, mine, lane):
    return read_lane(cuda, mine, lane % WARP)


@device
def shfl_up_sync(cuda, mine, delta):
    return read_lane(cuda, mine, cuda.lane - delta) if cuda.lane >= delta else mine


@device
def shfl_down_sync(cuda, mine, delta):
    return read_lane(cuda, mine, cuda.lane + delta) if cuda.lane + delta < WARP else mine


@device
def shfl_xor_sync(cuda, mine, lane_mask):
    return read_lane(cuda, mine, (cuda.lane ^ lane_mask) % WARP)


@device
def block_threads(cuda):
    return cuda.block_dim_x * cuda.block_dim_y * cuda.block_dim_z


@device
def ballot(cuda, mask, mine):
    """One bit for each lane of the mask whose posted value is not zero."""
    bits = 0
    for lane in range(min(WARP, block_threads(cuda) - cuda.rank + cuda.lane)):
        if (mask >> lane) & 1 and read_lane(cuda, mine, lane) != 0:
            bits |= 1 << lane
    return bits


@device
def lanes_there(cuda, mask):
    """The mask without lanes beyond the end of the block."""
    lanes = min(WARP, block_threads(cuda) - cuda.rank + cuda.lane)
    return mask & ((1 << lanes) - 1)


@device
def ballot_sync(cuda, mask, mine):
    return np.int32(ballot(cuda, mask, mine))


@device
def any_sync(cuda, mask, mine):
    return ballot(cuda, mask, mine) != 0


@device
def all_sync(cuda, mask, mine):
    return ballot(cuda, mask, mine) == lanes_there(cuda, mask)


@device
def eq_sync(cuda, mask, mine):
    votes = ballot(cuda, mask, mine)
    return votes == 0 or votes == lanes_there(cuda, mask)


@device
def syncthreads_count(cuda, mine):
    total = 0
    for rank in range(block_threads(cuda)):
        total += 1 if load_as(cuda.mail + rank * MAIL_SLOT + FOR_BLOCK, mine) != 0 else 0
    return np.int32(total)


@device
def syncthreads_and(cuda, mine):
    return np.int32(syncthreads_count(cuda, mine) == block_threads(cuda))


@device
def syncthreads_or(cuda, mine):
    return np.int32(syncthreads_count(cuda, mine) > 0)


# ---- lanes --------------------------------------------------------------------------------------


@device
def activemask(cuda):
    return np.uint32(lanes_there(cuda, 0xFFFFFFFF))


@device
def lanemask_lt(cuda):
    return np.uint32((1 << cuda.lane) - 1)


@device
def nothing(*_arguments):
    """Fences and sleeps: threads take turns here, so memory is always up to date."""
    return 0
