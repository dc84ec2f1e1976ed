"""V6: the whole training on the device: data, optimiser and epoch loop stay there.  Lesson 15.

Two launches per mini-batch: V5's kernel, and one that sums the blocks' parts and updates the
parameters.  An epoch's launches are recorded as a CUDA graph (lesson 17): one call starts them all.
The host waits once an epoch, to read the losses.
"""

import math
import time
from functools import lru_cache, partial

import numpy as np

from lstm_kernels.machine.cuda_graph import Graph, GraphError
from lstm_kernels.machine.device import check_memory, copy_in, copy_out, count_processors, cuda
from lstm_kernels.model import sizes
from lstm_kernels.optimizers import SGD, Adam, History, Progress, shuffled_batches
from lstm_kernels.versions import cuda_v5, cuda_v7
from lstm_kernels.versions.buffers import ALIGNED, Piece, bytes_of, cut, lent, round_up
from lstm_kernels.versions.numpy_batched import predict
from lstm_kernels.versions.packing import PADDED, pack, unpack
from lstm_kernels.versions.parts import SUM_THREADS, sum_of_parts, sum_shape

gradients = cuda_v5.gradients
PLANNERS = 512  # threads of a block that plans an epoch
MOST_RECORDED = 2**13  # mini-batches of an epoch: the driver keeps some KB for each launch
PLANNED = 2**24  # bytes, about, of this computer's memory: the epochs that are planned at once
BETA_1, BETA_2 = Adam.BETA_1, Adam.BETA_2  # constants in the kernel: arguments cost the host

# ---- the optimisers: a column of threads per parameter -------------------------------------


@lru_cache
def make_sgd(dtype):
    """The kernel of one step of gradient descent."""
    number = dtype.type

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
    number = dtype.type

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


UPDATES = {SGD: (make_sgd, 1, 1), Adam: (make_adam, 3, 2)}  # rows of state, columns of rates

# ---- the plan of an epoch -------------------------------------------------------------------


@cuda.jit
def plan_kernel(begun, orders, all_rates, state, order, rates, before):
    """Put the next epoch's order of samples and step sizes where its launches look for them.

    A recorded launch always gets the same arguments, so the card counts the epochs itself: begun
    (1,).  before (2, size) keeps the parameters as this epoch and the one before it found them.
    """
    first, step, epoch = cuda.grid(1), cuda.gridsize(1), begun[0]
    now = epoch % orders.shape[0]  # after the last epoch comes the first again
    for n in range(first, order.size, step):
        order[n] = orders[now, n]
    for e in range(first, state.shape[1], step):
        before[epoch % 2, e] = state[0, e]
    for batch in range(first, rates.shape[0], step):
        for k in range(rates.shape[1]):
            rates[batch, k] = all_rates[now, batch, k]


@cuda.jit
def count_kernel(begun):
    """An epoch more.  A launch of its own: only now all blocks of the plan have read the count."""
    begun[0] += 1


# ---- the training -------------------------------------------------------------------------


