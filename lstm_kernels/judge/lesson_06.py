"""V1, the code as it is, on one thread: the tasks of lesson 06."""

import ast

import numpy as np

from lstm_kernels import cuda
from lstm_kernels.judge.compare import expect, same, unchanged
from lstm_kernels.judge.eyes import is_kernel, no_doubles, own_parts, watch, with_stand_ins
from lstm_kernels.judge.host import (
    GRADS,
    StandIn,
    as_asked,
    by_name,
    fill,
    from_zero,
    in_its_page,
    no_memory_twice,
)
from lstm_kernels.judge.inputs import SIZES, floats, random_problem, text, zeros
from lstm_kernels.judge.lesson_07 import STAND_INS, by_stand_ins
from lstm_kernels.judge.source import plain, tree_of
from lstm_kernels.judge.tasks import task
from lstm_kernels.model import Sizes, sizes, zeros_like
from lstm_kernels.versions import cuda_v1, per_sample
from lstm_kernels.versions.per_sample import Workspace, forward_sample, sigmoid, workspace_shapes

# ---- the walk -----------------------------------------------------------------------------


def returns_a_value(function):
    """NotYet if a device function has no `return` with a value."""
    returns = [n for n in ast.walk(tree_of(plain(function))) if isinstance(n, ast.Return)]
    expect(any(part.value is not None for part in returns), "It returns nothing: is a `return` "
           "missing?")  # fmt: skip


@task(
    "06.1", "product_over_time",
    ours=per_sample.product_over_time,
    hints=(
        "The sum begins at 0 and grows once per step. Which index grows with it?",
        "for t in range(a.shape[0]): add a[t, n, k] times b at the step t + shift.",
        "total += a[t, n, k] * b[t + shift, n, j]",
    ),
)  # fmt: skip
def a_sum_of_products(product_over_time):
    is_kernel(product_over_time, "@cuda.jit(device=True)")
    returns_a_value(product_over_time)

    @cuda.jit
    def all_products(a, b, shift, out):
        for n in range(a.shape[1]):
            for k in range(a.shape[2]):
                for j in range(b.shape[2]):
                    out[n, k, j] = product_over_time(n, a, k, b, j, shift)

    for T, N, many, H, shift in ((4, 3, 8, 2, 1), (4, 3, 8, 2, 0), (1, 1, 4, 1, 1)):
        a, b, out = floats(T, N, many), floats(T + 1, N, H), zeros(N, many, H)
        run = watch(all_products, 1, 1, a=a, b=b, shift=shift, out=out)
        later, now, ahead = b[shift : T + shift], b[:T], b[1:]
        typical = {
            "`shift` is not used": np.einsum("tnk,tnj->nkj", a, now),
            "1 in place of `shift`": np.einsum("tnk,tnj->nkj", a, ahead),
            "only the last step is kept: add with +=": a[-1, :, :, None] * later[-1, :, None],
            "the sums of both are multiplied": a.sum(0)[:, :, None] * later.sum(0)[:, None],
        }
        where = f"T = {T}, shift = {shift}"
        same("the sum", run["out"], np.einsum("tnk,tnj->nkj", a, later), typical, where=where)
    no_doubles(all_products, a, b, shift, out)


