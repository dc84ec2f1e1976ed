"""float16, which Numba's compiler for CPUs does not know: two bytes, computed as float32.

A float32 holds each float16, and is wide enough that the result of +, -, *, / or a square root,
rounded once more, is the float16 that a card computes. What mixes float16 with wider numbers is
done in the wider type: so say Numba's rules, and those of the card's compiler.
"""

import math
import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import boxing, pythonapi
from numba.core.datamodel import default_manager, models
from numba.core.imputils import lower_constant
from numba.core.typing.templates import builtin_registry, signature
from numba.extending import NativeValue, intrinsic, lower_builtin, lower_cast

from .arithmetic import device

HALF, SINGLE, DOUBLE = types.float16, types.float32, types.float64
I16, I32, I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
FLOAT, REAL = ir.FloatType(), ir.DoubleType()


class FloatModel(models.FloatModel):
    """A float16 is kept as its 16 bits."""

    def __init__(self, manager, kind):
        if kind == HALF:
            models.PrimitiveModel.__init__(self, manager, kind, I16)
        else:
            super().__init__(manager, kind)


default_manager.register(types.Float, FloatModel)


# ---- from and to float32 ------------------------------------------------------------------------


def widen(builder, bits):
    """The float32 of 16 bits. Times 2^112, the exponent is right, also of the smallest numbers."""
    wide = builder.zext(bits, I32)
    size = builder.and_(wide, I32(0x7FFF))
    number = builder.bitcast(builder.shl(size, I32(13)), FLOAT)
    number = builder.bitcast(builder.fmul(number, FLOAT(2.0**112)), I32)
    special = builder.icmp_unsigned(">=", size, I32(0x7C00))
    endless = builder.or_(builder.shl(size, I32(13)), I32(0x7F800000))
    number = builder.select(special, endless, number)
    sign = builder.shl(builder.and_(wide, I32(0x8000)), I32(16))
    return builder.bitcast(builder.or_(number, sign), FLOAT)


def narrow(builder, number):
    """The 16 bits of a float32, rounded to the nearest, of two to the even one."""
    bits = builder.bitcast(number, I32)
    size = builder.and_(bits, I32(0x7FFFFFFF))
    odd = builder.and_(builder.lshr(size, I32(13)), I32(1))
    usual = builder.add(builder.add(size, I32(0xFFF - (112 << 23))), odd)
    usual = builder.lshr(usual, I32(13))
    magic = I32((127 - 15 + 23 - 10 + 1) << 23)  # 0.5: adding it shifts and rounds a small number
    small = builder.fadd(builder.bitcast(size, FLOAT), builder.bitcast(magic, FLOAT))
    small = builder.sub(builder.bitcast(small, I32), magic)
    is_small = builder.icmp_unsigned("<", size, I32(113 << 23))
    result = builder.select(is_small, small, usual)
    is_nan = builder.icmp_unsigned(">", size, I32(0x7F800000))
    beyond = builder.select(is_nan, I32(0x7E00), I32(0x7C00))
    too_large = builder.icmp_unsigned(">=", size, I32(143 << 23))
    result = builder.select(too_large, beyond, result)
    sign = builder.and_(builder.lshr(bits, I32(16)), I32(0x8000))
    return builder.trunc(builder.or_(result, sign), I16)


def rounded_to_odd(builder, number):
    """The float32 of a float64 whose last bit says whether something was cut off.

    So the next rounding, to float16, sees on which side of the middle the number was.
    """
    near = builder.fptrunc(number, FLOAT)
    size = builder.and_(builder.bitcast(number, I64), I64(0x7FFFFFFFFFFFFFFF))
    near_size = builder.and_(
        builder.bitcast(builder.fpext(near, REAL), I64), I64(0x7FFFFFFFFFFFFFFF)
    )
    up = builder.zext(builder.icmp_unsigned(">", near_size, size), I32)
    inexact = builder.zext(builder.fcmp_ordered("!=", builder.fpext(near, REAL), number), I32)
    return builder.bitcast(builder.or_(builder.sub(builder.bitcast(near, I32), up), inexact), FLOAT)


@lower_cast(HALF, types.Float)
@lower_cast(HALF, types.Integer)
@lower_cast(HALF, types.Complex)
def from_half(context, builder, kind, other, value):
    return context.cast(builder, widen(builder, value), SINGLE, other)


@lower_cast(types.Float, HALF)
def from_float(context, builder, kind, other, value):
    if kind == HALF:
        return value
    return narrow(builder, value if kind == SINGLE else rounded_to_odd(builder, value))


