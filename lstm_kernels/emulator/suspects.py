"""`find_suspects`: what a card does without a word, and what is mostly a mistake.

    for suspect in find_suspects(kernel, grid, block, *args):
        print(suspect)

* A read of memory that was never written: shared and local arrays, `cuda.device_array`.
* A negative index: it counts from the end, as in Python.
* A shuffle that reads from a lane that takes no part in it: it is outside the mask or the block, or
  has left the kernel.

It is the race finder's run (data_races.py), in one order, on copies of the arguments. Fresh memory
of `cuda.device_array` is known by its bits, which are all one there until something is written.
"""

from dataclasses import dataclass

import numpy as np

from . import suspecting, tracing
from .data_races import (
    Trace,
    address_of,
    local_regions,
    room,
    traced_launch,
)
from .dispatcher import is_fresh
from .memory import POISON
from .overlaps import flat
from .program import Site

WHAT = {
    suspecting.UNWRITTEN: "read of {array}[{index}], which was never written ({memory} memory)",
    suspecting.FROM_END: "a negative index counts from the end, to {array}[{index}]",
    suspecting.ABSENT: "a shuffle reads from lane {index}, which takes no part in it",
}


@dataclass(frozen=True)
class Suspect:
    """One place in the source and the first thread that did it there; `count`: how often."""

    kind: str  # "never written", "negative index", "absent lane"
    array: str  # "" of a shuffle
    index: tuple  # of the element; of a shuffle, the lane
    memory: str  # "global", "shared", "local"; "" of a shuffle
    thread: tuple
    block: tuple
    place: Site
    count: int

    def __str__(self):
        index = ", ".join(map(str, self.index))
        what = WHAT[KINDS.index(self.kind)].format(
            array=self.array, index=index, memory=self.memory
        )
        return f"{what}: thread {self.thread} of block {self.block} ({self.place})"


KINDS = ("never written", "negative index", "absent lane")  # in the order of suspecting.py


def find_suspects(kernel, grid, block, *args, shared_bytes=0):
    """All suspects of one launch, one for each kind and place in the source: a list of Suspect."""
    launch = traced_launch("find_suspects", kernel, grid, block, shared_bytes)
    watch = Watch(launch, args)
    watch.run(0)
    return watch.suspects()


class Watch(Trace):
    """A trace that remembers what has been written."""

    def __init__(self, launch, args):
        super().__init__(launch, args)
        self.stamps = room(sum(region.elements for region in self.regions), (), np.int32)
        own = sum(region.elements for region in self.regions if region.memory != "global")
        self.stamps[: self.stamps.size - own] = 1
        for given, array in zip(flat(args), flat(self.arguments), strict=True):
            if is_fresh(given) and array.size:
                self._forget(array)
        self.rows = np.zeros((suspecting.MOST, suspecting.ROW), np.int64)
        addresses = address_of(self.stamps), address_of(self.rows)
        self.suspected = np.array([*addresses, 0], np.int64)
        self.header[tracing.SUSPECTS] = address_of(self.suspected)

    def _regions(self, control):
        local = local_regions(self.launch, control, address_of(self.memory))
        return super()._regions(control) + local

    def _forget(self, array):
        """Whose bits are all one counts as never written."""
        inside = (r.start <= address_of(array) < r.start + r.nbytes for r in self.regions)
        region = self.regions[number := list(inside).index(True)]
        first = self.table[number, tracing.FIRST]
        first += (address_of(array) - region.start) // region.itemsize
        shape = *array.shape, array.itemsize // region.itemsize
        steps = *(4 * step // region.itemsize for step in array.strides), 4
        stamps = np.lib.stride_tricks.as_strided(self.stamps[first:], shape, steps)
        parts = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        fresh = (parts.reshape(*array.shape, array.itemsize) == POISON).all(axis=-1)
        stamps[fresh] = 0

    def suspects(self):
        """What was found, in words."""
        return [self._suspect(row) for row in self.rows[: self.suspected[suspecting.ROWS]].tolist()]

    def _suspect(self, row):
        count, what, site, who, area, element = row
        block, rank = divmod(who - 1, int(np.prod(self.launch.block)))
        array, index, memory = "", (element,), ""
        if what != suspecting.ABSENT:
            array, index = self._element(self.regions[area], element)
            memory = self.regions[area].memory
        return Suspect(
            kind=KINDS[what],
            array=array,
            index=index,
            memory=memory,
            thread=self.launch.thread_at(rank),
            block=self.launch.block_at(block),
            place=self.launch.build.program.sites[site],
            count=count,
        )
