"""Launches on several CPU cores: only kernels whose blocks never meet, and to the same bits."""

import numpy as np
import pytest

from lstm_kernels import VERSIONS, init_params
from lstm_kernels.emulator import OutOfBounds, cores, cuda
from lstm_kernels.versions import cuda_v1, cuda_v2, cuda_v4, cuda_v5, cuda_v6
from lstm_kernels.versions.parts import make_sum_kernel

FLOAT = np.dtype(np.float32)


@cuda.jit(device=True)
def put(array, place, value):
    array[place] = value


@cuda.jit
def own_element(a, first):
    put(a, first + cuda.blockIdx.x, cuda.blockIdx.x)


@cuda.jit
def dealt_out(a):
    for n in range(cuda.blockIdx.x, a.size, cuda.gridDim.x):
        a[n] = n


@cuda.jit
def wrong_stride(a):
    for n in range(cuda.blockIdx.x, a.size, cuda.blockDim.x):
        a[n] = n


@cuda.jit
def neighbour(a):
    n = cuda.blockIdx.x
    if n + 1 < a.size:
        a[n] = a[n + 1]


@cuda.jit
def two_offsets(a, first, second):
    n = cuda.blockIdx.x
    a[first + n] = 1
    a[second + n] = 2


@cuda.jit
def one_sum(a):
    cuda.atomic.add(a, 0, 1)


@cuda.jit
def same_place(a):
    a[cuda.threadIdx.x] = cuda.blockIdx.x


@cuda.jit
def changed_index(a):
    n = cuda.blockIdx.x
    n = n // 2
    a[n] = n


@cuda.jit
def another_name(a, b):
    c = a
    if b.size > 1:
        c = b
    c[cuda.blockIdx.x] = a[0]


@cuda.jit
def copy(a, b):
    n = cuda.grid(1)
    if n < a.size:
        b[n] = a[n]


@cuda.jit(device=True)
def fill(row, number):
    for k in range(row.size):
        row[k] = number


@cuda.jit
def own_part(a, b):
    for n in range(cuda.blockIdx.x, a.shape[0], cuda.gridDim.x):
        fill(a[n], b[n])
    for n in range(cuda.blockIdx.x, a.shape[0], cuda.gridDim.x):
        a[n, 0] += 1


@cuda.jit
def part_of_neighbour(a, b):
    n = cuda.blockIdx.x
    fill(a[n], b[n])
    fill(a[(n + 1) % a.shape[0]], b[n])


@cuda.jit
def number_of_neighbour(a, b):
    n = cuda.blockIdx.x
    fill(b[n], a[n, 0])
    fill(a[n], b[n - 1, 0])


SAFE = (own_element, dealt_out, copy, own_part, cuda_v4.make_kernel(FLOAT),
        cuda_v5.make_kernel(16, FLOAT), make_sum_kernel(FLOAT), cuda_v6.make_sgd(FLOAT),
        cuda_v6.make_adam(FLOAT))  # fmt: skip
UNSAFE = (wrong_stride, neighbour, two_offsets, one_sum, same_place, changed_index, another_name,
          part_of_neighbour, number_of_neighbour, cuda_v1.kernel, cuda_v2.kernel)  # fmt: skip


@pytest.fixture
def always_shared(monkeypatch):
    """Four cores, and no launch too short to be shared."""
    monkeypatch.setattr(cores, "WORTH_IT", -1.0)
    monkeypatch.setattr(cores.numba.config, "NUMBA_NUM_THREADS", 4)
    cores._pool.cache_clear()
    yield
    cores._pool.cache_clear()


@pytest.mark.parametrize("kernel", SAFE, ids=lambda kernel: kernel.__name__)
def test_blocks_that_never_meet_are_recognised(kernel):
    assert kernel.build.written_apart


@pytest.mark.parametrize("kernel", UNSAFE, ids=lambda kernel: kernel.__name__)
def test_all_others_run_on_one_core(kernel):
    assert kernel.build.written_apart is None


def shares(kernel, grid, *arguments):
    return cores.shares(kernel[grid, 1], arguments)


def test_the_blocks_are_shared_out_evenly(always_shared):
    assert shares(dealt_out, 10, np.zeros(10)) == [(0, 2), (2, 5), (5, 7), (7, 10)]
    assert shares(dealt_out, 3, np.zeros(10)) == [(0, 1), (1, 2), (2, 3)]


def test_what_the_proof_takes_for_granted_is_checked_at_the_launch(always_shared):
    a, b = np.zeros(8), np.zeros(8)
    assert len(shares(copy, 8, a, b)) == 4
    assert len(shares(copy, 8, a, a)) == 1  # one array, given twice
    assert len(shares(copy, 8, b[:6], b[2:])) == 1  # two views of one array
    assert len(shares(own_element, 8, a, 0)) == 4
    assert len(shares(own_element, 8, a, -1)) == 1  # -1 is the last element
    assert len(shares(dealt_out, (2, 2), a)) == 1  # blockIdx.x is not one block's own


@pytest.mark.parametrize("name", ["cuda_v4", "cuda_v5"])
def test_any_number_of_cores_gives_the_same_bits(name, always_shared, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, 13, 1)).astype(FLOAT)
    params = init_params(1, 6, 1)
    loss, grads = VERSIONS[name].gradients(params, x, y)
    monkeypatch.setattr(cores, "WORTH_IT", np.inf)
    loss_of_one, grads_of_one = VERSIONS[name].gradients(params, x, y)
    assert loss == loss_of_one
    assert all(map(np.array_equal, grads, grads_of_one))


def test_an_error_on_another_core_is_raised(always_shared):
    with pytest.raises(OutOfBounds, match=r"a\[6\].*block \(6, 0, 0\)|array\[6\].*block \(6, 0, 0"):
        own_element[8, 1](np.zeros(6), 0)


def test_short_launches_stay_on_one_core(monkeypatch):
    monkeypatch.setattr(cores, "shares", None)  # would fail if it were called
    a = np.zeros(4)
    own_element[4, 1](a, 0)
    assert a.tolist() == [0, 1, 2, 3]
