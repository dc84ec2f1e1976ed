"""`observe`: one traced run of a kernel, and all that it shows.

    seen = observe(kernel, grid, block, n, x, y)
    seen.arrays["y"]        what y holds after the run
    seen.races              the data races of this order of the threads
    seen.writers["y"]       the threads that wrote to y: {0, 1, 2, ...}
    seen.counts             reads, writes, atomics, barriers
    seen.requests           with log=True: what the lanes of a warp asked of memory together
    seen.steps              with log=True: each access in the order of this run, with its values

It is the race finder's run (data_races.py), with every access to global memory counted besides,
and with one mark for each thread at each element that it touches. Nothing is dropped there, as
the race finder may do: who did what, and how often, is exact. The arguments are copied: yours are
not changed.
"""

import ctypes
import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from . import control as slots
from . import tracing
from .data_races import Trace, address_of, room, traced_launch
from .errors import ArgumentError
from .program import Site
from .runtime import WARP

READERS = 1 << tracing.READ | 1 << tracing.UPDATE | 1 << tracing.ATOMIC
WRITERS = 1 << tracing.WRITE | 1 << tracing.UPDATE | 1 << tracing.ATOMIC
LOG_ROWS = 1 << 20  # accesses of one launch that a log has room for


class Counts(NamedTuple):
    """What all threads of one launch do together.

    The first three count accesses to elements of global memory: `x[i] += 1` is one read and one
    write, an atomic operation is one of `atomics` and neither a read nor a write. `barriers` are
    passed by whole blocks (`syncthreads` and the votes of a block): 2 blocks with 3 each give 6.
    """

    reads: int
    writes: int
    atomics: int
    barriers: int


class Request(NamedTuple):
    """What the lanes of one warp ask of memory together: one place in the source, once.

    On a card they ask at once if none of them has taken another way through the code.
    """

    name: str  # of the array; "shared" for shared memory
    kind: str  # "reads", "writes", ... as in tracing.KINDS
    threads: tuple  # numbers over the whole grid
    offsets: tuple  # in bytes, from the start of the array or of the block's shared memory
    itemsize: int = 4  # bytes of an element
    place: Site = None  # in the source
    lanes: tuple = ()  # of the threads, 0 to 31


class Step(NamedTuple):
    """One access of one thread to an element of global or shared memory."""

    thread: int  # over the whole grid
    kind: str  # as in Request
    name: str  # of the array, also of a shared one
    index: tuple
    memory: str  # "global" or "shared"
    place: Site
    barriers: int  # that its block has passed before
    before: object  # the element's value; None where it is not known
    after: object


@dataclass(frozen=True)
class Observed:
    """One run. Arrays go by the names of the kernel's arguments; a tuple's parts are `name[0]`, ...

    Threads are numbers over the whole grid, from 0: block number times threads per block, plus the
    number in the block, both counted along x, then y, then z. In one dimension: `cuda.grid(1)`.
    An array that is given for two arguments is one: both names show all that happens to it.

    These are the accesses that the source asks for, element by element: `y[:] = 0` is a write to
    each element of y (parts.py), and so it is for the race finder and for the counters.
    """

    arrays: dict  # name -> array after the run
    races: list  # of DataRace
    writers: dict  # name -> numbers of the threads that wrote or updated, atomically or not
    readers: dict  # name -> numbers of the threads that read or updated, atomically or not
    counts: Counts  # of all arrays together
    counts_of: dict  # name -> Counts of this array alone, without barriers
    barriers: float  # passed per block, on average over the blocks
    requests: list  # of Request, in the order in which they were met; empty without a log
    _touched: dict = field(repr=False)  # name -> bits of kinds, shape (array's shape, threads)
    _watch: object = field(repr=False)

    @cached_property
    def steps(self):
        """Each access to global and shared memory as a Step, in order; empty without a log."""
        return self._watch.steps()

    def asked(self, name, kind="reads", text=""):
        """The requests of this kind to an array ("shared" for shared memory).

        text: only of the place in the source that reads so, as `h[t, n, j]`.  ArgumentError if
        there is none.
        """
        those = [r for r in self.requests if (r.name, r.kind) == (name, kind)]
        found = [r for r in those if text in ("", r.place.text)]
        if not found:
            places = sorted({r.place.text for r in those}) or "none at all"
            raise ArgumentError(f"no requests: {name} {kind} {text}; there are {places}")
        return found

    def writers_of(self, name, index):
        """The threads that wrote element `index` of an array, or any element of that part."""
        return _threads(self._touched[name][index], WRITERS)

    def readers_of(self, name, index):
        """The threads that read it."""
        return _threads(self._touched[name][index], READERS)

    def atomics(self, name):
        """Number of atomic operations on elements of this array."""
        return self.counts_of[name].atomics


def observe(kernel, grid, block, *args, shared_bytes=0, order=0, log=False):
    """Run `kernel` once on copies of `args`, traced, its threads in an order of data_races.ORDERS.

    `kernel` is the emulator's or Numba's. log: note each access, for `requests`. Raises what
    find_data_races raises: OutOfBounds, DivergentBarrier, WaitsInVain, ArgumentError,
    UnsupportedCode; and ArgumentError for a log of more than LOG_ROWS accesses.
    """
    launch = traced_launch("observe", kernel, grid, block, shared_bytes)
    watch = Watch(launch, args, LOG_ROWS if log else 0)
    control = watch.run(order)
    touched = {name: watch.touched_in(array) for name, array in watch.arrays()}
    counts_of = {name: watch.counts_in(array) for name, array in watch.arrays()}
    barriers = int(control[slots.BLOCK_EPOCH])
    return Observed(
        arrays=dict(watch.arrays()),
        races=watch.races(),
        writers={name: _threads(marks, WRITERS) for name, marks in touched.items()},
        readers={name: _threads(marks, READERS) for name, marks in touched.items()},
        counts=_counts(watch.counts.sum(axis=0), barriers),
        counts_of=counts_of,
        barriers=barriers / watch.blocks,
        requests=watch.requests(),
        _touched=touched,
        _watch=watch,
    )


