"""Which kernels may run their blocks at once, on several CPU cores, without changing a bit?

Those whose blocks never meet: each element of memory that one block writes is neither read nor
written by another. This is proved from the translated source, or not at all. The proof looks at
every array that the kernel writes, and asks for one axis along which *all* accesses use an index
that two blocks can never share:

    blockIdx.x                          one number a block
    range(blockIdx.x, ..., gridDim.x)   blocks deal out the numbers like cards
    cuda.grid(1)                        ranges of threads' numbers, one after the other
    one of these + an argument          the same, moved

`h[t + 1, n, j]` with n = blockIdx.x is safe, `sums[k]` is not. A part `h[n]` that gets a name of
its own is followed. Atomic additions are never safe here: the order of the blocks would
change the rounding. What is not proved runs on one core.
"""

import ast
from dataclasses import dataclass

ASKED = ("shape", "strides", "size", "ndim", "dtype")  # what is no access to the elements
BLOCK, GRID = "block", "grid"
STRIDES = {BLOCK: "_cuda.grid_dim_x", GRID: "_gpu.gridsize_1(_cuda)"}


class Unproven(Exception):
    """The blocks may meet, or the proof is too weak to tell."""


@dataclass(frozen=True)
class Argument:
    """The kernel's own argument of this name, or the part of it that begins with these indexes."""

    name: str
    indexes: tuple = ()


@dataclass(frozen=True)
class Own:
    """A whole number that two blocks never share; offset: the argument added to it, or ""."""

    kind: str
    offset: str = ""


@dataclass(frozen=True)
class Private:
    """A shared or local array: each block has its own."""


def written_arguments(kernel, program):
    """The arguments that the kernel writes, if its blocks never meet in them; else None."""
    parameters = [argument.arg for argument in kernel.tree.args.args[1:]]
    functions = {part.tree.name: part.tree for part in program.functions.values()}
    proof = _Proof(functions)
    try:
        if program.uses_grid or program.spins:
            raise Unproven("its blocks may wait for each other")
        _Scope(proof, kernel.tree, {name: Argument(name) for name in parameters}).visit_body()
        return proof.written()
    except Unproven:
        return None


class _Proof:
    """What is known so far: for each argument, how it was accessed."""

    def __init__(self, functions):
        self.functions = functions
        self.indexes = {}  # argument -> one tuple of values for each access
        self.stored = set()
        self.elsewhere = set()  # arguments used as a whole: numbers, or arrays gone out of sight

    def written(self):
        for name in self.stored:
            accesses = self.indexes[name]
            if name in self.elsewhere or not any(
                isinstance(axis[0], Own) and len(set(axis)) == 1
                for axis in zip(*accesses, strict=False)
            ):
                raise Unproven(name)
        return frozenset(self.stored)


