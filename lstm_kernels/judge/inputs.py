"""Random numbers for the judge, other ones at each call, with the sizes at which things break."""

import numpy as np

from lstm_kernels.model import Params, Sizes, param_shapes

BATCHES = (1, 31, 33, 129)  # around the edges of a warp and of a block
SIZES = (  # T, N, D, H, O: one step; sizes that are no powers of two; several inputs and outputs
    Sizes(1, 1, 1, 1, 1),
    Sizes(3, 2, 2, 3, 2),
    Sizes(5, 4, 1, 6, 3),
)


def floats(*shape, dtype=np.float32):
    """Normal numbers, as a C-contiguous array; without a shape one number."""
    return np.random.default_rng().normal(size=shape).astype(dtype) if shape else (
        dtype(np.random.default_rng().normal()))  # fmt: skip


def zeros(*shape):
    """What a task's results hold at the start."""
    return np.zeros(shape, np.float32)


def random_params(D, H, O, dtype=np.float32):  # noqa: E741
    """Parameters of everyday size, biases too."""
    return Params(*(floats(*shape, dtype=dtype) / 2 for shape in param_shapes(D, H, O)))


def random_problem(sizes, dtype=np.float32):
    """params, x (T, N, D), y (T, N, O)."""
    T, N, D, H, O = sizes  # noqa: E741
    return (
        random_params(D, H, O, dtype),
        floats(T, N, D, dtype=dtype),
        floats(T, N, O, dtype=dtype),
    )


def text(sizes):
    """T = 3, N = 2, D = 2, H = 3, O = 2: for messages."""
    return ", ".join(f"{name} = {size}" for name, size in zip(sizes._fields, sizes, strict=True))
