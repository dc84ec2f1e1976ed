"""`@cuda.jit("void(float32[:], int32)")`: the types that a kernel or a device function declares.

As on the card: numbers are converted to the declared types, on the way into a kernel, and into and
out of a device function; an array of another type is refused. So `clz(1)` of an int32 is 31.
"""

import ctypes

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.core.sigutils import normalize_signature
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

from .errors import ArgumentError


def parsed(signatures, function, device):
    """The declared types as a list of (argument types, type of the result or None)."""
    listed = signatures if isinstance(signatures, list) else [signatures]
    return [_parsed(signature, function, device) for signature in listed]


def _parsed(signature, function, device):
    name = function.__name__
    try:
        arguments, result = normalize_signature(signature)
    except Exception as error:  # Numba evaluates the text: anything can happen
        raise ArgumentError(f"{name}: {signature!r} is no signature: {error}") from None
    count = function.__code__.co_argcount
    if len(arguments) != count:
        raise ArgumentError(f"{name} takes {count} arguments, its signature has {len(arguments)}")
    if not device and result not in (None, types.void):
        raise ArgumentError(f"{name}: a kernel returns nothing, its signature returns {result}")
    return arguments, result


# ---- kernels: on the way in ---------------------------------------------------------------------


def converted(signatures, names, arguments):
    """The arguments with the types of the one signature that they fit."""
    if not signatures:
        return arguments
    found, errors = [], []
    for kinds, _ in signatures:
        try:
            triples = zip(names, kinds, arguments, strict=True)
            found.append([_converted(*triple) for triple in triples])
        except ArgumentError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    if len(found) > 1:
        raise ArgumentError("the arguments fit several signatures: convert them, as in np.int32(n)")
    return found[0]


def _converted(name, kind, value):
    if isinstance(kind, types.Array):
        return _require_array(name, kind, value)
    if isinstance(kind, types.BaseTuple) and isinstance(value, tuple) and len(kind) == len(value):
        return tuple(_converted(name, *pair) for pair in zip(kind, value, strict=True))
    if isinstance(value, (bool, int, float, complex, np.generic)) and _fits(kind, value):
        return _number(kind, value)
    raise ArgumentError(f"the argument {name} is {_told(value)}; the signature wants {kind}")


def _require_array(name, kind, value):
    good = isinstance(value, np.ndarray) and value.dtype == as_dtype(kind.dtype)
    good = good and value.ndim == kind.ndim
    if good and kind.layout in "CF":
        good = value.flags.c_contiguous if kind.layout == "C" else value.flags.f_contiguous
    if not good:
        raise ArgumentError(f"the argument {name} is {_told(value)}; the signature wants {kind}")
    return value


def _fits(kind, value):
    """Does the card's launch take this number for this type? A float for an integer: no."""
    if isinstance(kind, (types.Integer, types.Boolean)):
        return isinstance(value, (bool, int, np.integer, np.bool_))
    if isinstance(kind, types.Float):
        return not isinstance(value, (complex, np.complexfloating))
    return isinstance(kind, types.Complex)


def _number(kind, value):
    """As C does it: too large an integer loses its upper bits."""
    if isinstance(kind, types.Integer):
        value = getattr(ctypes, f"c_{kind}")(int(value)).value
    with np.errstate(over="ignore"):
        return as_dtype(kind).type(value)


def _told(value):
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    return f"{value!r} ({type(value).__name__})"


# ---- device functions: inside -------------------------------------------------------------------


def conversion_to(kind, what):
    """`convert(value)`: the value as this type; compiled into a device function."""

    @intrinsic
    def convert(typingctx, value):
        if _changes_nothing(value, kind):
            return value(value), lambda context, builder, signature, args: args[0]
        if isinstance(kind, types.Array) or typingctx.can_convert(value, kind) is None:
            raise TypingError(f"{what} is {value}; the signature says {kind}")

        def codegen(context, builder, signature, args):
            return context.cast(builder, args[0], signature.args[0], kind)

        return kind(value), codegen

    return convert


def _changes_nothing(value, kind):
    if value == kind:
        return True
    array = getattr(value, "opened", value)  # of a compact array
    if not (isinstance(kind, types.Array) and isinstance(array, types.Array)):
        return False
    same = array.dtype == kind.dtype and array.ndim == kind.ndim
    return same and kind.layout in ("A", array.layout)


def type_source(kind):
    """Python source for a type, as the generated module writes it."""
    if isinstance(kind, types.Array):
        return f"_types.Array({type_source(kind.dtype)}, {kind.ndim}, {kind.layout!r})"
    if isinstance(kind, types.BaseTuple):
        return f"_types.Tuple([{', '.join(map(type_source, kind))}])"
    return f"_types.{kind}"
