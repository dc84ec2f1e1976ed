"""The emulator's types and values against those of numba-cuda's own compiler (oracle.py).

Each case is an expression of `a` and `b`. For each pair of types all expressions that make sense
become device functions, and one kernel calls them with the values below, which sit at the edges:
the largest, the smallest, NaN, halves. Needs the compiler's packages, but no card.
"""

import os
import sys

import numpy as np
import pytest
from numba import types
from numba.np.numpy_support import from_dtype

from lstm_kernels.emulator import UnsupportedCode, build
from lstm_kernels.emulator.dispatcher import Kernel
from lstm_kernels.lab.estimates.compile_report import INSTALL, find_ptxas

oracle = None
if find_ptxas() or os.environ.get("LSTM_KERNELS_REQUIRE_COMPILER"):
    from . import oracle
else:
    pytestmark = pytest.mark.skip(reason=f"the CUDA compiler is not installed: {INSTALL}")

INTEGERS = [0, 1, -1, 2, -2, 3, 5, -5, 7, -7, 31, 32, 63, 64, 70, 100, 127, -128, 255]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -3.7, 100.25, 130.5, 300.0, -200.0]
FLOATS += [4e4, -4e4, 7e4, 3e9, -3e9, 5e9, 3e19, -3e19, np.inf, -np.inf, np.nan, 1e-30, 0.1]

NUMBERS = """
a + b; a - b; a * b; a / b; a // b; a % b; one of divmod(a, b); other of divmod(a, b); min(a, b)
max(a, b); a < b; a <= b; a == b; a != b; -a; abs(a); +a; not a; a and b; a or b
a if a > b else b; min(a, b, 1); max(1, a, b); round(a); int(a); float(a); bool(a)
int8(a); uint8(a); int16(a); uint16(a); int32(a); uint32(a); int64(a); uint64(a)
float32(a); float64(a); np.int32(a); np.uint8(a); np.float32(a) + b; int(a) + b
math.floor(a); math.ceil(a); math.trunc(a); math.fabs(a); math.isnan(a); math.isinf(a)
math.isfinite(a); one of math.modf(a); other of math.modf(a); math.copysign(a, b); math.fmod(a, b)
a ** 2; a ** 3; type(a)(3) * a; a + 1; a + 1.5; a * True; a // 2; a % 3; -7 // a; -7 % a
a / 3; 1 / a; cuda.selp(a > b, float32(a), float32(3)); cuda.fma(a, b, a); a + cuda.threadIdx.x
np.minimum(a, b); np.maximum(a, b); np.fmin(a, b); np.fmax(a, b); max(a, 0); min(0.5, a)
"""
WHOLE = """
a & b; a | b; a ^ b; ~a; a << b; a >> b; a << 3; a >> 1; 1 << a; -8 >> a; a << 63
cuda.popc(a); cuda.clz(a); cuda.ffs(int32(a)); cuda.ffs(int64(b)); cuda.brev(a); ~cuda.brev(a)
cuda.popc(~a); b ** 2 if b < 100 else 0
cuda.clz(int32(a)); cuda.popc(uint8(a)); cuda.brev(uint32(0)) + a; int16(a * b); uint8(a + b)
int32(a) << b; uint32(a) >> b; int8(a) * int8(b); uint32(a) - uint32(b); a ** uint8(3)
math.pow(a, 2)
"""
POWERS = "a ** -2; a ** -1; math.ldexp(a, 3); one of math.frexp(a); other of math.frexp(a)"
LIBRARY = """
math.exp(a); math.log(a); math.sqrt(a); math.sin(a); math.cos(a); math.tanh(a); math.erf(a)
math.atan2(a, b); math.hypot(a, b); math.pow(a, b); math.log1p(a); math.expm1(a)
math.log2(a); math.log10(a); math.pow(a, int32(2)); cuda.cbrt(a); a ** 0.5; a ** (b % 200)
np.sin(a); np.log(a); np.tanh(a); np.arctan2(a, b)
"""
PAIRS = [
    ("float32", "float32"),
    ("float64", "int32"),
    ("int32", "int32"),
    ("uint64", "int64"),
    ("int16", "uint8"),
]
# with a: float32, b: int32; arrays x: float32, y: int8, z: int32
REFUSED = """
np.sqrt(a); np.exp(a); np.floor(a); math.gcd(b, b); a << b; a & b; ~a; cuda.ffs(np.int8(b))
cuda.selp(True, a, b); [a, b][0]; x[a]; x[1.0]; x[0, 1]; x.copy()[0]; (x + x)[0]
math.floor(x); cuda.syncthreads_count(a); cuda.syncthreads_count(b > 0)
cuda.shfl_sync(-1, np.uint32(b), 0); cuda.ballot_sync(-1, a); cuda.atomic.add(y, 0, 1)
cuda.atomic.exch(x, 0, a); cuda.atomic.inc(z, 0, 1); x[math.floor(a)]; (1, 2.0)[b]; {1: a}[1]
cuda.shared.array(8)[0]; cuda.grid(4); cuda.grid(); b.real.nothing; sorted(x)[0]; a + 1j; None
"""
HEADER = """
import math

import numpy as np
from numba import cuda, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64
"""
FUNCTION = """
@cuda.jit(device=True)
def case_{number}(a, b):
    {before}
    return {expression}
"""
KERNEL = """
def kernel(a, b, whole, real):
    for i in range(a.shape[0]):
        {calls}
"""


