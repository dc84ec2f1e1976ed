"""What the GPU compiler refuses, found in the source.

Numba's CPU compiler takes much more of Python than its GPU compiler: lists, strings, NumPy
functions that allocate. A kernel that uses them would run here and fail on a card; so we refuse.
"""

import ast

from .errors import UnsupportedCode
from .explain import told

STATEMENTS = {
    ast.Try: "exceptions cannot be caught on the GPU",
    ast.With: "`with` does not exist on the GPU",
    ast.Import: "import at the top of the file, not inside a kernel",
    ast.ImportFrom: "import at the top of the file, not inside a kernel",
    ast.ClassDef: "classes do not exist on the GPU",
    ast.FunctionDef: "define device functions outside the kernel",
    ast.AsyncFunctionDef: "define device functions outside the kernel",
    ast.Global: "globals are constants on the GPU",
    ast.Nonlocal: "variables of the surrounding function are constants on the GPU",
    ast.Delete: "`del` does not exist on the GPU",
}
EXPRESSIONS = {
    ast.List: "lists do not exist on the GPU; use cuda.local.array",
    ast.ListComp: "lists do not exist on the GPU; use cuda.local.array and a loop",
    ast.Set: "sets do not exist on the GPU",
    ast.SetComp: "sets do not exist on the GPU",
    ast.Dict: "dictionaries do not exist on the GPU",
    ast.DictComp: "dictionaries do not exist on the GPU",
    ast.GeneratorExp: "generators do not exist on the GPU; use a loop",
    ast.Lambda: "lambda does not exist on the GPU; define a device function",
    ast.Yield: "yield does not exist on the GPU",
    ast.YieldFrom: "yield does not exist on the GPU",
    ast.Await: "await does not exist on the GPU",
    ast.JoinedStr: "strings do not exist on the GPU",
    ast.Starred: "starred arguments do not exist on the GPU",
    ast.MatMult: "`@` does not exist on the GPU; write the loops",
}
METHODS = frozenset(
    "sum mean std var dot min max argmin argmax sort argsort copy astype fill flatten tolist "
    "cumsum prod any all append extend insert pop clip round repeat take nonzero".split()
)


RESERVED = frozenset(
    "_cuda _list_of _count _gpu _card _half _linked _compact _scheduler _signatures _trace _types "
    "_vectors _kernel np cmath math operator njit".split()
)  # the generated module's own names


def refuse_signature(tree, function, is_kernel):
    """Refuse `*args`, and what a kernel cannot return."""
    arguments = tree.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        raise refusal(function, tree, "write each argument with its name: there is no * on the GPU")
    for node in ast.walk(tree):
        value = getattr(node, "value", None)
        if is_kernel and isinstance(node, ast.Return) and not _is_none(value):
            raise refusal(function, node, "a kernel returns nothing: write results into an array")
        name = node.arg if isinstance(node, ast.arg) else getattr(node, "id", "")
        stored = isinstance(node, ast.arg) or isinstance(getattr(node, "ctx", None), ast.Store)
        if stored and name in RESERVED:
            raise refusal(
                function, node, f"the emulator needs the name {name} itself: take another"
            )


def _is_none(node):
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def refuse_python(tree, function):
    """Raise UnsupportedCode for the first construct that the GPU does not have."""
    for node in _body_nodes(tree):
        reason = STATEMENTS.get(type(node)) or EXPRESSIONS.get(type(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            reason = "strings do not exist on the GPU"
        if reason:
            raise refusal(function, node, reason)


def refuse_method(node, function):
    """`array.sum()` and its like."""
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        raise refusal(
            function, node, f"arrays have no method {node.func.attr} on the GPU; write the loop"
        )


def is_constant_shape(node):
    """Does the card's compiler take it as an array's shape? H, (2, H), SIZES[0] and 4 * 16: yes.

    4 * H and settings.H: no, although both are constants. Tried with numba-cuda 0.30.4.
    """
    if isinstance(node, ast.Tuple):
        return all(is_constant_shape(part) for part in node.elts)
    if isinstance(node, ast.Subscript):
        return is_constant_shape(node.value) and is_constant_shape(node.slice)
    if isinstance(node, ast.Name):
        return True
    return not any(isinstance(part, ast.Name) for part in ast.walk(node))


def refusal(function, node, reason):
    """The exception, with the place in the source."""
    return UnsupportedCode(told(function, getattr(node, "lineno", "?"), reason))


def _body_nodes(tree):
    """All nodes of the body, without doc strings, what `print` and exceptions are given, and the
    names of a record's fields."""
    pending = [statement for statement in tree.body if not _is_text(statement)]
    while pending:
        node = pending.pop(0)
        yield node
        pending.extend(part for part in ast.iter_child_nodes(node) if not _may_be_text(node, part))


def _may_be_text(node, part):
    """May this part of the node be a text?"""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") == "print"
    if isinstance(node, ast.Subscript):
        return part is node.slice and isinstance(part, ast.Constant)
    if isinstance(node, ast.Assert):
        return part is node.msg
    return isinstance(node, ast.Raise)


def _is_text(statement):
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
