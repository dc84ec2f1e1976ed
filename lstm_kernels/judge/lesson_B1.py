"""The bug hunt: eight programs with errors that were made in earnest.  The tasks of lesson B1.

Each comes twice: as it was found (`found_...`), and ours, mended, by the name that the page uses.
"""

import math
import time

import numpy as np
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.judge.compare import expect, same, unchanged
from lstm_kernels.judge.eyes import (
    no_doubles,
    no_race,
    own_parts,
    same_bits,
    watch,
    watch_in_orders,
)
from lstm_kernels.judge.inputs import BATCHES, SIZES, floats, random_problem, text, zeros
from lstm_kernels.judge.tasks import task
from lstm_kernels.versions import numpy_loop

# ---- 1: a slope of what is activated already ----------------------------------------------


def found_backward_sample(params, gates, c, dy):
    """dz (T, 4H) of one sample.  gates (T, 4H): i, f, g, o; c (T+1, H); dy (T, O)."""
    _, W, _, V, _ = params
    T, H = len(gates), W.shape[1]
    dz = np.empty_like(gates)
    dh_next, dc = np.zeros((2, H), gates.dtype)
    for t in reversed(range(T)):
        i, f, g, o = gates[t].reshape(4, H)
        tanh_c = np.tanh(c[t + 1])
        dh = V.T @ dy[t] + dh_next
        dc = dc + dh * o * (1 - tanh_c**2)
        dz[t, :H] = dc * g * i * (1 - i)
        dz[t, H : 2 * H] = dc * c[t] * f * (1 - f)
        dz[t, 2 * H : 3 * H] = dc * i * (1 - np.tanh(g) ** 2)
        dz[t, 3 * H :] = dh * tanh_c * o * (1 - o)
        dh_next, dc = W.T @ dz[t], dc * f
    return dz


@task(
    "B1.1", "backward_sample",
    ours=numpy_loop.backward_sample,
    planted=found_backward_sample,
    hints=(
        "Four slopes stand there. The slope of tanh(z) is 1 - tanh(z)². What do `gates` hold: z, "
        "or what comes out of the activation?",
        "gates[t] is i, f, g, o *after* sigmoid and tanh. Compare the line of g with that of i.",
        "dz[t, 2 * H : 3 * H] = dc * i * (1 - g**2)",
    ),
)  # fmt: skip
def the_slope(backward_sample):
    for sizes in SIZES:
        params, x, _ = random_problem(sizes)
        gates, c, _, _ = numpy_loop.forward_sample(params, x[:, 0])
        arguments = (params, gates, c, floats(sizes.T, sizes.O))
        before = [a.copy() for a in arguments[1:]]
        typical = {"the slope of g is still of tanh(g)": found_backward_sample(*arguments)}
        wanted, got = numpy_loop.backward_sample(*arguments), backward_sample(*arguments)
        same("dz", got, wanted, typical, where=text(sizes), last_first=True)
        unchanged(before, arguments[1:], ("gates", "c", "dy"))


# ---- 2: h[-1] as the initial state --------------------------------------------------------


def found_forward_sample(params, x, h, c):
    """Predictions (T, O) of one sample.  x (T, D); h, c (T, H): room for the states, used again."""
    U, W, B, V, b_out = params
    H = W.shape[1]
    for t in range(len(x)):
        z = U @ x[t] + W @ h[t - 1] + B
        i, f, g, o = z[:H], z[H : 2 * H], z[2 * H : 3 * H], z[3 * H :]
        c[t] = sigmoid(f) * c[t - 1] + sigmoid(i) * np.tanh(g)
        h[t] = sigmoid(o) * np.tanh(c[t])
    return h @ V.T + b_out


sigmoid = numpy_loop.sigmoid


def forward_sample(params, x, h, c):
    """Predictions (T, O) of one sample.  x (T, D); h, c (T, H): room for the states, used again."""
    U, W, B, V, b_out = params
    H = W.shape[1]
    h[-1], c[-1] = 0, 0
    for t in range(len(x)):
        z = U @ x[t] + W @ h[t - 1] + B
        i, f, g, o = z[:H], z[H : 2 * H], z[2 * H : 3 * H], z[3 * H :]
        c[t] = sigmoid(f) * c[t - 1] + sigmoid(i) * np.tanh(g)
        h[t] = sigmoid(o) * np.tanh(c[t])
    return h @ V.T + b_out


