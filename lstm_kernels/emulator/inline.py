"""Write device functions that contain a barrier, and shuffles and votes, into their callers.

Only the kernel itself can be paused (it is the generator), so a `yield` has to stand in the
kernel's own body. A call `total = block_sum(x)` becomes the body of `block_sum`, with its local
names made unique, and then `total = <its result>`.
"""

import ast
import copy

from .refuse import refusal

OWN = "__own"  # ends a name that had to change


def inline_calls(statements, function):
    """The statements, with each marked call (attribute `inline`) replaced by its body."""
    return _Inliner(function).block(statements)


def keep_apart(tree):
    """Rename what this function calls by a name that a body to be written into it knows otherwise.

    The body of `K = 2; def twice(x): return K * x` must not meet a local `K` of its caller.
    """
    calls = [node for node in ast.walk(tree) if hasattr(node, "inline")]
    from_outside = set().union(*(_names_from_outside(call.inline) for call in calls))
    new = {name: ast.Name(name + OWN, ast.Load()) for name in _own_names(tree) & from_outside}
    for statement in tree.body:
        _Replace(new).visit(statement)
    for argument in tree.args.args:
        argument.arg = new[argument.arg].id if argument.arg in new else argument.arg


class _Inliner:
    """Numbers the bodies within one function, so that one source always gives the same module."""

    def __init__(self, function):
        self.function = function
        self.count = 0

    def block(self, statements):
        return [new for statement in statements for new in self.statement(statement)]

    def statement(self, statement):
        """One statement, perhaps with some new ones before it."""
        for name in ("body", "orelse"):
            if isinstance(getattr(statement, name, None), list):
                setattr(statement, name, self.block(getattr(statement, name)))
        if isinstance(statement, ast.While) and _has_marked_call(statement.test):
            statement = _test_inside(statement)
            statement.body = self.block(statement.body)
        if not _has_marked_call(statement):
            return [statement]
        hoist = _Hoist(self)
        statement = hoist.visit(statement)
        return [*hoist.before, statement]

    def body_of(self, call):
        """The callee's statements with the arguments bound first, and the name of its result."""
        self.count += 1
        suffix = f"__{call.inline.name}_{self.count}"
        tree = copy.deepcopy(call.inline)
        arguments = _bind(tree, call, self.function)
        stored = _stored_names(tree)
        new = {name: ast.Name(name + suffix, ast.Load()) for name in stored | arguments.keys()}
        body = []
        for name, value in arguments.items():
            if isinstance(value, (ast.Name, ast.Constant)) and name not in stored:
                new[name] = value  # a second name would be one more to keep at each `yield`
            else:
                body.append(_assign(name + suffix, value))
        _Replace(new).visit(tree)
        statements, result = self._split(tree, call)
        name = f"_result{suffix}"
        return [*body, *statements, _assign(name, result)], ast.Name(name, ast.Load())

    def _split(self, tree, call):
        """The callee's statements without its `return`, and what it returns."""
        statements, result = tree.body, None
        if isinstance(statements[-1], ast.Return):
            *statements, last = statements
            result = last.value
        if any(isinstance(node, ast.Return) for part in statements for node in ast.walk(part)):
            reason = f"{tree.name} has a barrier and returns before its end"
            raise refusal(self.function, call, reason)
        return statements, result or ast.Constant(None)


def _assign(name, value):
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _test_inside(loop):
    """`while test: ...` as `while True: if not test: break; ...`: the test is in a statement."""
    leave = ast.If(ast.UnaryOp(ast.Not(), loop.test), [ast.Break()], [])
    return ast.While(ast.Constant(True), [leave, *loop.body], loop.orelse)


def _has_marked_call(node):
    return any(hasattr(part, "inline") for part in ast.walk(node))


def _conditional(node):
    """The parts of an expression that are perhaps not computed."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    return node.values[1:] if isinstance(node, ast.BoolOp) else []


class _Hoist(ast.NodeTransformer):
    """Moves marked calls of one statement in front of it, inner calls first."""

    def __init__(self, inliner):
        self.inliner = inliner
        self.before = []

    def visit(self, node):
        if any(map(_has_marked_call, _conditional(node))):
            raise refusal(
                self.inliner.function,
                node,
                "a barrier, a shuffle or a vote is called under a condition: some threads may not "
                "reach it; call it in a statement of its own",
            )
        return super().visit(node)

    def visit_Call(self, node):
        node = self.generic_visit(node)
        if not hasattr(node, "inline"):
            return node
        body, result = self.inliner.body_of(node)
        self.before.extend(body)
        return result


def _stored_names(tree):
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _own_names(tree):
    return _stored_names(tree) | {argument.arg for argument in tree.args.args}


def _names_from_outside(tree):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _own_names(tree)


def _bind(tree, call, function):
    """Parameter name -> argument, as Python would bind them."""
    parameters = [argument.arg for argument in tree.args.args]
    bound = dict(zip(parameters, call.args, strict=False))
    by_keyword = {name.removesuffix(OWN): name for name in parameters}
    for keyword in call.keywords:
        bound[by_keyword.get(keyword.arg, keyword.arg)] = keyword.value
    defaults = tree.args.defaults
    for name, default in zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True):
        bound.setdefault(name, copy.deepcopy(default))
    if set(bound) != set(parameters):
        raise refusal(function, call, f"{tree.name} takes the arguments {parameters}")
    return bound


class _Replace(ast.NodeTransformer):
    """Puts other names, or constants, in the place of names."""

    def __init__(self, new):
        self.new = new

    def visit_Name(self, node):
        new = copy.copy(self.new.get(node.id, node))
        if isinstance(new, ast.Name):
            new.ctx = node.ctx
        return new