class Watch(Trace):
    """A trace that also counts accesses, and marks threads at the elements that they touch."""

    def __init__(self, launch, args, log_rows=0):
        super().__init__(launch, args)
        self.blocks = int(np.prod(launch.grid))
        self.threads = self.blocks * int(np.prod(launch.block))
        self.counts = np.zeros((len(self.regions), tracing.COUNTED), np.int64)
        elements = sum(region.elements for region in self.regions if region.array is not None)
        self.touched = room(elements, (self.threads,), np.uint8)
        self.header[tracing.COUNTS_AT] = address_of(self.counts)
        self.header[tracing.TOUCHED_AT] = address_of(self.touched)
        self.header[tracing.ALL_THREADS] = self.threads
        self.log = np.zeros((log_rows, tracing.LOG), np.int64)
        self.header[tracing.LOG_AT] = address_of(self.log)
        self.header[tracing.LOG_ROWS] = log_rows

    def touched_in(self, array):
        """The marks at the elements of this array, along a last axis of threads."""
        area = self._area(array)
        if area is None:
            return np.zeros((*array.shape, self.threads), np.uint8)
        region = self.regions[area]
        first = self.table[area, tracing.FIRST]
        first += (address_of(array) - region.start) // region.itemsize
        steps = [step // region.itemsize * self.threads for step in array.strides]
        return np.lib.stride_tricks.as_strided(
            self.touched[first:], (*array.shape, self.threads), (*steps, 1), writeable=False
        )

    def counts_in(self, array):
        area = self._area(array)
        return _counts(np.zeros(tracing.COUNTED, np.int64) if area is None else self.counts[area])

    def requests(self):
        """The log's rows by warp, place in the source, and how often the lane came there."""
        per_block = self.threads // self.blocks
        times, found = {}, {}
        for who, kind, site, area, element, *_ in self._logged():
            times[who, site] = times.get((who, site), 0) + 1
            block, rank = divmod(who - 1, per_block)
            key = kind, area, site, block, rank // WARP, times[who, site]
            found.setdefault(key, []).append((who - 1, element, rank % WARP))
        return [self._request(*key[:3], lanes) for key, lanes in found.items()]

    def _logged(self):
        logged, rows = int(self.header[tracing.LOGGED]), len(self.log)
        if logged > rows:
            raise ArgumentError(f"{logged:,} accesses; the log has room for {rows:,}")
        return self.log[:logged].tolist()

    def _request(self, kind, area, site, lanes):
        region, place = self.regions[area], self.launch.build.program.sites[site]
        threads, elements, lanes = zip(*lanes, strict=True)
        offsets = tuple(element * region.itemsize for element in elements)
        kind = tracing.KINDS[kind]
        return Request(region.name, kind, threads, offsets, region.itemsize, place, lanes)

    def steps(self):
        """The log's rows in words; what a step leaves is what the next one finds there."""
        found, later = [], {}
        for row in reversed(self._logged()):
            who, _, _, area, element, before, _ = row
            region = self.regions[area]
            block = (who - 1) // (self.threads // self.blocks)
            key = area, element, block if region.array is None else 0
            after = later[key] if key in later else self._at_the_end(region, element)
            later[key] = before.to_bytes(8, sys.byteorder, signed=True)[: region.itemsize]
            found.append(self._step(row, region, later[key], after))
        return found[::-1]

    def _at_the_end(self, region, element):
        """The element's bytes after the run; None in shared memory, which other blocks use too."""
        if region.array is None and self.blocks > 1:
            return None
        return ctypes.string_at(region.start + element * region.itemsize, region.itemsize)

    def _step(self, row, region, before, after):
        who, kind, site, _, element, _, barriers = row
        name, index = self._element(region, element)
        shared = {a.name: a.dtype for a in self.launch.build.program.shared}
        shared.update(self.launch.build.program.dynamic)
        is_shared = region.array is None
        dtype = np.dtype(shared[name]) if is_shared else region.array.dtype
        return Step(
            thread=who - 1,
            kind=tracing.KINDS[kind],
            name=name,
            index=index,
            memory="shared" if is_shared else "global",
            place=self.launch.build.program.sites[site],
            barriers=barriers,
            before=_value(before, dtype),
            after=_value(after, dtype),
        )

    def _area(self, array):
        """The number of its region; None for an array without elements."""
        for number, region in enumerate(self.regions):
            if array.size and region.start <= address_of(array) < region.start + region.nbytes:
                return number
        return None


def _counts(kinds, barriers=0):
    read, write, update, atomic = (int(n) for n in kinds[1:])
    return Counts(read + update, write + update, atomic, barriers)


def _value(found, dtype):
    """A number from its bytes; None for numbers of other sizes than those that the log keeps."""
    known = found is not None and dtype.itemsize == len(found) and dtype.itemsize in (1, 4, 8)
    return np.frombuffer(found, dtype)[0].item() if known else None


def _threads(marks, kinds):
    """The threads with a mark of one of these kinds, at any element."""
    rows = marks.reshape(-1, marks.shape[-1])
    found = np.bitwise_or.reduce(rows, axis=0) & kinds
    return set(np.flatnonzero(found).tolist())
