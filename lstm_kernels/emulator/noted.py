"""What the counters need in a translated function: notes of its steps, ways and operations.

    s = s + a[n] * b          ->  _count.here(_cuda.control, 5, 17, 0)
                                  s = _count.computed(_cuda.control, 17, s + _count.computed(...))
    if n < N:                 ->  if _count.taken(_cuda.control, 18, n < N):

The numbers are places in the source (program.Site).  Indices were checked, and noted, before.
"""

import ast

from .counting import BARRIER, BRANCH, STEP
from .scheduler import BLOCK, GRID

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
SPECIAL = ("math.", "np.", "_card.")  # functions of numbers
TWO = "_card.fma"  # a product and a sum


class Notes(ast.NodeTransformer):
    """Adds the notes to one function's statements; `place(node)` numbers the places."""

    def __init__(self, place):
        self.place = place
        self.site = None  # of the present statement

    def block(self, statements):
        return [new for statement in statements for new in self.statement(statement)]

    def statement(self, node):
        """The statement with its notes."""
        if isinstance(node, (ast.If, ast.While, ast.For)):
            return self._branch(node)
        self.site = self.place(node)
        before = [_note(STEP, self.site, 0, node)]
        if _is_barrier(node):
            before.append(_note(BARRIER, self.site, 0, node))
        return [*before, self.visit(node)]

    def _branch(self, node):
        self.site = site = self.place(node)
        if isinstance(node, ast.For):
            node.iter = self.visit(node.iter)
        else:
            node.test = _call("taken", site, self.visit(node.test))
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse)
        if not isinstance(node, ast.For):
            return [node]
        node.body.insert(0, _note(BRANCH, site, 1, node))
        return [node, _note(BRANCH, site, 0, node)]

    def visit_BinOp(self, node):
        node = self.generic_visit(node)
        return _call("computed", self.site, node) if isinstance(node.op, OPERATORS) else node

    def visit_AugAssign(self, node):
        node.value = self.visit(node.value)
        if isinstance(node.op, OPERATORS):
            with_what = node.target.value if isinstance(node.target, ast.Subscript) else node.target
            old = ast.parse(ast.unparse(with_what), mode="eval").body
            node.value = _call("added", self.site, old, node.value)
        return node

    def visit_Call(self, node):
        node = self.generic_visit(node)
        name = ast.unparse(node.func)
        if name == TWO:
            return _call("computed", self.site, _call("computed", self.site, node))
        if name.startswith(SPECIAL) and not hasattr(node, "inline"):
            return _call("special", self.site, node)
        return node

    def visit_Subscript(self, node):
        """Its index is made of whole numbers, and its notes are there already."""
        return node


def _is_barrier(node):
    """`yield 19`: all threads of the block, or of the grid, meet here."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Yield) and value.value.value & 7 in (BLOCK, GRID)


def _note(kind, site, value, node):
    statement = ast.Expr(_call("here", kind, site, value))
    return ast.copy_location(statement, node)


def _call(name, *arguments):
    parts = [a if isinstance(a, ast.AST) else ast.Constant(a) for a in arguments]
    function = ast.parse(f"_count.{name}", mode="eval").body
    return ast.Call(function, [ast.parse("_cuda.control", mode="eval").body, *parts], [])