@task(
    "B1.2", "forward_sample",
    ours=forward_sample,
    planted=found_forward_sample,
    given=("sigmoid",),
    hints=(
        "What is h[t - 1] for t = 0? Python does not stop there.",
        "h[-1] is the *last* row: what the sample before left there. The first time it is 0.",
        "Before the loop: h[-1], c[-1] = 0, 0. (Or an `if t` that takes zeros for the first step.)",
    ),
)  # fmt: skip
def the_first_state(forward_sample):
    for sizes in SIZES:
        params, x, _ = random_problem(sizes)
        h, c = floats(sizes.T, sizes.H), floats(sizes.T, sizes.H)  # what another sample left
        left_h, left_c, untouched = h.copy(), c.copy(), (h.copy(), c.copy())
        _, right_c, right_h, wanted = numpy_loop.forward_sample(params, x[:, 0])
        got = forward_sample(params, x[:, 0], h, c)
        unmended = found_forward_sample(params, x[:, 0], left_h, left_c)
        typical = {"the states of the sample before are still there": unmended}
        same("the prediction", got, wanted, typical, where=text(sizes))
        for name, kept, right, old in zip("hc", (h, c), (right_h, right_c), untouched, strict=True):
            typical = {f"the states are not written into the {name} that is given": old}
            same(name, kept, right[1:], typical, where=text(sizes))


# ---- 3: shared memory without a barrier ---------------------------------------------------


@cuda.jit
def found_block_totals(a, totals):
    """totals[b] = the sum of block b's 64 numbers of `a`.  Launched with blocks of 64."""
    part = cuda.shared.array(64, float32)
    k, n = cuda.threadIdx.x, cuda.grid(1)
    part[k] = a[n] if n < a.shape[0] else float32(0)
    half = 32
    while half > 0:
        if k < half:
            part[k] += part[k + half]
        half //= 2
    if k == 0:
        totals[cuda.blockIdx.x] = part[0]


@cuda.jit
def block_totals(a, totals):
    """totals[b] = the sum of block b's 64 numbers of `a`.  Launched with blocks of 64."""
    part = cuda.shared.array(64, float32)
    k, n = cuda.threadIdx.x, cuda.grid(1)
    part[k] = a[n] if n < a.shape[0] else float32(0)
    cuda.syncthreads()
    half = 32
    while half > 0:
        if k < half:
            part[k] += part[k + half]
        cuda.syncthreads()
        half //= 2
    if k == 0:
        totals[cuda.blockIdx.x] = part[0]


