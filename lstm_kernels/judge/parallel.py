"""A loop whose rounds shall run in any order: which round touches which element of an array?

`prange` says that no round of a loop needs another.  Numba believes it, and so a race in such a
loop mostly goes unseen.  `watch_rounds` runs the learner's plain Python instead, with a `prange`
and with arrays of ours, which note who reads and who writes each element.
"""

from dataclasses import dataclass, field
from types import FunctionType
from typing import NamedTuple

import numba
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from lstm_kernels.judge.compare import NotYet, at, expect
from lstm_kernels.judge.source import plain

ORDERS = ("forward", "backward", "shuffled")
VIEWS = ("reshape", "ravel", "swapaxes", "transpose", "squeeze")  # methods that make no copy


class Conflict(NamedTuple):
    """Two rounds of one loop that touch the same element, and at least one of them writes it."""

    array: str
    index: tuple
    writer: int  # a round that writes it
    other: int  # another round, that writes it too or reads it
    both_write: bool

    def __str__(self):
        element = at(self.array, self.index)
        if self.both_write:
            first, last = sorted((self.writer, self.other))
            return f"rounds {first} and {last} both write {element}"
        return f"round {self.other} reads {element}, and round {self.writer} writes it"


@dataclass
class Rounds:
    """One run.  Names are those of the function's arguments."""

    arrays: dict  # {name: what the array holds afterwards}
    result: object = None  # what the function returned
    loops: list = field(default_factory=list)  # of each loop its rounds, in the order they ran
    touched: dict = field(default_factory=dict)  # {(loop, name, element): (readers, writers)}
    now: tuple = ()  # (loop, round) while one runs

    def __getitem__(self, name):
        return self.arrays[name]

    def note(self, name, elements, writes):
        """The round that runs touches these elements, numbers of places in the flat array."""
        if not self.now:
            return
        loop, here = self.now
        for element in np.ravel(elements).tolist():
            key = loop, name, element
            self.touched.setdefault(key, (set(), set()))[writes].add(here)

    def writers(self, name):
        """{round: the flat numbers of the elements of an array that it writes}."""
        found = {}
        for (_, array, element), (_, writers) in self.touched.items():
            for here in writers if array == name else ():
                found.setdefault(here, set()).add(element)
        return found

    def conflicts(self):
        """All elements that one round writes and another one touches, each with two rounds."""
        for (_, name, element), (readers, writers) in sorted(self.touched.items()):
            if writers and len(readers | writers) > 1:
                index = np.unravel_index(element, self.arrays[name].shape)
                both = len(writers) > 1
                writer = min(writers)
                other = min((writers if both else readers) - {writer})
                yield Conflict(name, tuple(map(int, index)), writer, other, both)


def watch_rounds(answer, *, order="forward", loop="prange", using=None, **arguments):
    """Run the answer's plain Python once with these arguments, given in its order.

    loop: the name that makes the loop, "range" where no `prange` is.  Of loops inside each other
    the outermost counts.  order: of its rounds.  using: {name: what to take for a function that
    the task gives}; it gets noted arrays, too.  The arguments stay unchanged.
    """
    arrays = {name: a.copy() for name, a in arguments.items() if isinstance(a, np.ndarray)}
    run = Rounds(arrays)
    noted = {
        name: Noted(a, np.arange(a.size).reshape(a.shape), name, run) for name, a in arrays.items()
    }
    names = {loop: _loop_of(run, order), **(using or {})}
    result = with_names(answer, names)(*{**arguments, **noted}.values())
    run.result = result.read() if isinstance(result, Noted) else result
    return run


def watch_in_orders(answer, **arguments):
    """One run per order of the rounds: forward, backward, shuffled."""
    return [watch_rounds(answer, order=order, **arguments) for order in ORDERS]


def no_conflict(run):
    """NotYet, with the first element that two rounds fight for."""
    for conflict in run.conflicts():
        raise NotYet(f"It is a race: {conflict}. In a parallel loop nothing decides who comes "
                     "first.")  # fmt: skip


def same_in_all_orders(runs, name=None):
    """NotYet if an array, or without a name the result, depends on the order of the rounds."""
    found = {np.asarray(run.result if name is None else run[name]).tobytes() for run in runs}
    words = (
        f"{name or 'The result'} has {len(found)} different results in {len(runs)} orders of the "
        "rounds: the sum's order is open."
    )
    expect(len(found) == 1, words)


def one_round_each(run, rounds, part):
    """NotYet unless there is one parallel loop, with exactly so many rounds."""
    expect(run.loops, "It has no loop over `prange`: nothing runs in parallel.")
    expect(len(run.loops) == 1, f"It has {len(run.loops)} parallel loops; one is enough.")
    made = len(run.loops[0])
    expect(made == rounds, f"The parallel loop has {made} rounds; {rounds} {part} need {rounds}.")


