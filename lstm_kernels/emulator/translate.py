"""From a kernel's source to source that compiles for the CPU.

The kernel keeps its text. Only what names the GPU is replaced, and every index is checked:

    n = cuda.grid(1)              ->  n = _gpu.grid_1(_cuda)
    j = cuda.threadIdx.x          ->  j = _cuda.thread_x
    y[n] = a * x[n]               ->  y[_gpu.at(_cuda.control, 0, y, n)] = ...
    cuda.syncthreads()            ->  yield 11
    sigmoid(z)                    ->  sigmoid(_cuda, z), translated in the same way

`_cuda` is a new first argument: the `Thread` of runtime.py. A function with a `yield` is a
generator: the scheduler pauses and resumes it (scheduler.py).
"""

import ast
import difflib
import inspect
import math
import types as python_types
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numba import types

from . import fixed, names, noted, scheduler, whole
from .environment import MISSING, Environment, python_function, source_tree
from .explain import file_of, indent_of, source_line
from .inline import inline_calls, keep_apart
from .loops import Loops
from .program import Site, as_dtype, callable_source, constant_source, dtype_source
from .refuse import (
    is_constant_shape,
    refusal,
    refuse_method,
    refuse_python,
    refuse_signature,
)
from .signatures import type_source
from .tracing import ATOMIC, FENCE, FENCE_OF_BLOCK, NOTHING, READ, UPDATE, WRITE

ALL_LANES = 0xFFFFFFFF
ARITHMETIC = ("fma", "selp", "cbrt", "popc", "clz", "ffs", "brev")  # of arithmetic.py
OPERATORS = {ast.Pow: "power", ast.LShift: "shift_left", ast.RShift: "shift_right"}  # there too
ASKED = ("shape", "strides", "size", "ndim", "dtype", "T")  # of an array
APART = (ast.If, ast.For, ast.While, ast.IfExp, ast.BoolOp)  # some threads may not come here
SYNCWARP = """
def syncwarp(_cuda, mask):
    _gpu.post(_cuda, mask, 0)
    yield {code}
"""
EXCHANGE = """
def {name}(_cuda, {parameters}):
    _gpu.post(_cuda, mask, _gpu.{check}(value))
    yield {code}
    {asks}
    return _gpu.{name}(_cuda, {reads})
"""
ASKS = "_trace.asks_{name}(_cuda, {site}, mask, which)"  # for the race finder: of a shuffle


@dataclass
class Translated:
    """A translated function: its tree, and what its callers must know."""

    tree: ast.FunctionDef
    function: python_types.FunctionType
    waits: bool  # it has a barrier, so it is a generator (kernel) or written into its caller
    needs_thread: bool  # it has the extra argument `_cuda`


def translate_function(function, program, is_kernel=False, signatures=(), known=()):
    """Translate one function and, through it, all that it calls; a device function may have
    declared its types. `known`: arguments with a value that is fixed now, as (name, value)."""
    key = (function, *((name, _identity(value)) for name, value in known))
    if key in program.functions:
        translated = program.functions[key]
        if translated is None:
            raise refusal(
                function, source_tree(function), "a function that calls itself: write a loop"
            )
        return translated
    program.functions[key] = None
    translator = Translator(function, program, is_kernel, known)
    tree = translator.translate()
    if not is_kernel and signatures:
        _convert_to_declared(tree, function, program, signatures)
    waits = any(isinstance(node, ast.Yield) for node in ast.walk(tree))
    uses = any(isinstance(node, ast.Name) and node.id == "_cuda" for node in ast.walk(tree))
    translated = Translated(tree, function, waits, is_kernel or uses or waits)
    if translated.needs_thread:
        tree.args.args.insert(0, ast.arg("_cuda"))
    program.functions[key] = translated
    return translated


