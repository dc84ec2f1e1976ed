"""The few operations that Numba's Python subset cannot say: they emit machine code themselves.

They read and write at an address, check an index, and keep a paused generator in memory that we
choose. Everything else of the emulator's run time is ordinary `@njit` code on top of these.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from . import control as slots
from .compact import as_intp, index_kinds, is_whole_index, opened, view
from .explain import axes
from .parts import telling_all, telling_part
from .tuples import fixed_index


@intrinsic
def load_as(typingctx, address, like):
    """The value at `address`, read as the type of `like`."""

    def codegen(context, builder, signature, args):
        pointer_type = context.get_data_type(signature.return_type).as_pointer()
        pointer = builder.inttoptr(args[0], pointer_type)
        return context.unpack_value(builder, signature.return_type, pointer)

    return types.unliteral(like)(address, like), codegen


@intrinsic
def store_at(typingctx, address, value):
    """Write `value` at `address`."""

    def codegen(context, builder, signature, args):
        pointer_type = context.get_data_type(signature.args[1]).as_pointer()
        pointer = builder.inttoptr(args[0], pointer_type)
        context.pack_value(builder, signature.args[1], args[1], pointer)
        return context.get_dummy_value()

    return types.none(address, value), codegen


def _conversion_for_atomics(kinds, words):
    """`convert(array, value)`: the value as an element of the array, whose type the card allows."""

    @intrinsic
    def convert(typingctx, array, value):
        element = opened(array).dtype
        if element not in kinds:
            raise TypingError(
                f"this atomic operation on an array of {element}: the card has it for {words} only"
            )

        def codegen(context, builder, signature, args):
            return context.cast(builder, args[1], signature.args[1], element)

        return element(array, value), codegen

    return convert


UNSIGNED = (types.uint32, types.uint64)
INTEGERS = (types.int32, types.int64, *UNSIGNED)
as_unsigned = _conversion_for_atomics(UNSIGNED, "uint32 and uint64")
as_integer = _conversion_for_atomics(INTEGERS, "integers of 32 and 64 bits")
as_number = _conversion_for_atomics(
    (types.float32, types.float64, *INTEGERS), "integers and floats of 32 and 64 bits"
)


def _only(allowed, words):
    """`require(value)`: the value itself, if its type may travel between threads on the card."""

    @intrinsic
    def require(typingctx, value):
        kind = types.unliteral(value)
        if not allowed(kind):
            raise TypingError(f"it gives other threads a {kind}: the card's compiler takes {words}")
        return kind(kind), lambda context, builder, signature, args: args[0]

    return require


SHUFFLED = (types.int32, types.int64, types.float32, types.float64)
for_shuffle = _only(lambda kind: kind in SHUFFLED, "int32, int64, float32 and float64")
for_block_vote = _only(lambda kind: isinstance(kind, types.Integer), "integers; so use int32(...)")
for_warp_vote = _only(
    lambda kind: isinstance(kind, (types.Integer, types.Boolean)), "integers and booleans"
)


@intrinsic
def stop(typingctx, control):
    """Leave the kernel if Ctrl-C was pressed; looked up at each round of a loop."""

    def codegen(context, builder, signature, args):
        word = context.get_value_type(types.int64)
        place = builder.add(args[0], args[0].type(slots.STOP * 8))
        pointer = builder.inttoptr(place, word.as_pointer())
        wished = builder.load_atomic(pointer, "monotonic", 8)
        with cgutils.if_unlikely(builder, builder.icmp_signed("!=", wished, word(0))):
            context.call_conv.return_user_exc(builder, KeyboardInterrupt, ("stopped",))
        return context.get_dummy_value()

    return types.none(control), codegen


@intrinsic
def generator_size(typingctx, generator):
    """How many bytes a paused generator needs."""

    def codegen(context, builder, signature, args):
        size = context.get_abi_sizeof(args[0].type.pointee)
        return context.get_constant(types.intp, size)

    return types.intp(generator), codegen


@intrinsic
def keep_generator(typingctx, generator, address):
    """Copy a fresh generator to `address`, where it will live."""

    def codegen(context, builder, signature, args):
        builder.store(builder.load(args[0]), builder.inttoptr(args[1], args[0].type))
        return context.get_dummy_value()

    return types.none(generator, address), codegen


@intrinsic
def resume_pointer(typingctx, generator):
    """The address of a compiled function: resume the generator at the address given to it.

    Through this pointer the scheduler need not know the generator's type, so it is compiled once
    and not again for each kernel. The function returns what the generator yields, 0 at its end.
    """

    def codegen(context, builder, signature, args):
        function_type = context.call_conv.get_function_type(types.int64, [types.int64])
        name = builder.module.get_unique_name("resume")
        function = ir.Function(builder.module, function_type, name)
        function.linkage = "internal"
        _write_resume(context, ir.IRBuilder(function.append_basic_block()), generator)
        return builder.ptrtoint(function, context.get_value_type(types.int64))

    return types.int64(generator), codegen


def _write_resume(context, builder, generator):
    """The body of that function."""
    convention, resume = context.call_conv, context.get_generator_impl(generator)
    (address,) = convention.get_arguments(builder.function)
    state = builder.inttoptr(address, context.get_value_type(generator))
    status, code = resume(context, builder, types.int64(generator), [state])
    context.add_linking_libs(getattr(resume, "libs", ()))
    with cgutils.if_likely(builder, status.is_ok):
        convention.return_value(builder, code)
    with cgutils.if_likely(builder, status.is_stop_iteration):
        convention.return_value(builder, code.type(0))
    convention.return_status_propagate(builder, status)  # an exception: our caller's
    builder.unreachable()


@intrinsic
def call_resume(typingctx, pointer, address):
    """Call such a function; an exception inside it goes on to our caller."""

    def codegen(context, builder, signature, args):
        return _call_through(context, builder, args[0], types.int64, [types.int64], [args[1]])

    return types.int64(types.int64, types.int64), codegen


BYTES, WORDS = types.Array(types.uint8, 1, "C"), types.Array(types.int64, 1, "C")
WORD = types.int64
RUN_BLOCKS = (WORD, WORD, BYTES, WORDS, BYTES, WORD, WORD)  # the arguments of scheduler.run_blocks


@intrinsic
def call_run_blocks(typingctx, resume, size, states, control, memory, first, last):
    """Call `scheduler.run_blocks` by its address, which stands in the control block.

    So a kernel's machine code does not hold the scheduler's, and is made in less time.
    """

    def codegen(context, builder, signature, args):
        words = view(context, builder, control, args[3]).data
        address = builder.load(cgutils.gep(builder, words, slots.RUN))
        return _call_through(context, builder, address, types.boolean, RUN_BLOCKS, args)

    return types.boolean(*RUN_BLOCKS), codegen


def _call_through(context, builder, address, result, kinds, args):
    """Call the compiled function at an address; an exception inside it goes on to our caller."""
    convention = context.call_conv
    pointer = convention.get_function_type(result, kinds).as_pointer()
    function = builder.inttoptr(address, pointer)
    status, value = convention.call_function(builder, function, result, kinds, args)
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return value


@intrinsic(prefer_literal=True)
def checked_index(typingctx, control, site, array, index):
    """`index` itself, after a check that it lies inside `array`; else the site is noted."""
    if of_tuple := fixed_index(opened(array), index):
        return of_tuple(control, site, array, index), _no_value
    index = types.unliteral(index)
    _refuse_too_many(array, index)
    check = _can_check(array, index)

    def codegen(context, builder, signature, args):
        if check:
            indices = as_intp(context, builder, args[3], signature.args[3])
            fields = view(context, builder, array, args[2])
            sizes = cgutils.unpack_tuple(builder, fields.shape, opened(array).ndim)[: len(indices)]
            _refuse_outside(context, builder, args[0], args[1], indices, sizes)
        return args[3]

    return index(control, site, array, index), codegen


def _no_value(context, builder, signature, args):
    return ir.Constant(ir.IntType(8), 0)


READ = 1  # the race finder's number of this kind (tracing.py)
SIZE = 256  # the race finder is told kind + SIZE * bytes of an element
NEGATIVE = 128  # ... and this, if the index counts from the end


@intrinsic(prefer_literal=True)
def noted_index(typingctx, control, site, kind, array, index):
    """`index` after the same check; the access is reported to the race finder's `note_access`.

    That function is called by its address, which stands in the control block: so it is compiled
    once, and not again at each access.
    """
    return _noted(control, site, kind, array, index)


@intrinsic(prefer_literal=True)
def noted_part(typingctx, control, site, kind, array, index):
    """The same for an index at which a value is stored, perhaps in many elements at once."""
    usual, codegen = _noted(control, site, kind, array, index)
    index = usual.args[4]
    return usual, telling_part(typingctx, array, index, codegen, _tell_of(array))


@intrinsic
def noted_all(typingctx, control, site, kind, value):
    """`value`; if it is an array, an access to each of its elements is reported; or to a record."""
    codegen = telling_all(value, _tell_of(value))
    if isinstance(value, types.Record):

        def codegen(context, builder, signature, args):
            _tell_bytes(context, builder, args, 0, value.size)
            return args[3]

    return value(control, site, kind, value), codegen


@intrinsic
def told(typingctx, control, kind, value, site):
    """Report something that is no access to memory, such as a fence."""

    def codegen(context, builder, signature, args):
        _call_note(context, builder, args[0], args[2], args[1], args[3])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64, types.int64), codegen


def _noted(control, site, kind, array, index):
    """What it gives to Numba: the signature, and what writes the machine code."""
    if of_tuple := fixed_index(opened(array), index):
        return of_tuple(control, site, kind, array, index), _no_value
    index = types.unliteral(index)
    only_named = isinstance(getattr(opened(array), "dtype", None), types.Record) and _reads(kind)
    codegen = noting(array, index, _tell_row if only_named else _tell_of(array), _tell_row)
    return index(control, site, kind, array, index), codegen


def _reads(kind):
    return getattr(kind, "literal_value", None) == READ


@intrinsic(prefer_literal=True)
def noted_record(typingctx, control, site, kind, record, name):
    """`record`, whatever it is; if it is a record, an access to its field is reported."""
    record, kind = types.unliteral(record), types.unliteral(kind)
    field = record.fields.get(name.literal_value) if isinstance(record, types.Record) else None

    def codegen(context, builder, signature, args):
        if field:
            nbytes = context.get_abi_sizeof(context.get_data_type(field.type))
            _tell_bytes(context, builder, args, field.offset, nbytes)
        return args[3]

    return record(control, site, kind, record, name), codegen


def _tell_bytes(context, builder, args, offset, nbytes):
    """For a record's part: (control, site, kind, record, ...)."""
    start = builder.ptrtoint(args[3], context.get_value_type(types.int64))
    place = builder.add(start, start.type(offset))
    _call_note(
        context, builder, args[0], place, builder.add(args[2], start.type(SIZE * nbytes)), args[1]
    )


