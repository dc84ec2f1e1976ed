"""A learner's kernel under the emulator's eyes, also where there is a card.

`watch` runs it once: what its arrays hold, who wrote what, and which threads race.  Indices
outside an array and barriers that some threads miss are refused by the emulator itself, in words.
"""

from collections import Counter
from dataclasses import dataclass
from types import FunctionType

from lstm_kernels.emulator.data_races import ORDERS
from lstm_kernels.emulator.doubles import find_doubles
from lstm_kernels.emulator.environment import python_function
from lstm_kernels.emulator.observe import observe
from lstm_kernels.emulator.requests import sectors
from lstm_kernels.judge.compare import NotYet, expect
from lstm_kernels.lab.estimates.advice import turns_of
from lstm_kernels.machine.device import cuda


@dataclass(frozen=True)
class Watched:
    """One run.  Names are the task's, in the order of the kernel's arguments."""

    arrays: dict  # {name: what the array holds afterwards}
    observed: object  # the emulator's Observed
    own_names: dict  # {the task's name: the learner's name for it}

    def __getitem__(self, name):
        return self.arrays[name]

    def writers(self, name):
        """Numbers of the threads, over the whole grid, that wrote any element of an array."""
        return self.observed.writers[self.own_names[name]]

    def reads(self, name):
        """How many numbers of an array are read, by all threads together."""
        return self.observed.counts_of[self.own_names[name]].reads


def is_kernel(answer, example="@cuda.jit"):
    """NotYet unless the answer is a kernel or a device function."""
    expect(python_function(answer) is not None, f"It is no kernel: write {example} above `def`.")


def watch(kernel, grid, block, *, order=0, shared_bytes=0, log=False, **arguments):
    """Run the kernel once with these arguments, given in its order.  They stay unchanged.

    log: note each access, as `bank_conflicts`, `pieces` and `reads_by_thread` need it.
    """
    is_kernel(kernel)
    code = python_function(kernel).__code__
    names = code.co_varnames[: code.co_argcount]
    wanted = f"it takes {', '.join(arguments)}"
    expect(len(names) == len(arguments), f"The kernel has {len(names)} arguments; {wanted}.")
    values = arguments.values()
    how = {"order": order, "shared_bytes": shared_bytes, "log": log}
    observed = observe(kernel, grid, block, *values, **how)
    own = dict(zip(arguments, names, strict=True))
    arrays = {name: observed.arrays[n] for name, n in own.items() if n in observed.arrays}
    return Watched(arrays, observed, own)


def with_stand_ins(kernel, **functions):
    """The kernel with other device functions for those it calls by these names.

    Long ones take seconds to compile; a stand-in shows only whether its arguments are right.
    """
    is_kernel(kernel)
    known = python_function(kernel)
    scope = {**known.__globals__, **functions}
    code, closure = known.__code__, known.__closure__
    return cuda.jit(FunctionType(code, scope, known.__name__, known.__defaults__, closure))


def watch_in_orders(kernel, grid, block, **arguments):
    """One run per order of the threads: forward, backward, shuffled."""
    return [watch(kernel, grid, block, order=order, **arguments) for order in ORDERS]


def no_race(run):
    """NotYet, with the first race in words."""
    if run.observed.races:
        raise NotYet(f"It is a {run.observed.races[0]}.")


def same_bits(runs, *names):
    """NotYet if an array depends on the order of the threads, be it in its last bit."""
    for name in names:
        different = len({run[name].tobytes() for run in runs})
        expect(different == 1, f"{name} has {different} different results in {len(runs)} orders of "
                               "the threads: the sum's order is open.")  # fmt: skip


def own_parts(run, name, threads, part="element"):
    """NotYet unless exactly these threads write to an array: a range, for example."""
    writers, wanted = run.writers(name), set(threads)
    if writers == wanted:
        return
    if len(writers) == 1 and len(wanted) > 1:
        raise NotYet(f"Thread {min(writers)} writes all of {name}; the task asks for one thread "
                     f"per {part}.")  # fmt: skip
    missing, idle = sorted(wanted - writers), sorted(writers - wanted)
    who, does = (missing[0], "writes nothing to") if missing else (idle[0], "also writes to")
    raise NotYet(f"Thread {who} {does} {name}: the task asks for one thread per {part}.")


def bank_conflicts(run):
    """Turns beyond the first that the warps' requests to shared memory need.  Needs a log."""
    asked = [request for request in run.observed.requests if request.name == "shared"]
    return sum(len(max(banks.values(), key=len)) - 1 for r in asked for banks in turns_of(r))


def pieces(run, name):
    """Pieces of 32 bytes of an array that the warps' requests move.  Needs a log."""
    requests = run.observed.requests
    return sum(sectors(r.offsets) for r in requests if r.name == run.own_names[name])


def reads_by_thread(run, name="shared"):
    """{thread: how often it reads an array, or shared memory}.  Needs a log."""
    asked = [r for r in run.observed.requests if r.name == run.own_names.get(name, name)]
    return Counter(n for request in asked if request.kind != "writes" for n in request.threads)


def no_doubles(kernel, *arguments):
    """NotYet if float32 arithmetic becomes float64, with the line."""
    found = find_doubles(kernel, *arguments)
    if found:
        line, text = found[0]
        raise NotYet(
            f"Line {line} computes in float64: `{text.strip()}`. A plain 2.0 or 1 / n does that; "
            "float32(2.0), or a number of the array's own type, does not."
        )
