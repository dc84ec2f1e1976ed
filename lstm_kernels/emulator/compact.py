"""Arrays and threads in one word each: what a paused thread must keep.

At a barrier a thread's generator saves all its variables, and it loads them again afterwards. An
array of Numba is seven words and more, and a kernel has twenty of them at each barrier. Here an
array is only the address of what describes it:

* `Held`: the address of a value that somebody else keeps, such as an argument of the launch;
* `Placed`: the address of the elements; their number is known when we compile.

Both are opened where they are used, and then they are ordinary arrays: what is written here only
says to Numba's compiler how. A shape known to the compiler also makes most checks of an index free.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import (
    intrinsic,
    lower_builtin,
    lower_cast,
    lower_getattr_generic,
    models,
    register_model,
)
from numba.np.arrayobj import load_item, make_array, populate_array, store_item


class Compact(types.IterableType):
    """The address, in one word, of something whose type is `opened`."""

    def __init__(self, name, opened):
        self.opened = opened
        super().__init__(name=name)

    @property
    def iterator_type(self):
        return self.opened.iterator_type

    def can_convert_to(self, typingctx, other):
        return typingctx.can_convert(self.opened, other)

    def unify(self, typingctx, other):
        """A variable that is now this and now that: an ordinary array."""
        return typingctx.unify_pairs(self.opened, getattr(other, "opened", other))


class Held(Compact):
    """A value of type `opened` lies at the address and does not change."""

    def __init__(self, opened):
        super().__init__(f"Held({opened})", opened)


class Placed(Compact):
    """The elements of a C-ordered array lie there, `shape` of them."""

    def __init__(self, dtype, shape):
        self.shape = shape
        super().__init__(f"Placed({dtype}, {shape})", types.Array(dtype, len(shape), "C"))


@register_model(Held)
@register_model(Placed)
class AddressModel(models.PrimitiveModel):
    def __init__(self, data_models, kind):
        super().__init__(data_models, kind, ir.IntType(64))


# ---- how they are made --------------------------------------------------------------------------


@intrinsic
def held(typingctx, value):
    """`value`, if it is an array or a tuple with names, by its address in this function's frame."""
    if not isinstance(value, (types.Array, types.BaseNamedTuple)):
        return value(value), _itself

    def codegen(context, builder, signature, args):
        return builder.ptrtoint(cgutils.alloca_once_value(builder, args[0]), ir.IntType(64))

    return Held(value)(value), codegen


def _itself(context, builder, signature, args):
    return impl_ret_borrowed(context, builder, signature.return_type, args[0])


@intrinsic
def held_at(typingctx, value, address):
    """The same, with the value kept at an address that we choose."""

    def codegen(context, builder, signature, args):
        builder.store(args[0], builder.inttoptr(args[1], args[0].type.as_pointer()))
        return args[1]

    return Held(value)(value, address), codegen


@intrinsic(prefer_literal=True)
def array_at(typingctx, address, shape, dtype):
    """The memory at `address` as a C-ordered array."""
    sizes = [getattr(size, "literal_value", None) for size in shape]
    if None in sizes:
        return _array_of_any_shape(address, shape, dtype)
    result = Placed(dtype.dtype, tuple(sizes))
    return result(types.int64, shape, dtype), lambda context, builder, signature, args: args[0]


def _array_of_any_shape(address, shape, dtype):
    result = types.Array(dtype.dtype, len(shape), "C")

    def codegen(context, builder, signature, args):
        sizes = as_intp(context, builder, args[1], signature.args[1])
        return _array(context, builder, result, args[0], sizes)._getvalue()

    return result(types.int64, shape, dtype), codegen