@lower_cast(types.Integer, HALF)
@lower_cast(types.Boolean, HALF)
def from_whole(context, builder, kind, other, value):
    return narrow(builder, rounded_to_odd(builder, context.cast(builder, value, kind, DOUBLE)))


@lower_cast(HALF, types.Boolean)
def to_truth(context, builder, kind, other, value):
    return builder.fcmp_unordered("!=", widen(builder, value), FLOAT(0))


@lower_constant(HALF)
def constant(context, builder, kind, value):
    return I16(int(np.float16(value).view(np.uint16)))


_unbox_wider = boxing.unbox_float


def _unbox(kind, value, c):
    """A number given to a launch."""
    if kind != HALF:
        return _unbox_wider(kind, value, c)
    wide = _unbox_wider(DOUBLE, value, c)
    return NativeValue(c.context.cast(c.builder, wide.value, DOUBLE, HALF), wide.is_error)


pythonapi._unboxers.functions[types.Float] = _unbox


# ---- operators whose result is a float16 --------------------------------------------------------


def _add_case(operation, count):
    """Numba's own list of the types that this operator takes gets one more."""
    for value, kind in builtin_registry.globals:
        if value is operation:
            for template in kind.templates:
                if hasattr(template, "cases"):
                    template.cases = [*template.cases, signature(*[HALF] * (count + 1))]
                    return


def _lower(operation, count):
    """Compute it with float32 numbers, and round."""
    _add_case(operation, count)

    @lower_builtin(operation, *[HALF] * count)
    def lower(context, builder, sig, args):
        wide = signature(*[SINGLE] * (count + 1))
        function = context.get_function(operation, wide)
        return narrow(builder, function(builder, [widen(builder, value) for value in args]))


for binary in "add sub mul truediv iadd isub imul itruediv".split():
    _lower(getattr(operator, binary), 2)
for unary in (operator.neg, operator.pos, abs):
    _lower(unary, 1)


# ---- cuda.fp16 ----------------------------------------------------------------------------------


@intrinsic
def h(typingctx, number):
    """The number as a float16."""
    if typingctx.can_convert(number, HALF) is None:
        return None

    def codegen(context, builder, sig, args):
        return context.cast(builder, args[0], sig.args[0], HALF)

    return HALF(number), codegen


def _compare(name):
    source = f"lambda a, b: np.float32(h(a)) {name} np.float32(h(b))"
    return device(eval(source, {"np": np, "h": h}))


heq, hne, hge, hgt, hle, hlt = map(_compare, ("==", "!=", ">=", ">", "<=", "<"))


def _of_two(name):
    return device(eval(f"lambda a, b: h(a) {name} h(b)", {"h": h}))


hadd, hsub, hmul, hdiv = map(_of_two, "+-*/")


def _of_one(source):
    """A function of one number: written for float32, the result rounded."""
    return device(eval(f"lambda a: h({source})", {"h": h, "np": np, "math": math}))


hneg, habs = _of_one("-h(a)"), _of_one("abs(h(a))")
hsin, hcos, hlog, hlog2, hlog10, hexp, hexp2, hsqrt, hceil, hfloor, htrunc, hrint = (
    _of_one(f"np.{name}(np.float32(h(a)))")
    for name in "sin cos log log2 log10 exp exp2 sqrt ceil floor trunc rint".split()
)
hexp10 = _of_one("np.float32(10) ** np.float32(h(a))")
hrsqrt = _of_one("np.float32(1) / np.sqrt(np.float32(h(a)))")
hrcp = _of_one("np.float32(1) / np.float32(h(a))")


@device
def hfma(a, b, c):
    """a * b + c: exact in float64 but for the last bits, and rounded to odd before."""
    return h(np.float64(h(a)) * np.float64(h(b)) + np.float64(h(c)))


@device
def hmax(a, b):
    """The one that is no NaN, if there is one."""
    a, b = h(a), h(b)
    return a if np.float32(a) > np.float32(b) or b != b else b


@device
def hmin(a, b):
    a, b = h(a), h(b)
    return a if np.float32(a) < np.float32(b) or b != b else b


NAMES = (
    "hadd", "hsub", "hmul", "hdiv", "hfma", "hneg", "habs", "hsin", "hcos", "hlog", "hlog2",
    "hlog10", "hexp", "hexp2", "hexp10", "hsqrt", "hrsqrt", "hrcp", "hceil", "hfloor", "htrunc",
    "hrint", "heq", "hne", "hge", "hgt", "hle", "hlt", "hmax", "hmin",
)  # fmt: skip
