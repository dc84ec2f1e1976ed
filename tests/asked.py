"""Runs kernels thread by thread in plain Python, and counts what they ask of global memory.

Threads of a warp that ask for the same number at the same place in the code ask once.  Barriers
and shuffles do nothing here, so results are wrong; but which numbers a thread of this course's
kernels asks for depends on its indices alone.
"""

import sys
from functools import lru_cache
from types import FunctionType, SimpleNamespace

import numpy as np

WARP = 32


class Asked:
    """An array in global memory, or a part of one, that notes each access."""

    noted, turns, who = set(), {}, ()  # of the launch, and of the running thread

    def __init__(self, array, name, part=()):
        self.array, self.name, self.part = array, name, part
        self.shape, self.dtype, self.size = array.shape, array.dtype, array.size

    def __getitem__(self, index):
        value = self.array[index]
        if isinstance(value, np.ndarray):
            return Asked(value, self.name, (*self.part, index))
        self.note(index, "read")
        return value

    def __setitem__(self, index, value):
        self.note(index, "write")
        self.array[index] = value

    def note(self, index, kind, *thread):
        """One access: it is the same as another lane's if all but the lane is the same."""
        frame = sys._getframe(2)
        site = frame.f_code, place_of(frame), kind
        turn = Asked.turns[site] = Asked.turns.get(site, 0) + 1
        block, lane = Asked.who
        where = self.name, self.part, index
        Asked.noted.add((block, lane // WARP, site, turn, where, *thread))

    def add(self, index, value):
        """An atomic step: each thread reads and writes for itself."""
        for kind in ("read", "write"):
            self.note(index, kind, Asked.who)


def place_of(frame):
    """Where in its code a frame is: line and columns, for Python may move the instruction."""
    places = places_in(frame.f_code)
    return places[frame.f_lasti // 2] if places else frame.f_lasti


@lru_cache(None)
def places_in(code):
    """The place of each instruction; empty before Python 3.11, which leaves them where they are."""
    return tuple(code.co_positions()) if hasattr(code, "co_positions") else ()


def fake_cuda(grid, threads, block, thread):
    """What stands for `cuda` while one thread runs; all four are pairs (x, y)."""
    grid, threads, block, thread = (SimpleNamespace(x=x, y=y) for x, y in
                                    (grid, threads, block, thread))  # fmt: skip
    x, y = block.x * threads.x + thread.x, block.y * threads.y + thread.y
    here = SimpleNamespace(array=lambda shape, dtype: np.zeros(shape, np.float32))
    return SimpleNamespace(
        gridDim=grid, blockDim=threads, blockIdx=block, threadIdx=thread,
        grid=lambda axes: x if axes == 1 else (x, y), shared=here, local=here,
        atomic=SimpleNamespace(add=lambda array, index, value: array.add(index, value)),
        syncthreads=lambda: None, popc=int.bit_count,
        shfl_sync=lambda mask, value, lane: value, shfl_xor_sync=lambda mask, value, lane: value,
    )  # fmt: skip


def plain(kernel, cuda):
    """A kernel as a Python function, with this `cuda`, and so all that it calls."""
    function = kernel.py_func
    scope = {**function.__globals__, "cuda": cuda}
    for name in function.__code__.co_names:
        if hasattr(scope.get(name), "py_func"):
            scope[name] = plain(scope[name], cuda)
    return FunctionType(function.__code__, scope, function.__name__, None, function.__closure__)


def count_asked(kernel, grid, threads, *args):
    """Numbers that a launch asks of its arguments of type Asked."""
    grid, threads = ((n, 1) if isinstance(n, int) else n for n in (grid, threads))
    Asked.noted = set()
    for block in np.ndindex(*grid):
        for y, x in np.ndindex(*threads[::-1]):
            Asked.who, Asked.turns = (block, y * threads[0] + x), {}
            plain(kernel, fake_cuda(grid, threads, block, (x, y)))(*args)
    return len(Asked.noted)
