"""The judge's view of a parallel loop: which round touches what, in which order."""

import numpy as np
import pytest
from numba import njit, prange

from lstm_kernels.judge.compare import NotYet
from lstm_kernels.judge.parallel import (
    compiled_with,
    is_parallel,
    no_conflict,
    one_round_each,
    same_in_all_orders,
    watch_in_orders,
    watch_rounds,
)


def own_sums(a, out):
    for w in prange(len(out)):
        for q in range(a.shape[1]):
            out[w] += a[w, q]


def views(a, out):
    for w in prange(len(out)):
        row = a.reshape(len(out), -1)[w]
        out[w] = np.sum(row) + row.T.max()


def one_total(a, out):
    for w in prange(len(a)):
        out[0] += a[w, 0]


def whole_array(a, out):
    for w in prange(len(a)):
        out += a[w]


def by_ufunc_at(a, out):
    for w in prange(len(a)):
        np.add.at(out, [w % 2], a[w, 0])


def neighbours(a, out):
    for w in prange(1, len(a)):
        out[w] = out[w - 1] + a[w, 0]


def reduction(a, out):
    total = np.float32(0)
    for w in prange(len(a)):
        total += a[w, 0]
    return total


A, OUT = np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32), np.zeros(50, np.float32)


@pytest.mark.parametrize("loop", [own_sums, views])
def test_rounds_of_their_own_have_no_conflict(loop):
    before = A.copy(), OUT.copy()
    runs = watch_in_orders(loop, a=A, out=OUT)
    for run in runs:
        no_conflict(run)
        one_round_each(run, 50, "workers")
        assert run.writers("out") == {w: {w} for w in range(50)} and not run.writers("a")
    same_in_all_orders(runs, "out")
    loop(A, OUT.copy())
    assert np.array_equal(A, before[0]) and np.array_equal(OUT, before[1]), "given unchanged"
    assert [run.loops[0][0] for run in runs[:2]] == [0, 49]


@pytest.mark.parametrize(
    "loop, said",
    [
        (one_total, r"rounds 0 and 1 both write out\[0\]"),
        (whole_array, r"rounds 0 and 1 both write out\[0\]"),
        (by_ufunc_at, r"rounds 0 and 1 both write out\[0\]"),
        (neighbours, r"round 2 reads out\[1\], and round 1 writes it"),
    ],
)
def test_a_race_is_named_by_its_rounds_and_its_element(loop, said):
    with pytest.raises(NotYet, match=said):
        no_conflict(watch_rounds(loop, a=A, out=OUT))


def test_a_sum_over_all_rounds_depends_on_their_order():
    runs = watch_in_orders(reduction, a=A, out=OUT)
    no_conflict(runs[0])
    with pytest.raises(NotYet, match="different results in 3 orders"):
        same_in_all_orders(runs)


def plain_range(a, out):
    for w in range(len(out)):
        for q in range(2):
            out[w] += a[w, q]


def test_of_loops_inside_each_other_the_outermost_counts():
    run = watch_rounds(plain_range, loop="range", a=A, out=OUT)
    assert [len(rounds) for rounds in run.loops] == [50]
    with pytest.raises(NotYet, match="nothing runs in parallel"):
        one_round_each(watch_rounds(plain_range, a=A, out=OUT), 50, "workers")


def test_what_is_not_parallel_is_refused():
    is_parallel(njit(parallel=True)(own_sums))
    with pytest.raises(NotYet, match="without parallel=True"):
        is_parallel(njit(own_sums))
    with pytest.raises(NotYet, match="not compiled"):
        is_parallel(own_sums)


def test_what_the_compiler_refuses_is_told_in_a_line():
    def strange(a):
        for w in prange(len(a)):
            a[w] = undefined_name  # noqa: F821

    with pytest.raises(NotYet, match="Numba cannot compile it: .*undefined_name"):
        compiled_with(njit(parallel=True)(strange), {})(OUT.copy())
    call = compiled_with(njit(parallel=True)(own_sums), {})
    result = OUT.copy()
    call(A, result)
    assert np.allclose(result, A.sum(1), atol=1e-5)
