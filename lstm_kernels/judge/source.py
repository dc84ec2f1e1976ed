"""What was written: is it still a stub, and does it call what it should write itself?"""

import ast
import builtins
import dis
import inspect
import textwrap
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import CodeType, MethodType, ModuleType

from lstm_kernels.emulator.environment import python_function
from lstm_kernels.judge.compare import NotYet

BORROWED = ("lstm_kernels", "numpy.linalg", "scipy", "torch", "statsmodels", "sklearn")
AROUND = (  # modules that lead around this check
    "inspect", "importlib", "sys", "gc", "ctypes", "builtins", "runpy", "pkgutil", "pickle",
)  # fmt: skip
DOORS = {
    "eval", "exec", "compile", "open", "globals", "locals", "vars", "getattr", "__import__",
    "get_ipython", "attrgetter", "methodcaller",
}  # fmt: skip
FRAMES = {"f_back", "f_globals", "f_locals", "gi_frame", "cr_frame", "tb_frame", "py_func"}
HARMLESS = {"__name__", "__len__", "__init__"}
MANY = 1000  # parts of a list that are looked at


# ---- written or not -----------------------------------------------------------------------


def plain(answer):
    """The Python function of an answer that is a function or a kernel; None for other things."""
    return answer if inspect.isfunction(answer) else python_function(answer)


def functions_of(answer):
    """The Python functions in an answer: itself, a class's methods, those of a tuple or a dict."""
    if isinstance(answer, staticmethod | classmethod):
        answer = answer.__func__
    elif isinstance(answer, property):
        answer = answer.fget
    if isinstance(answer, type):  # without what a dataclass makes by itself
        made = functions_of(dict(vars(answer)))
        return [function for function in made if function.__code__.co_filename != "<string>"]
    if isinstance(answer, tuple | list | dict):
        parts = answer.values() if isinstance(answer, dict) else answer
        return [function for part in parts for function in functions_of(part)]
    function = plain(answer)
    return [] if function is None else [function]


def functions_of_page(function):
    """The function, and all functions of its page that it can call, as far as names tell."""
    found, left = [], [function]
    while left:
        one = left.pop()
        if one is not None and one.__globals__ is function.__globals__ and one not in found:
            found.append(one)
            left += [plain(value) for _, value in _from_outside(one, list(_steps(one.__code__)))]
    return found