@task(
    "06.2", "forward_sample",
    ours=per_sample.forward_sample,
    hints=(
        "z = U x + W h + B, row k. Over which two indices do you add, and at which step is h?",
        "z starts as B[k]; then D products with x[t, n, d], then H products with h[t, n, j]. Rows "
        "2H to 3H - 1 are g: tanh. All others: sigmoid.",
        "z += W[k, j] * h[t, n, j], and at last gates[t, n, k] = math.tanh(z) if 2 * H <= k < "
        "3 * H else sigmoid(z)",
    ),
    given=("sigmoid",),
)  # fmt: skip
def one_sample_forward(forward_sample):
    is_kernel(forward_sample, "@cuda.jit(device=True)")

    @cuda.jit
    def forward_all(U, W, B, V, b_out, x, h, c, gates, dy):
        for n in range(x.shape[1]):
            forward_sample(n, U, W, B, V, b_out, x, h, c, gates, dy)

    for s in SIZES:
        params, x, y = random_problem(s)
        work = Workspace(*(np.full(shape, 7, x.dtype) for shape in workspace_shapes(s, 4)))
        arguments = {**params._asdict(), "x": x}
        arguments |= {name: getattr(work, name) for name in ("h", "c", "gates", "dy")}
        run = watch(forward_all, 1, 1, **arguments)
        gates, h = _forward(params, x)
        no_bias = params._replace(B=np.zeros_like(params.B))
        typical = {
            "B[k] is missing": _forward(no_bias, x)[0],
            "W h is missing": _forward(params._replace(W=0 * params.W), x)[0],
            "U x is missing": _forward(params._replace(U=0 * params.U), x)[0],
            "tanh for o, but it belongs to g, rows 2H to 3H - 1": _forward(params, x, 3)[0],
            "tanh for f, but it belongs to g, rows 2H to 3H - 1": _forward(params, x, 1)[0],
            "no row gets its tanh": _forward(params, x, tanh_of=None)[0],
            "z before its activation": _forward(params, x, activated=False)[0],
            "h after the step, not before it": _forward(params, x, late=7)[0],
            "x of the step before": _forward(params, np.roll(x, 1, 0))[0],
            "x of sample 0 for all": _forward(params, np.repeat(x[:, :1], s.N, 1))[0],
        }
        same("gates", run["gates"], gates, typical, where=text(s))
        same("h", run["h"], h, where=text(s))
        same("dy", run["dy"], h[1:] @ params.V.T + params.b_out, where=text(s))
    no_doubles(forward_all, *arguments.values())


def _forward(params, x, tanh_of=2, activated=True, late=None):
    """gates (T, N, 4H) and h (T+1, N, H), step by step.

    tanh_of: which quarter gets the tanh.  late: what stands in h[t + 1] before it is written.
    """
    U, W, B, _, _ = params
    (T, N, _), H = x.shape, W.shape[1]
    h, c, gates = zeros(T + 1, N, H), zeros(N, H), zeros(T, N, 4 * H)
    for t in range(T):
        before = h[t] if late is None else np.full_like(h[t], late)
        z = (x[t] @ U.T + before @ W.T + B).reshape(N, 4, H)
        with np.errstate(over="ignore"):
            a = 1 / (1 + np.exp(-z)) if activated else z.copy()
        if activated and tanh_of is not None:
            a[:, tanh_of] = np.tanh(z[:, tanh_of])
        i, f, g, o = a.swapaxes(0, 1)
        c = f * c + i * g
        h[t + 1], gates[t] = o * np.tanh(c), a.reshape(N, 4 * H)
    return gates, h


@task(
    "06.3", "kernel",
    ours=cuda_v1.kernel,
    hints=(
        "One thread does the whole batch. How many samples are there, and which number says so?",
        "x is (T, N, D): N is x.shape[1]. A loop over n around the four calls.",
        "for n in range(x.shape[1]):",
    ),
    given=("forward_sample", "loss_sample", "backward_sample", "add_gradients"),
)  # fmt: skip
def the_whole_batch_on_one_thread(kernel):
    short = with_stand_ins(kernel, **STAND_INS)
    for N in (3, 1, 7):
        params, x, y = random_problem(Sizes(T=2, N=N, D=1, H=2, O=1))
        x = np.abs(x)  # so that dU is no difference of two large sums
        shapes = workspace_shapes(sizes(params, x), x.itemsize)
        work = Workspace(*(np.full(shape, 7, x.dtype) for shape in shapes))
        grads, scale = zeros_like(params), np.float32(1 / y.size)
        arguments = {**params._asdict(), "x": x, "y": y, "scale": scale, **work._asdict()}
        run = watch(short, 1, 1, **arguments, **dict(zip(GRADS, grads, strict=True)))
        left = np.flatnonzero(run["loss"] == 7)
        expect(not left.size, f"Sample {left[:1]} has no loss: N = {N}, T = 2. How many rounds "
               "has the loop?")  # fmt: skip
        loss, sums = by_stand_ins(params, x[0, :, 0], y[0, :, 0], scale)
        same("loss", run["loss"], loss, where=f"N = {N}")
        for name, wanted in sums.items():
            same(f"d{name}", run[f"d{name}"].flat[0], wanted, where=f"N = {N}", tolerance=1e-4)
    return "All samples, one after the other."


