"""Random problems, a short training for them, and when two trainings end alike."""

import numpy as np

from lstm_kernels import checks, init_params


def random_problem(T, N, D, H, O, dtype=np.float32, seed=0):  # noqa: E741
    """params, x, y with values of everyday size."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, O))
    return init_params(D, H, O, seed, dtype), x.astype(dtype), y.astype(dtype)


def settings(**changes):
    """What `fit` takes besides the data; ten windows are three mini-batches."""
    return {"epochs": 2, "batch_size": 4, "lr": 1e-2, **changes}


def worst(result, expected):
    """Largest relative error of loss and gradients."""
    (loss, grads), (right_loss, right) = result, expected
    return max(map(checks.relative_error, (loss, *grads), (right_loss, *right)))


def same(a, b):
    """Are all parameters the same, to the last bit?"""
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
