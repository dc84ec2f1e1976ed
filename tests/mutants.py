"""A module's kernels again, with single statements that a number switches to wrong ones.

So one compilation serves for all mutants of a kernel: it is launched with `switch(3)` as its last
argument, and statement 3 is the wrong one.
"""

import ast
import inspect
import linecache
from types import ModuleType

import numpy as np


def switch(number=None):
    """The last argument of a kernel with switches; None: nothing is wrong."""
    return np.array([-1 if number is None else number])


def with_switches(module, wrong):
    """(the module again, [(function, statement), ...]: what can be switched, by number).

    wrong(statement) -> the wrong one, both as text; None if it has none.  Every kernel with such
    a statement, and those that call it, get `switch` as their last argument.
    """
    tree = ast.parse(inspect.getsource(module))
    kernels = [node for node in ast.walk(tree) if _is_kernel(node)]
    change, before = _Change(wrong), None
    while before != change.switched:
        before = set(change.switched)
        change.switched |= {f.name for f in kernels if change.concerns(f)}
    change.visit(tree)
    text = ast.unparse(ast.fix_missing_locations(tree))
    changed = ModuleType(module.__name__)
    file = f"<{module.__name__} with switches>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"), vars(changed))
    return changed, change.found


def without_barrier(statement):
    """Nothing, in place of a barrier."""
    barriers = "cuda.syncthreads()", "cuda.syncwarp()", "grid.sync()"
    return "pass" if statement in barriers else None


def with_plain_addition(statement):
    """A plain addition, in place of an atomic one."""
    if not statement.startswith("cuda.atomic.add("):
        return None
    array, index, value = map(ast.unparse, ast.parse(statement).body[0].value.args)
    return f"{array}[{index}] += {value}"


def _is_kernel(node):
    decorators = getattr(node, "decorator_list", ())
    return any(ast.unparse(getattr(d, "func", d)) == "cuda.jit" for d in decorators)


class _Change(ast.NodeTransformer):
    def __init__(self, wrong):
        self.wrong, self.switched, self.found, self.function = wrong, set(), [], None

    def concerns(self, function):
        """Has it a statement that can be switched, or calls one that has?"""
        nodes = list(ast.walk(function))
        called = {n.func.id for n in nodes if isinstance(n, ast.Call) and hasattr(n.func, "id")}
        statements = (n for n in nodes if isinstance(n, ast.Expr | ast.Assign))
        return called & self.switched or any(self.wrong(ast.unparse(n)) for n in statements)

    def visit_FunctionDef(self, node):
        self.function = node.name
        self.generic_visit(node)
        if node.name in self.switched:
            node.args.args.append(ast.arg("switch"))
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.switched:
            node.args.append(ast.Name("switch", ast.Load()))
        return node

    def visit_Expr(self, node):
        right = ast.unparse(node)
        wrong = self.wrong(right)
        if self.function not in self.switched or wrong is None:
            return self.generic_visit(node)
        number = len(self.found)
        self.found.append((self.function, right))
        text = f"if switch[0] == {number}:\n    {wrong}\nelse:\n    {right}"
        return ast.parse(text).body[0]

    visit_Assign = visit_Expr