@task(
    "B1.3", "block_totals",
    ours=block_totals,
    planted=found_block_totals,
    given=("float32",),
    hints=(
        "Thread 0 reads part[32]. Who writes it, and what says that this comes first?",
        "Two lines are missing: one before the loop, one inside it. All threads must reach both.",
        "cuda.syncthreads() after part[k] = ..., and after the `if k < half` (not inside it)",
    ),
)  # fmt: skip
def barriers_between_writes_and_reads(block_totals):
    for N in (1, 64, 100):
        a, blocks = floats(N), -(-N // 64)
        runs = watch_in_orders(block_totals, blocks, 64, a=a, totals=zeros(blocks))
        for run in runs:
            no_race(run)
        same_bits(runs, "totals")
        padded = np.zeros(64 * blocks, np.float32)
        padded[:N] = a
        wanted = padded.reshape(blocks, 64).sum(1)
        same("totals", runs[0]["totals"], wanted, where=f"{N} numbers", tolerance=1e-4)
    return "No race, and the same bits in three orders of the threads."


# ---- 4: threads that redo the whole batch -------------------------------------------------


@cuda.jit
def found_squared_error(prediction, y, total):
    """total[0] = the sum of (prediction - y)² over N samples.  Launched with 32 threads or more."""
    for n in range(y.shape[0]):
        error = prediction[n] - y[n]
        total[0] += error * error


@cuda.jit
def squared_error(prediction, y, total):
    """total[0] = the sum of (prediction - y)² over N samples.  Launched with 32 threads or more."""
    n = cuda.grid(1)
    if n < y.shape[0]:
        error = prediction[n] - y[n]
        cuda.atomic.add(total, 0, error * error)


@task(
    "B1.4", "squared_error",
    ours=squared_error,
    planted=found_squared_error,
    hints=(
        "32 threads run this code. Which of them does sample 5?",
        "The loop over n goes: thread n takes sample n. Who adds to total[0] then, and how?",
        "n = cuda.grid(1); if n < y.shape[0]: ... cuda.atomic.add(total, 0, error * error)",
    ),
)  # fmt: skip
def a_sample_each(squared_error):
    for N in BATCHES:
        prediction, y = floats(N), floats(N)
        arguments = {"prediction": prediction, "y": y, "total": zeros(1)}
        run = watch(squared_error, -(-N // 32), 32, **arguments)
        no_race(run)
        _all_share(run, N)
        wanted = ((prediction - y) ** 2).sum(keepdims=True)
        typical = {"each thread does the whole batch": wanted * 32 * -(-N // 32)}
        same("total", run["total"], wanted, typical, where=f"N = {N}", tolerance=1e-4)
        reads = sum(run.reads(name) for name in ("prediction", "y"))
        expect(reads <= 2 * N, f"N = {N}: {reads:,} numbers are read; {2 * N:,} are there.")


def _all_share(run, N):
    """NotYet unless N threads read the samples; they may add up in shared memory or by atomics."""
    readers = len(run.observed.readers[run.own_names["prediction"]])
    expect(readers >= N, f"N = {N}: threads that read predictions: {readers}. Each sample should "
                         "have a thread of its own.")  # fmt: skip


# ---- 5: compilation inside a timing -------------------------------------------------------


def found_seconds_of(call, repeats=5):
    """Seconds that one call takes, without what happens only once."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def seconds_of(call, repeats=5):
    """Seconds that one call takes, without what happens only once."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


class Clocked:
    """A call whose first one takes long, and one of the later ones, too: something else ran.

    usual_seconds: what each of the other calls took; on a busy machine a wait is longer than asked.
    """

    def __init__(self, first=0.4, usual=0.004, disturbed=0.15):
        self.first, self.usual, self.disturbed, self.calls = first, usual, disturbed, 0
        self.usual_seconds = []

    def __call__(self):
        self.calls += 1
        waits, start = {1: self.first, 4: self.disturbed}, time.perf_counter()
        time.sleep(waits.get(self.calls, self.usual))
        if self.calls not in waits:
            self.usual_seconds.append(time.perf_counter() - start)


@task(
    "B1.5", "seconds_of",
    ours=seconds_of,
    planted=found_seconds_of,
    hints=(
        "Which of the calls compiles? Is its time in the result?",
        "One call before the clock starts. And each call with a time of its own: then one that was "
        "disturbed does not spoil the result.",
        "return float(np.median(seconds))",
    ),
    given=("time",),
)  # fmt: skip
def nothing_that_happens_once(seconds_of):
    for usual in (0.002, 0.015):  # so far apart that no one constant fits both
        _as_a_usual_call(seconds_of, Clocked(usual=usual, disturbed=0.3))


def _as_a_usual_call(seconds_of, call):
    got = seconds_of(call, repeats=7)
    expect(got is not None, "It returns None: is a `return` missing?")
    expect(call.calls >= 8, f"{call.calls} calls; a warm-up and 7 repeats are 8.")
    usual = float(np.median(call.usual_seconds))
    words = f"{got:.4f} s for a call that takes {usual:.4f} s, {call.first:g} s the first time."
    limit = 3 * usual + 0.002  # a busy machine may stop the clock's own lines, too
    expect(got < limit, f"{words} The first call, or one that was disturbed, is in it.")
    expect(got > 0.9 * min(call.usual_seconds), f"{words} That is too short.")


# ---- 6: validation data trained on --------------------------------------------------------


def found_train_epoch(params, batches, validation, gradients, lr):
    """One epoch: (params after it, loss on the validation data).  Each batch is a pair (x, y)."""
    for x, y in [*batches, validation]:
        loss, grads = gradients(params, x, y)
        params = [p - lr * g for p, g in zip(params, grads, strict=True)]
    return params, loss


def train_epoch(params, batches, validation, gradients, lr):
    """One epoch: (params after it, loss on the validation data).  Each batch is a pair (x, y)."""
    for x, y in batches:
        _, grads = gradients(params, x, y)
        params = [p - lr * g for p, g in zip(params, grads, strict=True)]
    loss, _ = gradients(params, *validation)
    return params, loss


@task(
    "B1.6", "train_epoch",
    ours=train_epoch,
    planted=found_train_epoch,
    hints=(
        "Which data may change the parameters?",
        "The loop goes over the batches only. The loss on the validation data comes after it.",
        "loss, _ = gradients(params, *validation)",
    ),
)  # fmt: skip
def validation_never_trains(train_epoch):
    for batches in (1, 3):
        data = [(floats(4), floats(4)) for _ in range(batches + 1)]
        start, lr = [floats(3), floats(2)], 0.25
        kept = [p.copy() for p in start]

        def gradients(params, x, y):
            change = [np.full_like(p, x.sum() + p.mean()) for p in params]
            return float(y.sum() + sum(p.sum() for p in params)), change

        got = train_epoch(start, data[:-1], data[-1], gradients, lr)
        expect(isinstance(got, tuple) and len(got) == 2, "It returns no pair (params, loss).")
        wanted, loss = _trained(kept, data[:-1], data[-1], gradients, lr)
        again, _ = _trained(kept, data, data[-1], gradients, lr)
        early, _ = _trained(kept, data[:-2], data[-1], gradients, lr)
        for n, (p, right) in enumerate(zip(got[0], wanted, strict=True)):
            typical = {"the validation data changes the parameters": again[n]}
            typical["a batch is left out"] = early[n]
            same(f"params[{n}]", p, right, typical, where=f"{batches} batches")
        before = gradients(kept, *data[-1])[0]
        typical = {"the loss is taken before the training": before}
        same("the loss", got[1], loss, typical, where=f"{batches} batches")
        unchanged(kept, start, ("params[0]", "params[1]"))


def _trained(params, batches, validation, gradients, lr):
    for x, y in batches:
        params = [p - lr * g for p, g in zip(params, gradients(params, x, y)[1], strict=True)]
    return params, gradients(params, *validation)[0]


# ---- 7: the last batch dropped ------------------------------------------------------------


def found_batches_of(N, batch_size, rng):
    """The numbers 0 to N-1 in random order, cut into batches; each number once."""
    order = rng.permutation(N)
    return [order[b * batch_size : (b + 1) * batch_size] for b in range(N // batch_size)]


def batches_of(N, batch_size, rng):
    """The numbers 0 to N-1 in random order, cut into batches; each number once."""
    order = rng.permutation(N)
    return [order[first : first + batch_size] for first in range(0, N, batch_size)]


@task(
    "B1.7", "batches_of",
    ours=batches_of,
    planted=found_batches_of,
    hints=(
        "59 windows in batches of 7: how many batches, and how long is the last one?",
        "N // batch_size rounds down. A slice past the end is short, and no error.",
        "for first in range(0, N, batch_size)",
    ),
)  # fmt: skip
def every_number_once(batches_of):
    some = int(np.random.default_rng().integers(9, 99))
    for N, size in ((59, 7), (56, 7), (5, 8), (1, 1), (some, 4)):
        where = f"N = {N}, batch size {size}"
        got = batches_of(N, size, np.random.default_rng(1))
        lengths = [len(batch) for batch in got]
        expect(sum(lengths) == N, f"{where}: {sum(lengths)} of {N} numbers are in the batches.")
        full, rest = divmod(N, size)
        wanted = [size] * full + [rest] * (rest > 0)
        expect(lengths == wanted, f"{where}: batches of {lengths}, expected {wanted}.")
        numbers = sorted(int(n) for batch in got for n in batch)
        expect(numbers == list(range(N)), f"{where}: a number comes twice, or not at all.")
        other = batches_of(N, size, np.random.default_rng(2))
        order = [list(map(int, np.concatenate(b))) for b in (got, other)]
        expect(N < 9 or order[0] != order[1], f"{where}: two different rng give the same order.")
        expect(N < 9 or order[0] != numbers, f"{where}: the order is not random.")


# ---- 8: float64 by a literal --------------------------------------------------------------


@cuda.jit
def found_activate(z, gate):
    """gate = sigmoid(z), element by element; both float32 (N,)."""
    n = cuda.grid(1)
    if n < z.shape[0]:
        gate[n] = 1.0 / (1.0 + math.exp(-z[n]))


@cuda.jit
def activate(z, gate):
    """gate = sigmoid(z), element by element; both float32 (N,)."""
    n = cuda.grid(1)
    if n < z.shape[0]:
        one = float32(1)
        gate[n] = one / (one + math.exp(-z[n]))


@task(
    "B1.8", "activate",
    ours=activate,
    planted=found_activate,
    given=("float32", "math"),
    hints=(
        "All arrays are float32. Which type has the number 1.0 in a kernel?",
        "1.0 is a float64, and what it is added to becomes one, too. float32(1) is not.",
        "one = float32(1); gate[n] = one / (one + math.exp(-z[n]))",
    ),
)  # fmt: skip
def no_literal_float64(activate):
    for N in BATCHES:
        z = floats(N)
        run = watch(activate, -(-N // 32), 32, z=z, gate=zeros(N))
        no_race(run)
        own_parts(run, "gate", range(N))
        wanted = (1 / (1 + np.exp(-z))).astype(np.float32)
        same("gate", run["gate"], wanted, {"it is tanh": np.tanh(z)}, where=f"N = {N}")
        no_doubles(activate, z, zeros(N))
