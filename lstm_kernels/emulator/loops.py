"""Loops that can run long: they look whether Ctrl-C was pressed, and let other threads run.

    while flag[0] == 0:            _rounds = 0
        pass                 ->    while flag[0] == 0:
                                       _gpu.stop(_cuda.control)
                                       _rounds += 1
                                       if _rounds == 256:
                                           _rounds = 0
                                           yield 21            # others may run, and set the flag
                                       pass

On a card all threads run at once. Here a thread that waits for another one must give way, or that
one would never come. A loop may wait so if what ends it is read from memory.
"""

import ast

from .scheduler import SPINS

COUNTER = """
_rounds_{number} += 1
if _rounds_{number} == {rounds}:
    _rounds_{number} = 0
    yield {code}
"""


class Loops(ast.NodeTransformer):
    """Rewrites the loops of one translated function; `code(node)` numbers the places."""

    def __init__(self, code, body, is_kernel):
        self.code = code
        self.is_kernel = is_kernel
        self.can_wait = is_kernel or not returns_early(body)
        self.spins = 0
        self.depth = 0  # of `for` loops around the present statement

    def visit_While(self, node):
        before = []
        waits = self.can_wait and may_wait(node, self.is_kernel)
        self.generic_visit(node)
        if waits:
            before = _placed(f"_rounds_{self.spins} = 0", node)
            node.body = [*self._counter(node), *node.body]
            self.spins += 1
        node.body = [*_placed("_gpu.stop(_cuda.control)", node), *node.body]
        return [*before, node]

    def visit_For(self, node):
        """The two innermost loops stay as they are, for speed; but not if they are all there is."""
        outermost, self.depth = self.depth == 0, self.depth + 1
        looks = height(node) > 2 - outermost
        self.generic_visit(node)
        self.depth -= 1
        if looks and self.is_kernel:
            node.body = [*_placed("_gpu.stop(_cuda.control)", node), *node.body]
        return node

    def _counter(self, node):
        source = COUNTER.format(number=self.spins, rounds=SPINS, code=self.code(node))
        return _placed(source, node)


def height(node):
    """How many loops stand inside each other, from this statement on."""
    inside = max((height(part) for part in ast.iter_child_nodes(node)), default=0)
    return inside + isinstance(node, (ast.For, ast.While))


def _placed(source, node):
    """Statements that count as written where the loop begins."""
    statements = ast.parse(source).body
    for statement in statements:
        for part in ast.walk(statement):
            ast.copy_location(part, node)
            part.origin = getattr(node, "origin", None)
    return statements


def may_wait(loop, is_kernel):
    """Does it end, perhaps, only when another thread has written something?

    So it is if what ends the loop was read from memory in it. A device function that gives way must
    be written into its caller (inline.py), which not all can be: there, what is read must stand in
    the condition itself.
    """
    if any(isinstance(part, ast.Yield) or hasattr(part, "inline") for part in ast.walk(loop)):
        return False
    read = _names_read(loop) if is_kernel else set()
    return any(_depends(condition, read) for condition in _conditions(loop))


def returns_early(body):
    """Does a function with this body return before its last statement?"""
    return any(
        isinstance(part, ast.Return) for s in body for part in ast.walk(s) if part != body[-1]
    )


def _conditions(loop):
    """What ends the loop: its test, and that of each `if` with a `break` or `return` inside."""
    yield loop.test
    for part in ast.walk(loop):
        if isinstance(part, ast.If) and any(
            isinstance(inner, (ast.Break, ast.Return)) for inner in ast.walk(part)
        ):
            yield part.test


def _names_read(loop):
    """The names that get values from memory in the loop, or `done = True` because of one."""
    read, before = set(), None
    while read != before:
        before = set(read)
        for part in ast.walk(loop):
            if isinstance(part, (ast.Assign, ast.AugAssign)) and _depends(part.value, read):
                read |= _stored(part)
            elif isinstance(part, ast.If) and _depends(part.test, read):
                read |= {name for s in part.body + part.orelse for name in _constants(s)}
    return read


def _constants(statement):
    plain = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
    return _stored(statement) if plain else ()


def _stored(statement):
    return {
        part.id
        for part in ast.walk(statement)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _depends(expression, read):
    """Does it read an element of an array, or one of these names?"""
    for part in ast.walk(expression):
        element = isinstance(part, ast.Subscript) and not _is_shape(part)
        atomic = isinstance(part, ast.Call) and ".atomic_" in ast.unparse(part.func)
        if element or atomic or (isinstance(part, ast.Name) and part.id in read):
            return True
    return False


def _is_shape(node):
    return isinstance(node.value, ast.Attribute) and node.value.attr in ("shape", "strides")
