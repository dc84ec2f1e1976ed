"""Random numbers inside kernels: `cuda.random`, with a generator of its own for each thread.

    states = cuda.random.create_xoroshiro128p_states(blocks * threads, seed=1)
    draw[blocks, threads](states, out)

    x = cuda.random.xoroshiro128p_uniform_float32(states, thread)       inside the kernel

The names are those of `numba.cuda.random`, and so are the numbers. The generator is xoroshiro128+
in its version of 2016 (Blackman and Vigna, prng.di.unimi.it); the seed is spread by one step of
splitmix64; each thread's sequence begins 2^64 numbers after that of the thread before. Normal
numbers are made as Box and Muller did (1958).
"""

import math

import numpy as np
from numba import float32, float64, njit, uint32, uint64

from .memory import DeviceArray, to_device

xoroshiro128p_dtype = np.dtype([("s0", np.uint64), ("s1", np.uint64)], align=True)
JUMP = (uint64(0xBEAC0467EBA5FACB), uint64(0xD86B048B86AA9922))  # the steps of 2^64 numbers
GOLDEN, FIRST, SECOND = (
    uint64(0x9E3779B97F4A7C15),
    uint64(0xBF58476D1CE4E5B9),
    uint64(0x94D049BB133111EB),
)  # fmt: skip  (of splitmix64)
TURN = float32(2 * math.pi)


@njit
def rotated(x, bits):
    """The bits of x, moved to the left; what falls off comes in at the right."""
    return (x << uint32(bits)) | (x >> uint32(64 - bits))


@njit
def xoroshiro128p_next(states, index):
    """The next 64 random bits."""
    s0, s1 = states[index]["s0"], states[index]["s1"]
    result = s0 + s1
    s1 ^= s0
    states[index]["s0"] = rotated(s0, 55) ^ s1 ^ (s1 << uint32(14))
    states[index]["s1"] = rotated(s1, 36)
    return result


@njit
def xoroshiro128p_jump(states, index):
    """Go on by 2^64 numbers."""
    s0, s1 = uint64(0), uint64(0)
    for word in JUMP:
        for bit in range(64):
            if word & (uint64(1) << uint32(bit)):
                s0 ^= states[index]["s0"]
                s1 ^= states[index]["s1"]
            xoroshiro128p_next(states, index)
    states[index]["s0"], states[index]["s1"] = s0, s1


@njit
def xoroshiro128p_uniform_float64(states, index):
    """A float64, at least 0.0 and below 1.0: the upper 53 bits."""
    return float64(xoroshiro128p_next(states, index) >> uint32(11)) * float64(2.0**-53)


@njit
def xoroshiro128p_uniform_float32(states, index):
    """The same as a float32 (rounded, so it can be 1.0)."""
    return float32(xoroshiro128p_uniform_float64(states, index))


@njit
def xoroshiro128p_normal_float32(states, index):
    """A float32 with mean 0 and deviation 1."""
    u = xoroshiro128p_uniform_float32(states, index)
    v = xoroshiro128p_uniform_float32(states, index)
    return math.sqrt(float32(-2.0) * math.log(u)) * math.cos(TURN * v)


@njit
def xoroshiro128p_normal_float64(states, index):
    """A float64 with mean 0 and deviation 1, made of two uniform float32, as numba-cuda does it."""
    u = xoroshiro128p_uniform_float32(states, index)
    v = xoroshiro128p_uniform_float32(states, index)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2 * math.pi * v)


@njit
def _fill(states, seed, first):
    z = uint64(seed) + GOLDEN
    z = (z ^ (z >> uint32(30))) * FIRST
    z = (z ^ (z >> uint32(27))) * SECOND
    z = z ^ (z >> uint32(31))
    states[0]["s0"], states[0]["s1"] = z, z
    for _ in range(first):
        xoroshiro128p_jump(states, 0)
    for n in range(1, len(states)):
        states[n]["s0"], states[n]["s1"] = states[n - 1]["s0"], states[n - 1]["s1"]
        xoroshiro128p_jump(states, n)


def init_xoroshiro128p_states(states, seed, subsequence_start=0, stream=0):
    """Fill an array of states, on the device or not."""
    if len(states) < 1:
        return
    fresh = np.empty(len(states), xoroshiro128p_dtype)
    _fill(fresh, np.uint64(int(seed) % 2**64), subsequence_start)
    if isinstance(states, DeviceArray):
        states.copy_to_device(fresh)
    else:
        states[...] = fresh


def create_xoroshiro128p_states(n, seed, subsequence_start=0, stream=0):
    """A device array of n states, one for each thread."""
    states = np.empty(n, xoroshiro128p_dtype)
    init_xoroshiro128p_states(states, seed, subsequence_start)
    return to_device(states)