class Translator(ast.NodeTransformer):
    """Rewrites the tree of one function."""

    def __init__(self, function, program, is_kernel=False, known=()):
        self.function = function
        self.program = program
        self.environment = Environment(function, known)
        self.grids = set()  # local names that hold cg.this_grid()
        self.target = ""  # the name that the present statement assigns to
        self.is_kernel = is_kernel
        self.together = is_kernel  # all threads of the kernel are here, none has left

    def translate(self):
        tree = source_tree(self.function)
        refuse_signature(tree, self.function, self.is_kernel)
        refuse_python(tree, self.function)
        fixed.drop_parameters(tree, self.environment.known)
        fixed.find(tree, self.environment)
        tree.body = [statement for statement in map(self.visit, tree.body) if statement]
        if self.program.tracing:
            tree.body = whole.told(tree.body, self._site_of_line, self.program.counting)
        if self.program.counting:
            tree.body = noted.function(tree.body, self._line, self.program)
        keep_apart(tree)
        tree.body = self._with_stops(tree.body)
        tree.body = inline_calls(tree.body, self.function) or [ast.Pass()]
        tree.returns = None
        for argument in tree.args.args:
            argument.annotation = None
        tree.name = self.program.function_name(tree.name)
        return ast.fix_missing_locations(tree)

    def visit(self, node):
        """Visit one node, and keep in mind whether some threads may be elsewhere."""
        self.together = self.together and not isinstance(node, APART)
        return super().visit(node)

    def _with_stops(self, body):
        """The body with what loops must do (loops.py)."""
        loops = Loops(self._spin_code, body, self.is_kernel)
        module = loops.visit(ast.Module(body, []))
        self.program.spins |= loops.spins > 0
        return module.body

    # ---- names ----------------------------------------------------------------------------------

    def visit_Name(self, node):
        return self._constant(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Attribute(self, node):
        if isinstance(node.ctx, ast.Load) and self.environment.lookup(node) is not MISSING:
            return self._constant(node)
        if isinstance(node.value, ast.Subscript) and not isinstance(node.ctx, ast.Del):
            return self._field(node, WRITE if isinstance(node.ctx, ast.Store) else READ, node.attr)
        owner = self.environment.lookup(node.value)
        if isinstance(owner, (python_types.ModuleType, SimpleNamespace, names.KernelTriple)):
            raise self._missing(node, owner)
        if self._is_local(node.value) and node.attr not in ASKED:
            return self._field(node, WRITE if isinstance(node.ctx, ast.Store) else READ, node.attr)
        return self.generic_visit(node)

    def _constant(self, node):
        """Replace a name from outside by a name of the generated module."""
        value = self.environment.lookup(node)
        if value is MISSING:
            return self._local(node)
        if isinstance(value, names.KernelName):
            return self._kernel_value(node, value)
        known = callable_source(value)
        if known:
            return _expression(known)
        source = constant_source(value)
        if source is None:
            raise self._refuse(node, f"{ast.unparse(node)} ({_kind(value)}) is unknown to the GPU")
        wanted = ast.unparse(node).replace(".", "__")
        return ast.Name(self.program.define(wanted, source), ast.Load())

    def _local(self, node):
        if isinstance(node, ast.Name) and node.id not in self.environment.locals:
            raise self._refuse(node, f"the name {node.id} is not defined")
        return node

    def _is_local(self, node):
        """Is it a name of something that is known only at run time?"""
        return isinstance(node, ast.Name) and self.environment.lookup(node) is MISSING

    def _missing(self, node, owner):
        """`cuda.threadidx`: a module has no such name."""
        known = [name for name in dir(owner) if not name.startswith("_")]
        similar = difflib.get_close_matches(node.attr, known, 1) or [
            name for name in known if name.lower() == node.attr.lower()
        ]
        hint = f"; is it {ast.unparse(node.value)}.{similar[0]}?" if similar else ""
        return self._refuse(node, f"{ast.unparse(node.value)} has no {node.attr}{hint}")

    def _kernel_value(self, node, value):
        if isinstance(value, names.KernelValue):
            return _expression(f"_cuda.{value.field}")
        raise self._refuse(node, f"cuda.{value.name} cannot be used in this way")

    # ---- calls ----------------------------------------------------------------------------------

    def visit_Call(self, node):
        value = self.environment.lookup(node.func)
        if isinstance(value, names.KernelName):
            return self._kernel_call(node, value.name)
        function = python_function(value)
        if function is not None:
            return self._device_call(node, function, getattr(value, "declared", ()))
        if self._is_grid(getattr(node.func, "value", None)) and node.func.attr == "sync":
            self.program.uses_grid = True
            return self._wait(node, scheduler.GRID)
        return self._plain_call(node, value)

    def _plain_call(self, node, value):
        if value is not MISSING and callable(value) and not self._is_known(value):
            hint = _instead_of(value)
            raise self._refuse(node, f"{ast.unparse(node.func)} is unknown to the GPU{hint}")
        if value is MISSING:
            refuse_method(node, self.function)
        if value in (min, max) and len(node.args) == 2:
            self.generic_visit_arguments(node)
            node.func = _expression(f"_card.{value.__name__}_")
            return node
        return self.generic_visit(node)

    def _is_known(self, value):
        return callable_source(value) or constant_source(value)

    def _device_call(self, node, function, signatures):
        self._check_arguments(node, function)
        known = () if signatures else fixed.arguments(node, function, self.environment)
        callee = translate_function(function, self.program, signatures=signatures, known=known)
        fixed.drop_from_call(node, function, known)
        self.generic_visit_arguments(node)
        if callee.needs_thread:
            node.args.insert(0, ast.Name("_cuda", ast.Load()))
        node.func = ast.Name(callee.tree.name, ast.Load())
        if callee.waits:
            node.inline = callee.tree
        return node

    def _check_arguments(self, node, function):
        given = [None] * len(node.args), {keyword.arg: None for keyword in node.keywords}
        try:
            inspect.signature(function).bind(*given[0], **given[1])
        except TypeError as error:
            raise self._refuse(node, f"{function.__name__}: {error}") from None

    def generic_visit_arguments(self, node):
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)

    def _kernel_call(self, node, name):
        """A call of something of `cuda`: one method for each family of names."""
        if name in ("shared.array", "local.array"):
            return self._array(node, name)
        if name == "const.array_like":
            return self.visit(node.args[0])
        if name.startswith("atomic."):
            return self._atomic(node, name.removeprefix("atomic."))
        if name in names.BARRIERS:
            kind = scheduler.BLOCK if name == "syncthreads" else scheduler.SYNCWARP
            return self._sync(node, kind)
        if name in names.BLOCK_VOTES + names.WARP_VOTES + names.SHUFFLES:
            return self._exchange(node, name)
        if name == "cg.this_grid":
            return ast.Constant(0)
        if name.startswith("fp16."):
            self.generic_visit_arguments(node)
            node.func = _expression(f"_half.{name.removeprefix('fp16.')}")
            return node
        if name.startswith("vector."):
            self.generic_visit_arguments(node)
            node.func = _expression(f"_vectors.{name.removeprefix('vector.')}")
            return node
        return self._plain(node, name)

    def _plain(self, node, name):
        self.generic_visit_arguments(node)
        if name in ("grid", "gridsize"):
            return _expression(f"_gpu.{name}_{self._dimensions(node)}(_cuda)")
        if name.startswith("threadfence") and self._finds_races():
            self.program.clocks = self.program.fences = True
            kind = FENCE_OF_BLOCK if name == "threadfence_block" else FENCE
            return _call("_trace.threadfence", "_cuda.control", kind)
        if name.startswith("threadfence") or name == "nanosleep":
            name = "nothing"
        if name == "activemask" and not self.together:
            raise self._refuse(
                node,
                "cuda.activemask() where some threads may be elsewhere: the emulator cannot tell "
                "which threads run together; call it before any branch, loop or return",
            )
        if name in ("activemask", "lanemask_lt"):
            node.args.insert(0, ast.Name("_cuda", ast.Load()))
        node.func = _expression(f"{'_card' if name in ARITHMETIC else '_gpu'}.{name}")
        return node

    # ---- arrays ---------------------------------------------------------------------------------

    def _array(self, node, name):
        """`cuda.shared.array(shape, dtype)`: reserve the memory now, at a fixed offset."""
        arguments = dict(zip(("shape", "dtype"), node.args, strict=False))
        arguments.update({keyword.arg: keyword.value for keyword in node.keywords})
        if not {"shape", "dtype"} <= set(arguments):
            raise self._refuse(node, f"cuda.{name} takes a shape and a dtype")
        shape = self._shape(node, arguments["shape"], name)
        dtype = self._dtype(node, arguments["dtype"], name)
        label = self.target or name
        source = self._dtype_source(dtype)
        if name == "local.array":
            offset = self.program.add_local(label, shape, dtype)
            return _expression(f"_gpu.array_at(_cuda.local + {offset}, {shape}, {source})")
        if shape == (0,):
            self.program.dynamic.append((label, dtype))
            length = f"(_cuda.dynamic_bytes // {dtype.itemsize},)"
            return _expression(f"_gpu.array_at(_cuda.dynamic, {length}, {source})")
        offset = self.program.add_shared(label, shape, dtype)
        return _expression(f"_gpu.array_at(_cuda.shared + {offset}, {shape}, {source})")

    def _dtype_source(self, dtype):
        if not dtype.fields:
            return f"np.{dtype.type.__name__}"
        return self.program.define("record", dtype_source(dtype))

    def _shape(self, node, expression, name):
        """The array's shape as a tuple of whole numbers, known before anything runs."""
        shape = self._constant_shape(node, expression, name)
        shape = shape if isinstance(shape, tuple) else (shape,)
        if not all(type(n) is int for n in shape):
            raise self._refuse(node, f"cuda.{name} of shape {shape}: a shape is of Python's ints")
        if math.prod(shape) < 1 and (name == "local.array" or shape != (0,)):
            raise self._refuse(node, f"cuda.{name} of shape {shape}")
        return shape

    def _constant_shape(self, node, expression, name):
        """Its value, if it is written so that the card's compiler also sees a constant."""
        shape = MISSING
        if is_constant_shape(expression):
            shape = self.environment.evaluate(expression)
        if shape is MISSING:
            raise self._refuse(
                node,
                f"cuda.{name} has the shape {ast.unparse(expression)}; the card's compiler takes "
                "only numbers, names of constants from outside of the kernel, and tuples of "
                "these. Give the size a name before the kernel, as in SIZE = 4 * H",
            )
        return shape

    def _dtype(self, node, expression, name):
        dtype = self.environment.evaluate(expression)
        if dtype is MISSING:
            raise self._refuse(node, f"the emulator needs a constant dtype for cuda.{name}")
        dtype = as_dtype(dtype)
        if dtype.kind not in "biufc" and not dtype.fields:
            raise self._refuse(node, f"the emulator has no cuda.{name} of {dtype}, only of numbers")
        return dtype

    def _field(self, node, kind, name):
        """`x[i].name`, `x[i]["name"]`, `r.name`: an access to the field, not to the record."""
        if isinstance(node.value, ast.Subscript) and not _is_field(node.value):
            node.value = self._access(node.value, kind, name)
            return node
        text = ast.unparse(node)
        node = self.generic_visit(node)
        if self._finds_races() and kind != NOTHING:
            site = self._site(node, text, ast.unparse(node.value))
            name = ast.Constant(name)
            node.value = _call("_trace.seen_record", "_cuda.control", site, kind, node.value, name)
        return node

    def visit_Subscript(self, node):
        return self._access(node, WRITE if isinstance(node.ctx, ast.Store) else READ)

    def _access(self, node, kind, field=""):
        text = ast.unparse(node)
        if _is_field(node):
            return self._field(node, kind, node.slice.value)
        if _never_checked(node):
            return self.generic_visit(node)
        if getattr(node.value, "attr", "") == "flat":
            raise self._refuse(node, f"{ast.unparse(node.value)}: write an index for each axis")
        array, index = self._owner(node.value), self.visit(node.slice)
        if any(isinstance(part, ast.Call) for part in ast.walk(array)) and not _is_view(array):
            raise self._refuse(node, f"give {ast.unparse(node.value)} a name before indexing it")
        site = self._site(node, text, ast.unparse(node.value))
        node.value, node.slice = array, self._checked(array, index, site, kind, field)
        return node

    def _owner(self, node):
        """The array of an access; of `x[i].name[j]` it is a record's field, not read as a whole."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Subscript):
            return self._field(node, NOTHING, node.attr)
        if isinstance(node, ast.Attribute) and self._is_local(node.value):
            return self._field(node, NOTHING, node.attr)
        return self._field(node, NOTHING, node.slice.value) if _is_field(node) else self.visit(node)

    def _finds_races(self):
        return self.program.tracing and not self.program.counting

    def _checked(self, array, index, site, kind, field=""):
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        if any(getattr(part, "value", None) is ... for part in parts):
            raise self._refuse(array, "`...` in an index: write one `:` for each axis")
        if any(isinstance(part, ast.Slice) or _is_new_axis(part) for part in parts):
            checked = _checked_axes(array, parts, site)
            index = ast.Tuple(checked, ast.Load()) if isinstance(index, ast.Tuple) else checked[0]
            if kind == WRITE and self.program.tracing:
                return self._seen("seen_part", site, kind, array, _as_value(index))
            return index
        if self.program.counting:
            return self._seen("seen_part" if kind == WRITE else "seen", site, kind, array, index)
        if field and self._finds_races():
            arguments = (site, kind, array, index, ast.Constant(field))
            return _call("_trace.seen_field", "_cuda.control", *arguments)
        if self.program.tracing:
            return self._seen("seen_part" if kind == WRITE else "seen", site, kind, array, index)
        return _call("_gpu.at", "_cuda.control", site, array, index)

    def _seen(self, name, *arguments):
        """A note of an access, for the race finder or for the counters."""
        if self.program.counting:
            return _call(f"_count.{name}", "_cuda.control", *arguments, noted.LIST)
        return _call(f"_trace.{name}", "_cuda.control", *arguments)

    def _atomic(self, node, name):
        """`cuda.atomic.add(array, index, value)`: the index is checked like any other."""
        arguments = list(node.args)
        if name == "compare_and_swap":
            name, arguments = "cas", [arguments[0], ast.Constant(0), *arguments[1:]]
        text, array_text = ast.unparse(node), ast.unparse(arguments[0])
        array, index, *values = [self.visit(argument) for argument in arguments]
        site = self._site(node, text, array_text)
        self.program.atomics = True
        if name == "cas" and self._finds_races():
            return _call("_trace.atomic_cas", "_cuda.control", site, array, index, *values)
        place = self._checked(array, index, site, ATOMIC)
        return _call(f"_gpu.atomic_{name}", array, place, *values)

    # ---- operators ------------------------------------------------------------------------------

    def visit_BinOp(self, node):
        node = self.generic_visit(node)
        return self._operation(node.op, node.left, node.right) or node

    def _operation(self, operator, left, right):
        """`_card.power(left, right)` and its like, where a card computes something else."""
        if type(operator) not in OPERATORS or _is_safe(operator, right):
            return None
        return _call(f"_card.{OPERATORS[type(operator)]}", left, right)

    # ---- statements -----------------------------------------------------------------------------

    def visit_Assign(self, node):
        if fixed.defines(node, self.environment):
            return ast.copy_location(ast.Pass(), node)
        self.target = ast.unparse(node.targets[0])
        if isinstance(node.value, ast.Call) and self._is_grid(node.value):
            self.grids.add(self.target)
        node = self.generic_visit(node)
        self.target = ""
        return node

    def visit_AugAssign(self, node):
        if type(node.op) in OPERATORS and not _is_safe(node.op, node.value):
            return self.visit(self._written_out(node))
        node.value = self.visit(node.value)
        if isinstance(node.target, ast.Subscript):
            node.target = self._access(node.target, UPDATE)
        elif isinstance(node.target, ast.Attribute):
            node.target = self._field(node.target, UPDATE, node.target.attr)
        return node

    def _written_out(self, node):
        """`x <<= n` as `x = x << n`."""
        if any(isinstance(part, ast.Call) for part in ast.walk(node.target)):
            raise self._refuse(node, "give the index a name before this line")
        source = ast.unparse(node.target)
        whole = ast.BinOp(ast.copy_location(_expression(source), node), node.op, node.value)
        assigned = ast.Assign([node.target], ast.copy_location(whole, node))
        return ast.fix_missing_locations(ast.copy_location(assigned, node))

    def visit_AnnAssign(self, node):
        if node.value is None:
            return None
        return self.visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Raise(self, node):
        """A text from outside stands in the exception's place."""
        for number, argument in enumerate(getattr(node.exc, "args", ())):
            if isinstance(text := self.environment.lookup(argument), str):
                node.exc.args[number] = ast.copy_location(ast.Constant(text), argument)
        return self.generic_visit(node)

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant):
            return None
        return self.generic_visit(node)

    # ---- barriers -------------------------------------------------------------------------------

    def _is_grid(self, node):
        if isinstance(node, ast.Call):
            return getattr(self.environment.lookup(node.func), "name", "") == "cg.this_grid"
        return isinstance(node, ast.Name) and node.id in self.grids

    def _code(self, node, kind):
        return 8 * self._site(node, ast.unparse(node)) + kind

    def _spin_code(self, node):
        """The place of a loop, with the line as it is written."""
        text = source_line(self.function, node.lineno).rstrip(":")
        return 8 * self._site(node, text) + scheduler.SPIN

    def _wait(self, node, kind):
        return ast.Yield(ast.Constant(self._code(node, kind)))

    def _sync(self, node, kind):
        """A barrier; for syncwarp, the mask of lanes is posted first."""
        if kind == scheduler.BLOCK:
            return self._wait(node, kind)
        self.program.clocks |= bool(node.args)
        code = self._code(node, kind)
        mask = self.visit(node.args[0]) if node.args else ast.Constant(ALL_LANES)
        return _waiting_call(node, SYNCWARP, "syncwarp", [mask], code=code)

    def _exchange(self, node, name):
        """A shuffle or a vote: post a value, wait for the others, read theirs."""
        kind = scheduler.BLOCK if name in names.BLOCK_VOTES else scheduler.EXCHANGE
        code, asks = self._code(node, kind), name in names.SHUFFLES and self._finds_races()
        arguments = [self.visit(argument) for argument in node.args]
        if name in names.BLOCK_VOTES:
            arguments.insert(0, ast.Constant(0))
        parameters = ["mask", "value", "which"][: len(arguments)]
        reads = parameters if name in names.WARP_VOTES else parameters[1:]
        return _waiting_call(
            node,
            EXCHANGE,
            name,
            arguments,
            code=code,
            asks=ASKS.format(name=name, site=code >> 3) if asks else "",
            check=_check_of(name),
            parameters=", ".join(parameters),
            reads=", ".join(reads),
        )

    # ---- helpers --------------------------------------------------------------------------------

    def _site(self, node, text, array="", indent=0):
        line, file = getattr(node, "lineno", 0), file_of(self.function)
        whole = source_line(self.function, line)
        site = Site(self.function.__name__, line, text, array, file, indent, whole)
        return self.program.add_site(site)

    def _site_of_line(self, statement, node):
        """The place of an expression that is an array, told by its statement's first line."""
        text = source_line(self.function, statement.lineno)
        return self._site(statement, text, ast.unparse(node))

    def _line(self, node):
        """The place of a whole line, as it is written."""
        where = self.function, node.lineno
        return self._site(node, source_line(*where), indent=indent_of(*where))

    def _dimensions(self, node):
        values = [getattr(argument, "value", None) for argument in node.args]
        if values in ([1], [2], [3]):
            return values[0]
        raise self._refuse(node, "cuda.grid and cuda.gridsize take the literal 1, 2 or 3")

    def _refuse(self, node, reason):
        return refusal(self.function, node, reason)


