"""V6: the whole training on the device: data, optimiser and epoch loop stay there.  Lesson 15.

Two launches a mini-batch: V5's kernel, and one that sums the blocks' parts and updates the
parameters.  The host only queues launches; it waits once an epoch, to read the losses.
"""

import math
import time
from functools import lru_cache

import numba
import numpy as np

from lstm_kernels.machine.device import cuda
from lstm_kernels.model import checked, sizes
from lstm_kernels.optimizers import Adam, History, Progress, shuffled_batches
from lstm_kernels.versions import cuda_v5
from lstm_kernels.versions.cuda_v5 import SUM_THREADS, sum_of_parts
from lstm_kernels.versions.numpy_batched import predict
from lstm_kernels.versions.packing import PADDED, make_layout, pack, unpack

gradients = cuda_v5.gradients
PLAN = 2**31  # bytes at most of this computer's memory, for the order of all epochs
BETA_1, BETA_2 = Adam.BETA_1, Adam.BETA_2  # constants in the kernel: arguments cost the host

# ---- the optimisers: a column of threads a parameter ---------------------------------------


@lru_cache
def make_sgd(dtype):
    """The kernel of one step of gradient descent."""
    number = numba.from_dtype(dtype)

    @cuda.jit
    def sgd_kernel(parts, state, rates, step):
        """state (1, size): parameters; rates (steps, 1): lr."""
        shared, e = cuda.shared.array(SUM_THREADS, number), cuda.grid(1)
        g = sum_of_parts(parts, e, shared)
        if cuda.threadIdx.y == 0 and e < state.shape[1]:
            state[0, e] -= rates[step, 0] * g

    return sgd_kernel


@lru_cache
def make_adam(dtype):
    """The kernel of one step of Adam."""
    number = numba.from_dtype(dtype)

    @cuda.jit
    def adam_kernel(parts, state, rates, step):
        """state (3, size): parameters and means; rates (steps, 2): lr, epsilon."""
        shared, e = cuda.shared.array(SUM_THREADS, number), cuda.grid(1)
        g = sum_of_parts(parts, e, shared)
        if cuda.threadIdx.y == 0 and e < state.shape[1]:
            mean, square = state[1, e], state[2, e]
            mean += number(1 - BETA_1) * (g - mean)
            square += number(1 - BETA_2) * (g * g - square)
            state[0, e] -= rates[step, 0] * mean / (math.sqrt(square) + rates[step, 1])
            state[1, e], state[2, e] = mean, square

    return adam_kernel


# ---- the training -------------------------------------------------------------------------


