"""One generated Python module: a kernel, its device functions and their constants.

It collects the pieces while the translator works, then writes them as source. The source says
everything that the result depends on, so its hash is the key under which it is cached.
"""

import enum
import math
import types as python_types
from dataclasses import dataclass, field

import numpy as np
from numba import types


@dataclass(frozen=True)
class Site:
    """A place in a kernel's source: for messages."""

    function: str
    line: int
    text: str
    array: str = ""
    file: str = ""  # or "a notebook cell"
    indent: int = 0  # of the line, in blanks; 0 for a place within a line
    whole: str = ""  # the line, as it is written

    def __str__(self):
        return f"{self.function}, line {self.line}: {self.text}"

    def in_file(self):
        """The same, with the file's name."""
        return f"{self}, in {self.file}"


@dataclass(frozen=True)
class OwnArray:
    """A shared array's place in its block's shared memory, or a local one's in its thread's."""

    name: str
    offset: int
    shape: tuple
    dtype: np.dtype

    @property
    def nbytes(self):
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass
class Program:
    """The pieces of the generated module.

    `tracing` adds what the race finder needs; `counting`, besides, what the counters need.
    """

    tracing: bool = False
    counting: bool = False
    definitions: dict = field(default_factory=dict)  # name -> source line
    functions: dict = field(default_factory=dict)  # Python function -> its translation
    sites: list = field(default_factory=list)
    runs: list = field(default_factory=list)  # sites of statements that are done one after another
    bodies: dict = field(default_factory=dict)  # site of a branch -> of the first statement in it
    shared: list = field(default_factory=list)
    local: list = field(default_factory=list)
    dynamic: list = field(default_factory=list)  # (name, dtype) of arrays of the launch's size
    shared_bytes: int = 0
    local_bytes: int = 0
    uses_grid: bool = False
    clocks: bool = False  # what orders its threads is more than barriers of all of them (clocks.py)
    fences: bool = False
    atomics: bool = False
    spins: bool = False  # a loop may wait for what other threads write

    def add_site(self, site):
        self.sites.append(site)
        return len(self.sites) - 1

    def add_shared(self, name, shape, dtype):
        """Reserve shared memory for one array; returns its offset."""
        offset = _aligned(self.shared_bytes)
        self.shared.append(OwnArray(name, offset, shape, dtype))
        self.shared_bytes = offset + math.prod(shape) * dtype.itemsize
        return offset

    def add_local(self, name, shape, dtype):
        """Reserve local memory of one thread for one array; returns its offset."""
        offset = _aligned(self.local_bytes)
        self.local.append(OwnArray(name, offset, shape, dtype))
        self.local_bytes = offset + math.prod(shape) * dtype.itemsize
        return offset

    def define(self, wanted, expression):
        """Give a constant a name in the module; the same name twice only for the same value."""
        name, number = wanted, 1
        while self.definitions.get(name, expression) != expression:
            number += 1
            name = f"{wanted}__{number}"
        self.definitions[name] = expression
        return name

    def function_name(self, wanted):
        """A name for a translated function that is still free."""
        taken = {translated.tree.name for translated in self.functions.values() if translated}
        name, number = wanted, 1
        while name in taken or name in self.definitions:
            number += 1
            name = f"{wanted}__{number}"
        return name


def _aligned(offset):
    return -(-offset // 16) * 16


def constant_source(value):
    """Python source for a constant, or None if it is not one that kernels can use."""
    if isinstance(value, (bool, int)) or value is None:
        return repr(int(value) if isinstance(value, enum.IntEnum) else value)
    if isinstance(value, float) and not isinstance(value, np.generic):
        return repr(value) if math.isfinite(value) else f"float('{value}')"
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return repr(value)
    if isinstance(value, tuple):
        parts = [constant_source(part) for part in value]
        return None if None in parts else f"({''.join(part + ', ' for part in parts)})"
    return _numpy_source(value) or _type_source(value)


def _numpy_source(value):
    if isinstance(value, np.generic):
        inner = constant_source(value.item())
        return inner and f"np.{type(value).__name__}({inner})"
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        dtype = dtype_source(data.dtype)
        return f"np.frombuffer({data.tobytes()!r}, {dtype}).reshape({data.shape})"
    return None


def dtype_source(dtype):
    """Python source for a dtype, perhaps of records."""
    if not dtype.fields:
        return f"np.{dtype.name}" if dtype.kind in "biufc" else f"np.dtype({dtype.str!r})"
    parts = [dtype.fields[name] for name in dtype.names]
    fields = {
        "names": repr(list(dtype.names)),
        "formats": f"[{', '.join(_format_source(part[0]) for part in parts)}]",
        "offsets": repr([part[1] for part in parts]),
        "itemsize": repr(dtype.itemsize),
    }
    inside = ", ".join(f"{name!r}: {source}" for name, source in fields.items())
    return f"np.dtype({{{inside}}}, align={dtype.isalignedstruct})"


def _format_source(dtype):
    """A field may be an array itself."""
    if dtype.subdtype:
        base, shape = dtype.subdtype
        return f"({dtype_source(base)}, {shape})"
    return dtype_source(dtype)


def _type_source(value):
    if isinstance(value, types.Type) and hasattr(types, str(value)):
        return f"_types.{value}"
    if isinstance(value, np.dtype):
        return dtype_source(value)
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    return None


BUILTINS = frozenset(
    "abs bool complex divmod enumerate float int len max min pow print range round tuple type "
    "zip isinstance".split()
)
# where the card's compiler gives another type or value: functions of arithmetic.py
FLOATS = (math.floor, math.ceil, math.trunc, math.modf, math.frexp, math.ldexp, math.fmod)
OWN = {int: "whole", round: "round_", math.pow: "pow_"} | {
    function: function.__name__ for function in FLOATS
}
# NumPy's functions of numbers that the card's compiler knows
UFUNCS = frozenset(
    "arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor "
    "conjugate cos cosh deg2rad degrees divide equal fmax fmin greater greater_equal hypot invert "
    "isnan left_shift less less_equal log log10 log2 logical_and logical_not logical_or "
    "logical_xor maximum minimum not_equal rad2deg radians right_shift sin sinh tan tanh".split()
)
UNKNOWN = frozenset({math.gcd, math.remainder})


def callable_source(value):
    """`math.exp`, `np.sin` or `range`: a function that both compilers know; else None."""
    if isinstance(value, np.ufunc):
        return f"np.{value.__name__}" if value.__name__ in UFUNCS else None
    if isinstance(value, type) and issubclass(value, Exception):
        return value.__name__ if value.__module__ == "builtins" else None
    if isinstance(value, (python_types.BuiltinFunctionType, type)):
        return None if value in UNKNOWN else _builtin_source(value)
    return None


def _builtin_source(value):
    module, name = value.__module__, value.__name__
    if value in OWN:
        return f"_card.{OWN[value]}"
    if module in ("math", "cmath"):
        return f"{module}.{name}"
    if module == "builtins" and name in BUILTINS:
        return name
    if module == "_operator":
        return f"operator.{name}"
    return None


def as_dtype(value):
    """A NumPy dtype from what kernels write: `float32` of Numba or NumPy."""
    if isinstance(value, types.Type):
        from numba.np.numpy_support import as_dtype as numba_as_dtype

        return numba_as_dtype(value)
    return np.dtype(value)
