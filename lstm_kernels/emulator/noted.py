"""What the counters need in a translated function: notes of its steps, ways and operations.

    s = s + a[n] * b          ->  _count.here(_list_of, 5, 17, 0)
                                  s = _count.computed(_list_of, 17, s + _count.computed(...))
    if n < N:                 ->  if _count.taken(_list_of, 18, n < N):

The numbers are places in the source (program.Site).  Statements that always run one after another
have one note, the first one's; if a branch leads to them, its note is theirs, too.  Indices were
checked, and noted, before.
"""

import ast

from .counting import BARRIER, BRANCH, STEP
from .scheduler import BLOCK, GRID

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
SPECIAL = ("math.", "np.", "_card.")  # functions of numbers
TWO = "_card.fma"  # a product and a sum
LIST = "_list_of"  # in the translated function: where its thread's list is


def function(statements, place, program):
    """A function's statements with their notes.

    `place(node)` numbers the places.  To `program.runs` a list of places is added for each run of
    statements that are always done one after another: the first of them notes for all.  To
    `program.bodies`, for each branch, the place of the first statement in it.
    """
    begin = ast.parse(f"{LIST} = _count.list_of(_cuda)").body
    return [*begin, *Notes(place, program).block(statements)]


class Notes(ast.NodeTransformer):
    """Adds the notes to the statements."""

    def __init__(self, place, program):
        self.place = place
        self.program = program
        self.site = None  # of the present statement

    def block(self, statements, branch=None):
        """The statements with their notes; one note for each run of them.

        branch: the place whose note says, too, that the thread is here.
        """
        noted, run = [], None
        for node in statements:
            if isinstance(node, (ast.If, ast.While, ast.For)):
                noted += self._branch(node)
                run = None
                continue
            self.site = self.place(node)
            if run is None or _waits(node):
                self.program.runs.append(run := [])
                if noted or branch is None:
                    noted.append(_note(STEP, self.site, 0, node))
                else:
                    self.program.bodies[branch] = self.site
            run.append(self.site)
            if _is_barrier(node):
                noted.append(_note(BARRIER, self.site, 0, node))
            run = None if _waits(node) else run
            noted.append(self.visit(node))
        return noted

    def _branch(self, node):
        self.site = site = self.place(node)
        if isinstance(node, ast.For):
            node.iter = self.visit(node.iter)
        else:
            node.test = _call("taken", site, self.visit(node.test))
        node.body = self.block(node.body, site)
        node.orelse = self.block(node.orelse)
        if not isinstance(node, ast.For):
            return [node]
        node.body.insert(0, _note(BRANCH, site, 1, node))
        return [node, _note(BRANCH, site, 0, node)]

    def visit_BinOp(self, node):
        node = self.generic_visit(node)
        return _call("computed", self.site, node) if isinstance(node.op, OPERATORS) else node

    def visit_AugAssign(self, node):
        node.value = self.visit(node.value)
        if isinstance(node.op, OPERATORS):
            with_what = node.target.value if isinstance(node.target, ast.Subscript) else node.target
            old = ast.parse(ast.unparse(with_what), mode="eval").body
            node.value = _call("added", self.site, old, node.value)
        return node

    def visit_Call(self, node):
        node = self.generic_visit(node)
        name = ast.unparse(node.func)
        if name == TWO:
            return _call("computed", self.site, _call("computed", self.site, node))
        if name.startswith(SPECIAL) and not hasattr(node, "inline"):
            return _call("special", self.site, node)
        return node

    def visit_Subscript(self, node):
        """Its index is made of whole numbers, and its notes are there already."""
        return node


def _waits(node):
    """Other threads may run before its end: a barrier, or a call that has one."""
    return any(isinstance(n, ast.Yield) or hasattr(n, "inline") for n in ast.walk(node))


def _is_barrier(node):
    """`yield 19`: all threads of the block, or of the grid, meet here."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Yield) and value.value.value & 7 in (BLOCK, GRID)


def _note(kind, site, value, node):
    statement = ast.Expr(_call("here", kind, site, value))
    return ast.copy_location(statement, node)


def _call(name, *arguments):
    parts = [a if isinstance(a, ast.AST) else ast.Constant(a) for a in arguments]
    function = ast.parse(f"_count.{name}", mode="eval").body
    return ast.Call(function, [ast.Name(LIST, ast.Load()), *parts], [])