def tree_of(function):
    """Its definition as a syntax tree, without decorators and docstring."""
    try:
        lines = textwrap.dedent(inspect.getsource(function.__code__))
        nodes = ast.walk(ast.parse(lines))
        tree = next(n for n in nodes if isinstance(n, ast.FunctionDef | ast.Lambda))
    except (OSError, SyntaxError, StopIteration):
        raise NotYet("Its source cannot be read: write it with `def`, in a cell or a file.") from (
            None
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
        return any(map(is_unwritten, parts))
    trees = [tree_of(function) for function in functions_of(answer)]
    if planted is not None and trees:
        before = [tree_of(function) for function in functions_of(planted)]
        if [*map(_code, trees)] == [*map(_code, before)]:
            return True
    return any(map(_is_stub, trees))


def _lines(tree):
    return tree.body if isinstance(tree.body, list) else [tree.body]  # of a lambda


def _code(tree):
    """Its arguments and lines, whatever its name is."""
    return [ast.dump(part) for part in (tree.args, *_lines(tree))]


def _is_stub(tree):
    """No line yet, or `...` somewhere, but not as an index: `a[..., 0]`."""
    if all(isinstance(line, ast.Pass) or _says_not_written(line) for line in _lines(tree)):
        return True
    indices = [n.slice for n in ast.walk(tree) if isinstance(n, ast.Subscript)]
    inside = {id(n) for index in indices for n in ast.walk(index)}
    return any(
        isinstance(n, ast.Constant) and n.value is Ellipsis and id(n) not in inside
        for n in ast.walk(tree)
    )


def _says_not_written(line):
    return isinstance(line, ast.Raise) and "NotImplementedError" in ast.dump(line)


def refuse_another_kind(answer, ours):
    """NotYet if a function was asked for and it is none, or the other way round."""
    said = f"It is {answer!r:.60}"
    if isinstance(ours, type) and not isinstance(answer, type):
        raise NotYet(f"{said}; a class is asked for.")
    if plain(ours) is not None and plain(answer) is None:
        raise NotYet(f"{said}; a function is asked for, written with `def`.")
    if not callable(ours) and callable(answer):
        raise NotYet(f"{said}; a value is asked for: call it.")


# ---- borrowed or not ----------------------------------------------------------------------


def refuse_borrowed(answer, given=(), *, borrowed=BORROWED, parts=()):
    """NotYet if an answer, or a function of the page that it calls, borrows what it should write.

    given: names that the task gives.  Borrowed are the course's own functions, `np.linalg`, and
    doors around this check, such as `eval`.  It is a help against self-deceit, and no lock: what
    reaches the functions is read from their compiled code, what they compute is for the checks.
    borrowed: modules from which nothing may be taken, but for those of `parts` inside them.
    """
    for function in functions_of(answer):
        if _is_of(_home(function), BORROWED):
            raise NotYet("It is the course's own function: write yours, with `def`.")
        modules = _Modules(borrowed, parts)
        _Search(function.__globals__, frozenset(given), modules).read(function)


@dataclass(frozen=True)
class _Modules:
    """Modules from which nothing may be taken, but for some parts of them."""

    borrowed: tuple
    parts: tuple

    def have(self, home):
        return _is_of(home, self.borrowed) and not _is_of(home, self.parts)

    def refuse(self, home):
        """Imports: also of doors around this check."""
        is_above_a_part = any(part.startswith(f"{home}.") for part in self.parts)
        return (self.have(home) and not is_above_a_part) or _is_of(home, AROUND)


class _Search:
    """Looks at all that a function of the page can reach."""

    def __init__(self, page, given, modules):
        self.page, self.given, self.modules, self.seen = page, given, modules, set()

    def read(self, function):
        """One function: what it imports, its attributes, its names from outside."""
        steps = list(_steps(function.__code__))
        attributes = {name for kind, name in steps if "_ATTR" in kind or "_METHOD" in kind}
        _refuse_imports(steps, self.modules)
        _refuse_attributes(attributes - self.given, self.modules)
        for name, value in _from_outside(function, steps):
            self.value(name, value, attributes)

    def value(self, name, value, attributes):
        """What a name stands for: not the course's own, and no door to it."""
        key = id(value), frozenset(attributes)
        if key in self.seen:
            return
        self.seen.add(key)
        home = _home(value)
        if self.modules.have(home):
            return self.borrowed(name, value, home)
        if name in self.given:
            return
        if _is_door(value) or _is_of(home, AROUND):
            raise NotYet(f"It uses {name}: write it without.")
        inner = plain(value)
        if inner is not None and inner.__globals__ is self.page:
            self.read(inner)
        for part, held in islice(_parts(value, attributes), MANY):
            self.value(f"{name}{part}", held, attributes)

    def borrowed(self, name, value, home):
        """Given is what has a given name by its birth, whatever the page calls it."""
        own = getattr(plain(value) or value, "__name__", name).split(".")[-1]
        if own in self.given:
            return
        if home.split(".")[0] != "lstm_kernels":
            raise NotYet(f"It uses {name}, of {home}: here you write it yourself.")
        if not callable(value) and not isinstance(value, ModuleType):
            raise NotYet(f"It uses {name} of the page: take what the function is given.")
        raise NotYet(f"It uses {name}, which is the course's own: here you write it yourself.")


def _steps(code):
    """(kind, name) of each step of the compiled code, with that of the functions inside."""
    for step in dis.get_instructions(code):
        if isinstance(step.argval, str):
            yield step.opname, step.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _steps(inner)


def _from_outside(function, steps):
    """(name, value) of globals, of what a closure keeps, of default values, of attributes."""
    known = {**vars(builtins), **function.__globals__}
    names = dict.fromkeys(n for kind, n in steps if kind.startswith(("LOAD_GLOBAL", "LOAD_NAME")))
    yield from ((name, known[name]) for name in names if name in known)
    yield from inspect.getclosurevars(function).nonlocals.items()
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    yield from (("a default value", value) for value in defaults)
    yield from vars(function).items()


def _refuse_imports(steps, modules):
    start = ""
    for kind, name in steps:
        start = name if kind == "IMPORT_NAME" else start
        full = f"{start}.{name}" if kind == "IMPORT_FROM" else name
        if kind.startswith("IMPORT") and modules.refuse(full):
            raise NotYet(f"It imports {full}: write it without.")


def _refuse_attributes(attributes, modules):
    if "linalg" in attributes and modules.have("numpy.linalg"):
        raise NotYet("It uses np.linalg: here you write it yourself.")
    for name in sorted(attributes - HARMLESS):
        if name in FRAMES or (name.startswith("__") and name.endswith("__")):
            raise NotYet(f"It reaches for .{name}: write it without.")


def _home(value):
    """The module that a value is from: of a function the one that it was written in."""
    if isinstance(value, ModuleType):
        return value.__name__
    function = plain(value)
    home = function.__globals__.get("__name__") if function else getattr(value, "__module__", "")
    return home if isinstance(home, str) and home != "builtins" else ""


def _is_of(home, modules):
    """Is it one of these, or inside of one?  The emulator stands for `numba.cuda`: it is not."""
    if home.startswith("lstm_kernels.emulator"):
        return False
    return any(home == module or home.startswith(f"{module}.") for module in modules)


def _is_door(value):
    name = getattr(value, "__name__", "")
    return callable(value) and name in DOORS and not inspect.isfunction(value) or (
        name == "get_ipython"
    )  # fmt: skip


def _parts(value, attributes):
    """(how it is reached, what it is) of what the page's containers and objects hold."""
    if isinstance(value, dict):
        return ((f"[{key!r}]", part) for key, part in value.items())
    if isinstance(value, tuple | list | set | frozenset):
        return ((f"[{n}]", part) for n, part in enumerate(value))
    if isinstance(value, partial):
        return (("", part) for part in (value.func, *value.args, *value.keywords.values()))
    if isinstance(value, MethodType):
        return (("", part) for part in (value.__func__, value.__self__))
    if isinstance(value, type) or hasattr(value, "__dict__"):
        return _used(value, attributes)
    return iter(())


def _used(value, attributes):
    """The attributes of an object, a class or a module that the code names; its own call."""
    owner = value if isinstance(value, type | ModuleType) else type(value)
    for held in (vars(value), {} if owner is value else vars(owner)):
        for name in attributes | {"__call__", "__wrapped__"}:
            if name in held and not isinstance(held[name], property):
                yield f".{name}", getattr(held[name], "__func__", held[name])
