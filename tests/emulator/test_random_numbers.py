"""`cuda.random`: the states and the numbers are numba-cuda's own, to the last bit.

numba-cuda's functions are Numba's, so its own ones run here, on the CPU, where it is installed.
KNOWN was made by them (numba-cuda 0.30.4, Numba 0.68.1): `init_xoroshiro128p_states_cpu` for a
seed, then from each of two states a number of each kind, in the order of KINDS.
"""

import numpy as np
import pytest

from lstm_kernels.emulator import cuda

KINDS = ("uniform_float32", "uniform_float64", "normal_float32", "normal_float64")
uniform32, uniform64, normal32, normal64 = (
    getattr(cuda.random, f"xoroshiro128p_{kind}") for kind in KINDS
)
KNOWN = {  # (seed, first subsequence): the states, the numbers drawn from each
    (1, 0): (
        [(0x910A2DEC89025CC1, 0x910A2DEC89025CC1), (0x73C19A5348FC9098, 0x6C96C932F21D71EE)],
        [
            (0.13312314450740814, 0.37805969057650834, -1.660347819328308, 1.2706192432696535),
            (0.8763487339019775, 0.21028068449282, 1.1530495882034302, 1.0597236379743995),
        ],
    ),
    (2026, 3): (
        [(0xC8C5F49655B451FA, 0x2C04501511B8FBE3), (0x6AD7879744DB252A, 0x7ABF5351706EB2C0)],
        [
            (0.9562113881111145, 0.6926227268865918, 1.2973555326461792, 0.09523992774664707),
            (0.8968331217765808, 0.9834852688086171, -1.3590797185897827, -1.0437391897974035),
        ],
    ),
}


@cuda.jit
def draw(states, u32, u64, n32, n64):
    i = cuda.grid(1)
    for k in range(u32.shape[1]):
        u32[i, k] = uniform32(states, i)
        u64[i, k] = uniform64(states, i)
        n32[i, k] = normal32(states, i)
        n64[i, k] = normal64(states, i)


def drawn(states, draws=1):
    """The numbers of each kind, shape (states, draws); changes the states."""
    shape = states.size, draws
    arrays = [np.zeros(shape, kind[-7:]) for kind in KINDS]
    draw[1, states.size](states, *arrays)
    return arrays


@pytest.mark.long
@pytest.mark.parametrize("seed, first", KNOWN)
def test_known_numbers(seed, first):
    """Uniform ones to the last bit; the others contain a logarithm and a cosine."""
    expected_states, expected = KNOWN[seed, first]
    states = cuda.random.create_xoroshiro128p_states(2, seed, first)
    assert states.copy_to_host().tolist() == expected_states
    u32, u64, n32, n64 = (column[:, 0] for column in drawn(states))
    expected = np.array(expected)
    assert (u32 == expected[:, 0]).all() and (u64 == expected[:, 1]).all()
    assert np.allclose(n32, expected[:, 2], rtol=1e-6, atol=0)
    assert np.allclose(n64, expected[:, 3], rtol=1e-6, atol=0)


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, -5, 2**63 - 1, 20261128])
def test_numba_cudas_own_numbers(seed):
    """Its functions and ours on the same CPU: the same bits, 200 draws of each of 20 states."""
    theirs = pytest.importorskip("numba.cuda.random")
    states = cuda.random.create_xoroshiro128p_states(20, seed, 2)
    own = np.empty(20, theirs.xoroshiro128p_dtype)
    theirs.init_xoroshiro128p_states_cpu(own, seed, 2)
    assert states.copy_to_host().tobytes() == own.tobytes()
    ours = drawn(states, 200)
    functions = [getattr(theirs, f"xoroshiro128p_{kind}") for kind in KINDS]
    for i in range(20):
        for k in range(200):
            for kind, function, array in zip(KINDS, functions, ours, strict=True):
                number = function(own, i)
                assert array.dtype.type(number) == array[i, k], (kind, i, k)
    assert states.copy_to_host().tobytes() == own.tobytes()


@pytest.mark.long
def test_how_they_are_spread():
    """1,024 states, of 64 draws each: mean and deviation."""
    u32, u64, n32, n64 = drawn(cuda.random.create_xoroshiro128p_states(1024, seed=7), 64)
    for uniform in (u32, u64):
        assert 0 <= uniform.min() and uniform.max() <= 1
        assert abs(uniform.mean() - 0.5) < 0.005
        assert abs(uniform.std() - 12**-0.5) < 0.005
    for normal in (n32, n64):
        assert abs(normal.mean()) < 0.02
        assert abs(normal.std() - 1) < 0.02
    assert np.unique(u64).size == u64.size


def test_no_states_and_states_of_ones_own():
    assert cuda.random.create_xoroshiro128p_states(0, seed=1).size == 0
    states = np.empty(2, cuda.random.xoroshiro128p_dtype)
    cuda.random.init_xoroshiro128p_states(states, 1)
    assert states.tolist() == KNOWN[1, 0][0]