@task(
    "06.4", "gradients",
    ours=cuda_v1.gradients,
    hints=(
        "How many blocks, how many threads? And in which order does the kernel take its arguments?",
        "kernel[blocks, threads](*params, x, y, scale, *work, *grads): a star hands over the parts "
        "of a tuple. The loss is the sum over the samples.",
        "kernel[1, 1](*params, x, y, scale, *work, *grads)",
    ),
    given=("checked", "sizes", "zeros_like", "Workspace", "workspace_shapes", "kernel"),
)  # fmt: skip
def one_launch_of_one_thread(gradients):
    for s in SIZES:
        params, x, y = random_problem(s)
        before = [array.copy() for array in (*params, x, y)]
        seen = {}

        def run(configuration, *arguments, x=x, y=y, params=params, seen=seen):
            values = by_name(arguments)
            as_asked(values, params, x, y)
            from_zero(values, params)
            no_memory_twice(values)
            fill(values)
            seen |= {name: np.array(value) for name, value in values.items()}

        kernel = StandIn(run)
        with in_its_page(gradients, kernel=kernel):
            answer = gradients(params, x, y)
        blocks, threads = kernel.only_launch()
        expect((blocks, threads) == (1, 1), f"It is launched as [{blocks}, {threads}]: "
               f"{blocks * threads} threads each do the whole batch. V1 has one.")  # fmt: skip
        unchanged(before, (*params, x, y), (*params._fields, "x", "y"), text(s))
        loss_and_grads(answer, seen, text(s))
    return "One thread, 20 arguments in their order."


def loss_and_grads(answer, left, where):
    """NotYet unless the answer is (loss, grads): what the kernel has left, the losses added up."""
    is_pair = isinstance(answer, tuple) and len(answer) == 2
    expect(is_pair, "It does not return two things: `return loss, grads`.")
    loss, grads = answer
    losses = left["loss"]
    typical = {"the mean of the samples' parts: scale has divided already": losses.mean(),
               "the part of the first sample alone": losses[0]}  # fmt: skip
    same("the loss", loss, losses.sum(), typical, where=where, tolerance=1e-4)
    expect(hasattr(grads, "_fields"), f"grads is a {type(grads).__name__}; Params is expected.")
    for name, got in zip(GRADS, grads, strict=True):
        expect(isinstance(got, np.ndarray), f"{name} comes back as a {type(got).__name__}, not as "
               "a NumPy array: it is still on the card.")  # fmt: skip
        same(name, got, left[name], where=where)


# ---- exercises ----------------------------------------------------------------------------


@cuda.jit(device=True)
def tanh_slope(a):
    """The slope of the tanh, by its activated value a."""
    return 1.0 - a * a


PLANTED_DOUBLE = tanh_slope


@cuda.jit(device=True)
def tanh_slope(a):  # noqa: F811  ours, by the same name
    """The slope of the tanh, by its activated value a."""
    return type(a)(1) - a * a


