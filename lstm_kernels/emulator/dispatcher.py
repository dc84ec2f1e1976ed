"""`@cuda.jit`, and what happens at `kernel[grid, block](...)`."""

import functools
import time

import numpy as np

from . import card, cores, scheduler
from . import control as slots
from .build import Build, run_blocks_address
from .environment import python_function
from .errors import (
    ArgumentError,
    DivergentBarrier,
    LaunchError,
    OutOfBounds,
    WaitsInVain,
    raised,
)
from .explain import not_compiled
from .interrupt import Stoppable
from .memory import DeviceArray, MappedArray, device_array_like, require_one_piece
from .overlaps import byte_bounds, flat
from .runtime import MAIL_SLOT, WARP
from .signatures import converted, parsed
from .transfers import TO_DEVICE, TO_HOST, log_launch, log_transfer

IGNORED_OPTIONS = frozenset(
    "inline fastmath max_registers opt debug lineinfo link lto cache boundscheck "
    "launch_bounds chip cc forceinline abi abi_info output shared".split()
)

before_launch = []  # functions that see each launch, and its arguments, before it begins


def jit(func_or_sig=None, device=False, **options):
    """Make a kernel (or, with device=True, a device function), perhaps for these signatures.

    Options only tune: ignored here.
    """
    for old in {"argtypes", "restype", "bind"} & set(options):
        raise TypeError(f"cuda.jit has no option {old} any more: give the signature, as in "
                        '@cuda.jit("void(float32[:], int32)")')  # fmt: skip
    unknown = set(options) - IGNORED_OPTIONS
    if unknown:
        raise TypeError(f"cuda.jit has no option {', '.join(sorted(unknown))}")
    if callable(func_or_sig) and hasattr(func_or_sig, "__code__"):
        return Kernel(func_or_sig, device)
    return functools.partial(Kernel, device=device, signatures=func_or_sig)


