"""The verdict on a whole version, a function `gradients(params, x, y) -> (loss, grads)`.

Is it the learner's own, is it right at sizes and numbers that nobody knew before, is there a race?
And what does it do, counted: launches, copies, accesses to memory.  Its kernels are traced in the
emulator before each launch, on a machine with a card too, so that an index outside an array harms
no card.  Own versions in the race: lesson 09, and notebooks/my_version.ipynb.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lstm_kernels.judge.borrowed import refuse_to_reach, refuse_to_run
from lstm_kernels.judge.compare import NotYet, expect, same, several, unchanged
from lstm_kernels.judge.inputs import SIZES, random_problem, text
from lstm_kernels.judge.source import functions_of_page, is_unwritten, plain
from lstm_kernels.judge.tracing import Tracer
from lstm_kernels.judge.verdict import reason
from lstm_kernels.lab.measure.admission import place
from lstm_kernels.machine import device, watch
from lstm_kernels.model import Params, Sizes
from lstm_kernels.versions import numpy_batched

EDGES = (  # not one hidden unit alone: its tanh may be near 0, where fast ones are not exact
    *reversed(SIZES[1:]),
    Sizes(1, 1, 1, 5, 1),
    Sizes(3, 31, 1, 7, 1),
    Sizes(3, 33, 2, 5, 1),
    Sizes(2, 129, 1, 6, 2),
)
COUNTED = Sizes(T=6, N=64, D=1, H=16, O=1)  # of the mini-batch whose work is counted
AS_COMPUTED = ("b_out", "V", "B", "U", "W")  # backward: what depends on the fewest steps first


class Counts(NamedTuple):
    """What one mini-batch of the sizes COUNTED makes.  Accesses are to elements of global memory.

    An atomic addition is neither a read nor a write; a barrier counts once per block.
    """

    launches: int
    copies: int  # between host and device, both ways
    copied_bytes: int
    reads: int
    writes: int
    atomics: int
    barriers: int
    same_bits: bool  # in every order of the threads that was tried
    in_float64: tuple  # lines of the kernels that compute in float64


@dataclass(frozen=True)
class Verdict:
    """wrong: what differs first, as a sentence; "" if it is right."""

    wrong: str
    where: str = ""  # "CPU", "GPU" or "emulated on CPU": by what it launches
    counts: Counts | None = None

    def __str__(self):
        if self.wrong:
            return f"not yet. {self.wrong}"
        if not self.counts.launches:
            return f"right. {self.where}: it launches no kernel."
        where = self.where[0].upper() + self.where[1:]
        return f"right, and without a race. {where}: {counts_text(self.counts)}"


def verdict_on(gradients):
    """Judge a version: a Verdict.  Errors that are not the version's own are raised."""
    if device.TARGET not in ("gpu", "emulator"):
        raise RuntimeError(f"nothing can be traced with the target {device.TARGET!r}: judge "
                           "with a GPU or with the emulator")  # fmt: skip
    try:
        refuse_unwritten(gradients)
        refuse_to_reach(gradients)
        tracer = Tracer()
        for sizes in (*EDGES, random_sizes()):
            check_twice(gradients, sizes, tracer)
        refuse_to_run(gradients, *random_problem(SIZES[1]))
        where, counts = count(gradients)
        counts = counts._replace(same_bits=counts.same_bits and tracer.same_bits)
    except Exception as error:
        return Verdict(reason(error, gradients))
    return Verdict("", where, counts)


def refuse_unwritten(gradients):
    """NotYet unless it is a function, and nothing that it calls in its page is still a stub."""
    if plain(gradients) is None:
        raise NotYet(f"It is {gradients!r:.60}; write a function gradients(params, x, y).")
    for function in functions_of_page(plain(gradients)):
        expect(not is_unwritten(function), f"{function.__name__} is still to be written.")


def random_sizes():
    """Sizes that nobody knew before."""
    T, N, D, H, O = np.random.default_rng().integers((2, 2, 1, 8, 1), (7, 41, 4, 21, 4)).tolist()  # noqa: E741
    return Sizes(T, N, D, H, O)


# ---- right --------------------------------------------------------------------------------


def check_twice(gradients, sizes, tracer):
    """NotYet unless it is right, and once more with other numbers in the same arrays."""
    problem = offset_problem(sizes)
    with tracer.watching():
        check(gradients, *problem, where=text(sizes))
    params, x, y = problem
    new_params, new_x, new_y = offset_problem(sizes)
    for old, new in zip((*params, x, y), (*new_params, new_x, new_y), strict=True):
        old[...] = new
    check(gradients, params, x, y, where=f"{text(sizes)}, the second call")


def offset_problem(sizes):
    """params, x, y.  The targets are around 2: rounding is small beside the sums of the errors."""
    params, x, y = random_problem(sizes)
    return params, x, y + np.float32(2)


def check(gradients, params, x, y, where):
    """NotYet, with what differs first, unless it gives numpy_batched's loss and gradients."""
    names, given = (*Params._fields, "x", "y"), (*params, x, y)
    before = [array.copy() for array in given]
    got = gradients(params, x, y)
    unchanged(before, given, names, where)
    loss, grads = several(got, "the loss", "the gradients")
    grads = dict(zip(Params._fields, several(grads, *GRADS), strict=True))
    right_loss, right = in_float64(before)
    same("the loss", loss, np.float32(right_loss), where=where)
    for name in AS_COMPUTED:
        expected = getattr(right, name).astype(np.float32)
        same(f"d{name}", grads[name], expected, where=where)


GRADS = tuple(f"d{name}" for name in Params._fields)


def in_float64(arrays):
    """numpy_batched's loss and gradients of the same numbers, with more digits."""
    *params, x, y = (array.astype(np.float64) for array in arrays)
    return numpy_batched.gradients(Params(*params), x, y)


# ---- counted ------------------------------------------------------------------------------


def count(gradients):
    """(where it runs, its Counts), for a mini-batch of the sizes COUNTED; the course's own, too.

    Copies and launches are those of a second call: the first one may make memory, and compile.
    """
    problem, tracer = offset_problem(COUNTED), Tracer(doubles=True)
    with tracer.watching():
        gradients(*problem)
    with watch.count_launches() as places, watch.count_transfers() as copies:
        gradients(*problem)
    expect(bool(places) == bool(tracer.launches), "Called again with the same numbers it launches "
           "no kernel: what it found before is no answer.")  # fmt: skip
    copied = sum(copy.nbytes for copy in copies)
    accesses = [sum(numbers) for numbers in zip(*tracer.counts, strict=True)] or [0] * 4
    where = place(places)
    made = places.count(where), len(copies), copied
    return where, Counts(*made, *accesses, tracer.same_bits, tracer.doubles)


def counts_text(counts):
    """The counts of a version that launches kernels, in a sentence."""
    words = [
        _many(counts.launches, "launch", "launches"),
        f"{_many(counts.copies, 'copy', 'copies')} of {counts.copied_bytes:,} bytes",
        f"{counts.reads:,} reads and {counts.writes:,} writes of global memory",
        _many(counts.atomics, "atomic addition", "atomic additions"),
        _many(counts.barriers, "barrier", "barriers"),
    ]
    bits = "the same bits in every order of the threads" if counts.same_bits else (
        "other last bits in another order of the threads")  # fmt: skip
    doubles = f"; in float64: {counts.in_float64[0]}" if counts.in_float64 else ""
    return f"{', '.join(words)}; {bits}{doubles} (one mini-batch, {text(COUNTED)})."


def _many(number, one, more):
    return f"{number:,} {one if number == 1 else more}"
