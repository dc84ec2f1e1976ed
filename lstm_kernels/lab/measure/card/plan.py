"""The sizes that `bench --card` measures.  The first ones of a list are measured first."""

from itertools import product
from typing import NamedTuple

EDGES = (  # (T, N, D, H, O): one of everything; around a warp, two warps, four; H no power of two
    (1, 1, 1, 1, 1), (12, 1, 1, 33, 1), (12, 31, 1, 32, 1), (5, 33, 2, 50, 3), (12, 129, 1, 64, 1),
    (1, 7, 3, 31, 2), (16, 5, 1, 64, 1), (17, 33, 1, 64, 2), (48, 5, 1, 20, 1),
)  # fmt: skip
LARGE = (
    (5, 7, 2, 100, 3), (5, 64, 1, 128, 1), (5, 257, 1, 128, 1), (5, 7, 1, 256, 1),
    (5, 64, 1, 256, 1), (5, 64, 1, 512, 1), (5, 257, 1, 512, 1),
)  # fmt: skip
USUAL = tuple(
    (12, H, N) for H, N in product((64, 256, 128, 512, 32), (32, 64, 128, 256, 512, 1024))
)
OTHERS = (
    (12, 64, 4096), (12, 512, 4096), (48, 64, 64), (48, 64, 256), (48, 256, 64), (11, 50, 64),
    (11, 50, 256),
)  # fmt: skip


class Plan(NamedTuple):
    """What is measured, section by section."""

    shapes: tuple = EDGES + LARGE  # right: (T, N, D, H, O)
    training: tuple = (
        (12, 70, 64, 16),
        (5, 41, 33, 8),
        (5, 70, 128, 32),
    )  # right: (T, windows, H, batch)
    steps: tuple = USUAL + OTHERS  # (T, H, N)
    step_seconds: float = 0.6  # of all rivals at one of them
    profiled: tuple = (
        (12, 64, 64),
        (12, 256, 64),
        (12, 512, 64),
        (12, 64, 1024),
    )  # traces: (T, H, N)
    trainings: tuple = (7, 64, 256, 1024)  # batch sizes, at T=11, H=50
    training_seconds: float = 8.0  # of all rivals at one of them
    kernels: tuple = tuple(product((64, 128, 256, 512), (32, 64, 256, 1024)))  # (H, N) at T=12
    replays: int = 20  # of a recorded graph
    host: tuple = ((11, 50, 64),)  # (T, H, N)
    tools_seconds: float = 60.0  # of compute-sanitizer, and of Nsight Compute


FULL = Plan()
