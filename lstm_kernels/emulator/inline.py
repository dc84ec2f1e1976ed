"""Write device functions that contain a barrier, and shuffles and votes, into their callers.

Only the kernel itself can be paused (it is the generator), so a `yield` has to stand in the
kernel's own body. A call `total = block_sum(x)` becomes the body of `block_sum`, with its local
names made unique, and then `total = <its result>`.
"""

import ast
import copy

from .refuse import refusal

CONDITIONAL = (ast.IfExp, ast.BoolOp)


def inline_calls(statements, function):
    """The statements, with each marked call (attribute `inline`) replaced by its body.

    Bodies are numbered within the function, so that one source always gives the same module.
    """
    _body_of.count = 0
    return _inline_block(statements, function)


def _inline_block(statements, function):
    result = []
    for statement in statements:
        result.extend(_inline_statement(statement, function))
    return result


def _inline_statement(statement, function):
    for name in ("body", "orelse"):
        if isinstance(getattr(statement, name, None), list):
            setattr(statement, name, _inline_block(getattr(statement, name), function))
    if isinstance(statement, ast.While) and _has_marked_call(statement.test):
        statement = _test_inside(statement)
        statement.body = _inline_block(statement.body, function)
    if not _has_marked_call(statement):
        return [statement]
    hoist = _Hoist(function)
    statement = hoist.visit(statement)
    return [*hoist.before, statement]


def _test_inside(loop):
    """`while test: ...` as `while True: if not test: break; ...`: the test is in a statement."""
    leave = ast.If(ast.UnaryOp(ast.Not(), loop.test), [ast.Break()], [])
    return ast.While(ast.Constant(True), [leave, *loop.body], loop.orelse)


def _has_marked_call(node):
    return any(hasattr(part, "inline") for part in ast.walk(node))


class _Hoist(ast.NodeTransformer):
    """Moves marked calls of one statement in front of it, inner calls first."""

    def __init__(self, function):
        self.function = function
        self.before = []

    def visit(self, node):
        if isinstance(node, CONDITIONAL) and _has_marked_call(node):
            raise refusal(
                self.function,
                node,
                "a barrier, a shuffle or a vote is called under a condition: some threads may not "
                "reach it; call it in a statement of its own",
            )
        return super().visit(node)

    def visit_Call(self, node):
        node = self.generic_visit(node)
        if not hasattr(node, "inline"):
            return node
        body, result = _body_of(node, self.function)
        self.before.extend(body)
        return result


def _body_of(call, function):
    """The callee's statements with the arguments bound first, and the name of its result."""
    _body_of.count += 1
    suffix = f"__{call.inline.name}_{_body_of.count}"
    tree = copy.deepcopy(call.inline)
    own = _local_names(tree)
    rename = _Rename({name: name + suffix for name in own})
    body = [
        ast.Assign([ast.Name(name + suffix, ast.Store())], value)
        for name, value in _bind(tree, call, function).items()
        if name != "_cuda"
    ]
    *statements, last = tree.body
    result = ast.Constant(None)
    if isinstance(last, ast.Return):
        result = rename.visit(last.value) if last.value else result
    else:
        statements.append(last)
    if any(isinstance(node, ast.Return) for part in statements for node in ast.walk(part)):
        raise refusal(function, call, f"{tree.name} has a barrier and returns before its end")
    body += [rename.visit(statement) for statement in statements]
    name = f"_result{suffix}"
    return [*body, ast.Assign([ast.Name(name, ast.Store())], result)], ast.Name(name, ast.Load())


_body_of.count = 0


def _local_names(tree):
    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return (stored | {argument.arg for argument in tree.args.args}) - {"_cuda"}


def _bind(tree, call, function):
    """Parameter name -> argument, as Python would bind them."""
    parameters = [argument.arg for argument in tree.args.args]
    bound = dict(zip(parameters, call.args, strict=False))
    bound.update({keyword.arg: keyword.value for keyword in call.keywords})
    defaults = tree.args.defaults
    for name, default in zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True):
        bound.setdefault(name, copy.deepcopy(default))
    if set(bound) != set(parameters):
        raise refusal(function, call, f"{tree.name} takes the arguments {parameters}")
    return bound


class _Rename(ast.NodeTransformer):
    def __init__(self, new_names):
        self.new_names = new_names

    def visit_Name(self, node):
        node.id = self.new_names.get(node.id, node.id)
        return node
