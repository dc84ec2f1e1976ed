"""`find_data_races`: do two threads touch the same element with nothing to order them?

    for race in find_data_races(kernel, grid, block, *args):
        print(race)

The kernel is translated once more, with every access to shared and global memory noted
(tracing.py), and run with its threads in several orders, because an order can decide which
branches are taken. The arguments are copied: yours are not changed.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from . import card, tracing
from . import control as slots
from .build import Build, note_access_address
from .clocks import MOST_ADDRESSES, MOST_THREADS, Clocks
from .dispatcher import Launch
from .environment import python_function
from .errors import ArgumentError
from .memory import DeviceArray
from .overlaps import Copies, areas, flat, index_at, smallest_step, step_of

ORDERS = (0, 1, 12345)  # forward, backward, shuffled
MAX_RACES = 512
MEMORIES = ("global", "shared", "local")  # in the order of suspecting.py
MAX_BYTES = 4 << 30  # of the memory of who touched what: above, computers begin to run out of it


@dataclass(frozen=True)
class Access:
    """One side of a race."""

    thread: tuple
    block: tuple
    action: str
    place: str

    def __str__(self):
        return f"thread {self.thread} of block {self.block} {self.action} it ({self.place})"


@dataclass(frozen=True)
class DataRace:
    """Two accesses to one element that nothing orders. `count`: how many such pairs were met.

    `hint`: what would order them, if that is known.
    """

    array: str
    index: tuple
    memory: str
    first: Access
    second: Access
    count: int
    hint: str = ""

    def __str__(self):
        index = ", ".join(str(n) for n in self.index)
        same_block = self.first.block == self.second.block
        why = "no barrier lies between" if same_block else "blocks run in any order"
        return (
            f"race on {self.array}[{index}] ({self.memory} memory): {self.first}, "
            f"{self.second}, and {why}{self.hint}"
        )


NO_FENCE = (
    "; an atomic operation tells of the first access, but cuda.threadfence() is missing before it"
)
TOO_MANY = f"; an order by cuda.threadfence() is seen only in grids of up to {MOST_THREADS} threads"


def find_data_races(kernel, grid, block, *args, shared_bytes=0, orders=ORDERS):
    """All races of one launch, at most one for each array and pair of places in the source."""
    launch = traced_launch("find_data_races", kernel, grid, block, shared_bytes)
    found = {}
    for order in orders:
        races = _races(launch, args, order)
        if found.keys() >= races.keys():
            continue
        if _has_clocks(launch) and launch.build.program.atomics:
            races |= _without_fence(races, _races(launch, args, order, pretend=True))
        elif launch.build.program.fences and not _has_clocks(launch):
            races = {key: replace(race, hint=TOO_MANY) for key, race in races.items()}
        found = races | found
    return list(found.values())


def _races(launch, args, order, pretend=False):
    """(array, places) -> race; pretend: as if a fence stood before each atomic operation."""
    trace = Trace(launch, args, pretend)
    trace.run(order)
    found = {}
    for race in trace.races():
        key = race.array, frozenset((race.first.place, race.second.place))
        found.setdefault(key, race)
    return found


def _without_fence(races, with_fences):
    """The races that are none if a fence stands before each atomic operation, with a hint."""
    return {key: replace(races[key], hint=NO_FENCE) for key in races.keys() - with_fences.keys()}


def _has_clocks(launch):
    """Is the grid small enough for the clocks?"""
    return math.prod(launch.grid) * math.prod(launch.block) <= MOST_THREADS


@lru_cache(maxsize=256)
def _traced_build(function, counting):
    return Build(function, tracing=True, counting=counting)


def traced_launch(asked, kernel, grid, block, shared_bytes, counting=False):
    """A launch whose kernel notes each access; `asked`: the function that wants it, for errors.

    counting: it notes its steps, ways and operations, too (noted.py).
    """
    function = python_function(kernel)
    if function is None:
        raise ArgumentError(f"{asked} takes a kernel, not a {type(kernel).__name__}")
    build = _traced_build(function, counting)
    grid, block = card.triple(grid, "grid"), card.triple(block, "block")
    card.check_launch(grid, block)
    return Launch(kernel, grid, block, shared_bytes, build)


def copied(args):
    """Copies of the arrays; those that share memory share it in the copies, too."""
    args = _on_host(tuple(args))
    arrays = [value for value in flat(args) if isinstance(value, np.ndarray)]
    return list(_copy(args, Copies(arrays)))


def _on_host(value):
    """What a launch is given, without what makes it a device's."""
    if isinstance(value, tuple):
        parts = [_on_host(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, DeviceArray):
        return value.data
    return value.copy_to_host() if hasattr(value, "copy_to_host") else value


def _copy(value, copies):
    if isinstance(value, tuple):
        parts = [_copy(part, copies) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, np.ndarray):
        return DeviceArray(copies.of(value))
    return value.copy() if isinstance(value, np.void) else value


@dataclass(frozen=True)
class Region:
    """A piece of traced memory, and how to name its elements."""

    name: str
    start: int
    nbytes: int
    itemsize: int
    array: np.ndarray = None  # None for shared and local memory
    arrays: tuple = ()  # all of them: (name, array)
    memory: str = "global"

    @property
    def elements(self):
        return -(-self.nbytes // self.itemsize)


class Trace:
    """What compiled code reads and writes while it traces, and its translation into words.

    It works on copies of the arguments.  pretend: as if a fence stood before each atomic operation.
    """

    def __init__(self, launch, args, pretend=False):
        self.launch = launch
        self.pretend = pretend
        self.arguments, _ = launch.device_arguments(copied(args))
        control, nbytes = launch.prepared
        self.memory = np.empty(nbytes, np.uint8)
        self.regions = self._regions(control)
        self.shadow = _new_shadow(sum(region.elements for region in self.regions))
        self.found = np.zeros((MAX_RACES, tracing.RACE), np.int64)
        self.table = table_of(self.regions)
        self.header = np.zeros(tracing.HEADER, np.int64)
        self.header[tracing.REGIONS] = len(self.regions)
        self.header[tracing.REGIONS_AT] = address_of(self.table)
        self.header[tracing.SHADOW_AT] = address_of(self.shadow)
        self.header[tracing.RACES_AT] = address_of(self.found)
        self.header[tracing.MAX_RACES] = MAX_RACES
        self.header[tracing.THREADS] = np.prod(launch.block)
        self.address = address_of(self.header)

    def _regions(self, control):
        own = shared_regions(self.launch, control, address_of(self.memory))
        return global_regions(self.arrays()) + own

    def run(self, order):
        """Run the threads in one order; returns the control block."""
        self.clocks = self._clocks()
        clocks = self.clocks.address if self.clocks else 0
        trace = self.address, note_access_address(), clocks
        control = self.launch.run_blocks(self.arguments, None, order, trace, self.memory)
        if self.clocks and self.clocks.full:
            raise ArgumentError(
                f"more than {MOST_ADDRESSES} atomic variables in a kernel with fences: trace a "
                "smaller launch"
            )
        return control

    def _clocks(self):
        """Fresh clocks; None for a kernel that needs none or has too many threads."""
        if _has_clocks(self.launch) and (self.pretend or self.launch.build.program.clocks):
            return Clocks(*map(math.prod, (self.launch.grid, self.launch.block)), self.pretend)
        return None

    def arrays(self):
        """Name and array of each array argument; the parts of a tuple are `name[0]`, ..."""
        return arrays_of(self.launch, self.arguments)

    def races(self):
        """The races found, in words."""
        return [self._race(row) for row in self.found[: self.header[tracing.RACES]]]

    def _race(self, row):
        region = self.regions[row[tracing.AREA]]
        name, index = self._element(region, int(row[tracing.ELEMENT]))
        return DataRace(
            array=name,
            index=index,
            memory=region.memory,
            first=self._access(row[tracing.ONE :]),
            second=self._access(row[tracing.OTHER :]),
            count=int(row[tracing.COUNT]),
        )

    def _element(self, region, number):
        if region.memory == "shared":
            return _shared_element(self.launch, number * region.itemsize)
        if region.memory == "local":
            offset = number * region.itemsize % int(self.launch.prepared[0][slots.LOCAL_BYTES])
            return element_of(self.launch.build.program.local, offset)
        address = region.start + number * region.itemsize
        for name, array in region.arrays:
            index = index_at(array, address)
            if index is not None:
                return name, index
        raise AssertionError(f"no array holds byte {address - region.start} of {region.name}")

    def _access(self, row):
        block, rank = divmod(int(row[tracing.WHO]) - 1, int(np.prod(self.launch.block)))
        site = self.launch.build.program.sites[row[tracing.SITE]]
        return Access(
            thread=self.launch.thread_at(rank),
            block=self.launch.block_at(block),
            action=tracing.KINDS[int(row[tracing.KIND])],
            place=str(site),
        )


def _new_shadow(elements):
    return room(elements, (tracing.ENTRIES, tracing.ENTRY), np.int32)


def room(elements, each, dtype):
    """Room for who touched each element; ArgumentError before the run if it would be too much."""
    nbytes = elements * math.prod(each) * np.dtype(dtype).itemsize
    try:
        if nbytes <= MAX_BYTES:
            return np.zeros((elements, *each), dtype)
    except MemoryError:
        pass
    raise ArgumentError(
        f"tracing would need {nbytes / 2**30:.1f} GiB to remember who touched each of "
        f"{elements:,} elements, and has {MAX_BYTES / 2**30:g} GiB at most: trace a smaller "
        "launch, with fewer samples or steps"
    )


def address_of(array):
    return array.__array_interface__["data"][0]


def arrays_of(launch, arguments):
    """Name and array of each array argument; the parts of a tuple are `name[0]`, ..."""
    for name, value in zip(launch.build.arguments, arguments, strict=True):
        yield from _named_arrays(name, value)


def _named_arrays(name, value):
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, tuple):
        for number, part in enumerate(value):
            yield from _named_arrays(f"{name}[{number}]", part)


def table_of(regions):
    """The pieces of memory as rows of numbers, for compiled code."""
    rows, first = [], 0
    for region in regions:
        end = region.start + region.nbytes
        memory = MEMORIES.index(region.memory)
        rows.append((region.start, end, region.itemsize, first, memory))
        first += region.elements
    return np.array(rows, np.int64).reshape(-1, tracing.REGION)


def global_regions(arrays):
    """One region for each array argument; for arrays that share memory, one for all of them."""
    pairs = [(name, array) for name, array in arrays if array.size]
    places = [address_of(array) for _, array in pairs]
    found = []
    for start, end in areas([array for _, array in pairs]):
        inside = [p for p, at in zip(pairs, places, strict=True) if start <= at < end]
        name, array = inside[0]
        step = smallest_step([array for _, array in inside], start)
        found.append(Region(name, start, end - start, step, array, tuple(inside)))
    order = [name for name, _ in pairs]
    return sorted(found, key=lambda region: order.index(region.name))


def shared_regions(launch, control, start):
    """One region for the shared memory of each block that is under way at once."""
    nbytes = int(control[slots.SHARED_BYTES])
    if not nbytes:
        return []
    program = launch.build.program
    dtypes = [array.dtype for array in program.shared] + [dtype for _, dtype in program.dynamic]
    itemsize = math.gcd(*map(step_of, dtypes))
    rooms, step = int(control[slots.RESIDENT]), launch.bytes_of_block()
    return [
        Region("shared", start + room * step, nbytes, itemsize, memory="shared")
        for room in range(rooms)
    ]


def local_regions(launch, control, start):
    """The same for the local arrays of all threads of a block."""
    nbytes = int(control[slots.LOCAL_BYTES] * control[slots.THREAD_ROOMS])
    if not nbytes:
        return []
    itemsize = math.gcd(*(step_of(array.dtype) for array in launch.build.program.local))
    start += int(control[slots.SHARED_BYTES] + control[slots.MAIL_BYTES])
    return [
        Region("local", start + room * launch.bytes_of_block(), nbytes, itemsize, memory="local")
        for room in range(int(control[slots.RESIDENT]))
    ]


def _shared_element(launch, offset):
    """Name and index of the shared array at an offset of the block's shared memory."""
    program = launch.build.program
    found = element_of(program.shared, offset)
    if found is None:
        name, dtype = program.dynamic[0]
        start = int(launch.prepared[0][slots.DYNAMIC_START])
        found = name, ((offset - start) // dtype.itemsize,)
    return found


def element_of(arrays, offset):
    """Name and index of the one among shared or local arrays that lies there; None: none does."""
    for array in arrays:
        within = offset - array.offset
        if 0 <= within < array.nbytes:
            index = np.unravel_index(within // array.dtype.itemsize, array.shape)
            return array.name, tuple(int(n) for n in index)
    return None


def run_in_order(kernel, grid, block, *args, order=0, shared_bytes=0):
    """What the arrays among `args` hold after a run with the threads and blocks in this order.

    Orders as in ORDERS. For results that must not depend on it. Your arrays are not changed.
    """
    launch = Launch(kernel, card.triple(grid, "grid"), card.triple(block, "block"), shared_bytes)
    launch.build = getattr(kernel, "build", None) or _plain_build(python_function(kernel))
    card.check_launch(launch.grid, launch.block)
    copies = copied(args)
    arguments, _ = launch.device_arguments(copies)
    launch.run_blocks(arguments, None, order)
    return [copy.copy_to_host() for copy in copies if isinstance(copy, DeviceArray)]


@lru_cache(maxsize=256)
def _plain_build(function):
    return Build(function)
