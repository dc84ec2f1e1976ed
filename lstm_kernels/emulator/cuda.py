"""The part of `numba.cuda` that the course uses, for machines without a GPU.

from lstm_kernels.emulator import cuda      # instead of: from numba import cuda
"""
# ruff: noqa: F401  (all names here are for those who import this module)

from . import random
from .dispatcher import In, InOut, Out, jit
from .host import (
    close,
    current_context,
    default_stream,
    defer_cleanup,
    detect,
    event,
    event_elapsed_time,
    get_current_device,
    is_available,
    list_devices,
    pinned,
    profiling,
    select_device,
    stream,
    synchronize,
)
from .memory import (
    DeviceArray,
    device_array,
    device_array_like,
    mapped_array,
    mapped_array_like,
    pinned_array,
    pinned_array_like,
    to_device,
)
from .names import (
    VECTORS,
    activemask,
    all_sync,
    any_sync,
    atomic,
    ballot_sync,
    blockDim,
    blockIdx,
    brev,
    cbrt,
    cg,
    clz,
    const,
    eq_sync,
    ffs,
    fma,
    fp16,
    grid,
    gridDim,
    gridsize,
    laneid,
    lanemask_lt,
    local,
    nanosleep,
    popc,
    selp,
    shared,
    shfl_down_sync,
    shfl_sync,
    shfl_up_sync,
    shfl_xor_sync,
    syncthreads,
    syncthreads_and,
    syncthreads_count,
    syncthreads_or,
    syncwarp,
    threadfence,
    threadfence_block,
    threadfence_system,
    threadIdx,
    warpsize,
)

globals().update(VECTORS)  # float32x4 and its like
