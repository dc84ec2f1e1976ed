"""The names of `numba.cuda` that mean something only inside a kernel.

On the host they are mere labels: the translator finds them in a kernel's source and puts the
emulator's own code in their place.
"""

from types import SimpleNamespace

from . import half, vectors
from .errors import EmulatorError


class KernelName:
    """A label such as `cuda.syncthreads`. It can be named on the host, but not used there."""

    def __init__(self, name):
        self.name = name

    def __call__(self, *args, **kwargs):
        raise EmulatorError(f"cuda.{self.name} works only inside a kernel")

    def __repr__(self):
        return f"<cuda.{self.name}, for kernels>"


class KernelTriple(KernelName):
    """`threadIdx` and its like: three numbers x, y, z."""

    def __init__(self, name, field):
        super().__init__(name)
        self.field = field
        for axis in "xyz":
            setattr(self, axis, KernelValue(f"{name}.{axis}", f"{field}_{axis}"))


class KernelValue(KernelName):
    """One number that each thread knows; `field` is its name in `runtime.Thread`."""

    def __init__(self, name, field):
        super().__init__(name)
        self.field = field


def namespace(prefix, *names):
    """`cuda.atomic` and its like."""
    return SimpleNamespace(**{name: KernelName(f"{prefix}.{name}") for name in names})


threadIdx = KernelTriple("threadIdx", "thread")
blockIdx = KernelTriple("blockIdx", "block")
blockDim = KernelTriple("blockDim", "block_dim")
gridDim = KernelTriple("gridDim", "grid_dim")
laneid = KernelValue("laneid", "lane")
warpsize = 32

shared = namespace("shared", "array")
local = namespace("local", "array")
const = namespace("const", "array_like")
cg = namespace("cg", "this_grid")
fp16 = namespace("fp16", *half.NAMES)
atomic = namespace(
    "atomic", "add", "sub", "and_", "or_", "xor", "inc", "dec", "exch",
    "max", "min", "nanmax", "nanmin", "compare_and_swap", "cas",
)  # fmt: skip

PLAIN = (
    "grid", "gridsize", "fma", "selp", "cbrt", "popc", "clz", "ffs", "brev", "activemask",
    "lanemask_lt", "nanosleep", "threadfence", "threadfence_block", "threadfence_system",
)  # fmt: skip
BLOCK_VOTES = ("syncthreads_count", "syncthreads_and", "syncthreads_or")
WARP_VOTES = ("all_sync", "any_sync", "eq_sync", "ballot_sync")
SHUFFLES = ("shfl_sync", "shfl_up_sync", "shfl_down_sync", "shfl_xor_sync")
BARRIERS = ("syncthreads", "syncwarp")

grid, gridsize, fma, selp, cbrt, popc, clz, ffs, brev, activemask = map(KernelName, PLAIN[:10])
lanemask_lt, nanosleep, threadfence, threadfence_block, threadfence_system = map(
    KernelName, PLAIN[10:]
)
syncthreads_count, syncthreads_and, syncthreads_or = map(KernelName, BLOCK_VOTES)
all_sync, any_sync, eq_sync, ballot_sync = map(KernelName, WARP_VOTES)
shfl_sync, shfl_up_sync, shfl_down_sync, shfl_xor_sync = map(KernelName, SHUFFLES)
syncthreads, syncwarp = map(KernelName, BARRIERS)
_OF_VECTORS = {own: KernelName(f"vector.{own}") for own in vectors.NAMES.values()}
VECTORS = {name: _OF_VECTORS[own] for name, own in vectors.NAMES.items()}
globals().update(VECTORS)
