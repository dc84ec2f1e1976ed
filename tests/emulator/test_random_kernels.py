"""Random kernels with barriers, shuffles, votes and atomics compute what a plain model computes."""

import os
import random

import pytest

from tests.emulator import random_kernels as rk

FEW, MANY, COMPILED = 20, 1000, 12
SEED = int(os.environ.get("LSTM_KERNELS_SEED", random.SystemRandom().randrange(2**31)))


@pytest.fixture(scope="module")
def interpreter():
    return rk.interpreter()


def differing(interpreter, first, count):
    seeds = range(first, first + count)
    return [seed for seed in seeds if rk.differs(interpreter, rk.random_program(seed), seed)]


@pytest.mark.long
def test_a_few_random_kernels(interpreter):
    assert differing(interpreter, 0, FEW) == []


@pytest.mark.long
def test_many_random_kernels_others_each_time(interpreter):
    print(f"LSTM_KERNELS_SEED={SEED}")
    assert differing(interpreter, SEED, MANY) == []


@pytest.mark.long
def test_kernels_that_are_compiled_one_by_one():
    print(f"LSTM_KERNELS_SEED={SEED}")
    for seed in range(SEED, SEED + COMPILED):
        program = rk.random_program(seed, most=8)
        assert not rk.differs(rk.compiled(program, f"random_{seed}"), program, seed), seed


def test_the_model_sees_a_barrier_that_is_missing():
    """A kernel without its barriers differs: the comparison would notice."""
    lines = rk.OPERATIONS["through_shared"][0]
    rows = [line for line in lines if "syncthreads" not in line]
    wrong = rk.kernel("wrong", ["a, b, c = 0, 1, 5", *rows])
    number = list(rk.OPERATIONS).index("through_shared")
    program = rk.np.array([(number, 0, 1, 5)])
    assert rk.differs(wrong, program, 1)