def _identity(value):
    """What tells two fixed values apart."""
    return repr(value) if fixed.is_size(value) else id(value)


def _instead_of(function):
    """What to write in place of a function that the GPU does not know."""
    if hasattr(function, "__code__"):
        return "; decorate it with @cuda.jit(device=True)"
    name = getattr(function, "__name__", "")
    return f"; use math.{name}" if isinstance(function, np.ufunc) and hasattr(math, name) else ""


def _is_new_axis(node):
    return isinstance(node, ast.Constant) and node.value is None


def _checked_axes(array, parts, site):
    """An index with slices: each number in it is checked against its axis."""
    axis, checked = 0, []
    for part in parts:
        if isinstance(part, ast.Slice) or _is_new_axis(part):
            checked.append(part)
        else:
            checked.append(_call("_gpu.at_axis", "_cuda.control", site, array, axis, part))
        axis += not _is_new_axis(part)
    return checked


def _as_value(index):
    """An index with slices as an expression of its own: `1:n` is `slice(1, n, None)`."""
    if isinstance(index, ast.Tuple):
        return ast.Tuple([_as_value(part) for part in index.elts], ast.Load())
    if not isinstance(index, ast.Slice):
        return index
    ends = [index.lower, index.upper, *([index.step] if index.step else [])]
    return _call("_trace.axis_part", *(end or ast.Constant(None) for end in ends))


