"""Tiles of vectors: the right sums, in both precisions and for both sizes of registers."""

import platform

import numpy as np
import pytest
from numba import njit

from lstm_kernels.versions import simd
from tests.processes import output_of

DTYPES = [np.float32, np.float64]
AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma,+popcnt"}


@njit
def product(C, A, B):
    tile = simd.load_tile(C, 1, 3)
    for q in range(len(B)):
        tile = simd.add_outer(tile, A, 2, q, B, 1)
    simd.store_tile(C, 1, 3, tile)


@njit
def sums(G, Z, A):
    tile = simd.zero_tile(G)
    for s in range(0, Z.shape[1], simd.width(Z)):
        tile = simd.add_pairs(tile, Z, 1, s, A, 2, s)
    simd.add_totals(G, 3, 1, tile)


def numbers(*shape, dtype):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("columns_first", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tile_adds_outer_products_and_touches_nothing_else(dtype, columns_first):
    wide = simd.COLUMNS * simd.Tile(np_type(dtype)).width
    C, A, B = (
        numbers(*s, dtype=dtype)
        for s in ((simd.ROWS + 3, wide + 7), (simd.ROWS + 5, 9), (9, wide + 2))
    )
    right = C.copy()
    right[1 : 1 + simd.ROWS, 3 : 3 + wide] += A[2 : 2 + simd.ROWS] @ B[:, 1 : 1 + wide]
    product(C, np.asfortranarray(A) if columns_first else A, B)
    np.testing.assert_allclose(C, right, rtol=0, atol=1e-5 if dtype is np.float32 else 1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tile_adds_sums_over_rows(dtype):
    S = 5 * simd.Tile(np_type(dtype)).width
    G, Z, A = (numbers(*s, dtype=dtype) for s in ((20, 7), (simd.ROWS + 1, S), (6, S)))
    right = G.copy()
    rows, columns = slice(3, 3 + simd.ROWS), slice(1, 1 + simd.COLUMNS)
    right[rows, columns] += Z[1 : 1 + simd.ROWS] @ A[2 : 2 + simd.COLUMNS].T
    sums(G, Z, A)
    np.testing.assert_allclose(G, right, rtol=0, atol=1e-4 if dtype is np.float32 else 1e-12)


def np_type(dtype):
    from numba import from_dtype

    return from_dtype(np.dtype(dtype))


def test_a_vector_fills_a_register():
    assert simd.BYTES * 8 in (256, 512)
    assert [simd.Tile(np_type(d)).width * np.dtype(d).itemsize for d in DTYPES] == [simd.BYTES] * 2
    registers = 32 if simd.BYTES == 64 else 16
    assert simd.ROWS * simd.COLUMNS == registers // 2


@pytest.mark.long
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of x86's features")
def test_a_cpu_without_avx512_gets_small_tiles_and_the_same_gradients(tmp_path):
    """All of numba_cpu in float32; in float64 its tiles alone, for the rest compiles long."""
    code = """
        import numpy as np
        from lstm_kernels import checks, init_params
        from lstm_kernels.versions import simd
        from lstm_kernels.versions import numba_cpu, numpy_batched
        from tests import test_simd
        assert (simd.BYTES, simd.ROWS) == (32, 4)
        test_simd.test_a_tile_adds_outer_products_and_touches_nothing_else(np.float64, False)
        test_simd.test_a_tile_adds_sums_over_rows(np.float64)
        x, y = np.random.default_rng(0).normal(size=(2, 5, 30, 3))  # one chunk
        batch = init_params(3, 7, 3, dtype=np.float32), *(a.astype(np.float32) for a in (x, y))
        found, right = (v.gradients(*batch)[1] for v in (numba_cpu, numpy_batched))
        assert max(map(checks.relative_error, found, right)) < 1e-5
        print("the same")
    """
    assert output_of(code, tmp_path, **AVX2, NUMBA_CACHE_DIR=str(tmp_path)) == "the same\n"
