"""The picture of appendix A1 shows what the emulator really does."""

import numpy as np
from numba import float32

from lstm_kernels.checks import find_data_races
from lstm_kernels.emulator import cuda
from lstm_kernels.lab.figures.emulator import KERNEL, LOOP, TRANSLATED, draw_emulator
from tests.pictures import texts, titles


@cuda.jit
def reverse(x):
    part = cuda.shared.array(4, float32)
    t = cuda.threadIdx.x
    part[t] = x[t]
    cuda.syncthreads()
    x[t] = part[3 - t]


@cuda.jit
def hasty(x):
    part = cuda.shared.array(4, float32)
    t = cuda.threadIdx.x
    part[t] = x[t]
    x[t] = part[3 - t]


def shortened(text):
    """As the picture writes it: no module names, no numbers of places, `...` for types."""
    for site in range(9):
        text = text.replace(f"at(_cuda.control, {site}, ", "at(")
    text = text.replace("_gpu.", "").replace("(4,), np.float32", "...")
    return text.replace("4, float32", "4, ...").splitlines()


def test_the_picture_shows_the_kernel_and_its_twin():
    source = reverse.build.source
    twin = source[source.index("@_gpu.device") : source.index("\n_kernel")].strip()
    assert [text for text, _ in TRANSLATED] == shortened(twin)
    kernel = [text for text, _ in KERNEL]
    with open(__file__, encoding="utf-8") as file:
        assert "\n".join(kernel) in "\n".join(shortened(file.read()))
    x = np.arange(4, dtype=np.float32)
    reverse[1, 4](x)
    assert x.tolist() == [3, 2, 1, 0]


def test_the_picture_is_drawn():
    picture = draw_emulator()
    written = texts(picture.axes[0])
    for lines in (KERNEL, TRANSLATED, LOOP):
        assert [line for line in written if line in dict(lines)] == [line for line, _ in lines]
    assert "2.  A barrier is a yield" in titles(picture)[1]


def test_without_the_barrier_two_threads_read_what_nobody_has_written():
    x = np.arange(4, dtype=np.float32)
    assert {race.array for race in find_data_races(hasty, 1, 4, x)} == {"part"}
    hasty[1, 4](x)
    assert np.array_equal(x, [np.nan, np.nan, 1, 0], equal_nan=True)