def expressions(text):
    """The expressions between semicolons and ends of lines."""
    return [part.strip() for line in text.splitlines() for part in line.split(";") if part.strip()]


def cases(first, second):
    """The expressions for two types."""
    chosen = expressions(NUMBERS)
    if "float" in first:
        return chosen + expressions(POWERS) + expressions(LIBRARY)
    return chosen + (expressions(WHOLE) if "float" not in second else [])


def edges(kind):
    """The values of one type."""
    whole = np.dtype(kind).kind in "iu"
    wished = [*INTEGERS, np.iinfo(kind).max, np.iinfo(kind).min] if whole else FLOATS
    fitting = [v for v in wished if not whole or np.iinfo(kind).min <= v <= np.iinfo(kind).max]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(fitting).astype(kind)


def every_pair(first, second):
    """Each value of one type beside each of the other."""
    a, b = np.meshgrid(edges(first), edges(second))
    return a.ravel(), b.ravel()


@pytest.fixture
def write(tmp_path):
    """write(expressions): a function for each, and the kernel that calls them."""

    def write(expressions, name="cases"):
        places = range(len(expressions))
        lines = [f"whole[{n}, i] = real[{n}, i] = case_{n}(a[i], b[i])" for n in places]
        functions = [function(n, expressions[n]) for n in places]
        source = HEADER + "".join(functions) + KERNEL.format(calls="\n        ".join(lines))
        return executed(source, tmp_path / f"{name}.py")

    return write


def function(number, expression):
    """The device function of one case; `one of f(a)` is the first of two results."""
    expression, _, pair = expression.partition(" of ")
    before = f"one, other = {pair}" if pair else "pass"
    return FUNCTION.format(number=number, expression=expression, before=before)


def executed(source, file):
    """The names that this source defines; the file stays, for those who read the source."""
    file.write_text(source, encoding="utf-8")
    scope = {"__name__": file.stem}
    exec(compile(source, str(file), "exec"), scope)
    return scope


def results(count, length):
    return np.zeros((count, length), np.int64), np.zeros((count, length))


def emulated_types(kernel, count, first, second):
    """What each translated function returns for arguments of these types."""
    module = sys.modules[kernel.build.launch.__module__]
    functions = [getattr(module, f"case_{n}") for n in range(count)]
    wanted = [first, second]  # perhaps behind the thread
    return [
        next(
            str(s.return_type)
            for s in f.nopython_signatures
            if list(map(str, s.args[-2:])) == wanted
        )
        for f in functions
    ]


def compiled_types(scope, count):
    functions = [scope[f"case_{n}"] for n in range(count)]
    return [str(next(iter(f.overloads.values())).signature.return_type) for f in functions]


def close(ours, theirs, kind):
    """Equal; for NVIDIA's library, whose last bits are not ours, nearly so."""
    digits = 4 * np.finfo(kind if "float" in kind else "float64").eps
    return np.isclose(ours, theirs, rtol=digits, atol=0, equal_nan=True)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_types_and_values(write, monkeypatch, tmp_path, first, second):
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)  # so all is compiled here
    chosen = cases(first, second)
    scope, (a, b) = write(chosen, f"{first}_{second}"), every_pair(first, second)
    theirs, ours = results(len(chosen), len(a)), results(len(chosen), len(a))
    oracle.run(scope["kernel"], a, b, *theirs)
    kernel = Kernel(scope["kernel"])
    kernel[1, 1](a, b, *ours)
    kinds = compiled_types(scope, len(chosen)), emulated_types(kernel, len(chosen), first, second)
    wrong = []
    for n, (expression, there, here) in enumerate(zip(chosen, *kinds, strict=True)):
        wrong += [f"{expression}: {here}, there {there}"] if there != here else []
        rows = [part[n] for part in ours], [part[n] for part in theirs]
        wrong += differences(expression, there, a, b, *rows)
    assert not wrong, "\n".join(wrong)


