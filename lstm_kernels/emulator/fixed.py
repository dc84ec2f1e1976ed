"""Local names whose value is fixed before anything runs.

    t = cuda.threadIdx                      the name stands for the label: the line goes
    N = 32; cuda.shared.array(N, float32)   a shape may use it
    combine(x, 0, cuda.atomic.add)          the function gets a version of its own, without the
                                            argument, in which it is known what is called

The card's compiler sees through such names, too: there each function, type and label has a type of
its own.
"""

import ast
import inspect

import numpy as np
from numba import types

from . import names
from .environment import MISSING, python_function, source_tree
from .program import callable_source
from .refuse import is_constant_shape


def is_label(value):
    """Is it no number, but what a compiler must know: a function, a type, `cuda.threadIdx`?"""
    if isinstance(value, names.KernelName):
        return not isinstance(value, names.KernelValue)
    is_type = isinstance(value, (types.Type, np.dtype)) or (
        isinstance(value, type) and issubclass(value, np.generic)
    )
    return is_type or python_function(value) is not None or bool(callable_source(value))


def is_size(value):
    """A whole number, or a tuple of them."""
    return all(type(part) is int for part in (value if isinstance(value, tuple) else (value,)))


def _is_constant(value):
    return isinstance(value, bool) or is_size(value)


def find(tree, environment):
    """Note the local names that are assigned once, and stand for a label or a size."""
    sizes_matter = _makes_arrays(tree)
    for name, node in _assigned_once(tree):
        value = _value(node, environment)
        if is_label(value) or (sizes_matter and is_size(value)):
            environment.known[name] = value


def defines(statement, environment):
    """Does it only give such a name its value?"""
    target = statement.targets[0]
    return isinstance(target, ast.Name) and target.id in environment.known


def arguments(call, function, environment):
    """The fixed values that a call gives, as a tuple of (parameter, value)."""
    tree = source_tree(function)
    values = [(n, _value(node, environment)) for n, node in _bound(call, function).items()]
    constants_matter = _makes_arrays(tree) or any(is_label(value) for _, value in values)
    return tuple(
        (name, value)
        for name, value in values
        if (is_label(value) or (constants_matter and _is_constant(value)))
        and not _stores(tree, name)
    )


def drop_from_call(call, function, known):
    """Take the fixed arguments out of a call."""
    bound, gone = _bound(call, function), dict(known)
    nodes = [node for name, node in bound.items() if name in gone]
    call.args = [node for node in call.args if not any(node is other for other in nodes)]
    call.keywords = [keyword for keyword in call.keywords if keyword.arg not in gone]


def drop_parameters(tree, known):
    """Take them out of the function, with their defaults."""
    parameters = tree.args.args
    defaults = dict(zip([a.arg for a in parameters[::-1]], tree.args.defaults[::-1], strict=False))
    tree.args.args = [argument for argument in parameters if argument.arg not in known]
    kept = [argument.arg for argument in tree.args.args]
    tree.args.defaults = [defaults[name] for name in kept if name in defaults]


def _bound(call, function):
    """Parameter -> the tree of its argument."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    return inspect.signature(function).bind(*call.args, **keywords).arguments


def _value(node, environment):
    if isinstance(node, (ast.Name, ast.Attribute)):
        return environment.lookup(node)
    constant = is_constant_shape(node) and not any(
        isinstance(part, (ast.Call, ast.Attribute)) for part in ast.walk(node)
    )
    return environment.evaluate(node) if constant else MISSING


def _assigned_once(tree):
    """(name, value) for each local name with one assignment, and no other."""
    parameters = {argument.arg for argument in tree.args.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            name = getattr(node.targets[0], "id", None)
            if name and name not in parameters and _stores(tree, name) == 1:
                yield name, node.value


def _stores(tree, name):
    """How often the function gives this name a value."""
    return sum(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        for node in ast.walk(tree)
    )


def _makes_arrays(tree):
    """Does it ask for a shared or local array?"""
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "array"
        for node in ast.walk(tree)
    )
