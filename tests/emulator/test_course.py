"""The race finder on the course's own kernels, whoever decorated them."""

import numpy as np

from lstm_kernels import init_params
from lstm_kernels.emulator import find_races
from lstm_kernels.model import sizes, zeros_like
from lstm_kernels.versions import cuda_v1, cuda_v2
from lstm_kernels.versions.per_sample import Workspace, workspace_shapes


def arguments(T=3, N=5, D=2, H=4, O=2):  # noqa: E741
    rng = np.random.default_rng(0)
    params = init_params(D, H, O, dtype=np.float32)
    x = rng.normal(size=(T, N, D)).astype(np.float32)
    y = rng.normal(size=(T, N, O)).astype(np.float32)
    work = [np.empty(shape, x.dtype) for shape in workspace_shapes(sizes(params, x), x.itemsize)]
    return (*params, x, y, np.float32(1 / y.size), *Workspace(*work), *zeros_like(params))


def test_v2_has_no_race():
    assert find_races(cuda_v2.kernel, 3, 2, *arguments()) == []


def test_v1_is_right_on_one_thread_and_wrong_on_two():
    assert find_races(cuda_v1.kernel, 1, 1, *arguments()) == []
    races = find_races(cuda_v1.kernel, 1, 2, *arguments())
    assert {"dU", "dW", "dB", "dV", "db_out"} <= {race.array for race in races}
