"""Arithmetic as the card's compiler does it, where Numba's compiler for CPUs does otherwise.

Tried with numba-cuda 0.30.4; tests/emulator/test_against_the_compiler.py holds all of it against
that compiler. The translator puts these functions in the place of `math.floor`, `int`, `<<` ...

    math.floor(x)   a float, of the same width as x          (Numba on a CPU: int64)
    int(x)          too large a float gives the largest int  (a CPU: rubbish)
    a << n          0 from 64 bits on                        (a CPU: n % 64 bits)
    min(x, y)       of two floats: the one that is no NaN    (Numba on a CPU: depends on the order)
    x ** -2         infinite for x = 0                       (Numba on a CPU: ZeroDivisionError)
    k ** 2          of an integer: 53 bits are exact         (a CPU: all 64)
"""

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.errors import TypingError
from numba.cpython.numbers import float_to_integer
from numba.extending import intrinsic, lower_cast, overload, overload_method

from .linked import CALLEE

DEVICE = {
    "error_model": "numpy",  # division by zero gives inf, as on the card
    "_nrt": False,  # no memory can be allocated
    "no_cpython_wrapper": True,  # only compiled code calls these: compile nothing more
    "no_cfunc_wrapper": True,
}
device = njit(**DEVICE, **CALLEE)
OURS = ("emulated_", "lstm_kernels.emulator")  # modules whose functions stand for a card's


# ---- float to integer ---------------------------------------------------------------------------


@lower_cast(types.Float, types.Integer)
def saturating(context, builder, kind, whole, value):
    """A float that is too large becomes the largest integer; elsewhere Numba's own conversion.

    PTX manual, `cvt`: NaN becomes 0, or the highest bit alone if one of the two has 64 bits. For
    8 bits the card's compiler converts to 16, and cuts off.
    """
    module = getattr(context.fndesc, "modname", "") or ""
    if not module.startswith(OURS):
        return float_to_integer(context, builder, kind, whole, value)
    width = max(whole.bitwidth, 16)
    number = ir.IntType(width)
    name = "llvm.fptosi.sat" if whole.signed else "llvm.fptoui.sat"
    convert = builder.module.declare_intrinsic(
        name, (number, value.type), ir.FunctionType(number, [value.type])
    )
    no_number = -(1 << (width - 1)) if 64 in (kind.bitwidth, width) else 0
    is_nan = builder.fcmp_unordered("uno", value, value)
    result = builder.select(is_nan, number(no_number), builder.call(convert, [value]))
    return builder.trunc(result, ir.IntType(whole.bitwidth)) if width > whole.bitwidth else result


def whole(x):
    """`int(x)`."""


@overload(whole)
def _whole(x):
    if isinstance(x, types.Integer):
        return lambda x: x
    return lambda x: np.int64(x)


# ---- functions of floats ------------------------------------------------------------------------


@intrinsic
def floats(typingctx, numbers):
    """A tuple of numbers as floats: float32 if all are that or smaller, else float64."""
    if not all(isinstance(kind, (types.Integer, types.Float, types.Boolean)) for kind in numbers):
        return None
    common = types.float32 if all(map(_fits_float32, numbers)) else types.float64
    result = types.UniTuple(common, len(numbers))

    def codegen(context, builder, signature, args):
        return context.cast(builder, args[0], signature.args[0], result)

    return result(numbers), codegen


def _fits_float32(kind):
    """Does the card's compiler take it for a float32, if it has the choice?"""
    if isinstance(kind, types.Integer):
        return kind.bitwidth <= 16
    return kind in (types.float16, types.float32, types.boolean)


@intrinsic
def as_float(typingctx, number):
    """The number as the float that `math.floor` gives for it: integers as float64."""
    if not isinstance(number, (types.Integer, types.Float, types.Boolean)):
        return None
    result = number if isinstance(number, types.Float) else types.float64
    if result == types.float16:
        result = types.float32

    def codegen(context, builder, signature, args):
        return context.cast(builder, args[0], signature.args[0], result)

    return result(number), codegen


@device
def floor(x):
    return np.floor(as_float(x))


@device
def ceil(x):
    return np.ceil(as_float(x))


@device
def trunc(x):
    return np.trunc(as_float(x))


@device
def modf(x):
    """The part behind the point, and the rest; both with the sign of x."""
    x = as_float(x)
    rest = np.trunc(x)
    part = x - rest if math.isfinite(x) or x != x else type(x)(0)
    return math.copysign(part, x), rest


@device
def frexp(x):
    (x,) = floats((x,))
    return math.frexp(x)


@device
def ldexp(x, power):
    (x,) = floats((x,))
    return math.ldexp(x, power)


@device
def fmod(x, y):
    x, y = floats((x, y))
    return _divide_rest(x, y)


@device
def cbrt(x):
    (x,) = floats((x,))
    return np.cbrt(x)


@device
def fma(x, y, z):
    """x * y + z, rounded once."""
    x, y, z = floats((x, y, z))
    return _multiply_add(x, y, z)


@intrinsic
def _divide_rest(typingctx, x, y):
    return x(x, y), lambda context, builder, signature, args: builder.frem(*args)


@intrinsic
def _multiply_add(typingctx, x, y, z):
    return x(x, y, z), lambda context, builder, signature, args: builder.fma(*args)


def pow_(x, y):
    """`math.pow`: of a float32 and a small integer, a float32."""


@overload(pow_)
def _pow(x, y):
    if isinstance(y, types.Integer) and y.bitwidth <= 32 and _fits_float32(x):
        return lambda x, y: np.float32(math.pow(np.float64(x), np.float64(y)))
    return lambda x, y: _power_of_floats(floats((x, y)))


@device
def _power_of_floats(pair):
    return math.pow(pair[0], pair[1])


