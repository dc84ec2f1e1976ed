"""`find_doubles`: where does a float32 become a float64?

    for line, text in find_doubles(kernel, *args):
        print(line, text)

A card computes with float64 far more slowly than with float32, and one number is enough to ask for
it: `2.0` is a float64, as `1 / n` is, and so is what they are multiplied with. An integer of 32
bits or more does the same. Numba finds the types of all expressions before it compiles anything;
its rules are the same for a CPU and a card. So here they are looked up, and nothing is compiled.

They are types, not instructions: the compiler may see that one product, rounded to float32 at
once, needs no float64.
"""

from types import FunctionType

import numpy as np
from numba import njit, typeof, types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder, compile_result
from numba.core.compiler_machinery import FunctionPass, PassManager, register_pass
from numba.core.errors import NumbaError
from numba.core.typed_passes import NopythonTypeInference
from numba.core.typing import signature

from .arithmetic import DEVICE
from .compact import Held
from .data_races import copied, traced_launch
from .environment import python_function
from .explain import not_compiled, source_line
from .runtime import Thread

ARITHMETIC = ("binop", "inplace_binop", "unary", "call")
SINGLE, DOUBLE = (types.float32, types.complex64), (types.float64, types.complex128)


def find_doubles(kernel, *args):
    """(line number, text) of each line of the kernel, and of the device functions that it calls,
    in which an operation takes a float32 and gives a float64. In the order of the lines.

    The arguments are those of a launch. With an array of float64 among them the answer says
    little: there float64 is meant. Raises ArgumentError and UnsupportedCode as a launch does.
    """
    launch = traced_launch("find_doubles", kernel, 1, 1, 0)
    arguments, _ = launch.device_arguments(copied(args))
    found = {launch.build.origins[line] for line in _lines(launch.build, arguments, kernel)}
    return sorted((line, source_line(function, line)) for function, line in found)


def _lines(build, arguments, kernel):
    """Such lines of the generated module."""
    function = python_function(kernel)
    functions = _for_types_only(build)
    try:
        functions[function].compile(tuple(_argument_types(build, arguments)))
    except NumbaError as error:
        raise not_compiled(error, build, function) from None
    own = set(functions.values())
    for dispatcher in own:
        for result in dispatcher.overloads.values():
            yield from _doubles(result.type_annotation, own)


def _argument_types(build, arguments):
    """The types that the kernel is compiled for: first its `Thread`."""
    thread = Thread(*[np.int32(0)] * 12, 0, np.int32(0), 0, 0, 0, 0, 0, 0)
    for value in (thread, *arguments):
        kind = typeof(value)
        held = build.waits and isinstance(kind, (types.Array, types.BaseNamedTuple))
        yield Held(kind) if held else kind


def _for_types_only(build):
    """Function of the learner's -> its translation, ready to be given types."""
    names = dict(build.launch.py_func.__globals__)
    found = {}
    for translated in build.program.functions.values():
        name = translated.tree.name
        code, defaults = names[name].py_func.__code__, names[name].py_func.__defaults__
        python = FunctionType(code, names, name, defaults)
        found[translated.function] = names[name] = njit(pipeline_class=_TypesOnly, **DEVICE)(python)
    return found


def _doubles(typed, own):
    """Lines of one function with an operation that takes a float32 and gives a float64."""
    blocks, kinds, calls = typed
    for block in blocks.values():
        for statement in block.find_insts(ir.Assign):
            operation = statement.value
            if isinstance(operation, ir.Expr) and operation.op in ARITHMETIC:
                taken = [kinds[operand.name] for operand in _operands(operation)]
                called = operation.op == "call" and kinds[operation.func.name]
                is_own = getattr(called, "dispatcher", None) in own  # its own lines are looked at
                doubled = calls[operation].return_type in DOUBLE and not is_own
                if doubled and any(kind in SINGLE for kind in taken):
                    yield statement.loc.line


def _operands(operation):
    if operation.op == "call":
        return [*operation.args, *(value for _, value in operation.kws)]
    return operation.list_vars()


@register_pass(mutates_CFG=False, analysis_only=True)
class _KeepTypes(FunctionPass):
    """The last pass: what Numba has found out is the result."""

    _name = "keep_types"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        state.cr = compile_result(
            typing_context=state.typingctx,
            target_context=state.targetctx,
            signature=signature(state.return_type, *state.args),
            type_annotation=(state.func_ir.blocks, state.typemap, state.calltypes),
            metadata=state.metadata,
            objectmode=False,
            entry_point=[].append,  # never called; one of its own, for Numba forgets it at the end
        )
        return False


class _TypesOnly(CompilerBase):
    """Numba's compiler as far as the types."""

    def define_pipelines(self):
        passes = PassManager("types only")
        passes.passes.extend(DefaultPassBuilder.define_untyped_pipeline(self.state).passes)
        passes.add_pass(NopythonTypeInference, "types")
        passes.add_pass(_KeepTypes, "keep them")
        passes.finalize()
        return [passes]