def differences(expression, kind, a, b, ours, theirs):
    """The first few values of one case that differ, in words."""
    same = same_values(expression, kind, ours, theirs)
    return [
        f"{expression}, a={a[i]}, b={b[i]}: {ours[1][i]} {ours[0][i]}, there "
        f"{theirs[1][i]} {theirs[0][i]}"
        for i in np.flatnonzero(~same)[:3]
    ]


def same_values(expression, kind, ours, theirs):
    if expression in expressions(LIBRARY) + expressions(POWERS):
        return close(ours[1], theirs[1], kind)
    same = (ours[1] == theirs[1]) | (np.isnan(ours[1]) & np.isnan(theirs[1]))
    return same & (ours[0] == theirs[0])


# ---- written kernels ----------------------------------------------------------------------------

WRITTEN = {
    "atomics": """
cuda.atomic.max(u, 0, -1); cuda.atomic.min(u, 1, -1); cuda.atomic.add(u, 2, -3)
cuda.atomic.add(i, 0, 2.9); cuda.atomic.sub(i, 1, 2**31); cuda.atomic.max(i, 2, 3e20)
cuda.atomic.max(f, 0, math.nan); cuda.atomic.min(f, 1, -2); cuda.atomic.add(f, 2, 0.1)
cuda.atomic.nanmax(f, 3, math.nan); cuda.atomic.nanmin(f, 4, -math.inf)
u[3] = cuda.atomic.cas(u, 4, 4, -7); i[3] = cuda.atomic.exch(i, 4, 1 << 40)
cuda.atomic.and_(i, 5, 0xFFFFFFFE); cuda.atomic.or_(u, 5, 8); cuda.atomic.xor(u, 6, -1)
""",
    "collatz": """
n = i[6] + 27
while n != 1: n = n // 2 if n % 2 == 0 else 3 * n + 1; i[0] += 1
""",
    "random numbers": """
s = uint32(12345)
for k in range(100): s = uint32(1664525 * s + 1013904223)
u[0] = s; f[0] = s / 2**32; i[0] = s; u[1] = s >> uint32(7)
""",
    "local arrays": """
p = cuda.local.array((2, 4), int16)
for k in range(8): p[k // 4, k % 4] = 5000 * k + 0.7
for k in range(8): i[k] = p[k % 2, k // 2]; f[k] = p[1, 3] / p[0, 1]
""",
    "stores that do not fit": """
for k in range(8): u[k] = f[k] * -1e9; i[k] = f[k] * 1e9; f[k] = i[k] / 3
i[0] = u[3]; u[0] = -1; u[1] = 2**32 + 5; f[1] = 1e300; f[2] = 16777217
""",
    "branches": """
for k in range(8): f[k] = k if k % 3 else 0.5; i[k] = (k > 3) + (k < 5) - True
x = 3
if f[7] > 0: x = 2.5
i[0] = x * 2; f[0] = x // 2; u[0] = len(f) + f.shape[0] + f.size
""",
    "a tuple and a sum": """
t = (1, 2.5, f[3])
a, b, c = t
s = float32(0)
for k in range(len(f)): s += f[k] * a - b / c
f[0] = s; i[0] = s; f[1] = abs(-s) ** 2
""",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_written_kernels(name, tmp_path):
    lines = [line for line in WRITTEN[name].splitlines() if line]
    source = HEADER + "def kernel(u, i, f):\n    " + "\n    ".join(lines) + "\n"
    kernel = executed(source, tmp_path / "written.py")["kernel"]
    theirs = [np.arange(8).astype(kind) for kind in ("uint32", "int32", "float32")]
    ours = [array.copy() for array in theirs]
    oracle.run(kernel, *theirs)
    Kernel(kernel)[1, 1](*ours)
    for one, other in zip(ours, theirs, strict=True):
        assert one.tobytes() == other.tobytes(), (one, other)


# ---- what is refused ----------------------------------------------------------------------------

REFUSING = """
def kernel(a, b, x, y, z):
    s = {expression}
    x[0] = s
"""


@pytest.mark.parametrize("expression", expressions(REFUSED))
def test_what_the_compiler_refuses_is_refused(expression, tmp_path):
    source = HEADER + REFUSING.format(expression=expression)
    kernel = executed(source, tmp_path / "refused.py")["kernel"]
    arrays = [np.zeros(4, kind) for kind in ("float32", "int8", "int32")]
    with pytest.raises(UnsupportedCode) as caught:
        Kernel(kernel)[1, 1](np.float32(1), np.int32(1), *arrays)
    assert "\n" not in str(caught.value)
    kinds = [types.Array(from_dtype(array.dtype), 1, "C") for array in arrays]
    with pytest.raises(Exception):  # noqa: B017  (the compiler's errors are of many kinds)
        oracle.compiled(kernel, types.void(types.float32, types.int32, *kinds))
