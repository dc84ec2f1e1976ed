"""A learner's function on the host under watch: what it launches, copies, and asks memory for.

While it runs, names of its page stand for others: `kernel` for a stand-in that looks at its
arguments, `cuda` for the emulator's device arrays, each copy noted, on a machine with a card too.
"""

from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock

import numpy as np

from lstm_kernels.emulator import memory
from lstm_kernels.emulator.environment import python_function
from lstm_kernels.emulator.memory import DeviceArray
from lstm_kernels.emulator.transfers import TO_DEVICE, TO_HOST
from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.eyes import watch
from lstm_kernels.judge.inputs import floats
from lstm_kernels.judge.source import plain
from lstm_kernels.model import Params, sizes
from lstm_kernels.versions.per_sample import Workspace, workspace_shapes

# ---- kernels ------------------------------------------------------------------------------


class StandIn:
    """Takes `kernel[blocks, threads](*arguments)`: notes it, and calls run(launch, *arguments)."""

    def __init__(self, run):
        self.launches, self.run = [], run

    def __getitem__(self, configuration):
        def launch(*arguments):
            self.launches.append(configuration)
            self.run(configuration, *arguments)

        return launch

    def only_launch(self):
        """(blocks, threads) of the only launch; NotYet if there were none or several."""
        many = len(self.launches)
        expect(many, "It launches no kernel: kernel[blocks, threads](...).")
        expect(many == 1, f"It launches the kernel {many} times; once per mini-batch is the task.")
        return tuple(int(np.prod(part)) for part in self.launches[0][:2])


@contextmanager
def in_its_page(function, **stand_ins):
    """Inside, these names of the function's page stand for others."""
    with mock.patch.dict(plain(function).__globals__, stand_ins):
        yield


# ---- the kernel of V1 to V3 ---------------------------------------------------------------

GRADS = tuple(f"d{name}" for name in Params._fields)
ARGUMENTS = (*Params._fields, "x", "y", "scale", *Workspace._fields, *GRADS)


def by_name(arguments):
    """{name: argument} of a launch of the kernel."""
    many, wanted = len(arguments), len(ARGUMENTS)
    expect(many == wanted, f"The kernel gets {many} arguments; it takes {wanted}: U to db_out.")
    return dict(zip(ARGUMENTS, arguments, strict=True))


def as_asked(values, params, x, y):
    """NotYet unless the arguments, as arrays here, are what the kernel is to begin with."""
    given = {**params._asdict(), "x": x, "y": y}
    for name, wanted in given.items():
        expect(not np.isnan(values[name]).any(), f"{name} holds rubbish when the kernel starts: "
               "device_array copies nothing.")  # fmt: skip
        others = {f"this is {other}": array for other, array in given.items() if other != name}
        same(name, values[name], wanted, others, where="as the kernel gets it")
    scale, right = values["scale"], np.float32(1 / y.size)
    expect(isinstance(scale, np.float32), f"scale is a {type(scale).__name__}: in the kernel it "
           "would make float64; np.float32(...) or x.dtype.type(...).")  # fmt: skip
    same("scale", scale, right, {"1 / N in place of 1 / (T N O)": np.float32(1 / y.shape[1])})
    shapes = workspace_shapes(sizes(params, x), x.itemsize)._asdict()
    for name, shape in shapes.items():
        got = values[name]
        place = f"{name}, argument {ARGUMENTS.index(name) + 1} of {len(ARGUMENTS)},"
        expect(got.shape == shape, f"{place} has the shape {got.shape}, expected {shape}.")
        expect(got.dtype == x.dtype, f"{name} is {got.dtype}, expected {x.dtype}.")


def from_zero(values, params, last=None):
    """NotYet unless the gradients begin as zeros, in their shapes.  last: what was left there."""
    adds = "the kernel adds to what is there, so zeros must be there; this is"
    for name, wanted in zip(GRADS, params, strict=True):
        typical = {f"{adds} rubbish": np.full(wanted.shape, np.nan)}
        if last:
            typical[f"{adds} the last mini-batch's"] = last[name]
        where = "as the kernel gets it"
        same(name, values[name], np.zeros_like(wanted), typical, where=where)


def fill(values):
    """What a kernel would leave: numbers in the workspace and the gradients; no loss below 0."""
    for name in (*Workspace._fields, *GRADS):
        values[name][...] = floats(*values[name].shape)
    np.abs(values["loss"], out=values["loss"])  # so that no sum of them is nearly 0