class Room:
    """Memory on the card for trainings of these sizes, and the launches of an epoch in it.

    All memory is one piece, and one copy fills its beginning, `given`.
    """

    def __init__(self, size, batch_size, epochs, dtype, optimizer, recorded):
        T, N, D, H, O = size  # noqa: E741
        self.N, self.batch_size, self.batches = N, batch_size, -(-N // batch_size)
        self.lengths = [min(batch_size, N - first) for first in range(0, N, batch_size)]
        self.recorded = recorded and self.batches <= MOST_RECORDED
        self.graph, self.refused = None, None  # the recorded epoch; why the driver records none
        self.stream = cuda.stream() if recorded else 0  # the default one cannot be recorded
        make_update, rows, columns = UPDATES[optimizer]
        self.update_kernel = make_update(np.dtype(dtype))
        engine = engine_for(H)
        self.layout = engine.make_layout(D, H, O)
        size, rates = self.layout.size, (self.batches, columns)
        given = [((rows, size), dtype), ((1,), np.int64), ((epochs, N), np.int64)]
        given += [((T, N, D), dtype), ((T, N, O), dtype), ((epochs, *rates), dtype)]
        own = [((N,), np.int64), *((shape, dtype) for shape in (rates, (N,), (2, size)))]
        make = partial(self.allocate, given, own)
        self.steps = engine.Steps(self.layout, T, batch_size, dtype, make)

    def allocate(self, given, own, work):
        """Memory for all: what one copy brings, what stays, and the batch's workspace `work`."""
        start = round_up(bytes_of(given), ALIGNED)
        nbytes = start + bytes_of([*own, *work], ALIGNED)
        check_memory(nbytes, f"a training of N={self.N} samples")
        memory = cuda.device_array(nbytes, np.uint8)
        self.given = Piece(given, memory)
        self.state, self.begun, self.orders, self.x, self.y, self.all_rates = self.given.arrays
        self.packed, arrays = self.state[0], cut(memory[start:], [*own, *work], ALIGNED)
        self.order, self.rates, self.loss, self.before = arrays[: len(own)]
        return arrays[len(own) :]

    def queue(self):
        """All launches of an epoch.  The first one's compile; so those are recorded afterwards."""
        if self.graph is not None:
            self.graph.launch()
            return
        self.launch_all()
        if self.recorded:
            self.record()

    def launch_all(self):
        """The plan of the epoch, in two; then two for each mini-batch."""
        plan = self.orders, self.all_rates, self.state, self.order, self.rates, self.before
        most = -(-max(self.N, self.layout.size) // PLANNERS)
        blocks = min(most, count_processors())
        plan_kernel[blocks, PLANNERS, self.stream](self.begun, *plan)
        count_kernel[1, 1, self.stream](self.begun)
        launch_batches(self)

    def launch_gradients(self, first, count):
        """Queue the gradients of `count` samples of the order, from `first` on: their parts."""
        samples = self.order, first, count
        return self.steps.queue(self.packed, self.x, self.y, *samples, self.loss, self.stream)

    def launch_update(self, parts, batch):
        """Queue the update of the parameters with the step sizes of the epoch's `batch`."""
        grid = *sum_shape(len(parts), self.layout.size), self.stream
        self.update_kernel[grid](parts, self.state, self.rates, batch)

    def record(self):
        """Record an epoch for all that follow; a driver that refuses is not asked again."""
        try:
            self.graph = Graph(self.stream, self.launch_all)
        except GraphError as why:
            self.recorded, self.refused = False, str(why)

    def fetch(self, array):
        """A copy of this array: here the host waits until all that was queued before is done."""
        copied = copy_out(array, self.stream)
        if self.stream:  # a copy in the default stream waits by itself
            self.stream.synchronize()
        return copied


def launch_batches(room):
    """An epoch's mini-batches, two launches each.  Nothing is waited for."""
    for batch, first in enumerate(range(0, room.N, room.batch_size)):
        count = min(room.batch_size, room.N - first)
        parts = room.launch_gradients(first, count)
        room.launch_update(parts, batch)


class DeviceTraining:
    """A training on the device: all that it needs is copied there once.

    orders: the samples of all epochs, one epoch after the other.  recorded: each epoch as a CUDA
    graph, where the driver can.  room: the memory to use, if there is some for just these sizes.
    """

    def __init__(self, params, x, y, orders, batch_size, rule, recorded=True, room=None):
        self.rule, self.started = rule, 0  # epochs started
        self.epochs = len(orders) // x.shape[1]
        self.room = room or Room(*room_for(params, x, self.epochs, batch_size, rule, recorded))
        room = self.room
        state = room.given.twins[0]  # its other rows, Adam's means, are zero
        state[0] = pack(params, room.layout)
        orders, rates = self.tables(orders)
        room.given.send(state, 0, orders, x, y, rates, stream=room.stream)

    def tables(self, orders):
        """The plan of these epochs as it is copied: their orders, and the sizes of their steps."""
        _, _, all_orders, _, _, all_rates = self.room.given.twins
        orders = orders.reshape(-1, self.room.N)
        steps = [self.rule.next_step() for _ in range(len(orders) * self.room.batches)]
        all_orders[: len(orders)] = orders
        all_rates[: len(orders)] = np.reshape(steps, (len(orders), *all_rates.shape[1:]))
        return all_orders, all_rates

    def go_on(self, orders):
        """The plan of further epochs, no more than before, in the place of those that are done."""
        there = self.room.orders, self.room.all_rates
        for table, here in zip(there, self.tables(orders), strict=True):
            copy_in(table, here, self.room.stream)

    def epoch(self, epoch):
        """Queue this epoch's launches, the next one's; after the last comes the first again.

        Nothing is waited for.
        """
        if epoch != self.started % self.epochs:
            raise ValueError(f"epoch is {epoch}; the next one is {self.started % self.epochs}")
        self.room.queue()
        self.started += 1

    def losses(self, epoch):
        """The losses of the batches of the epoch that was started last."""
        if (epoch + 1 - self.started) % self.epochs:
            raise ValueError(f"epoch is {epoch}; only the last one's losses are kept")
        of_samples = self.room.fetch(self.room.loss)
        return np.add.reduceat(of_samples, range(0, self.room.N, self.room.batch_size))

    def params(self, epoch):
        """The parameters as this epoch found them, copied back: the last two and the next one."""
        return unpack(self.packed(epoch), self.room.layout)

    def packed(self, epoch):
        """The same, in the packed order."""
        room = self.room
        return room.fetch(room.packed if epoch == self.started else room.before[epoch % 2])

    def recount(self):
        """After Ctrl-C: the card knows how many epochs were started."""
        self.started = int(self.room.fetch(self.room.begun)[0])


def room_for(params, x, epochs, batch_size, rule, recorded=True):
    """What a Room is made from."""
    optimizer = Adam if isinstance(rule, Adam) else SGD
    return sizes(params, x), batch_size, epochs, x.dtype, optimizer, recorded


def engine_for(H):
    """Who makes the launches that fill `parts`: V5 up to H=64, V7 above; ValueError if nobody."""
    engine = cuda_v5 if H <= PADDED[-1] else cuda_v7
    engine.check_hidden_size(H)
    return engine


def check_hidden_size(H):
    """Raise ValueError, before anything is copied, if nobody can train so many hidden units."""
    engine_for(H)


def orders_of(N, epochs, batch_size, rng):
    """The samples of all epochs, one epoch after the other: in pieces, each made when needed.

    An epoch's plan takes this computer three times its order while it is made, and about 400 bytes
    for each batch.
    """
    at_once = max(1, PLANNED // (3 * 8 * N + 400 * -(-N // batch_size)))
    for done in range(0, epochs, at_once):
        some = [shuffled_batches(N, batch_size, rng) for _ in range(min(at_once, epochs - done))]
        yield np.concatenate([np.concatenate(epoch) for epoch in some])


def fit(params, x, y, *, epochs, batch_size, rule, seed, on_batch, validation):
    """As `training.fit`, which checks the arguments; called by it.

    The losses are read once an epoch, so on_batch hears of an epoch's batches together, at the
    epoch's end, and a stop takes effect there.  After Ctrl-C, the complete epochs count.
    """
    N = x.shape[1]
    orders = orders_of(N, epochs, batch_size, np.random.default_rng(seed))
    first = next(orders)  # of all epochs, unless they are very many
    with lent(Room, *room_for(params, x, len(first) // N, batch_size, rule)) as room:
        training = DeviceTraining(params, x, y, first, batch_size, rule, room=room)
        return train(training, epochs, orders, on_batch, validation)


def train(training, epochs, orders, on_batch, validation):
    """All epochs, one after the other, and whatever ends them early: (params, History).

    orders: those of further epochs, for when all are done that `training` knows.
    """
    history, start, done = History(), time.perf_counter(), 0
    try:
        for epoch in range(epochs):
            planned = epoch % training.epochs
            if epoch and planned == 0:
                training.go_on(next(orders))
            training.epoch(planned)
            losses = training.losses(planned)
            if not np.isfinite(losses).all():
                done = last_good(losses, epoch)
                history.stopped = diverged(losses, epoch, training.rule.lr)
                break
            note(history, losses.tolist(), training.room.lengths, time.perf_counter() - start)
            done = epoch + 1
            if validation is not None:
                error = predict(training.params(done), validation[0]) - validation[1]
                history.validation_losses.append(float((error**2).mean()))
            if stopped_by(on_batch, done, history.batch_losses[-len(losses) :]):
                history.stopped = f"stopped by on_batch in epoch {done}"
                break
    except KeyboardInterrupt:
        training.recount()
        history.stopped = f"interrupted after {len(history.batch_losses)} batches"
    return finite_params(training, history, done), history


def note(history, losses, weights, seconds):
    """Write one epoch into the history; weights: how many samples each batch has."""
    history.batch_losses += losses
    history.seconds += [seconds] * len(losses)
    history.epoch_losses.append(float(np.dot(losses, weights) / sum(weights)))


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
    packed = training.packed(epoch)
    if np.isfinite(packed).all():
        return unpack(packed, training.room.layout)
    history.stopped = (
        f"diverged in epoch {epoch}: the updated parameters are not finite. Those at its start are "
        f"returned; try a learning rate below lr={training.rule.lr}"
    )
    return training.params(epoch - 1)
