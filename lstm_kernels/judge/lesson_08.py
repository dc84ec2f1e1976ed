"""V3, the host decides what is copied: the tasks of lesson 08."""

from contextlib import contextmanager
from unittest import mock

import numpy as np

from lstm_kernels import cuda
from lstm_kernels.emulator.transfers import TO_DEVICE, TO_HOST
from lstm_kernels.judge.compare import expect, same, unchanged
from lstm_kernels.judge.eyes import own_parts
from lstm_kernels.judge.host import (
    GRADS,
    Desk,
    StandIn,
    as_asked,
    by_name,
    call_emulated,
    copies_of,
    fill,
    from_zero,
    in_its_page,
    no_memory_twice,
    on_the_card,
)
from lstm_kernels.judge.inputs import SIZES, floats, random_params, random_problem, text
from lstm_kernels.judge.lesson_06 import loss_and_grads
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab.estimates import bus
from lstm_kernels.machine.device import release_memory
from lstm_kernels.model import Params, Sizes, checked, sizes, zeros_like
from lstm_kernels.versions import buffers, cuda_v3, numpy_batched
from lstm_kernels.versions.cuda_v2 import THREADS, blocks_for, kernel
from lstm_kernels.versions.per_sample import Workspace, workspace_shapes

# ---- what crosses, and why it need not ----------------------------------------------------

GIVEN = (*Params._fields, "x", "y")
WORK = tuple(name for name in Workspace._fields if name != "loss")
NEEDLESS = {
    TO_DEVICE: {
        **dict.fromkeys((*WORK, "loss"), "the kernel writes it before it reads it, so "
                        "device_array is enough"),
        **dict.fromkeys(GRADS, "nobody needs it to begin as zeros"),
    },
    TO_HOST: {
        **dict.fromkeys(GIVEN, "the kernel only reads it, and the host has it"),
        **dict.fromkeys(WORK, "on the host nobody reads it"),
        **dict.fromkeys(GRADS, "nobody asked for the gradients"),
    },
}  # fmt: skip
WAY = {TO_DEVICE: "goes over to the card", TO_HOST: "comes back"}


def only_needed(copies, arrays, needed):
    """NotYet, naming the first copy too many.  needed: {direction: {name: how many copies}}."""
    for direction, wanted in needed.items():
        for name, many in copies_of(copies, arrays, direction).items():
            most = wanted.get(name, 0)
            why = NEEDLESS[direction].get(name, "")
            said = f"{name}, {arrays[name].nbytes} bytes, {WAY[direction]}"
            expect(many == 0 or most, f"{said}: {why}.")
            expect(many <= most, f"{said} {many} times; {most} is enough.")


# ---- the walk -----------------------------------------------------------------------------