def _is_safe(operator, right):
    """Is the second operand a number with which all compilers do the same?"""
    return isinstance(right, ast.Constant) and (
        isinstance(right.value, float)
        if isinstance(operator, ast.Pow)
        else right.value in range(64)
    )


def _convert_to_declared(tree, function, program, signatures):
    """`x = convert(x)` for each argument, and the same for each result."""
    if len(signatures) > 1:
        raise refusal(function, tree, "the emulator takes one signature of a device function")
    ((kinds, result),) = signatures
    if result not in (None, types.void):
        convert = _conversion(program, result, f"the result of {function.__name__}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Return):
                node.value = _call(convert, node.value or ast.Constant(None))
    for argument, kind in reversed(list(zip(tree.args.args, kinds, strict=True))):
        convert = _conversion(program, kind, f"the argument {argument.arg} of {function.__name__}")
        value = _call(convert, argument.arg)
        statement = ast.Assign([ast.Name(argument.arg, ast.Store())], value)
        tree.body.insert(0, ast.copy_location(statement, tree))
    ast.fix_missing_locations(tree)


def _conversion(program, kind, what):
    source = f"_signatures.conversion_to({type_source(kind)}, {what!r})"
    return program.define(f"_as_{kind.name.split('(')[0]}", source)


def _check_of(name):
    """What refuses the values that the card's compiler refuses in a shuffle or a vote."""
    if name in names.BLOCK_VOTES:
        return "for_block_vote"
    return "for_warp_vote" if name in names.WARP_VOTES else "for_shuffle"


def _never_checked(node):
    """`x.shape[0]` is not an array access; nor is `(1, 2)[i]`."""
    if isinstance(node.value, ast.Attribute) and node.value.attr in ("shape", "strides"):
        return True
    return isinstance(node.value, ast.Tuple)


def _is_field(node):
    """`record["name"]`."""
    index = getattr(node, "slice", None)
    return isinstance(index, ast.Constant) and isinstance(index.value, str)


def _is_view(node):
    """`W[k][j]`, `x[i].field[j]`: the inner access may be repeated safely."""
    return isinstance(node, ast.Subscript) or (
        isinstance(node, ast.Attribute) and _is_view(node.value)
    )


def _kind(value):
    return f"a {type(value).__name__}"


def _expression(source):
    return ast.parse(source, mode="eval").body


def _call(function, *arguments):
    """A call whose arguments are trees, source text, or numbers."""
    parts = [
        argument
        if isinstance(argument, ast.AST)
        else _expression(argument)
        if isinstance(argument, str)
        else ast.Constant(argument)
        for argument in arguments
    ]
    return ast.Call(_expression(function), parts, [])


def _waiting_call(node, template, name, arguments, **fields):
    """A call of a small function with a `yield`, to be written into the kernel (inline.py)."""
    call = _call(name, "_cuda", *arguments)
    call.inline = ast.parse(template.format(**fields | {"name": name})).body[0]
    for part in ast.walk(call.inline):
        ast.copy_location(part, node)
        part.origin = node.origin
    return call