@task(
    "06.e1", "tanh_slope",
    ours=tanh_slope,
    planted=PLANTED_DOUBLE,
    stars=1, kind="bug",
    hints=(
        "The formula is right. Of which type is 1.0, and of which type is a * a?",
        "Write the one as a number of a's own type. (A plain 1 is an integer: that gives float64, "
        "too.)",
        "return type(a)(1) - a * a",
    ),
)  # fmt: skip
def a_slope_in_float32(tanh_slope):
    is_kernel(tanh_slope, "@cuda.jit(device=True)")
    returns_a_value(tanh_slope)

    @cuda.jit
    def slopes(a, out):
        for n in range(a.shape[0]):
            out[n] = tanh_slope(a[n])

    a = np.concatenate([np.tanh(floats(33)), np.float32([0, 1, -1])])
    typical = {"a is activated already": 1 - np.tanh(a) ** 2, "this is the sigmoid's": a * (1 - a)}
    same("the slope", watch(slopes, 1, 1, a=a, out=zeros(36))["out"], 1 - a * a, typical)
    no_doubles(slopes, a, zeros(36))


@cuda.jit
def sigmoids(z, out):
    """out[n] = sigmoid(z[n]) for every n, with any launch."""
    for n in range(cuda.grid(1), z.shape[0], cuda.gridsize(1)):
        out[n] = sigmoid(z[n])


@task(
    "06.e2", "sigmoids",
    ours=sigmoids,
    stars=2, kind="kernel",
    hints=(
        "With 4 threads and 10 numbers, which numbers does thread 1 take?",
        "1, 5, 9: it begins at its own number and goes on by the number of all threads, while it "
        "is inside the array.",
        "for n in range(cuda.grid(1), z.shape[0], cuda.gridsize(1)):",
    ),
    given=("sigmoid",),
)  # fmt: skip
def a_grid_stride_loop(sigmoids):
    for N, blocks, threads in ((33, 2, 4), (1, 1, 1), (31, 1, 1), (7, 2, 32), (129, 3, 32)):
        z, all_threads = floats(N), blocks * threads
        run = watch(sigmoids, blocks, threads, z=z, out=zeros(N))
        where = f"{N} numbers, [{blocks}, {threads}]"
        typical = {"z itself": z, "the tanh": np.tanh(z)}
        same("out", run["out"], 1 / (1 + np.exp(-z)), typical, where=where)
        for n in range(N):
            who, wanted = run.observed.writers_of(run.own_names["out"], n), n % all_threads
            expect(who == {wanted}, f"out[{n}] is written by the threads {sorted(who)}; it is "
                   f"thread {wanted}'s ({where}).")  # fmt: skip
    no_doubles(sigmoids, z, zeros(N))


def reads_of_forward(T, D, H, O):  # noqa: E741
    gate_row = 1 + 2 * D + 2 * H  # B[k]; U and x; W and h
    unit = 4 + 1 + 1  # i, f, g, o; c before the step; c after it, for its tanh
    output = 1 + 2 * H  # b_out[q]; V and h
    return T * (4 * H * gate_row + H * unit + O * output)


@cuda.jit
def forward_alone(U, W, B, V, b_out, x, h, c, gates, dy):
    forward_sample(0, U, W, B, V, b_out, x, h, c, gates, dy)


@task(
    "06.e3", "reads_of_forward",
    ours=reads_of_forward,
    stars=2, kind="measure",
    hints=(
        "Take one step t. What is read for one gate row k? Then for one unit j, for one output q?",
        "A gate row: B[k], D pairs of U and x, H pairs of W and h. A unit: four gates, c before "
        "the step, and c after it, for its tanh. An output: b_out[q], H pairs of V and h.",
        "return T * (4 * H * (1 + 2 * D + 2 * H) + 6 * H + O * (1 + 2 * H))",
    ),
)  # fmt: skip
def counted_reads(reads_of_forward):
    random = np.random.default_rng().integers(1, 6, (2, 4)).tolist()
    for T, D, H, O in ((2, 3, 4, 2), (1, 1, 1, 1), *random):  # noqa: E741
        s = Sizes(T, 1, D, H, O)
        params, x, _ = random_problem(s)
        work = Workspace(*(np.zeros(shape, x.dtype) for shape in workspace_shapes(s, 4)))
        arguments = {**params._asdict(), "x": x, "h": work.h, "c": work.c, "gates": work.gates}
        counted = watch(forward_alone, 1, 1, **arguments, dy=work.dy).observed.counts.reads
        rows, units, outputs = 4 * H * (1 + 2 * D + 2 * H), 6 * H, O * (1 + 2 * H)
        typical = {
            "the T steps": rows + units + outputs,
            "the units: gates and c are read, too": T * (rows + outputs),
            "c is read twice: before the step, and after it for its tanh": T * (
                rows + 5 * H + outputs),
            "each product reads two numbers": T * (
                4 * H * (1 + D + H) + units + O * (1 + H)),
            "each product of a gate row reads two numbers": T * (
                4 * H * (1 + D + H) + units + outputs),
        }  # fmt: skip
        got = reads_of_forward(T, D, H, O)
        where = f"T = {T}, D = {D}, H = {H}, O = {O}"
        same("the number of reads", got, counted, typical, where=where)
    return "As many as the emulator counts."


