"""Device functions in a module of their own, as the course's kernels have them."""

from lstm_kernels.emulator import cuda

OFFSET = 100
FACTOR = 10  # the same name means something else in `inner`'s closure


def _make():
    FACTOR = 2

    @cuda.jit(device=True, inline="always")
    def inner(rank):
        return FACTOR * rank

    return inner


inner = _make()


@cuda.jit(device=True)
def twice_rank(value):
    return value * FACTOR + inner(cuda.threadIdx.x)
