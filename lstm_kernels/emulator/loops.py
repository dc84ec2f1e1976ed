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
one would never come. A loop may wait so if it reads memory and has no barrier in it.
"""

import ast

ROUNDS = 256  # before a thread gives way
COUNTER = """
_rounds_{number} += 1
if _rounds_{number} == {rounds}:
    _rounds_{number} = 0
    yield {code}
"""


class Loops(ast.NodeTransformer):
    """Rewrites the loops of one translated function; `code(node)` numbers the places."""

    def __init__(self, code, is_kernel):
        self.code = code
        self.is_kernel = is_kernel
        self.spins = 0
        self.depth = 0  # of `for` loops around the present statement

    def visit_While(self, node):
        before = []
        waits = may_wait(node, self.is_kernel)
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
        source = COUNTER.format(number=self.spins, rounds=ROUNDS, code=self.code(node))
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
    """Does it wait, perhaps, until another thread has written something?

    A device function that gives way must be written into its caller (inline.py), which not all can
    be: there, only loops count whose own test reads memory, and `while True`.
    """
    if any(isinstance(part, ast.Yield) or hasattr(part, "inline") for part in ast.walk(loop)):
        return False
    endless = isinstance(loop.test, ast.Constant)
    if is_kernel or endless:
        return _reads_memory(loop)
    return _reads_memory(loop.test)


def _reads_memory(tree):
    return any(
        isinstance(part, ast.Subscript)
        and isinstance(part.ctx, ast.Load)
        or isinstance(part, ast.Call)
        and ast.unparse(part.func).startswith("_gpu.atomic_")
        for part in ast.walk(tree)
    )