def no_memory_twice(values):
    """NotYet if two arguments that the kernel writes are the same memory."""
    names = [*Workspace._fields, *GRADS]
    for n, one in enumerate(names):
        for other in names[n + 1 :]:
            both = np.may_share_memory(values[one], values[other])
            expect(not both, f"{one} and {other} are the same memory: each needs its own.")


# ---- copies -------------------------------------------------------------------------------


class Copy(NamedTuple):
    direction: str  # TO_DEVICE or TO_HOST
    nbytes: int
    data: np.ndarray  # which memory of the card: the emulator's


class Desk:
    """The part of `cuda` that a host function uses.  `with desk.watching():` notes its copies."""

    def __init__(self):
        self.copies, self.asked_for = [], 0  # asked_for: how often memory on the card

    def to_device(self, obj, stream=0, copy=True, to=None):
        made = memory.to_device(obj, stream, copy, to)
        if to is None and made is not obj:
            self.asked_for += 1
            if copy:
                self.note(TO_DEVICE, made)
        return made

    def device_array(self, *args, **kwargs):
        self.asked_for += 1
        return memory.device_array(*args, **kwargs)

    def device_array_like(self, ary, stream=0):
        self.asked_for += 1
        return memory.device_array_like(ary)

    def synchronize(self):
        """There is nothing to wait for."""

    def note(self, direction, array, nbytes=None):
        self.copies.append(Copy(direction, nbytes or array.nbytes, array.data))

    def copy_in(self, there, here, stream=0):
        there.copy_to_device(here)

    def copy_out(self, there, stream=0):
        return there.copy_to_host()

    @contextmanager
    def watching(self):
        """Inside, what device arrays copy by their own methods is noted, too."""
        to_host, to_card, item = (
            getattr(DeviceArray, name) for name in ("copy_to_host", "copy_to_device", "__getitem__")
        )

        def copy_to_host(array, *args, **kwargs):
            self.note(TO_HOST, array)
            return to_host(array, *args, **kwargs)

        def copy_to_device(array, source, stream=0):
            if not isinstance(source, DeviceArray):
                self.note(TO_DEVICE, array)
            return to_card(array, source)

        def get_item(array, index):
            part = item(array, index)
            if not isinstance(part, DeviceArray):
                self.note(TO_HOST, array, array.dtype.itemsize)
            return part

        noted = {"copy_to_host": copy_to_host, "copy_to_device": copy_to_device}
        with mock.patch.multiple(DeviceArray, **noted, __getitem__=get_item):
            yield


def on_the_card(arguments):
    """{name: the emulator's memory, or the number}; NotYet if an array is the host's."""
    here = {"scale": arguments["scale"]}
    for name, value in arguments.items():
        if name not in here:
            expect(isinstance(value, DeviceArray), f"{name} is not on the card: the launch makes "
                   "two hidden copies of it, in and out.")  # fmt: skip
            here[name] = value.data
    return here


def copies_of(copies, arrays, direction):
    """{name: how many copies in this direction touch it}."""
    ways = [copy for copy in copies if copy.direction == direction]
    return {
        name: sum(np.may_share_memory(copy.data, array) for copy in ways)
        for name, array in arrays.items()
        if name != "scale"
    }


# ---- kernels of the page, under the emulator's eyes -----------------------------------------


def call_emulated(function, desk, *arguments):
    """(what it returns, [a Watched per launch]): its own kernels run in the emulator, watched.

    So an index outside an array spoils nothing on a card.
    """
    page, seen = function.__globals__, []
    names = function.__code__.co_names
    kernels = {name: page[name] for name in names if python_function(page.get(name)) is not None}
    real = page.get("cuda")

    def watched(kernel):
        def run(configuration, *given):
            arrays = [a.data if isinstance(a, DeviceArray) else a for a in given]
            values = {f"argument {n}": a for n, a in enumerate(arrays)}
            with in_its_page(function, cuda=real):
                seen.append(watch(kernel, *configuration, **values))
            _put_back(seen[-1], given, desk)

        return StandIn(run)

    stand_ins = {name: watched(kernel) for name, kernel in kernels.items()}
    with desk.watching(), in_its_page(function, cuda=desk, **stand_ins):
        return function(*arguments), seen


def _put_back(run, given, desk):
    """The kernel's results into its arguments; an array of the host's has made two copies."""
    for n, argument in enumerate(given):
        name = f"argument {n}"
        if name in run.arrays:
            on_card = argument if isinstance(argument, DeviceArray) else DeviceArray(argument)
            if on_card is not argument:
                desk.note(TO_DEVICE, on_card)
                desk.note(TO_HOST, on_card)
            on_card.data[...] = run[name]
