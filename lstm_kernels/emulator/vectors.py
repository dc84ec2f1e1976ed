"""Short vectors, `cuda.float32x4` and its like: named tuples of one to four numbers x, y, z, w.

A constructor takes numbers and shorter vectors, in any mixture: float32x4(xy, 0, 1).
"""

from collections import namedtuple

from numba import types
from numba.extending import overload

FIELDS = "xyzw"
SHORT = {  # the names of C, in which the compiler knows them, too
    "int8": ["char"], "uint8": ["uchar"], "int16": ["short"], "uint16": ["ushort"],
    "int32": ["int"], "uint32": ["uint"], "int64": ["long", "longlong"],
    "uint64": ["ulong", "ulonglong"], "float32": ["float"], "float64": ["double"],
}  # fmt: skip
MAKE = """
def make(a, b=None, c=None, d=None):
    return Vector({values})
"""


def _constructor(base, vector):
    """What the translated kernel calls."""

    def construct(a, b=None, c=None, d=None):
        raise NotImplementedError("only inside a kernel")

    @overload(construct)
    def of_types(a, b=None, c=None, d=None):
        pairs = zip("abcd", (a, b, c, d), strict=True)
        values = [value for name, kind in pairs for value in _values(name, kind)]
        if len(values) != len(vector._fields):
            return None
        names = {"Vector": vector, "base": getattr(types, base)}
        exec(MAKE.format(values=", ".join(values)), names)
        return names["make"]

    return construct


def _values(name, kind):
    """The source of the numbers in one argument."""
    if isinstance(kind, types.BaseNamedTuple):
        return [f"base({name}.{field})" for field in kind.fields]
    return [f"base({name})"] if isinstance(kind, (types.Number, types.Boolean)) else []


NAMES = {}  # as kernels write it -> as it is here
for _base, _shorts in SHORT.items():
    for _count in (1, 2, 3, 4):
        _name = f"{_base}x{_count}"
        _kind = globals()[f"Of_{_name}"] = namedtuple(f"Of_{_name}", list(FIELDS[:_count]))
        _kind.__module__ = __name__
        globals()[_name] = _constructor(_base, _kind)
        NAMES |= dict.fromkeys((_name, *(f"{short}{_count}" for short in _shorts)), _name)
