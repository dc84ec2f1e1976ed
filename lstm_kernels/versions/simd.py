"""Tiles of SIMD vectors for compiled functions.  Appendix A2.

A vector register of a CPU holds 16 float32 numbers (AVX-512) or 8.  Numba's compiler finds
vectors in simple loops by itself, but puts their sums back into memory after each turn.  A
*tile* is a block of ROWS x COLUMNS vectors which stay in registers while a loop adds to them.
All functions are for code under `njit`.  Arrays are 2-D, indices are not checked; the last index
must be the contiguous one, except in A of `add_outer`.
"""

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types
from numba.core.datamodel import PrimitiveModel
from numba.extending import intrinsic, register_model

FEATURES = config.CPU_FEATURES or llvm.get_host_cpu_features().flatten()  # Numba asks likewise
WIDE = "+avx512f" in FEATURES.split(",")
BYTES = 64 if WIDE else 32  # of a vector: there are 32 registers of 64 bytes, or 16 of 32
ROWS, COLUMNS = (8 if WIDE else 4), 2  # of a tile: half of the registers

INDEX, I32 = ir.IntType(64), ir.IntType(32)
CELLS = [(r, v) for r in range(ROWS) for v in range(COLUMNS)]


class Tile(types.Type):
    """The type of ROWS x COLUMNS vectors of numbers, all float32 or all float64."""

    def __init__(self, dtype):
        self.dtype, self.width = dtype, BYTES * 8 // dtype.bitwidth
        super().__init__(f"Tile({ROWS} x {COLUMNS} vectors of {self.width} x {dtype})")


@register_model(Tile)
class TileModel(PrimitiveModel):
    """For LLVM a tile is one value: an array of arrays of vectors."""

    def __init__(self, manager, tile):
        vector = ir.VectorType(manager.lookup(tile.dtype).get_value_type(), tile.width)
        super().__init__(manager, tile, ir.ArrayType(ir.ArrayType(vector, COLUMNS), ROWS))


# ---- writing LLVM's instructions ----------------------------------------------------------


class Numbers:
    """Writes the instructions that read and write the numbers of a 2-D array."""

    def __init__(self, context, builder, array, value):
        self.builder, self.bytes = builder, array.dtype.bitwidth // 8
        self.width = BYTES // self.bytes
        parts = context.make_array(array)(context, builder, value)
        self.data, self.strides = (
            parts.data,
            [builder.extract_value(parts.strides, d) for d in (0, 1)],
        )
        self.vector = ir.VectorType(self.data.type.pointee, self.width)

    def pointer(self, place, kind):
        """Pointer of this kind to the number at place (i, j)."""
        data = self.builder.bitcast(self.data, ir.IntType(8).as_pointer())
        for index, stride in zip(place, self.strides, strict=True):
            data = self.builder.gep(data, [self.builder.mul(index, stride)])
        return self.builder.bitcast(data, kind.as_pointer())

    def number(self, place):
        return self.builder.load(self.pointer(place, self.data.type.pointee))

    def add(self, place, more):
        """The number at this place += more."""
        total = self.builder.fadd(self.number(place), more)
        self.builder.store(total, self.pointer(place, self.data.type.pointee))

    def load(self, place):
        """The vector that begins at this place."""
        return self.builder.load(self.pointer(place, self.vector), align=self.bytes)

    def store(self, place, vector):
        self.builder.store(vector, self.pointer(place, self.vector), align=self.bytes)

    def spread(self, place):
        """A vector that holds the number at this place again and again."""
        empty, number = ir.Constant(self.vector, ir.Undefined), self.number(place)
        first = self.builder.insert_element(empty, number, I32(0))
        return self.builder.shuffle_vector(first, first, lanes([0] * self.width))


def lanes(numbers):
    """A constant vector of lane numbers, for shuffles."""
    return ir.Constant(ir.VectorType(I32, len(numbers)), numbers)


def after(builder, index, count):
    return builder.add(index, INDEX(count))