def _array(context, builder, kind, address, sizes):
    itemsize = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides = [_word(context, itemsize)]
    for size in reversed(sizes[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    array = make_array(kind)(context, builder)
    populate_array(
        array,
        data=builder.inttoptr(address, array.data.type),
        shape=sizes,
        strides=strides,
        itemsize=strides[-1],
        meminfo=None,
    )
    return array


def index_kinds(index):
    """The types of an index, one for each axis."""
    return list(index) if isinstance(index, types.BaseTuple) else [index]


def is_whole_index(array, index):
    """Does this type of index name one element?"""
    kinds = index_kinds(index)
    whole = isinstance(opened(array), types.Array) and len(kinds) == opened(array).ndim
    return whole and all(isinstance(kind, types.Integer) for kind in kinds)


def as_intp(context, builder, value, kind):
    """The integers of an index or a shape, as many bits wide as an address."""
    values = cgutils.unpack_tuple(builder, value) if isinstance(kind, types.BaseTuple) else [value]
    pairs = zip(values, index_kinds(kind), strict=True)
    return [context.cast(builder, v, k, types.intp) for v, k in pairs]


def _word(context, number):
    return context.get_constant(types.intp, number)


# ---- how they are opened ------------------------------------------------------------------------


def opened(kind):
    """The type that a value of this type has where it is used."""
    return kind.opened if isinstance(kind, Compact) else kind


def view(context, builder, kind, value):
    """The fields (data, shape, strides) of an array, compact or not."""
    if isinstance(kind, Placed):
        sizes = [_word(context, size) for size in kind.shape]
        return _array(context, builder, kind.opened, value, sizes)
    if isinstance(kind, Held):
        return make_array(kind.opened)(context, builder, ref=_place(context, builder, kind, value))
    return make_array(kind)(context, builder, value)


def _open(context, builder, kind, value):
    if isinstance(kind, Placed):
        return view(context, builder, kind, value)._getvalue()
    return builder.load(_place(context, builder, kind, value))


def _place(context, builder, kind, value):
    """Where a held value lies, as a pointer."""
    return builder.inttoptr(value, context.get_value_type(kind.opened).as_pointer())


@lower_cast(Compact, types.Any)
def cast(context, builder, kind, other, value):
    return context.cast(builder, _open(context, builder, kind, value), kind.opened, other)


# ---- what one can do with them: the same as with what they stand for ----------------------------


@infer_getattr
class Attributes(AttributeTemplate):
    key = Compact

    def generic_resolve(self, kind, name):
        return self.context.resolve_getattr(kind.opened, name)


@lower_getattr_generic(Compact)
def get_attribute(context, builder, kind, value, name):
    if isinstance(kind.opened, types.BaseNamedTuple):  # load this field, and no other
        number = kind.opened.fields.index(name)
        place = _place(context, builder, kind, value)
        return builder.load(cgutils.gep_inbounds(builder, place, 0, number))
    attribute = context.get_getattr(kind.opened, name)
    array = _open(context, builder, kind, value)
    return attribute(context, builder, kind.opened, array, name)


class OfOpened(AbstractTemplate):
    """An operation on a compact array has the type that it has on the array."""

    def generic(self, arguments, keywords):
        if arguments and isinstance(arguments[0], Compact):
            first, *others = arguments
            inner = self.context.resolve_function_type(self.key, (first.opened, *others), keywords)
            return inner and signature(inner.return_type, first, *inner.args[1:])
        return None


@infer_global(len)
class Length(OfOpened):
    pass


@infer_global(operator.getitem)
class GetItem(OfOpened):
    pass


@infer_global(operator.setitem)
class SetItem(OfOpened):
    pass


def _as_opened(operation):
    """Do it on the opened value."""

    def lower(context, builder, sig, args):
        kind, *others = sig.args
        value = _open(context, builder, kind, args[0])
        inner = context.get_function(operation, signature(sig.return_type, kind.opened, *others))
        return inner(builder, (value, *args[1:]))

    return lower


lower_builtin(len, Compact)(_as_opened(len))
lower_builtin("getiter", Compact)(_as_opened("getiter"))


@lower_builtin(operator.getitem, Compact, types.Any)
def get_item(context, builder, sig, args):
    place = _element(context, builder, sig, args)
    if place is None:  # a slice, or a row
        return _as_opened(operator.getitem)(context, builder, sig, args)
    return load_item(context, builder, sig.args[0].opened, place)


@lower_builtin(operator.setitem, Compact, types.Any, types.Any)
def set_item(context, builder, sig, args):
    place = _element(context, builder, sig, args)
    if place is None:
        return _as_opened(operator.setitem)(context, builder, sig, args)
    array, _, kind = sig.args
    value = context.cast(builder, args[2], kind, array.opened.dtype)
    return store_item(context, builder, array.opened, value, place)


def _element(context, builder, sig, args):
    """Where the one element with this index lies; only the fields that this needs are loaded."""
    array, index = sig.args[:2]
    if not is_whole_index(array, index):
        return None
    indices = as_intp(context, builder, args[1], index)
    fields = view(context, builder, array, args[0])
    return cgutils.get_item_pointer(
        context, builder, array.opened, fields, indices, wraparound=True
    )
