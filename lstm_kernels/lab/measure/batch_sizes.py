"""What the batch size does to the gradient's noise, to the loss and to the time.  Lesson 03."""

import numpy as np

from lstm_kernels.training import fit, mean_squared_error
from lstm_kernels.versions import numpy_batched


def random_gradients(params, x, y, sizes, draws=200):
    """Gradients of random batches of these sizes, as vectors whose unit is the full gradient.

    Returns the full gradient (P,), {size: (draws, P)}, and {size: noise}, the root mean square
    distance from the full gradient.
    """
    rng, N = np.random.default_rng(0), x.shape[1]

    def vector(batch):
        _, grads = numpy_batched.gradients(params, x[:, batch], y[:, batch])
        return np.concatenate([g.ravel() for g in grads])

    full = vector(range(N))
    length = np.linalg.norm(full)
    vectors = {
        size: np.array([vector(rng.permutation(N)[:size]) for _ in range(draws)]) / length
        for size in sizes
    }
    noise = {
        size: np.sqrt(((v - full / length) ** 2).sum(axis=1).mean()) for size, v in vectors.items()
    }
    return full / length, vectors, noise


def best_losses(params, x, y, batch_sizes, epochs, rates=(0.2, 0.4, 0.8)):
    """{batch size: (its best step size of these, loss on all samples after each epoch)}, by SGD."""
    found = {}
    for b in batch_sizes:
        runs = {lr: _run("numpy_batched", params, x, y, b, lr, epochs, (x, y))[1] for lr in rates}
        best = min(runs, key=lambda lr: runs[lr].validation_losses[-1])
        found[b] = best, runs[best].validation_losses
    return found


def epoch_seconds(versions, params, x, y, rates, rounds=5):
    """{version: {batch size: median seconds of one epoch}}, rivals in turns.

    rates: {batch size: step size}.  A training of numpy_batched lasts b epochs, that of another
    version one: so all last about as long.
    """
    seconds = {version: {b: [] for b in rates} for version in versions}
    for _ in range(rounds):
        for version in versions:
            for b, lr in rates.items():
                epochs = b if version == "numpy_batched" else 1
                _, history = _run(version, params, x, y, b, lr, epochs)
                seconds[version][b].append(history.seconds[-1] / epochs)
    return {v: {b: float(np.median(s)) for b, s in of.items()} for v, of in seconds.items()}


def loss_after(version, params, x, y, batch_size, lr):
    """The loss on all samples after one epoch with this version."""
    return mean_squared_error(_run(version, params, x, y, batch_size, lr, 1)[0], x, y)


def _run(version, params, x, y, batch_size, lr, epochs, validation=None):
    schedule = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "optimizer": "sgd"}
    return fit(version, params, x, y, **schedule, validation=validation)
