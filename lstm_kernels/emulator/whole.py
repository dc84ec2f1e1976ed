"""In a traced function: what reads or writes all elements of an array in one expression.

    for v in x:           ->  for v in _trace.seen_all(_cuda.control, 3, 1, x):
    np.cos(x, y)          ->  np.cos(_trace.seen_all(... 1, x), _trace.seen_all(... 2, y))
    a, b = x   v in x   min(x)   x.item()

What is no array goes through as it is.  `y[:] = 3` is an access like others (translate.py).
"""

import ast

import numpy as np

from .noted import LIST
from .program import UFUNCS
from .tracing import READ, WRITE

SEVERAL = ("enumerate", "zip")  # their arguments are what is read
MAY_BE_ARRAYS = (ast.Name, ast.Subscript, ast.Attribute, ast.Call)
ENDS_EARLY = (ast.Break, ast.Return, ast.Yield)


def told(statements, place, counting):
    """The statements with these reads and writes told.

    `place(statement, node)` numbers the places.
    """
    teller = Whole(place, counting)
    return [teller.visit(statement) for statement in statements]


class Whole(ast.NodeTransformer):
    """Puts `seen_all` around each expression that may be an array."""

    def __init__(self, place, counting):
        self.place = place
        self.counting = counting
        self.statement = None  # the present one

    def visit(self, node):
        around = self.statement
        self.statement = node if isinstance(node, ast.stmt) else around
        node = super().visit(node)
        self.statement = around
        return node

    def all_of(self, node, kind=READ):
        """The expression, told as read or written."""
        if not isinstance(node, MAY_BE_ARRAYS):
            return node
        site = ast.Constant(self.place(self.statement, node))
        control = ast.parse("_cuda.control", mode="eval").body
        arguments = [control, site, ast.Constant(kind), node]
        if self.counting:
            return _call("_count.seen_all", *arguments, ast.Name(LIST, ast.Load()))
        return _call("_trace.seen_all", *arguments)

    def visit_For(self, node):
        node = self.generic_visit(node)
        name = ast.unparse(node.iter.func) if isinstance(node.iter, ast.Call) else ""
        early = any(isinstance(n, ENDS_EARLY) or hasattr(n, "inline") for n in ast.walk(node))
        tell = _no_array if early else self.all_of
        if name in SEVERAL:
            node.iter.args = [tell(argument) for argument in node.iter.args]
        elif name != "range":
            node.iter = tell(node.iter)
        return node

    def visit_Compare(self, node):
        node = self.generic_visit(node)
        if isinstance(node.ops[0], (ast.In, ast.NotIn)):
            node.comparators[0] = self.all_of(node.comparators[0])
        return node

    def visit_Call(self, node):
        node = self.generic_visit(node)
        name = ast.unparse(node.func)
        ufunc = name.removeprefix("np.") if name.startswith("np.") else ""
        if ufunc in UFUNCS:
            inputs = getattr(np, ufunc).nin
            kinds = [READ] * inputs + [WRITE] * (len(node.args) - inputs)
            node.args = list(map(self.all_of, node.args, kinds))
        elif name in ("min", "max") and len(node.args) == 1:
            node.args = [self.all_of(node.args[0])]
        elif name.endswith(".item"):
            node.func.value = self.all_of(node.func.value)
        return node

    def visit_Assign(self, node):
        node = self.generic_visit(node)
        if isinstance(node.targets[0], ast.Tuple):
            node.value = self.all_of(node.value)
        elif isinstance(node.targets[0], ast.Subscript) and not self.counting:
            node.value = self.all_of(node.value)
        return node

    def visit_AugAssign(self, node):
        node = self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            old = ast.Name(node.target.id, ast.Load())
            node.value = _call("_trace.added_to", old, node.value)
        return node


def _no_array(node):
    return _call("_trace.no_array", node) if isinstance(node, MAY_BE_ARRAYS) else node


def _call(name, *arguments):
    return ast.Call(ast.parse(name, mode="eval").body, list(arguments), [])