class DeviceTraining:
    """Everything that a training needs, copied to the device once.

    All its work waits in one queue, `stream`; 0 is the default one.
    """

    def __init__(self, params, x, y, orders, batch_size, rule, stream=0):
        T, N, D, H, O = sizes(params, x)  # noqa: E741
        check_hidden_size(H)
        self.layout, self.rule, self.stream = make_layout(D, H, O), rule, stream
        self.N, self.batch_size, self.started = N, batch_size, 0  # epochs started
        self.batches, self.steps = -(-N // batch_size), T * O  # of an epoch; of a sample
        blocks = cuda_v5.count_blocks(batch_size, self.layout.P)
        shapes = cuda_v5.workspace_shapes(T, batch_size, blocks, self.layout, x.itemsize)
        *self.work, parts = [cuda.device_array(shape, x.dtype) for shape in shapes[:2]]
        counts = batch_size, N % batch_size or batch_size  # samples of a batch, of the last one
        self.parts = {count: parts[:count] for count in counts}  # a row for each block
        self.loss = cuda.device_array(len(orders), x.dtype)  # of each sample, in training order
        updates = len(orders) // N * self.batches
        rates = np.array([rule.next_step() for _ in range(updates)], x.dtype)
        rows, update = (3, make_adam) if isinstance(rule, Adam) else (1, make_sgd)
        state = np.zeros((rows, self.layout.size), x.dtype)
        state[0] = pack(params, self.layout)
        there = [cuda.to_device(a, stream) for a in (x, y, orders, state, rates)]
        self.x, self.y, self.order, self.state, self.rates = there
        self.wait()  # until then nobody may change or free what is copied
        self.packed = self.state[0]
        self.before = [cuda.device_array_like(self.packed) for _ in range(2)]
        self.kernel, self.update_kernel = (
            cuda_v5.make_kernel(self.layout.P, x.dtype),
            update(x.dtype),
        )

    def epoch(self, epoch):
        """Queue one epoch's launches.  Nothing is waited for."""
        self.before[epoch % 2].copy_to_device(self.packed, stream=self.stream)  # on the device
        self.started = epoch + 1
        self.queue(epoch)

    def queue(self, epoch):
        """All steps of an epoch."""
        for batch in range(self.batches):
            start = batch * self.batch_size
            count = min(self.batch_size, self.N - start)
            self.step(epoch * self.N + start, count, epoch * self.batches + batch)

    def step(self, first, count, update):
        """Two launches: gradients of `count` samples from place `first`; update number `update`."""
        layout, parts = self.layout, self.parts[count]
        at = layout.U, layout.B, layout.V, layout.b_out
        scale = self.x.dtype.type(1 / (self.steps * count))
        batch = self.x, self.y, self.order, first, count, scale
        grid = parts.shape[0], 4 * layout.P, self.stream
        self.kernel[grid](self.packed, *at, *batch, *self.work, parts, self.loss)
        grid = *cuda_v5.sum_shape(parts.shape[0], layout.size), self.stream
        self.update_kernel[grid](parts, self.state, self.rates, update)

    def losses(self, epoch):
        """The losses of an epoch's batches."""
        of_samples = self.fetch(self.loss[epoch * self.N : (epoch + 1) * self.N])
        return np.add.reduceat(of_samples, range(0, self.N, self.batch_size))

    def params(self, epoch):
        """The parameters as this epoch found them, copied back: the last two and the next one."""
        packed = self.packed if epoch == self.started else self.before[epoch % 2]
        return unpack(self.fetch(packed), self.layout)

    def fetch(self, array):
        """A copy of this array: here the host waits until all that was queued before is done."""
        copied = array.copy_to_host(stream=self.stream)
        self.wait()
        return copied

    def wait(self):
        """Wait for a copy in a stream of its own; one in the default stream waits by itself."""
        if self.stream:
            self.stream.synchronize()


def check_hidden_size(H):
    """Raise ValueError, before anything is copied, if the weights do not fit into registers."""
    if H > PADDED[-1]:
        raise ValueError(
            f"H is {H}; cuda_v6 keeps the weights in registers, so the limit is {PADDED[-1]}. "
            "Use cuda_v5 or cuda_v4 for larger H."
        )


def check_schedule(N, epochs, batch_size):
    """Raise ValueError, before anything is made, if the plan of all epochs takes too much memory.

    The plan is the order of all samples in all epochs, three times while it is made, and what
    Python needs for each batch: about 400 bytes.
    """
    of_epoch = 3 * 8 * N + 400 * -(-N // batch_size)
    if epochs * of_epoch > PLAN:
        raise ValueError(
            f"epochs is {epochs}; cuda_v6 plans all of them before the first, which would take "
            f"{epochs * of_epoch / 2**30:,.1f} GiB of memory. With N={N} and batch {batch_size} "
            f"the limit is {PLAN // of_epoch} epochs. Use fewer, or cuda_v5, which plans one."
        )


def fit(params, x, y, *, epochs, batch_size, rule, seed, on_batch, validation):
    """As `training.fit`, which checks the arguments; called by it.

    The losses are read once an epoch, so on_batch hears of an epoch's batches together, at the
    epoch's end, and a stop takes effect there.  After Ctrl-C, the complete epochs count.
    """
    params, x, y = checked(params, x, y)
    rng = np.random.default_rng(seed)
    batches = [shuffled_batches(x.shape[1], batch_size, rng) for _ in range(epochs)]
    orders = np.concatenate([np.concatenate(epoch) for epoch in batches])
    training = DeviceTraining(params, x, y, orders, batch_size, rule)
    history, start, done = History(), time.perf_counter(), 0
    try:
        for epoch in range(epochs):
            training.epoch(epoch)
            losses = training.losses(epoch)
            if not np.isfinite(losses).all():
                done = last_good(losses, epoch)
                history.stopped = diverged(losses, epoch, rule.lr)
                break
            note(history, losses.tolist(), batches[epoch], time.perf_counter() - start)
            done = epoch + 1
            if validation is not None:
                error = predict(training.params(done), validation[0]) - validation[1]
                history.validation_losses.append(float((error**2).mean()))
            if stopped_by(on_batch, done, history.batch_losses[-len(losses) :]):
                history.stopped = f"stopped by on_batch in epoch {done}"
                break
    except KeyboardInterrupt:
        history.stopped = f"interrupted after {len(history.batch_losses)} batches"
    return finite_params(training, history, done), history


def note(history, losses, batches, seconds):
    """Write one epoch into the history."""
    history.batch_losses += losses
    history.seconds += [seconds] * len(losses)
    history.epoch_losses.append(float(np.average(losses, weights=list(map(len, batches)))))


def stopped_by(on_batch, epoch, losses):
    """Tell on_batch of the epoch's batches; True if it asks to stop."""
    told = (Progress(epoch, b, len(losses), loss) for b, loss in enumerate(losses, 1))
    return any([on_batch(progress) is False for progress in told])


# ---- when it does not end well ------------------------------------------------------------


def diverged(losses, epoch, lr):
    number = int(np.argmin(np.isfinite(losses)))
    return (
        f"diverged in epoch {epoch + 1}, batch {number + 1}: the loss is {losses[number]}. The "
        f"parameters at the start of an epoch with a finite loss are returned; "
        f"try a learning rate below lr={lr}"
    )


def last_good(losses, epoch):
    """The epoch whose first parameters had a finite loss: this one, or the one before."""
    return epoch if np.isfinite(losses[0]) else max(epoch - 1, 0)


def finite_params(training, history, epoch):
    """The parameters as `epoch` found them; the epoch's before if the last update broke them."""
    params = training.params(epoch)
    if all(np.isfinite(p).all() for p in params):
        return params
    history.stopped = (
        f"diverged in epoch {epoch}: the updated parameters are not finite. Those at its start are "
        f"returned; try a learning rate below lr={training.rule.lr}"
    )
    return training.params(epoch - 1)
