"""Accesses to many elements in one expression: `y[:] = 3`, `y[i] = 0` of a row, `for v in x`.

Each element is told to the race finder, or to the counters, as if a loop had been written.
"""

import operator

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from .compact import opened, view


def telling_part(typingctx, array, index, usual, tell):
    """The code of an index (control, site, kind, array, index, ...) at which a value is stored.

    `usual`: the code for one element.  Of a part of the array, `tell` is told all elements, too.
    """
    getitem = typingctx.resolve_function_type(operator.getitem, (opened(array), index), {})
    part = getattr(getitem, "return_type", None)
    if not isinstance(opened(array), types.Array) or not isinstance(part, types.Array):
        return usual

    def codegen(context, builder, signature, args):
        usual(context, builder, signature, args)
        whole = context.cast(builder, args[3], array, opened(array))
        place = context.cast(builder, args[4], index, getitem.args[1])
        found = context.get_function(operator.getitem, getitem)(builder, (whole, place))
        _tell_all(context, builder, part, found, args, tell)
        return args[4]

    return codegen


def telling_all(array, tell):
    """The code of a value (control, site, kind, value, ...): if it is an array, all is told."""

    def codegen(context, builder, signature, args):
        if isinstance(opened(array), types.Array):
            _tell_all(context, builder, array, args[3], args, tell)
        return args[3]

    return codegen


def _tell_all(context, builder, kind, array, args, tell):
    fields = view(context, builder, kind, array)
    axes = [
        cgutils.unpack_tuple(builder, numbers, opened(kind).ndim)
        for numbers in (fields.shape, fields.strides)
    ]
    address = builder.ptrtoint(fields.data, context.get_value_type(types.intp))
    pairs = list(zip(*axes, strict=True))
    _each(builder, address, pairs, lambda place: tell(context, builder, args, place))


def _each(builder, address, axes, tell):
    """Loops over the axes, given as (size, step in bytes)."""
    if not axes:
        tell(address)
        return
    (size, step), *others = axes
    with cgutils.for_range(builder, size) as loop:
        _each(builder, builder.add(address, builder.mul(loop.index, step)), others, tell)


@intrinsic
def no_array(typingctx, value):
    """`value`, which is not an array that is read as a whole."""
    _refuse_arrays(
        value, "an array's elements in a loop with a break, a return or a barrier inside; write "
        "`for n in range(x.size)`"
    )  # fmt: skip
    return value(value), _last


@intrinsic
def added_to(typingctx, old, value):
    """`value`, which is added to `old`: a number."""
    _refuse_arrays(old, "an array is changed as a whole; write the loop over its elements")
    return value(old, value), _last


def _refuse_arrays(value, reason):
    if isinstance(opened(value), types.Array):
        raise TypingError(reason)


def _last(context, builder, signature, args):
    return args[-1]