def _tell_of(array):
    """`tell`, as `noting` asks for it, for elements of this array."""

    def tell(context, builder, args, address, indices=()):
        nbytes = context.get_abi_sizeof(context.get_data_type(opened(array).dtype))
        kind = builder.add(args[2], args[2].type(SIZE * nbytes))
        kind = builder.add(kind, _sign(builder, indices))
        _call_note(context, builder, args[0], address, kind, args[1])

    return tell


def _tell_row(context, builder, args, address, indices):
    """A row is no access to memory; but its index may be negative."""
    kind = _sign(builder, indices)
    with cgutils.if_unlikely(builder, builder.icmp_signed("!=", kind, kind.type(0))):
        _call_note(context, builder, args[0], address, kind, args[1])


def _sign(builder, indices):
    """NEGATIVE if one of the indices is so, else 0."""
    word = ir.IntType(64)
    negative = ir.Constant(ir.IntType(1), 0)
    for i in indices:
        negative = builder.or_(negative, builder.icmp_signed("<", i, i.type(0)))
    return builder.select(negative, word(NEGATIVE), word(0))


def noting(array, index, tell, tell_row=None):
    """The code of an index (control, site, kind, array, index, ...) that is checked, then told.

    `tell(context, builder, args, address, indices)` writes what is done with an element's address,
    `tell_row` with that of a row, which a shorter index names.
    """
    _refuse_too_many(array, index)
    check = _can_check(array, index)
    whole = check and is_whole_index(array, index)

    def codegen(context, builder, signature, args):
        if check:
            indices = as_intp(context, builder, args[4], signature.args[4])
            fields = view(context, builder, array, args[3])
            sizes = cgutils.unpack_tuple(builder, fields.shape, opened(array).ndim)
            _refuse_outside(context, builder, args[0], args[1], indices, sizes[: len(indices)])
        write = tell if whole else tell_row if check else None
        if write:
            address = _element_address(context, builder, fields, indices)
            write(context, builder, args, address, indices)
        return args[4]

    return codegen