def round_(x, digits=None):
    """`round(x, digits)`: of a float32 in float64, as on the card."""


@overload(round_)
def _round(x, digits=None):
    if digits is None or isinstance(digits, (types.NoneType, types.Omitted)):
        return lambda x, digits=None: round(x)
    if x != types.float32:
        return lambda x, digits=None: round(x, digits)
    return lambda x, digits=None: np.float32(_to_digits(np.float64(x), digits))


@device
def _to_digits(x, digits):
    """Of two neighbours equally near, the even one."""
    if not math.isfinite(x):
        return x
    power = 10.0 ** abs(digits)
    moved = x * power if digits >= 0 else x / power
    near = np.rint(moved)
    return near / power if digits >= 0 else near * power


# ---- operators ----------------------------------------------------------------------------------


def power(a, b):
    """`a ** b`. The card divides by the power of -b, and by 0 if that is 0."""


@overload(power, prefer_literal=True)
def _power(a, b):
    if isinstance(a, types.Integer) and isinstance(b, types.Integer):
        return lambda a, b: _through_float(a**b)
    exponent = getattr(b, "literal_value", -1)
    if exponent >= 0:
        return lambda a, b: a**exponent  # a constant: Numba writes the products out
    if not (isinstance(a, types.Float) and isinstance(b, types.Integer) and b.signed):
        return lambda a, b: a**b

    def divided(a, b):
        if not -0x10000 <= b < 0:
            return a**b
        result = a ** type(b)(-b)
        return type(result)(1) / result

    return divided


@device
def _through_float(number):
    """The card's compiler hands a power of whole numbers on as a float64: 53 bits stay exact."""
    return type(number)(np.float64(number))


def shift_left(a, n):
    """`a << n`: the card looks at 32 bits of n, and from 64 on nothing is left."""


def shift_right(a, n):
    """`a >> n`: the same; of a number below zero, -1 is left."""


@overload(shift_left)
def _shift_left(a, n):
    def shifted(a, n):
        result = a << np.int64(np.uint32(n) % 64)
        return result if np.uint32(n) < 64 else type(result)(0)

    return shifted


@overload(shift_right)
def _shift_right(a, n):
    return lambda a, n: a >> np.int64(min(np.uint32(n), np.uint32(63)))


def min_(a, b):
    """`min(a, b)`."""


def max_(a, b):
    """`max(a, b)`."""


@overload(min_)
def _min(a, b):
    if not (isinstance(a, types.Float) and isinstance(b, types.Float)):
        return lambda a, b: min(a, b)
    return lambda a, b: a if a < b or b != b or (a == b and math.copysign(1.0, a) < 0) else b


@overload(max_)
def _max(a, b):
    if not (isinstance(a, types.Float) and isinstance(b, types.Float)):
        return lambda a, b: max(a, b)
    return lambda a, b: a if a > b or b != b or (a == b and math.copysign(1.0, a) > 0) else b


@overload_method(types.Integer, "bit_count")
def _bit_count(x):
    """`n.bit_count()`: of a number below zero, as in Python, the bits of its absolute value."""
    if x.signed:
        return lambda x: popc(abs(x))
    return lambda x: popc(x)


# ---- bits ---------------------------------------------------------------------------------------


def _integers(name, widths=(8, 16, 32, 64)):
    """Refuse what is no integer of these widths: `check(kind)`."""

    def check(kind):
        if not isinstance(kind, types.Integer) or kind.bitwidth not in widths:
            bits = ", ".join(map(str, widths))
            raise TypingError(f"cuda.{name} takes an integer of {bits} bits, not {kind}")

    return check


@intrinsic
def popc(typingctx, x):
    """How many bits are one."""
    _integers("popc")(x)
    x = types.unliteral(x)
    return x(x), lambda context, builder, signature, args: builder.ctpop(args[0])


@intrinsic
def clz(typingctx, x):
    """Zero bits above the highest one bit."""
    _integers("clz")(x)
    x = types.unliteral(x)
    return x(x), lambda context, builder, signature, args: builder.ctlz(args[0], _no(args[0]))


@intrinsic
def ffs(typingctx, x):
    """1 + the place of the lowest one bit; 0 if there is none."""
    _integers("ffs", (32, 64))(x)
    x = types.unliteral(x)

    def codegen(context, builder, signature, args):
        (value,) = args
        place = builder.add(builder.cttz(value, _no(value)), value.type(1))
        none = builder.icmp_unsigned("==", value, value.type(0))
        result = builder.select(none, value.type(0), place)
        return context.cast(builder, result, x, types.uint32)

    return types.uint32(x), codegen


@intrinsic
def brev(typingctx, x):
    """The bits in reverse order: 64 of a uint64, of all others the lower 32."""
    _integers("brev")(x)
    x = types.unliteral(x)
    result = types.uint64 if x == types.uint64 else types.uint32

    def codegen(context, builder, signature, args):
        return builder.bitreverse(context.cast(builder, args[0], x, result))

    return result(x), codegen


def _no(value):
    """The second argument of LLVM's ctlz and cttz: the result for 0 is not undefined."""
    return ir.Constant(ir.IntType(1), 0)


SELECTED = (types.int16, types.uint16, types.int32, types.uint32, types.int64, types.uint64,
            types.float32, types.float64)  # fmt: skip


@intrinsic
def selp(typingctx, condition, a, b):
    """a if condition else b."""
    a, b = types.unliteral(a), types.unliteral(b)
    if a != b or a not in SELECTED:
        raise TypingError(f"cuda.selp takes two numbers of the same type, not {a} and {b}")

    def codegen(context, builder, signature, args):
        test = context.cast(builder, args[0], signature.args[0], types.boolean)
        return builder.select(test, args[1], args[2])

    return a(condition, a, a), codegen