class Kernel:
    """A function that runs on the emulated card."""

    def __init__(self, py_func, device=False, signatures=None):
        functools.update_wrapper(self, py_func)
        self.py_func = py_func
        self.device = device
        self.declared = () if signatures is None else parsed(signatures, py_func, device)
        self._configured = {}

    @functools.cached_property
    def build(self):
        """The translated kernel, made at the first launch."""
        return Build(self.py_func)

    def __getitem__(self, configuration):
        key = configuration if isinstance(configuration, tuple) else (configuration,)
        try:
            launch = self._configured.get(key)
        except TypeError:  # a list as grid or block: it cannot be a key
            return self.configure(*key)
        if launch is None:
            launch = self._configured[key] = self.configure(*key)
        return launch

    def configure(self, griddim=None, blockdim=None, stream=0, sharedmem=0):
        """`kernel[griddim, blockdim, stream, sharedmem]`."""
        if self.device:
            raise LaunchError(f"{self.__name__} is a device function: a kernel calls it")
        if griddim is None or blockdim is None:
            raise LaunchError(f"launch {self.__name__}[blocks, threads](...): both are needed")
        grid, block = card.triple(griddim, "grid"), card.triple(blockdim, "block")
        card.check_launch(grid, block)
        return Launch(self, grid, block, int(sharedmem))

    def specialize(self, *args):
        """On a card: the kernel compiled for these arguments. Here: the kernel."""
        return self

    def forall(self, ntasks, tpb=128, stream=0, sharedmem=0):
        """As many blocks as `ntasks` threads need."""
        if ntasks < 0:
            raise LaunchError(f"forall of {ntasks} tasks: there is no negative number of threads")
        if ntasks == 0:
            return lambda *args: None
        return self.configure(-(-ntasks // tpb), tpb, stream, sharedmem)

    def __call__(self, *args):
        if self.device:
            raise LaunchError(f"{self.__name__} is a device function: only kernels can call it")
        raise LaunchError(f"launch {self.__name__} as {self.__name__}[blocks, threads](...)")

    def __repr__(self):
        return f"<emulated {'device function' if self.device else 'kernel'} {self.__name__}>"


class Launch:
    """A kernel with its grid, block and shared memory: call it with the arguments."""

    def __init__(self, kernel, grid, block, shared_bytes, build=None):
        self.kernel = kernel
        self.grid = grid
        self.block = block
        self.shared_bytes = shared_bytes
        self.seconds = 0.0  # work of the last launch, on one core
        if build is not None:
            self.build = build

    @functools.cached_property
    def build(self):
        return self.kernel.build

    @functools.cached_property
    def prepared(self):
        """The control block that each launch starts from, and the bytes of memory it needs."""
        build, program = self.build, self.build.program
        card.check_shared(program.shared_bytes, self.shared_bytes)
        of_block = program.shared_bytes + self.shared_bytes
        if program.uses_grid:
            card.check_cooperative(self.grid, self.block, of_block)
        control = slots.new_control(self.grid, self.block)
        blocks = self.grid[0] * self.grid[1] * self.grid[2]
        threads = self.block[0] * self.block[1] * self.block[2]
        start = -(-program.shared_bytes // 16) * 16
        control[slots.DYNAMIC_START] = start
        control[slots.DYNAMIC_BYTES] = self.shared_bytes
        control[slots.SHARED_BYTES] = -(-(start + self.shared_bytes) // 16) * 16
        control[slots.MAIL_BYTES] = -(-threads // WARP) * WARP * MAIL_SLOT if build.waits else 0
        control[slots.LOCAL_BYTES] = -(-program.local_bytes // 16) * 16
        control[slots.THREAD_ROOMS] = threads if build.waits else 1
        at_once = card.blocks_at_once(self.block, of_block) if program.spins else 1
        control[slots.RESIDENT] = blocks if program.uses_grid else min(blocks, at_once)
        control[slots.RUN] = run_blocks_address() if build.waits else 0
        return control, _block_bytes(control) * int(control[slots.RESIDENT])

    def bytes_of_block(self):
        """How far apart the memories of two blocks lie that are under way at once."""
        return _block_bytes(self.prepared[0])

    def __call__(self, *args):
        for look in before_launch:
            look(self, args)
        log_launch(self.kernel.__name__)
        arguments, copies = self.device_arguments(args)
        self.run(arguments)
        for host, on_device in copies:
            log_transfer(TO_HOST, host.nbytes, implicit=True)
            host[...] = on_device

    def device_arguments(self, args):
        """What compiled code gets, and the arrays to copy back after the launch."""
        names = self.build.arguments
        if len(args) != len(names):
            raise ArgumentError(
                f"{self.kernel.__name__} takes {len(names)} arguments ({', '.join(names)}), "
                f"not {len(args)}"
            )
        arguments, copies = [], []
        for name, value in zip(names, args, strict=True):
            arguments.append(_device_value(name, value, copies))
        return converted(getattr(self.kernel, "declared", ()), names, arguments), copies

    def run(self, arguments):
        """Run all threads; on several cores if the last launch was long and blocks never meet."""
        started = time.perf_counter()
        shares = cores.shares(self, arguments) if self.seconds > cores.WORTH_IT else []
        if len(shares) > 1:
            cores.run_shares(lambda blocks: self.run_blocks(arguments, blocks), shares)
        else:
            self.run_blocks(arguments)
        self.seconds = (time.perf_counter() - started) * max(1, len(shares))

    def run_blocks(self, arguments, blocks=None, order=0, trace=(0, 0), memory=None):
        """Run the threads of these blocks (first, last + 1), or of all, on this core.

        Returns the control block as the run left it.
        """
        template, nbytes = self.prepared
        control = template.copy()
        control[slots.ORDER] = order
        control[slots.TRACE], control[slots.NOTE], control[slots.CLOCKS] = (*trace, 0)[:3]
        if blocks is not None:
            control[slots.FIRST], control[slots.LAST] = blocks
        if memory is None:
            memory = np.empty(nbytes, np.uint8)
        if self.build.program.spins:
            areas = _areas(arguments)
            control[slots.AREAS], control[slots.AREA_COUNT] = areas.ctypes.data, len(areas)
        try:
            with Stoppable(control):
                finished = self.build.launch(control, memory, *arguments)
        except Exception as error:
            raise self._told(error, control) from None
        if not finished:
            raise self._stuck(control)
        return control

    # ---- messages -------------------------------------------------------------------------------

    def _told(self, error, control):
        """The error in the learner's words; the compiler's report is about a generated file."""
        if control[slots.SITE] >= 0 and isinstance(error, IndexError):
            return self._out_of_bounds(control)
        if control[slots.THREAD] < 0:  # no thread has begun
            return not_compiled(error, self.build, python_function(self.kernel))
        who = self.who(control[slots.THREAD], control[slots.BLOCK])
        return raised(error, f"{self.kernel.__name__} raises {error!r} in {who}")

    def _out_of_bounds(self, control):
        site = self.build.program.sites[control[slots.SITE]]
        ndim = control[slots.NDIM]
        index = _tuple_text(control[slots.INDEX : slots.INDEX + ndim])
        shape = _tuple_text(control[slots.SHAPE : slots.SHAPE + ndim])
        return OutOfBounds(
            f"{site.array}[{index}] is outside {site.array}, whose shape is ({shape}): "
            f"{self.who(control[slots.THREAD], control[slots.BLOCK])} in {site.in_file()}"
        )

    def _stuck(self, control):
        waits = self._where(control[slots.STUCK_CODE])
        other = self._where(max(control[slots.OTHER_CODE], 0))
        threads = self.block[0] * self.block[1] * self.block[2]
        block = control[slots.BLOCK] - control[slots.BLOCK] % control[slots.RESIDENT]

        def who(number):
            if control[slots.RESIDENT] > 1 and number >= threads:
                return self.who(number % threads, block + number // threads)
            return self.who(number, control[slots.BLOCK])

        if control[slots.OTHER_CODE] == scheduler.IN_VAIN:
            return WaitsInVain(
                f"{who(control[slots.STUCK_THREAD])} loops for ever ({waits}): all threads that "
                "still run only loop, and nothing in memory changes any more"
            )
        return DivergentBarrier(
            f"{who(control[slots.STUCK_THREAD])} waits at a barrier ({waits}), but "
            f"{who(control[slots.OTHER_THREAD])} {'waits at ' if control[slots.OTHER_CODE] else ''}"
            f"{other}"
        )

    def _where(self, code):
        if code == scheduler.FINISHED:
            return "has left the kernel"
        return self.build.program.sites[code >> 3].in_file()

    def who(self, rank, block):
        """`thread (3, 0, 0) of block (0, 0, 0)`."""
        return f"thread {self.thread_at(int(rank))} of block {self.block_at(int(block))}"

    def thread_at(self, rank):
        return _unravel(rank, self.block)

    def block_at(self, number):
        return _unravel(number, self.grid)


def _areas(arguments):
    """Start and length of the memory that each array argument lies in."""
    found = [byte_bounds(array) for array in flat(arguments) if isinstance(array, np.ndarray)]
    return np.array([(first, last - first) for first, last in found], np.int64).reshape(-1, 2)


def _block_bytes(control):
    local = control[slots.LOCAL_BYTES] * control[slots.THREAD_ROOMS]
    return int(control[slots.SHARED_BYTES] + control[slots.MAIL_BYTES] + local)


def _unravel(number, sizes):
    x, y, _ = sizes
    return number % x, number // x % y, number // (x * y)


def _tuple_text(values):
    return ", ".join(str(int(value)) for value in values)


def _device_value(name, value, copies):
    """One argument as compiled code takes it; NumPy arrays are copied in, and noted in copies."""
    if isinstance(value, DeviceArray):
        return value.data
    if isinstance(value, MappedArray):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray):
        return _copied_in(name, value, copies)
    if isinstance(value, Transferred):
        return value.device_value(name, copies)
    if isinstance(value, (bool, int, float, complex, np.number, np.bool_)):
        return value
    if isinstance(value, np.void) and value.dtype.fields:
        log_transfer(TO_DEVICE, value.nbytes, implicit=True)
        log_transfer(TO_HOST, value.nbytes, implicit=True)
        return value  # a record: the kernel may write into its fields
    if isinstance(value, tuple):
        parts = [_device_value(name, part, copies) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    raise ArgumentError(f"the argument {name} is a {type(value).__name__}: kernels take numbers, "
                        "arrays and tuples of them")  # fmt: skip


def _copied_in(name, host, copies, copy_in=True, copy_out=True):
    """The implicit transfer: all NumPy arrays go there, and all come back."""
    if host.dtype.hasobject or host.dtype.kind in "SUOMm":
        raise ArgumentError(f"the argument {name} has dtype {host.dtype}, unknown to the GPU")
    if copy_out and not host.flags.writeable:
        raise ArgumentError(
            f"the argument {name} is read-only, and a launch copies NumPy arrays back: give a "
            f"copy, or cuda.In({name})"
        )
    require_one_piece(host)
    on_device = host.copy(order="K") if copy_in else device_array_like(host).data
    if copy_in:
        log_transfer(TO_DEVICE, host.nbytes, implicit=True)
    if copy_out:
        copies.append((host, on_device))
    return on_device


class Transferred:
    """`cuda.In(a)`, `cuda.Out(a)`, `cuda.InOut(a)`: say which way a NumPy argument travels."""

    def __init__(self, value, copy_in, copy_out):
        self.value = value
        self.ways = (copy_in, copy_out)

    def device_value(self, name, copies):
        if isinstance(self.value, DeviceArray):
            return self.value.data
        return _copied_in(name, np.asarray(self.value), copies, *self.ways)


def is_fresh(value):
    """Is this argument memory that nobody has filled, but perhaps a kernel?"""
    if isinstance(value, Transferred):
        return not value.ways[0] or is_fresh(value.value)
    return isinstance(value, DeviceArray) and value.fresh


def In(value):
    return Transferred(value, True, False)


def Out(value):
    return Transferred(value, False, True)


def InOut(value):
    return Transferred(value, True, True)