@intrinsic(prefer_literal=True)
def field_index(typingctx, control, site, kind, array, index, name):
    """`index` after a check; the access to this field of a record is reported."""
    index, record = types.unliteral(index), getattr(opened(array), "dtype", None)
    _refuse_too_many(array, index)
    known = isinstance(record, types.Record) and _can_check(array, index)
    known = known and is_whole_index(array, index) and name.literal_value in record.fields
    if not known:
        usual, codegen = _noted(control, site, kind, array, index)
        return usual.return_type(control, site, kind, array, index, name), codegen

    def codegen(context, builder, signature, args):
        indices = as_intp(context, builder, args[4], signature.args[4])
        fields = view(context, builder, array, args[3])
        sizes = cgutils.unpack_tuple(builder, fields.shape, opened(array).ndim)
        _refuse_outside(context, builder, args[0], args[1], indices, sizes)
        address = _element_address(context, builder, fields, indices)
        field = record.fields[name.literal_value]
        nbytes = context.get_abi_sizeof(context.get_data_type(field.type))
        kind = context.cast(builder, args[2], signature.args[2], types.int64)
        kind = builder.add(kind, kind.type(SIZE * nbytes))
        kind = builder.add(kind, _sign(builder, indices))
        place = builder.add(address, address.type(field.offset))
        _call_note(context, builder, args[0], place, kind, args[1])
        return args[4]

    return index(control, site, kind, array, index, name), codegen