@cuda.jit
def sum_dW(dz, h, dW):
    """dW[k, j] = the sum over n and t of dz[t, n, k] * h[t, n, j]; launched as [1, 1]."""
    for k in range(dW.shape[0]):
        for j in range(dW.shape[1]):
            total = dW.dtype.type(0)
            for n in range(dz.shape[1]):
                for t in range(dz.shape[0]):
                    total += dz[t, n, k] * h[t, n, j]
            dW[k, j] = total


PLANTED_READS = sum_dW


@cuda.jit
def sum_dW(dz, h, dW):  # noqa: F811
    """dW[k, j] = the sum over n and t of dz[t, n, k] * h[t, n, j]; launched as [1, 1]."""
    H = dW.shape[1]
    for row in range(H):  # the rows of one unit: i, f, g, o
        for j in range(H):
            i = f = g = o = dW.dtype.type(0)
            for n in range(dz.shape[1]):
                for t in range(dz.shape[0]):
                    own = h[t, n, j]
                    i += dz[t, n, row] * own
                    f += dz[t, n, H + row] * own
                    g += dz[t, n, 2 * H + row] * own
                    o += dz[t, n, 3 * H + row] * own
            dW[row, j], dW[H + row, j] = i, f
            dW[2 * H + row, j], dW[3 * H + row, j] = g, o


AIM, PAR = 1.5, 1.25  # reads per product: two rows at once; ours, four rows


@task(
    "06.e4", "sum_dW",
    ours=sum_dW,
    planted=PLANTED_READS,
    stars=3, kind="better",
    hints=(
        "Each h[t, n, j] is read 4H times, once per row k. Could one read serve several rows?",
        "4H is even: take the rows k and k + 1 together, with two sums, and read h once. That is "
        "3 reads for 2 products.",
        "own = h[t, n, j]; first += dz[t, n, k] * own; second += dz[t, n, k + 1] * own",
    ),
)  # fmt: skip
def fewer_reads_per_product(sum_dW):
    for T, N, H in ((3, 4, 5), (1, 1, 1), (4, 3, 6)):
        dz, h = floats(T, N, 4 * H), floats(T + 1, N, H)
        run = watch(sum_dW, 1, 1, dz=dz, h=h, dW=np.full((4 * H, H), 7, np.float32))
        typical = {
            "h after the step; t, not t + 1": np.einsum("tnk,tnj->kj", dz, h[1:]),
            "only the last sample": np.einsum("tk,tj->kj", dz[:, -1], h[:-1, -1]),
            "added to what was there": 7 + np.einsum("tnk,tnj->kj", dz, h[:-1]),
        }
        wanted = np.einsum("tnk,tnj->kj", dz, h[:-1])
        same("dW", run["dW"], wanted, typical, where=f"T = {T}, N = {N}, H = {H}")
        own_parts(run, "dW", {0})
    no_doubles(sum_dW, dz, h, zeros(4 * H, H))
    per_product = run.observed.counts.reads / (T * N * 4 * H * H)
    expect(per_product <= AIM, f"{per_product:.3g} reads per product; the aim is {AIM}.")
    return f"{per_product:.3g} reads per product; ours makes {PAR}."
