"""V6: the whole training on the device: data, optimiser and epoch loop stay there.  Lesson 11.

Two launches a mini-batch: V5's kernel, and one that sums the blocks' parts and updates the
parameters.  The host only queues launches; it waits once an epoch, to read the losses.
"""

import math
import time

import numpy as np

from lstm_kernels.device import cuda
from lstm_kernels.model import checked, sizes
from lstm_kernels.optimizers import Adam
from lstm_kernels.schedule import History, Progress, shuffled_batches
from lstm_kernels.versions import cuda_v5
from lstm_kernels.versions.numpy_batched import predict
from lstm_kernels.versions.packing import PADDED, make_layout, pack, unpack

gradients = cuda_v5.gradients
THREADS = 128  # a block of the update kernels

# ---- the optimisers: a thread a parameter --------------------------------------------------


@cuda.jit(device=True)
def sum_of_parts(parts, e):
    """Element e of the gradient: the blocks' parts, added in the same order each time."""
    result = parts[0, e]
    for block in range(1, parts.shape[0]):
        result += parts[block, e]
    return result


@cuda.jit
def sgd_kernel(parts, packed, lr):
    """One step of gradient descent."""
    e = cuda.grid(1)
    if e < packed.size:
        packed[e] -= lr * sum_of_parts(parts, e)


@cuda.jit
def adam_kernel(parts, packed, mean, square, keep_mean, keep_square, lr, epsilon):
    """One step of Adam; keep_mean and keep_square are 1 - beta_1 and 1 - beta_2."""
    e = cuda.grid(1)
    if e < packed.size:
        g = sum_of_parts(parts, e)
        mean[e] += keep_mean * (g - mean[e])
        square[e] += keep_square * (g * g - square[e])
        packed[e] -= lr * mean[e] / (math.sqrt(square[e]) + epsilon)


# ---- the training -------------------------------------------------------------------------


class DeviceTraining:
    """Everything that a training needs, copied to the device once."""

    def __init__(self, params, x, y, orders, batch_size, rule):
        T, N, D, H, O = sizes(params, x)  # noqa: E741
        check_hidden_size(H)
        self.layout, self.rule, self.batch_size = make_layout(D, H, O), rule, batch_size
        self.number, self.steps = x.dtype.type, T * O
        blocks = min(batch_size, cuda_v5.count_processors())
        shapes = cuda_v5.workspace_shapes(T, batch_size, blocks, self.layout)
        self.work = [cuda.device_array(shape, x.dtype) for shape in shapes[:4]]
        self.parts = cuda.device_array(shapes[4], x.dtype)
        self.x, self.y, self.order = map(cuda.to_device, (x, y, orders))
        self.packed = cuda.to_device(pack(params, self.layout))
        self.before = cuda.device_array_like(self.packed)  # as the epoch found it
        zeros = np.zeros(self.layout.size, x.dtype)
        self.mean, self.square = cuda.to_device(zeros), cuda.to_device(zeros)
        self.loss = cuda.device_array(len(orders), x.dtype)  # of each sample, in training order
        self.kernel = cuda_v5.make_kernel(self.layout.P, x.dtype)

    def epoch(self, first, N):
        """Queue one epoch's launches; `first` is its place in `order`.  Nothing is waited for."""
        self.before.copy_to_device(self.packed)
        for start in range(first, first + N, self.batch_size):
            self.step(start, min(self.batch_size, first + N - start))

    def step(self, first, count):
        """Two launches: the gradients of `count` samples from place `first`, and the update."""
        layout, blocks = self.layout, min(count, self.parts.shape[0])
        at = layout.U, layout.B, layout.V, layout.b_out
        scale = self.number(1 / (self.steps * count))
        batch = self.x, self.y, self.order, first, count, scale
        parts = self.parts[:blocks]
        self.kernel[blocks, 4 * layout.P](self.packed, *at, *batch, *self.work, parts, self.loss)
        self.update(parts)

    def update(self, parts):
        grid = -(-self.layout.size // THREADS)
        if isinstance(self.rule, Adam):
            constants = (1 - Adam.BETA_1, 1 - Adam.BETA_2, *self.rule.next_step())
            state = self.packed, self.mean, self.square
            adam_kernel[grid, THREADS](parts, *state, *map(self.number, constants))
        else:
            sgd_kernel[grid, THREADS](parts, self.packed, self.number(self.rule.lr))

    def params(self, packed=None):
        """The parameters, copied back to the host."""
        return unpack((self.packed if packed is None else packed).copy_to_host(), self.layout)


def check_hidden_size(H):
    """Raise ValueError, before anything is copied, if the weights do not fit into registers."""
    if H > PADDED[-1]:
        raise ValueError(
            f"H is {H}; cuda_v6 keeps the weights in registers, so the limit is {PADDED[-1]}. "
            "Use cuda_v5 or cuda_v4 for larger H."
        )


def fit(params, x, y, *, epochs, batch_size, rule, seed, on_batch, validation):
    """As `training.fit`, which checks the arguments; called by it.

    The losses are read once an epoch, so on_batch hears of an epoch's batches together, at the
    epoch's end, and a stop takes effect there.
    """
    params, x, y = checked(params, x, y)
    rng, N = np.random.default_rng(seed), x.shape[1]
    batches = [shuffled_batches(N, batch_size, rng) for _ in range(epochs)]
    orders = np.concatenate([index for epoch in batches for index in epoch])
    training = DeviceTraining(params, x, y, orders, batch_size, rule)
    history, start = History(), time.perf_counter()
    try:
        for epoch in range(epochs):
            training.epoch(epoch * N, N)
            sample_losses = training.loss[epoch * N : (epoch + 1) * N].copy_to_host()
            losses = split_by_batch(sample_losses, batch_size)
            if not np.isfinite(losses).all():
                history.stopped = diverged(losses, epoch, rule.lr)
                return training.params(training.before), history
            seconds = time.perf_counter() - start
            note(history, losses, seconds, [len(index) for index in batches[epoch]])
            if validation is not None:
                error = predict(training.params(), validation[0]) - validation[1]
                history.validation_losses.append(float((error**2).mean()))
            if stopped_by(on_batch, epoch, losses):
                history.stopped = f"stopped by on_batch in epoch {epoch + 1}"
                break
    except KeyboardInterrupt:
        history.stopped = f"interrupted after {len(history.batch_losses)} batches"
    return training.params(), history


def split_by_batch(sample_losses, batch_size):
    """Sums over the samples of each batch: the batches' losses."""
    starts = range(0, len(sample_losses), batch_size)
    return [float(sample_losses[s : s + batch_size].sum()) for s in starts]


def note(history, losses, seconds, counts):
    """Write one epoch into the history."""
    history.batch_losses += losses
    history.seconds += [seconds] * len(losses)
    history.epoch_losses.append(float(np.average(losses, weights=counts)))


def stopped_by(on_batch, epoch, losses):
    """Tell on_batch of the epoch's batches; True if it asks to stop."""
    told = (Progress(epoch + 1, b, len(losses), loss) for b, loss in enumerate(losses, 1))
    return any([on_batch(progress) is False for progress in told])


def diverged(losses, epoch, lr):
    number = int(np.argmin(np.isfinite(losses)))
    return (
        f"diverged in epoch {epoch + 1}, batch {number + 1}: the loss is {losses[number]}. The "
        f"parameters at the start of this epoch are returned; try a learning rate below lr={lr}"
    )