@intrinsic
def checked_axis(typingctx, control, site, array, axis, index):
    """The same for one axis of an index that also holds slices, such as `W[k, :]`."""
    if not isinstance(axis, types.IntegerLiteral):
        return None
    number = axis.literal_value
    check = isinstance(opened(array), types.Array) and isinstance(index, types.Integer)

    def codegen(context, builder, signature, args):
        if check:
            fields = view(context, builder, array, args[2])
            sizes = [cgutils.unpack_tuple(builder, fields.shape, opened(array).ndim)[number]]
            indices = [context.cast(builder, args[4], signature.args[4], types.intp)]
            _refuse_outside(context, builder, args[0], args[1], indices, sizes)
        return args[4]

    return index(control, site, array, axis, index), codegen


def _refuse_too_many(array, index):
    """Two indices into an array with one axis."""
    count = len(index_kinds(index))
    if isinstance(opened(array), types.Array) and count > opened(array).ndim:
        raise TypingError(f"{count} indices for an array with {axes(opened(array).ndim)}")


def _can_check(array, index):
    kinds = index_kinds(index)
    return (
        isinstance(opened(array), types.Array)
        and len(kinds) <= min(opened(array).ndim, slots.MAX_NDIM)
        and all(isinstance(kind, types.Integer) for kind in kinds)
    )


def _element_address(context, builder, fields, indices):
    """Where an element lives; a negative index counts from the end."""
    shape = cgutils.unpack_tuple(builder, fields.shape, len(indices))
    strides = cgutils.unpack_tuple(builder, fields.strides, len(indices))
    address = builder.ptrtoint(fields.data, context.get_value_type(types.intp))
    for i, size, stride in zip(indices, shape, strides, strict=True):
        negative = builder.icmp_signed("<", i, i.type(0))
        i = builder.select(negative, builder.add(i, size), i)
        address = builder.add(address, builder.mul(i, stride))
    return address


def _call_note(context, builder, control, *arguments):
    """Call the function whose address stands in the control block."""
    word = context.get_value_type(types.int64)
    place = builder.add(control, control.type(slots.NOTE * 8))
    address = builder.load(builder.inttoptr(place, word.as_pointer()))
    signature = ir.FunctionType(ir.VoidType(), [word] * (1 + len(arguments)))
    function = builder.inttoptr(address, signature.as_pointer())
    builder.call(function, [control, *arguments])


def _refuse_outside(context, builder, control, site, indices, sizes):
    """Leave the function with an IndexError unless -size <= index < size on each axis."""
    bad = ir.Constant(ir.IntType(1), 0)
    for i, size in zip(indices, sizes, strict=True):
        too_high = builder.icmp_signed(">=", i, size)
        too_low = builder.icmp_signed("<", i, builder.neg(size))
        bad = builder.or_(bad, builder.or_(too_high, too_low))
    with cgutils.if_unlikely(builder, bad):
        _note(context, builder, control, slots.SITE, site)
        _note(context, builder, control, slots.NDIM, site.type(len(indices)))
        for n, (i, size) in enumerate(zip(indices, sizes, strict=True)):
            _note(context, builder, control, slots.INDEX + n, i)
            _note(context, builder, control, slots.SHAPE + n, size)
        context.call_conv.return_user_exc(builder, IndexError, ("index out of bounds",))


def _note(context, builder, control, slot, value):
    """Write one slot of the control block; `control` is its address."""
    word = context.get_value_type(types.int64)
    place = builder.add(control, control.type(slot * 8))
    builder.store(value, builder.inttoptr(place, word.as_pointer()))