def is_parallel(answer):
    """NotYet unless it is compiled by Numba with parallel=True: else `prange` is only `range`."""
    compiled = getattr(answer, "compiled", answer)
    options = getattr(compiled, "targetoptions", None)
    expect(options is not None, "It is not compiled: write @njit(parallel=True) above `def`.")
    expect(options.get("parallel"), "It is compiled without parallel=True, so `prange` is only "
                                    "`range`: one thread does all.")  # fmt: skip


def compiled_with(answer, using):
    """The answer compiled, with other functions for what the task gives.

    An error of the compiler's is NotYet, with its first line: what plain Python does, Numba may
    refuse.  For one thread: that takes a third of the time, and whether the rounds may run in
    parallel is seen by `watch_rounds`.
    """
    ready = numba.njit(with_names(answer, using))

    def call(*arguments):
        try:
            return ready(*arguments)
        except numba.core.errors.NumbaError as error:
            lines = [line.strip() for line in str(error).splitlines()]
            words = next((line for line in lines if line and "pipeline" not in line), "no message")
            raise NotYet(
                f"As plain Python it works, but Numba cannot compile it: {words}"
            ) from None

    return call


def with_names(answer, names):
    """The answer's Python function, with other values for these global names."""
    function = plain(answer)
    scope = {**function.__globals__, **names}
    new = FunctionType(function.__code__, scope, function.__name__, function.__defaults__,
                       function.__closure__)  # fmt: skip
    new.__kwdefaults__ = function.__kwdefaults__
    return new


def _loop_of(run, order):
    """What stands for `prange`: its rounds in this order; the run knows which one runs."""

    def rounds(*limits):
        numbers = range(*map(int, limits))
        if run.now:  # a loop inside a round
            yield from numbers
            return
        ordered = _in_order(numbers, order)
        run.loops.append(ordered)
        for here in ordered:
            run.now = len(run.loops) - 1, here
            yield here
        run.now = ()

    return rounds


def _in_order(numbers, order):
    if order == "shuffled":
        return np.random.default_rng().permutation(numbers).astype(int).tolist()
    return list(numbers if order == "forward" else reversed(numbers))


class Noted(NDArrayOperatorsMixin):
    """An array, or a part of one, that notes in a run what is read and written."""

    def __init__(self, data, elements, name, run):
        self.data, self.elements, self.name, self.run = data, elements, name, run

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    size = property(lambda self: self.data.size)
    ndim = property(lambda self: self.data.ndim)
    T = property(lambda self: self._part(self.data.T, self.elements.T))

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return (self[n] for n in range(len(self)))

    def __getitem__(self, key):
        return self._part(self.data[key], self.elements[key])

    def __setitem__(self, key, value):
        self.data[key] = _read(value)
        self.run.note(self.name, self.elements[key], writes=True)

    def fill(self, value):
        self[...] = value

    def read(self):
        """All of it, as a plain array."""
        self.run.note(self.name, self.elements, writes=False)
        return self.data

    def _part(self, data, elements):
        """A view notes later what is done with it; a number or a copy is read now."""
        if isinstance(data, np.ndarray) and np.may_share_memory(data, self.data):
            return Noted(data, elements, self.name, self.run)
        self.run.note(self.name, elements, writes=False)
        return data

    def __array__(self, dtype=None, copy=None):
        return np.array(self.read(), dtype=dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        plain_out = {"out": tuple(_data(o) for o in out)} if out else {}
        result = getattr(ufunc, method)(*map(_read, inputs), **plain_out, **options)
        changed = [*out, *(inputs[:1] if method == "at" else ())]
        for one in changed:
            if isinstance(one, Noted):
                self.run.note(one.name, one.elements, writes=True)
        return out[0] if len(out) == 1 else result

    def __array_function__(self, function, kinds, arguments, options):
        return function(*_read(arguments), **_read(options))

    def __getattr__(self, name):
        """A method of arrays."""
        if name in VIEWS:
            return lambda *to: self._part(
                getattr(self.data, name)(*to), getattr(self.elements, name)(*to)
            )
        method = getattr(np.ndarray, name)  # AttributeError: arrays have none
        return lambda *given, **options: method(self.read(), *_read(given), **_read(options))


def _data(value):
    return value.data if isinstance(value, Noted) else value


def _read(value):
    """The value with plain arrays for noted ones, also inside tuples, lists and dicts."""
    if isinstance(value, Noted):
        return value.read()
    if isinstance(value, tuple | list):
        return type(value)(map(_read, value))
    return {k: _read(v) for k, v in value.items()} if isinstance(value, dict) else value
