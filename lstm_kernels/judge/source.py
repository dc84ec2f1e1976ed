"""What was written: is it still a stub, and does it call what it should write itself?"""

import ast
import builtins
import inspect
import textwrap
from types import ModuleType

from lstm_kernels.emulator.environment import python_function
from lstm_kernels.judge.compare import NotYet

DOORS = {"eval", "exec", "compile", "open", "globals", "locals", "vars", "getattr", "__import__"}
SHUT = ("lstm_kernels", "inspect", "importlib", "sys", "gc", "torch", "scipy", "ctypes")


def plain(answer):
    """The Python function of an answer that is a function or a kernel; None for other things."""
    return answer if inspect.isfunction(answer) else python_function(answer)


def tree_of(function):
    """Its definition as a syntax tree, without decorators and docstring."""
    try:
        lines = textwrap.dedent(inspect.getsource(function))
    except OSError:
        raise NotYet("Its source cannot be read: write it in a cell or a file.") from None
    tree = next(
        n for n in ast.walk(ast.parse(lines)) if isinstance(n, ast.FunctionDef | ast.Lambda)
    )
    if isinstance(tree, ast.FunctionDef):
        tree.decorator_list = []
        if ast.get_docstring(tree) is not None:
            tree.body = tree.body[1:]
    return tree


def is_unwritten(answer, planted=None):
    """Is it None, or does it still hold `...`, or is it the planted function as it was?"""
    if answer is None or answer is Ellipsis:
        return True
    if isinstance(answer, tuple | list | dict | set):
        parts = answer.values() if isinstance(answer, dict) else answer
        return any(part is None or part is Ellipsis for part in parts)
    function = plain(answer)
    if function is None:
        return False
    tree = tree_of(function)
    if planted is not None and _same_code(tree, tree_of(plain(planted))):
        return True
    return not getattr(tree, "body", True) or any(map(_is_gap, ast.walk(tree)))


def _same_code(tree, other):
    """The same arguments and lines, whatever the names of the two functions."""
    return [ast.dump(tree.args), *map(ast.dump, tree.body)] == [
        ast.dump(other.args),
        *map(ast.dump, other.body),
    ]


def _is_gap(node):
    """The Ellipsis as a statement or as a value that is stored: not as an index, `a[..., 0]`."""
    value = getattr(node, "value", None) if isinstance(node, ast.Expr | ast.Assign) else None
    return isinstance(value, ast.Constant) and value.value is Ellipsis


def refuse_borrowed(answer, given=()):
    """NotYet if an answer, or a function of the page that it calls, borrows what it should write.

    given: names that the task gives.  Borrowed are the course's own functions, `np.linalg`, and
    doors around this check, such as `eval`.
    """
    function = plain(answer)
    if function is not None:
        _refuse(function, set(given), seen=set())


def _refuse(function, given, seen):
    seen.add(function)
    tree = tree_of(function)
    known = inspect.getclosurevars(function)
    names = {**vars(builtins), **function.__globals__, **known.nonlocals}
    inside = set(function.__code__.co_varnames)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            for module in modules:
                _refuse_module(module)
        if isinstance(node, ast.Name) and node.id not in given | inside and node.id in names:
            _refuse_value(node.id, names[node.id], function, given, seen)
        if isinstance(node, ast.Attribute):
            _refuse_attribute(node, names, inside)


def _refuse_module(name):
    if name.split(".")[0] in SHUT or name.startswith("numpy.linalg"):
        raise NotYet(f"It imports {name}: write it without.")


def _refuse_value(name, value, function, given, seen):
    """What a name in the answer stands for: not the course's own, and no door to it."""
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    home = home or ""
    inner = plain(value)
    if name in DOORS and value is getattr(builtins, name, None):
        raise NotYet(f"It calls {name}(): write it without.")
    if _is_shut(home) or _is_versions(value):
        raise NotYet(f"It uses {name}, which is the course's own: here you write it yourself.")
    if inner is not None and inner not in seen and inner.__globals__ is function.__globals__:
        _refuse(inner, given, seen)


def _is_shut(home):
    """Modules whose functions a task asks for; the emulator stands for `numba.cuda`."""
    is_cuda = home.startswith("lstm_kernels.emulator")
    return home.split(".")[0] in SHUT and not is_cuda


def _is_versions(value):
    return isinstance(value, dict) and any(
        isinstance(part, ModuleType) and _is_shut(part.__name__) for part in value.values()
    )


def _refuse_attribute(node, names, inside):
    """`np.linalg`, and `module.function` of a module that is shut; `.__globals__` and the like."""
    if node.attr.startswith("__") or node.attr in ("py_func", "f_globals"):
        raise NotYet(f"It reaches for .{node.attr}: write it without.")
    root = node.value
    if isinstance(root, ast.Name) and root.id not in inside:
        module = names.get(root.id)
        if isinstance(module, ModuleType) and module.__name__ == "numpy" and node.attr == "linalg":
            raise NotYet("It uses np.linalg: here you write it yourself.")
