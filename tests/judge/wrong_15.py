"""Typical wrong answers to the tasks of lesson 15, and a part of what the judge says."""

ONLY_ONE_THREAD = """\
@cuda.jit
def sgd_kernel(parts, state, rates, step):
    if cuda.grid(1) == 0 and cuda.threadIdx.y == 0:
        for e in range(state.shape[1]):
            for part in range(parts.shape[0]):
                state[0, e] -= rates[step, 0] * parts[part, e]
"""
ONLY_ONE_ROW_SUMS = """\
@cuda.jit
def sgd_kernel(parts, state, rates, step):
    shared, e = cuda.shared.array(SUM_THREADS, float32), cuda.grid(1)
    if cuda.threadIdx.y == 0 and e < state.shape[1]:
        state[0, e] -= rates[step, 0] * sum_of_parts(parts, e, shared)
"""
EVERY_BATCH_LOOKS = """\
def launch_batches(room):
    for batch, first in enumerate(range(0, room.N, room.batch_size)):
        parts = room.launch_gradients(first, min(room.batch_size, room.N - first))
        room.launch_update(parts, batch)
        room.fetch(room.loss)
"""
A_LOOK_PER_EPOCH = """\
def losses_of_training(room, epochs):
    losses = []
    for epoch in range(epochs):
        room.launch_all()
        losses.append(room.loss.copy_to_host())
    return np.array(losses)
"""
MOMENTUM_BY_ONE = """\
@cuda.jit
def momentum_kernel(parts, state, rates, step):
    if cuda.grid(1) == 0:
        for e in range(state.shape[1]):
            velocity = rates[step, 1] * state[1, e]
            for part in range(parts.shape[0]):
                velocity += parts[part, e]
            state[1, e] = velocity
            state[0, e] -= rates[step, 0] * velocity
"""

WRONG = {
    "15.1": [
        ("only the first part", "sum_of_parts(parts, e, shared)", "parts[0, min(e, parts.shape[1] - 1)]",
         "not the part of block 0"),
        ("the sum inside the `if`", None, ONLY_ONE_ROW_SUMS, "all must come to it"),
        ("out before the sum", "    g = sum", "    if e >= state.shape[1]:\n        return\n    g = sum",
         "all must come to it"),
        ("no guard", " and e < state.shape[1]", "", "is outside"),
        ("all rows update", "cuda.threadIdx.y == 0 and ", "", "race on state[0, 0]"),
        ("always the first step size", "rates[step, 0]", "rates[0, 0]", "of this step"),
        ("one thread", None, ONLY_ONE_THREAD, "Thread 0 writes all of state"),
        ("uphill", "-= rates", "+= rates", "minus"),
        ("in float64", "rates[step, 0] * g", "rates[step, 0] * g * 1.0", "float64"),
    ],
    "15.2": [
        ("means not written back", "state[1, e], state[2, e] = mean, square", "pass",
         "must be written back"),
        ("beta for its rest", "float32(1 - BETA_1)", "float32(BETA_1)", "The mean, state[1]"),
        ("out before the sum", "    g = sum", "    if cuda.threadIdx.y:\n        return\n    g = sum",
         "all must come to it"),
        ("epsilon in the root", "(math.sqrt(square) + rates[step, 1])",
         "math.sqrt(square + rates[step, 1])", "outside the root"),
        ("no root", "math.sqrt(square)", "square", "the root of the mean of squares"),
        ("no guard", " and e < state.shape[1]", "", "is outside"),
        ("in float64", "float32(1 - BETA_1)", "(1 - BETA_1)", "float64"),
        ("one part", "sum_of_parts(parts, e, shared)", "parts[0, min(e, parts.shape[1] - 1)]",
         "the sum of all parts"),
    ],
    "15.3": [
        ("always the first order", "epoch % orders.shape[0]", "0", "always the first epoch's"),
        ("no remainder", "epoch % orders.shape[0]", "epoch", "is outside"),
        ("one element per thread", "range(first, order.size, step)",
         "range(first, min(first + 1, order.size))", "in steps of `step`"),
        ("each thread does everything", "range(first, order.size, step)", "range(order.size)",
         "race on order"),
        ("one thread", "range(first, order.size, step)",
         "range(order.size if first == 0 else 0)", "threads write to order"),
        ("rates of another epoch", "all_rates[now, batch, k]", "all_rates[0, batch, k]",
         "always the first epoch's"),
    ],
    "15.4": [
        ("always from the first sample", "room.launch_gradients(first, count)",
         "room.launch_gradients(0, count)", "of the first one"),
        ("a full last batch", "min(room.batch_size, room.N - first)", "room.batch_size",
         "the last mini-batch is short"),
        ("a look after each batch", None, EVERY_BATCH_LOOKS, "The host waits"),
        ("the sample for the batch", "(parts, batch)", "(parts, first)", "not for a sample's"),
        ("no update", "room.launch_update(parts, batch)", "pass", "The launches are gradients"),
        ("the short batch is dropped", "range(0, room.N, ",
         "range(0, room.N - room.batch_size + 1, ", "expected are gradients and update"),
    ],
    "15.e1": [
        ("averaged", None,
         "def batch_losses(of_samples, batch_size):\n    return np.array([part.mean() for part in "
         "np.split(of_samples, range(batch_size, len(of_samples), batch_size))])",
         "not averaged"),
        ("filled up", None,
         "def batch_losses(of_samples, batch_size):\n    return of_samples[:1]", "there are 2"),
        ("one too many", "len(of_samples), batch_size", "len(of_samples) - 1, batch_size",
         "there are 3"),
    ],
    "15.e2": [
        ("no end", "(2 if validation else 1) + 1", "(2 if validation else 1)", "at the end"),
        ("no validation", "(2 if validation else 1)", "1", "needs the parameters"),
        ("made for one", "epochs * (2 if validation else 1) + 1", "2 + validation", "waits is"),
    ],
    "15.e3": [
        ("no correction", "lr * root / (1 - BETA_1**step)", "lr + 0 * step", "nothing is corrected"),
        ("from step 0", "np.arange(1, steps + 1)", "np.arange(steps)", "count from 1"),
        ("one mean only", "lr * root / (1", "lr / (1", "correct it, too"),
        ("plain epsilon", "1e-8 * root", "1e-8 + 0 * root", "it is multiplied, too"),
    ],
    "15.e4": [
        ("one thread", None, MOMENTUM_BY_ONE, "Thread 0 writes all of state"),
        ("no guard", "e < state.shape[1]", "e >= 0", "is outside"),
        ("a running mean", "velocity += parts[part, e]",
         "velocity += (1 - rates[step, 1]) * parts[part, e]", "added whole"),
        ("not written back", "        state[1, e] = velocity\n", "", "must be written back"),
    ],
    "15.e5": [
        ("a look per epoch", None, A_LOOK_PER_EPOCH, "One is enough"),
        ("copied before the epoch",
         "        room.launch_all()\n        kept[epoch].copy_to_device(room.loss)",
         "        kept[epoch].copy_to_device(room.loss)\n        room.launch_all()", "losses["),
        ("worked out from the last", None,
         "def losses_of_training(room, epochs):\n    for _ in range(epochs):\n        room.launch_all()\n"
         "    last = room.loss.copy_to_host()\n"
         "    return np.stack([last - (epochs - 1 - k) for k in range(epochs)])", "losses["),
        ("only the last", "kept[epoch].copy_to_device", "kept[0].copy_to_device", "losses["),
        ("one epoch too few", "range(epochs)", "range(epochs - 1)", "launches 0 epochs"),
    ],
}  # fmt: skip
