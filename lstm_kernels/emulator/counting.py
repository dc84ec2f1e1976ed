"""The counters' compiled half, while a kernel runs: each thread lists what it does.

What it reads and writes and where, each run of statements that it comes to, and which way it takes
there: an entry of 8 bytes for each.  Afterwards adding_up.py puts the lists of a warp together.
Operations go to no list: the kernel itself counts them.
"""

import numpy as np
from llvmlite import ir
from llvmlite.ir.instructions import LoadInstr, StoreInstr
from numba import types
from numba.extending import intrinsic

from . import control as slots
from .arithmetic import device
from .compact import array_at, opened
from .intrinsics import noting
from .parts import telling_all, telling_part

# kinds besides those of accesses to memory, 1 to 4
STEP, BRANCH, BARRIER = 5, 6, 7  # statements; one look at a condition; all threads are here
FLOAT32, FLOAT64, SPECIAL32, SPECIAL64 = 8, 9, 10, 11  # operations: only counted
OPERATIONS = 4
PER_SITE = 16  # codes: one is PER_SITE * site + kind
CODE_AT = 48  # an entry of a list: the code from this bit on, below it an address, or a way
ADDRESS = (1 << CODE_AT) - 1
MOST_SITES = (1 << 63 - CODE_AT) // PER_SITE

# The lists lie in turns, a chunk of each thread's, so that short ones take little memory.
CHUNK = 9  # a power of 2: entries of a chunk
ROOM = (1 << CHUNK) + 8  # a chunk's words: with a gap, chunks do not share the cache's places

# a row for each thread: how many entries it has, and what its notes need
USED, LAST, LISTS_AT, STEP_BYTES, OPERATIONS_AT = range(5)
THREAD = 5
# the header, at the address control[TRACE]: int64 numbers
FIRST_BLOCK, THREADS, THREADS_AT = range(3)
HEADER = 3

I64 = ir.IntType(64)


@device
def list_of(cuda):
    """Address of this thread's row."""
    control = array_at(cuda.control, (slots.SLOTS,), np.int64)
    header = array_at(control[slots.TRACE], (HEADER,), np.int64)
    thread = (control[slots.BLOCK] - header[FIRST_BLOCK]) * header[THREADS] + cuda.rank
    return header[THREADS_AT] + 8 * THREAD * thread


@intrinsic(prefer_literal=True)
def here(typingctx, thread, kind, site, value):
    """Note that the thread is here; `value`: which way it takes."""

    def codegen(context, builder, signature, args):
        given = zip(args, signature.args, strict=True)
        _write_note(builder, *(context.cast(builder, *pair, types.int64) for pair in given))
        return context.get_dummy_value()

    return types.none(thread, kind, site, value), codegen


@device
def taken(thread, site, test):
    """`test`, noted as the way that the thread takes."""
    here(thread, BRANCH, site, 1 if test else 0)
    return test


@intrinsic
def seen(typingctx, control, site, kind, array, index, thread):
    """`index` after the check that it lies inside `array`; the access is noted."""

    codegen = noting(array, index, _tell)
    return index(control, site, kind, array, index, thread), codegen


@intrinsic
def seen_part(typingctx, control, site, kind, array, index, thread):
    """The same for an index at which a value is stored, perhaps in many elements at once."""
    codegen = telling_part(typingctx, array, index, noting(array, index, _tell), _tell)
    return index(control, site, kind, array, index, thread), codegen


@intrinsic
def seen_all(typingctx, control, site, kind, value, thread):
    """`value`; if it is an array, an access to each of its elements is noted."""
    codegen = telling_all(value, _tell)
    return value(control, site, kind, value, thread), codegen


def _tell(context, builder, args, address, indices=()):
    _write_note(builder, args[-1], args[2], args[1], address)


def _set_apart(builder):
    """Tell the compiler that all the function reads and writes so far is no list's length."""
    for block in builder.function.blocks:
        for part in block.instructions:
            if isinstance(part, (LoadInstr, StoreInstr)) and not part.metadata:
                part.set_metadata("noalias", _scope(builder))


def _write_note(builder, thread, kind, site, value):
    """One more entry, without a branch: a full list's last place is written again and again."""
    _set_apart(builder)
    used = _field(builder, thread, USED)
    number = builder.load(used)
    number.set_metadata("alias.scope", _scope(builder))
    last = _constant_field(builder, thread, LAST)
    place = builder.select(builder.icmp_signed("<", number, last), number, last)
    chunk = builder.ashr(place, I64(CHUNK))
    inside = builder.shl(builder.and_(place, I64((1 << CHUNK) - 1)), I64(3))
    start = _constant_field(builder, thread, LISTS_AT)
    step = builder.mul(chunk, _constant_field(builder, thread, STEP_BYTES))
    address = builder.add(builder.add(start, step), inside)
    code = builder.add(builder.mul(site, I64(PER_SITE)), kind)
    entry = builder.or_(builder.shl(code, I64(CODE_AT)), value)
    stored = builder.store(entry, builder.inttoptr(address, I64.as_pointer()))
    stored.set_metadata("noalias", _scope(builder))
    stored = builder.store(builder.add(number, I64(1)), used)
    stored.set_metadata("alias.scope", _scope(builder))


def _scope(builder):
    """Tells the compiler that lists and counters are apart from the lists' lengths."""
    domain = builder.module.add_metadata(["lstm_kernels lists"])
    return builder.module.add_metadata([builder.module.add_metadata(["used", domain])])


def _field(builder, thread, number):
    return builder.inttoptr(builder.add(thread, I64(8 * number)), I64.as_pointer())


def _constant_field(builder, thread, number):
    """A number that does not change while the kernel runs: the compiler may load it once."""
    value = builder.load(_field(builder, thread, number))
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


# ---- operations -----------------------------------------------------------------------------


@intrinsic
def computed(typingctx, thread, site, value):
    """`value`, the result of an operation of +, -, *, /, which is counted by its type."""
    return _counted(thread, site, value, value, {types.float32: FLOAT32, types.float64: FLOAT64})


@intrinsic
def special(typingctx, thread, site, value):
    """The same for a function such as exp or a power."""
    kinds = {types.float32: SPECIAL32, types.float64: SPECIAL64}
    return _counted(thread, site, value, value, kinds)


@intrinsic
def added(typingctx, thread, site, array, value):
    """`value`, which the statement adds to an element of `array`: counted by the sum's type."""
    kinds = {types.float32: FLOAT32, types.float64: FLOAT64}
    whole = typingctx.unify_types(getattr(opened(array), "dtype", value), types.unliteral(value))
    result, codegen = _counted(thread, site, value, whole, kinds)

    def without_array(context, builder, signature, args):
        return codegen(context, builder, result, [args[0], args[1], args[3]])

    return value(thread, site, array, value), without_array


def _counted(thread, site, value, kind, kinds):
    """The counter of this place and type is written into the kernel: a call would take longer."""
    code = kinds.get(types.unliteral(kind))

    def codegen(context, builder, signature, args):
        if code is not None:
            where = context.cast(builder, args[1], signature.args[1], types.int64)
            _count_one(builder, args[0], where, code - FLOAT32)
        return args[-1]

    return value(thread, site, value), codegen


def _count_one(builder, thread, site, column):
    sums = _constant_field(builder, thread, OPERATIONS_AT)
    place = builder.add(builder.mul(site, I64(8 * OPERATIONS)), I64(8 * column))
    counter = builder.inttoptr(builder.add(sums, place), I64.as_pointer())
    stored = builder.store(builder.add(builder.load(counter), I64(1)), counter)
    stored.set_metadata("noalias", _scope(builder))