class _Scope(ast.NodeVisitor):
    """One function with the values of its parameters, where they are known."""

    def __init__(self, proof, tree, parameters):
        self.proof = proof
        self.tree = tree
        self.values = {}
        self.sources = _sources(tree)
        stored = _stored_names(tree)
        self.parameters = {name: v for name, v in parameters.items() if name not in stored}

    def visit_body(self):
        for statement in self.tree.body:
            self.visit(statement)

    # ---- values: Own, Argument, Private, or None for all else --------------------------------

    def value(self, node):
        if isinstance(node, ast.Name):
            return self._value_of_name(node.id)
        text = ast.unparse(node)
        if text == "_cuda.block_x":
            return Own(BLOCK)
        if text == "_gpu.grid_1(_cuda)":
            return Own(GRID)
        if text.startswith("_gpu.array_at("):
            return Private()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._sum(self.value(node.left), self.value(node.right))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Call):
            array = self.value(node.value)  # a part of it, or one number
            return self._part(array, node.slice) if isinstance(array, Argument) else None
        return None

    def _value_of_name(self, name):
        if name in self.parameters:
            return self.parameters[name]
        if name not in self.values:
            self.values[name] = None  # a name that leads back to itself has no value
            found = {self._value_of_source(source) for source in self.sources.get(name, ())}
            self.values[name] = found.pop() if len(found) == 1 else None
        return self.values[name]

    def _value_of_source(self, source):
        return self._dealt_out(source.iter) if isinstance(source, ast.For) else self.value(source)

    def _sum(self, left, right):
        if isinstance(left, Argument):
            left, right = right, left
        whole = isinstance(right, Argument) and not right.indexes
        if isinstance(left, Own) and not left.offset and whole:
            return Own(left.kind, right.name)
        return None

    def _dealt_out(self, iterated):
        if not (isinstance(iterated, ast.Call) and len(iterated.args) == 3):
            return None
        first = self.value(iterated.args[0])
        whole = isinstance(first, Own) and not first.offset
        return first if whole and ast.unparse(iterated.args[2]) == STRIDES[first.kind] else None

    # ---- accesses ----------------------------------------------------------------------------

    def visit_Subscript(self, node):
        if _is_question(node.value) or isinstance(node.value, ast.Tuple):
            return self.visit(node.value)
        array = self.value(node.value) if isinstance(node.value, ast.Name) else None
        checked = isinstance(node.slice, ast.Call) and ast.unparse(node.slice.func) == "_gpu.at"
        if array is None or isinstance(array, Own) or not checked:
            raise Unproven(ast.unparse(node))
        index = node.slice.args[-1]
        self.visit(index)
        if isinstance(array, Argument):
            accesses = self.proof.indexes.setdefault(array.name, [])
            accesses.append(self._part(array, node.slice).indexes)
            if isinstance(node.ctx, ast.Store):
                self.proof.stored.add(array.name)

    def _part(self, array, checked):
        index = checked.args[-1]
        indexes = index.elts if isinstance(index, ast.Tuple) else [index]
        return Argument(array.name, array.indexes + tuple(self.value(i) for i in indexes))

    def visit_Attribute(self, node):
        if not _is_question(node):
            self.generic_visit(node)

    def visit_Assign(self, node):
        """A second name for an array is no access to it."""
        for target in node.targets:
            self.visit(target)
        for _, value in _pairs(node.targets[-1], node.value):
            if not (isinstance(value, ast.Name) and self.value(value) is not None):
                self.visit(value)

    def visit_Call(self, node):
        name = ast.unparse(node.func)
        if name.startswith("_gpu.atomic_"):
            raise Unproven(name)
        callee = self.proof.functions.get(name)
        if callee is None:
            for argument in node.args:
                self.visit(argument)
        elif node.keywords or callee.args.defaults:
            raise Unproven(name)
        else:
            self._enter(callee, node.args)

    def _enter(self, callee, arguments):
        values = {}
        for parameter, argument in zip(callee.args.args, arguments, strict=True):
            values[parameter.arg] = self.value(argument)
            if values[parameter.arg] is None or isinstance(argument, ast.Subscript):
                self.visit(argument)
        _Scope(self.proof, callee, values).visit_body()

    def visit_Name(self, node):
        value = self.value(node) if isinstance(node.ctx, ast.Load) else None
        if isinstance(value, Argument) and not value.indexes:
            self.proof.elsewhere.add(value.name)


def _is_question(node):
    """`x.shape`: no element is read."""
    return isinstance(node, ast.Attribute) and node.attr in ASKED


def _stored_names(tree):
    return [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _sources(tree):
    """Local name -> all expressions and loops that give it its value, if all of them are known."""
    found = {}
    for node in ast.walk(tree):
        pairs = []
        if isinstance(node, ast.Assign):
            pairs = [pair for target in node.targets for pair in _pairs(target, node.value)]
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            pairs = [(node.target.id, node)]
        for name, source in pairs:
            found.setdefault(name, []).append(source)
    stored = _stored_names(tree)
    return {name: sources for name, sources in found.items() if stored.count(name) == len(sources)}


def _pairs(target, value):
    """`n, k = a, b` as (n, a), (k, b)."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        if len(target.elts) == len(value.elts):
            return [p for t, v in zip(target.elts, value.elts, strict=True) for p in _pairs(t, v)]
    return [(target.id if isinstance(target, ast.Name) else None, value)]