def one_by_one(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    scale = x.dtype.type(1 / y.size)
    shapes = workspace_shapes(sizes(params, x), x.itemsize)
    given = [cuda.to_device(a) for a in (*params, x, y)]
    *work, loss = (cuda.device_array(shape, x.dtype) for shape in shapes)
    grads = [cuda.to_device(zeros) for zeros in zeros_like(params)]
    kernel[blocks_for(x.shape[1]), THREADS](*given, scale, *work, loss, *grads)
    return float(loss.copy_to_host().sum()), Params(*(g.copy_to_host() for g in grads))


@task(
    "08.1", "one_by_one",
    ours=one_by_one,
    hints=(
        "For each of the 19 arrays: does the kernel read what the host has put there? Does the "
        "host need what the kernel has put there?",
        "Read only: to_device. Workspace and loss: device_array(shape, x.dtype). Gradients: zeros "
        "over, results back. Back comes what copy_to_host is asked for.",
        "given = [cuda.to_device(a) for a in (*params, x, y)]; *work, loss = "
        "(cuda.device_array(shape, x.dtype) for shape in shapes)",
    ),
    given=("checked", "sizes", "Workspace", "workspace_shapes", "zeros_like", "Params", "kernel",
           "blocks_for", "THREADS"),
)  # fmt: skip
def the_copies_that_are_needed(gradients):
    for s in (*SIZES, Sizes(2, 33, 1, 2, 1)):
        desk = Desk()
        with desk.watching():
            _mini_batch(gradients, desk, s)
    ways = [copy.direction for copy in desk.copies]
    return f"{ways.count(TO_DEVICE)} copies in, {ways.count(TO_HOST)} out."


def _mini_batch(gradients, desk, s, last=None):
    """NotYet unless one mini-batch is right, with the copies that are needed.  What it left."""
    params, x, y = random_problem(s)
    before, left, made = [a.copy() for a in (*params, x, y)], {}, len(desk.copies)

    def run(configuration, *arguments):
        values = on_the_card(by_name(arguments))
        as_asked(values, params, x, y)
        from_zero(values, params, last)
        no_memory_twice(values)
        fill(values)
        left.update(values)

    stand_in = StandIn(run)
    emulated = {"cuda": desk, "copy_in": desk.copy_in, "copy_out": desk.copy_out}
    with in_its_page(gradients, kernel=stand_in, **emulated):
        answer = gradients(params, x, y)
    blocks, threads = stand_in.only_launch()
    expect(blocks * threads >= s.N, f"[{blocks}, {threads}] are too few threads: N = {s.N}.")
    once = {TO_DEVICE: (*GIVEN, *GRADS), TO_HOST: ("loss", *GRADS)}
    needed = {way: dict.fromkeys(names, 1) for way, names in once.items()}
    if last is not None:
        needed[TO_DEVICE]["loss"] = 1  # its zeros travel with the gradients'
    only_needed(desk.copies[made:], left, needed)
    unchanged(before, (*params, x, y), GIVEN, text(s))
    loss_and_grads(answer, left, text(s))
    return {name: left[name].copy() for name in GRADS}


@task(
    "08.2", "gradients",
    ours=cuda_v3.gradients,
    hints=(
        "Memory that is kept still holds the last mini-batch. Which arrays must be sent again?",
        "card.given takes params, x and y; card.found takes its zeros, of loss and gradients. The "
        "kernel takes card.given.arrays, scale, card.work, card.found.arrays, in this order.",
        "card.given.send(*params, x, y); card.found.send(); ... loss, *grads = card.found.fetch()",
    ),
    given=("checked", "sizes", "lent", "Buffers", "Params", "kernel", "blocks_for", "THREADS"),
)  # fmt: skip
def three_copies_and_kept_memory(gradients):
    for s in (Sizes(3, 5, 2, 3, 3), Sizes(1, 33, 1, 3, 1)):
        desk = Desk()
        with _emulated_buffers(desk):
            left = _mini_batch(gradients, desk, s, last={})
            made, asked = len(desk.copies), desk.asked_for
            _mini_batch(gradients, desk, s, left)
        copies = len(desk.copies) - made
        expect(copies == 3, f"It makes {copies} copies. Three are the task: given in, zeros in, "
               "found out.")  # fmt: skip
        asked = desk.asked_for - asked
        expect(not asked, f"It asks for memory {asked} times in the second mini-batch; what `lent` "
               "gives is there already.")  # fmt: skip
    return "3 copies, and no new memory for the second mini-batch."


@contextmanager
def _emulated_buffers(desk):
    """Inside, buffers.py asks this desk for memory; what is kept is neither found nor left."""
    emulated = {"cuda": desk, "copy_in": desk.copy_in, "copy_out": desk.copy_out}
    release_memory()
    try:
        with desk.watching(), mock.patch.multiple(buffers, **emulated):
            yield
    finally:
        release_memory()


# ---- exercises ----------------------------------------------------------------------------


def v3_bytes(T, N, D, H, O):  # noqa: E741
    parameters = 4 * H * (D + H + 1) + O * (H + 1)
    return 4 * (parameters + T * N * (D + O) + 2 * (N + parameters))


@task(
    "08.e1", "v3_bytes",
    ours=v3_bytes,
    stars=1, kind="measure",
    hints=(
        "How many numbers do the five parameters have together? How often do as many cross?",
        "In: parameters, x, y; then N + parameters zeros. Out: N losses and the gradients. A "
        "float32 has 4 bytes.",
        "4 * (parameters + T * N * (D + O) + 2 * (N + parameters)), with parameters = 4 * H * (D + "
        "H + 1) + O * (H + 1)",
    ),
)  # fmt: skip
def bytes_by_hand(v3_bytes):
    random = np.random.default_rng().integers(1, 9, (4, 5)).tolist()
    for s in (Sizes(2, 5, 3, 4, 2), *SIZES, *(Sizes(*some) for some in random)):
        copied = [copy.nbytes for copy in bus.copies("cuda_v3", s)]
        typical = {
            "that many numbers; each has 4 bytes": sum(copied) // 4,
            "the zeros that go in are missing": copied[0] + copied[2],
            "what comes out is missing, or the zeros that go in": copied[0] + copied[1],
            "N numbers of the loss are missing, in and out": sum(copied) - 8 * s.N,
            "N numbers of the loss are missing, in or out": sum(copied) - 4 * s.N,
            "what goes in alone": sum(copied[:2]),
        }
        same("the number of bytes", v3_bytes(*s), sum(copied), typical, where=text(s))


@cuda.jit
def add_to_itself(a):
    n = cuda.grid(1)
    if n < a.shape[0]:
        a[n] += a[n]


def doubled(a):
    a_d = cuda.to_device(a)
    add_to_itself[blocks_for(a.size), THREADS](a_d)
    return a


PLANTED_FORGOTTEN = doubled


def doubled(a):  # noqa: F811  ours, by the same name
    a_d = cuda.to_device(a)
    add_to_itself[blocks_for(a.size), THREADS](a_d)
    return a_d.copy_to_host()


@task(
    "08.e2", "doubled",
    ours=doubled,
    planted=PLANTED_FORGOTTEN,
    stars=1, kind="bug",
    hints=(
        "Where is the result when the kernel has finished?",
        "a and a_d are two arrays in two memories. The kernel has changed a_d alone.",
        "return a_d.copy_to_host()",
    ),
    given=("add_to_itself", "blocks_for", "THREADS"),
)  # fmt: skip
def one_copy_there_and_one_back(doubled):
    for N in (1, 31, 33, 129):
        a, desk = floats(N), Desk()
        given = a.copy()
        answer, _ = call_emulated(doubled, desk, given)
        expect(isinstance(answer, np.ndarray), f"It returns a {type(answer).__name__}; a NumPy "
               "array is expected.")  # fmt: skip
        same("the result", answer, a + a, {"a, which nobody has changed": a}, where=f"N = {N}")
        unchanged([a], [given], ["a"], f"N = {N}")
        ways = [copy.direction for copy in desk.copies]
        over, back = ways.count(TO_DEVICE), ways.count(TO_HOST)
        expect((over, back) == (1, 1), f"{over} copies over, {back} back; one each is enough.")


@cuda.jit
def set_to_zero(a):
    n = cuda.grid(1)
    if n < a.shape[0]:
        a[n] = 0


def zeros_on_card(shape, dtype=np.float32):
    """A device array of zeros."""
    a_d = cuda.device_array(shape, dtype)
    set_to_zero[blocks_for(a_d.size), THREADS](a_d.ravel())
    return a_d


@task(
    "08.e3", "zeros_on_card",
    ours=zeros_on_card,
    shown=(set_to_zero, zeros_on_card),
    stars=2, kind="kernel",
    hints=(
        "Who can write zeros into the card's memory, if not a copy?",
        "A device_array, and a kernel of yours: thread n writes element n. a_d.ravel() looks at an "
        "array of any shape as one row.",
        "set_to_zero[blocks_for(a_d.size), THREADS](a_d.ravel())",
    ),
    given=("blocks_for", "THREADS"),
)  # fmt: skip
def zeros_that_cross_no_bus(zeros_on_card):
    for shape in ((5, 40), (33,), (1,), (3, 4, 11)):
        desk = Desk()
        made, runs = call_emulated(zeros_on_card, desk, shape)
        crossed = sum(copy.nbytes for copy in desk.copies)
        expect(not crossed, f"Shape {shape}: {crossed} bytes cross the bus; none is the task.")
        expect(hasattr(made, "copy_to_host"), f"It returns a {type(made).__name__}; a device array "
               "is expected.")  # fmt: skip
        here = made.copy_to_host()
        rubbish = int(np.isnan(here).sum())
        expect(not rubbish, f"Shape {shape}: {rubbish} of {here.size} elements are rubbish. Has "
               "every element its thread?")  # fmt: skip
        same("the array", here, np.zeros(shape, np.float32), where=f"shape {shape}")
        expect(len(runs) == 1, f"It launches {len(runs)} kernels; one is enough.")
        for name in runs[0].arrays:
            own_parts(runs[0], name, range(here.size))


def latency_and_speed(few, many):
    copies, nbytes, seconds = few
    more_copies, more_bytes, more_seconds = many
    rest = more_seconds - seconds * more_copies / copies
    speed = (more_bytes - nbytes * more_copies / copies) / rest
    return (seconds - nbytes / speed) / copies, speed


@task(
    "08.e4", "latency_and_speed",
    ours=latency_and_speed,
    stars=2, kind="complete",
    hints=(
        "Two measurements, two unknowns. With as many copies in both, what makes the difference?",
        "seconds = copies * latency + nbytes / speed, twice. Take the first, times more_copies / "
        "copies, away from the second: the latency is gone.",
        "rest = more_seconds - seconds * more_copies / copies; speed = (more_bytes - nbytes * "
        "more_copies / copies) / rest; latency = (seconds - nbytes / speed) / copies",
    ),
    given=("linalg",),
)  # fmt: skip
def two_unknowns(latency_and_speed):
    random = np.random.default_rng()
    for same_number in (True, True, False, False):
        latency, speed = random.uniform(1e-6, 5e-5), random.uniform(1e9, 5e10)
        copies = int(random.integers(2, 40))
        others = copies if same_number else copies + int(random.integers(1, 40))
        sizes_ = int(random.integers(1e4, 1e5)), int(random.integers(5e6, 5e7))
        times = (c * latency + b / speed for c, b in zip((copies, others), sizes_, strict=True))
        few, many = zip((copies, others), sizes_, times, strict=True)
        answer = latency_and_speed(few, many)
        expect(isinstance(answer, tuple) and len(answer) == 2, "It does not return two numbers: "
               "`return latency, speed`.")  # fmt: skip
        where = f"{copies} and {others} copies"
        wrong = {"no latency: seconds of all bytes alone": many[1] / many[2],
                 "seconds per byte, not bytes per second": 1 / speed}  # fmt: skip
        same("the speed", answer[1], speed, wrong, where=where, tolerance=1e-4)
        wrong = {"of all copies together": copies * latency}
        same("the latency", answer[0], latency, wrong, where=where, tolerance=1e-2)


def losses(params, batches):
    """The loss of each batch (x, y), all with the same parameters: a list of float."""
    found, on_card = [], [cuda.to_device(a) for a in params]
    grads = [cuda.device_array(a.shape, a.dtype) for a in params]
    for x, y in batches:
        shapes = workspace_shapes(sizes(params, x), x.itemsize)
        *work, loss = (cuda.device_array(shape, x.dtype) for shape in shapes)
        batch, scale = [cuda.to_device(x), cuda.to_device(y)], x.dtype.type(1 / y.size)
        kernel[blocks_for(x.shape[1]), THREADS](*on_card, *batch, scale, *work, loss, *grads)
        found.append(float(loss.copy_to_host().sum()))
    return found


@task(
    "08.e5", "losses",
    ours=losses,
    stars=3, kind="better",
    hints=(
        "What is the same for all batches? What does nobody ask for?",
        "The parameters go over once, before the loop. The gradients' memory may hold rubbish, and "
        "stays on the card. x and y of each batch go over, its loss comes back.",
        "on_card = [cuda.to_device(a) for a in params] before the loop; grads = "
        "[cuda.device_array(a.shape, a.dtype) for a in params]",
    ),
    given=("checked", "sizes", "Workspace", "workspace_shapes", "Params", "kernel", "blocks_for",
           "THREADS"),
)  # fmt: skip
def as_few_bytes_as_possible(losses):
    for T, D, H, O, batches in ((2, 1, 3, 1, (5, 5, 2)), (3, 2, 2, 2, (33, 33, 33, 7))):  # noqa: E741
        params = random_params(D, H, O)
        data = [(floats(T, N, D), floats(T, N, O)) for N in batches]
        desk, seen = Desk(), []

        def run(configuration, *arguments, seen=seen):
            values = on_the_card(by_name(arguments))
            for name in GIVEN:
                rubbish = np.isnan(values[name]).any()
                expect(not rubbish, f"{name} holds rubbish when the kernel starts.")
            no_memory_twice(values)
            fill(values)
            values["loss"][...] = _losses_of(values)
            seen.append(values)

        with desk.watching(), in_its_page(losses, cuda=desk, kernel=StandIn(run)):
            answer = losses(params, data)
        right = [numpy_batched.gradients(params, x, y)[0] for x, y in data]
        same("losses", answer, np.float32(right), where=f"{len(batches)} batches")
        for name in Params._fields:
            here = [values[name] for values in seen]
            over = sum(any(np.may_share_memory(c.data, a) for a in here) for c in desk.copies)
            expect(over == 1, f"{name} goes over {over} times in {len(data)} batches; it does not "
                   "change.")  # fmt: skip
        for values in seen:
            needed = {TO_DEVICE: dict.fromkeys(GIVEN, len(data)), TO_HOST: {"loss": len(data)}}
            only_needed(desk.copies, values, needed)
        _few_bytes(desk, params, data)
    many = len(data)
    made = f"{len(desk.copies)} copies for {many} batches, memory asked for {desk.asked_for} times"
    return f"{made}; ours: {5 + 3 * many} and {10 + 9 * many}."


def _few_bytes(desk, params, data):
    """NotYet if more crosses than parameters and batches in, a number per sample out."""
    made = sum(copy.nbytes for copy in desk.copies)
    batches = sum(x.nbytes + y.nbytes + 4 * x.shape[1] for x, y in data)
    least = sum(a.nbytes for a in params) + batches
    expect(made <= least, f"{made} bytes cross the bus; {least} are enough.")


def _losses_of(values):
    """Each sample's part of the loss, from what stands on the card."""
    params, x, y = Params(*(values[name] for name in Params._fields)), values["x"], values["y"]
    parts = [numpy_batched.gradients(params, *(np.ascontiguousarray(a[:, n : n + 1])
             for a in (x, y)))[0] for n in range(x.shape[1])]  # fmt: skip
    return np.float32(parts) * np.float32(y[:, :1].size * values["scale"])
