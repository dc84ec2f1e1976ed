"""What the names in a kernel's source stand for.

A kernel sees its closure, its module's globals and Python's builtins, and the GPU compiler takes
their values as constants. `Environment` looks such names up, without running anything.
"""

import ast
import builtins
import inspect
import textwrap

from . import names
from .errors import UnsupportedCode

MISSING = object()


class Environment:
    """The names that one function sees from outside; `known`: local names with a fixed value."""

    def __init__(self, function, known=()):
        self.function = function
        self.known = dict(known)
        code = function.__code__
        self.locals = set(code.co_varnames) | set(code.co_cellvars)
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        self.closure = dict(cells)

    def lookup(self, node):
        """The value of `name` or `name.attribute...`; MISSING if it is known only at run time."""
        if isinstance(node, ast.Attribute):
            owner = self.lookup(node.value)
            return MISSING if owner is MISSING else getattr(owner, node.attr, MISSING)
        if not isinstance(node, ast.Name):
            return MISSING
        if node.id in self.locals:
            return self.known.get(node.id, MISSING)
        return self._global(node.id)

    def _global(self, name):
        value = self._value(name)
        if inspect.ismodule(value) and value.__name__ == "numba.cuda":
            return names  # the race finder also takes kernels of the real card
        return value

    def _value(self, name):
        if name in self.closure:
            try:
                return self.closure[name].cell_contents
            except ValueError:
                return MISSING
        if name in self.function.__globals__:
            return self.function.__globals__[name]
        return getattr(builtins, name, MISSING)

    def evaluate(self, node):
        """The value of an expression of constants such as `2 * H`; MISSING if it is not one."""
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and self.lookup(part) is MISSING:
                return MISSING
        names = {name: cell.cell_contents for name, cell in self.closure.items()} | self.known
        code = compile(ast.Expression(body=node), "<constant>", "eval")
        return eval(code, self.function.__globals__, names)


def python_function(value):
    """The Python function behind a decorated one: ours, Numba's, or the simulator's; else None."""
    function = getattr(value, "py_func", None) or getattr(value, "fn", None)
    return function if inspect.isfunction(function) else None


def source_tree(function):
    """The function's definition as a syntax tree, with the line numbers of its file."""
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError as error:
        raise UnsupportedCode(
            f"the source of {function.__name__} cannot be found; the emulator translates source, "
            "so write kernels in a file or in a notebook cell"
        ) from error
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise UnsupportedCode(f"{function.__name__} is not written with `def`: write it so")
    ast.increment_lineno(tree, first - 1)
    tree.decorator_list = []
    for node in ast.walk(tree):
        node.origin = function  # it stays with what is written into a caller (inline.py)
    return tree