def add_products(builder, tile, left, right):
    """tile[r][v] + left[r] * right[v]: one instruction each where the CPU has it."""
    for r, v in CELLS:
        product = builder.fmul(left[r], right[v], flags=("contract",))
        total = builder.fadd(builder.extract_value(tile, (r, v)), product, flags=("contract",))
        tile = builder.insert_value(tile, total, (r, v))
    return tile


def sum_of(builder, vector):
    """The sum of a vector's numbers: its halves are added until one number is left."""
    width = vector.type.count
    while width > 1:
        width //= 2
        low, high = lanes(list(range(width))), lanes(list(range(width, 2 * width)))
        halves = (builder.shuffle_vector(vector, vector, half) for half in (low, high))
        vector = builder.fadd(*halves)
    return builder.extract_element(vector, I32(0))


# ---- what compiled code calls -------------------------------------------------------------


@intrinsic
def width(typing, array):
    """How many numbers of this array a vector holds; known when code is compiled."""
    numbers = Tile(array.dtype).width
    return types.intp(array), lambda context, *rest: context.get_constant(types.intp, numbers)


@intrinsic
def zero_tile(typing, array):
    """A tile of zeros for numbers of this array's dtype."""

    def write(context, builder, signature, values):
        return ir.Constant(context.get_value_type(signature.return_type), None)

    return Tile(array.dtype)(array), write


@intrinsic
def load_tile(typing, array, i, j):
    """The tile that begins at array[i, j]."""

    def write(context, builder, signature, values):
        value, i, j = values
        numbers = Numbers(context, builder, array, value)
        tile = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
        for r, v in CELLS:
            place = after(builder, i, r), after(builder, j, v * numbers.width)
            tile = builder.insert_value(tile, numbers.load(place), (r, v))
        return tile

    return Tile(array.dtype)(array, types.intp, types.intp), write


@intrinsic
def store_tile(typing, array, i, j, tile):
    """Put the tile to where `load_tile` would take it from."""

    def write(context, builder, signature, values):
        value, i, j, tile = values
        numbers = Numbers(context, builder, array, value)
        for r, v in CELLS:
            place = after(builder, i, r), after(builder, j, v * numbers.width)
            numbers.store(place, builder.extract_value(tile, (r, v)))
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, tile), write


@intrinsic
def add_outer(typing, tile, A, i, q, B, j):
    """tile plus column q of A, from row i, times row q of B, from column j: an outer product."""

    def write(context, builder, signature, values):
        tile, a, i, q, b, j = values
        a, b = Numbers(context, builder, A, a), Numbers(context, builder, B, b)
        left = [a.spread((after(builder, i, r), q)) for r in range(ROWS)]
        right = [b.load((q, after(builder, j, v * b.width))) for v in range(COLUMNS)]
        return add_products(builder, tile, left, right)

    return tile(tile, A, types.intp, types.intp, B, types.intp), write


@intrinsic
def add_pairs(typing, tile, A, i, a, B, j, b):
    """tile plus vectors of A, at A[i + r, a], times vectors of B, at B[j + v, b]."""

    def write(context, builder, signature, values):
        tile, left, i, a, right, j, b = values
        left, right = Numbers(context, builder, A, left), Numbers(context, builder, B, right)
        left = [left.load((after(builder, i, r), a)) for r in range(ROWS)]
        right = [right.load((after(builder, j, v), b)) for v in range(COLUMNS)]
        return add_products(builder, tile, left, right)

    index = types.intp
    return tile(tile, A, index, index, B, index, index), write


@intrinsic
def add_totals(typing, array, i, j, tile):
    """array[i + r, j + v] += the sum of the numbers in the tile's vector (r, v)."""

    def write(context, builder, signature, values):
        value, i, j, tile = values
        numbers = Numbers(context, builder, array, value)
        for r, v in CELLS:
            total = sum_of(builder, builder.extract_value(tile, (r, v)))
            numbers.add((after(builder, i, r), after(builder, j, v)), total)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, tile), write
