"""One sentence about the learner's own line, in place of a compiler's report about ours.

Numba reports a kernel that does not compile with the names and lines of the generated module.
Here its report is read: which generated line, which line of the kernel that was, and what is wrong.
"""

import ast
import linecache
import re
from pathlib import Path

from .errors import UnsupportedCode

CELL = re.compile(r"<ipython-input|/ipykernel_\d+/|\\ipykernel_\d+\\")
WRAPPED = re.compile(r"^(Failed in \w+ mode pipeline|During: |File \"|There are \d+ candidate).*")
CAUSE = re.compile(r"raised a specific error:\s*(?:\w+Error|\w+): (.+)")
GENERATED = r",? defined at \S+\.py( \(\d+\))?"
SIGNATURE = re.compile(r"Function\((.+?)\) found for signature:\s*>>> (\w+)\((.*)\)")
UNIFY = re.compile(r"Cannot unify (.+) and (.+) for '([\w$]+)")
ATTRIBUTE = re.compile(r"Unknown attribute '(\w+)' of type (.+)")
ARGUMENTS = re.compile(r"(too many positional arguments|missing a required argument: '\w+')")
NEW_ARRAY = re.compile(r"NRT required|_ol_array_allocate|arrayexpr")
INDEX = re.compile(r"Unsupported array index type (.+) in \[")


def file_of(function):
    """`kernels.py`, or `a notebook cell`: where the function was written."""
    return file_name(function.__code__.co_filename)


def file_name(path):
    return "a notebook cell" if CELL.search(path) else Path(path).name


def source_line(function, line):
    """The text of a line of the function's file or cell."""
    return linecache.getline(function.__code__.co_filename, line).strip()


def indent_of(function, line):
    """The number of blanks before that text."""
    text = linecache.getline(function.__code__.co_filename, line)
    return len(text) - len(text.lstrip())


def told(function, line, reason):
    """`scale, line 7: <reason> (`y[n] = a * x[n]` in kernels.py)`."""
    text = source_line(function, line) if isinstance(line, int) else ""
    shown = f"`{text}` in {file_of(function)}" if text else f"in {file_of(function)}"
    return f"{function.__name__}, line {line}: {reason} ({shown})"


# ---- what the compiler cannot compile -----------------------------------------------------------


def not_compiled(error, build, kernel):
    """The exception for a kernel that Numba refuses."""
    report = str(getattr(error, "msg", None) or error)
    function, line = _place(f"{report} {error.args}", error, build, kernel)
    reason = f"{kernel.__name__} cannot be compiled: {_reason(report)}"
    return UnsupportedCode(told(function, line, reason))


def _place(report, error, build, kernel):
    """The function and the line that the report is about: the innermost one that it names."""
    generated = Path(build.path).name
    lines = [int(n) for n in re.findall(rf"{re.escape(generated)}\"?, line (\d+)", report)]
    lines += [int(n) for n in re.findall(rf"{re.escape(generated)} \((\d+)\)", report)]
    if getattr(error, "loc", None) is not None and generated in str(error.loc.filename):
        lines.append(error.loc.line)
    for line in lines:
        if line in build.origins:
            return build.origins[line]
    return kernel, kernel.__code__.co_firstlineno


def _reason(report):
    """What is wrong, in words."""
    if NEW_ARRAY.search(report):
        return "this needs a new array, which a kernel cannot make; write a loop over the elements"
    causes = CAUSE.findall(report)
    report = causes[-1] if causes else report
    for pattern, words in KNOWN:
        found = pattern.search(report)
        if found:
            return words(*found.groups())
    lines = [re.sub(GENERATED, "", line).strip() for line in report.splitlines()]
    said = [line for line in lines if line and not WRAPPED.match(line)]
    return said[0] if said else "Numba gives no reason"


def _unify(one, other, name):
    name = "it" if name.startswith("$") else name.removesuffix("__own")
    return f"{name} is {_kind(one)} in one place and {_kind(other)} in another"


def _attribute(name, kind):
    return f"{_kind(kind)} has no attribute {name}"


def _index(kind):
    return f"{_kind(kind)} cannot be an index"


def _signature(name, operation, arguments):
    kinds = [_kind(part) for part in split_types(arguments)]
    if operation.endswith("setitem") and len(kinds) == 3:
        return f"{kinds[2]} cannot be stored in an element of {kinds[0]} with the index {kinds[1]}"
    if operation.endswith("getitem") and len(kinds) == 2:
        return f"{kinds[0]} cannot have the index {kinds[1]}"
    called = re.sub(r"<\w[\w-]*(?: function)? '?([\w.]+).*", r"\1", name)
    return f"{called} does not take {', '.join(kinds)}"


KNOWN = ((UNIFY, _unify), (ATTRIBUTE, _attribute), (INDEX, _index), (SIGNATURE, _signature))


def split_types(text):
    """The types in a signature; commas inside of brackets do not part them."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _kind(text):
    """A type of Numba's in words."""
    text = re.sub(r"Literal\[\w+\]\((.+?)\)", r"\1", text.strip())
    text = re.sub(r"^Held\((.*)\)$", r"\1", text)
    placed = re.match(r"Placed\((\w+), \((.*?),?\)\)", text)
    if placed:
        return f"a shared or local array of {placed[1]} with shape ({placed[2]})"
    array = re.search(r"[aA]rray\((.+?), (\d+)d?, .+\)$", text)
    return f"an array of {array[1]} with {axes(int(array[2]))}" if array else text


def axes(count):
    return "1 axis" if count == 1 else f"{count} axes"


# ---- generated line -> line of the kernel -------------------------------------------------------


def origins(source, program):
    """Line of the generated module -> (function, line) of what the learner wrote."""
    written = {node.name: node for node in ast.parse(source).body if hasattr(node, "args")}
    found = {}
    for translated in program.functions.values():
        for new, old in _statements(written[translated.tree.name], translated.tree):
            found[new.lineno] = (getattr(old, "origin", translated.function), old.lineno)
    return found


def _statements(one, other):
    """The statements of two trees of the same form, side by side."""
    yield one, other
    for part in ("body", "orelse"):
        for pair in zip(getattr(one, part, []), getattr(other, part, []), strict=True):
            yield from _statements(*pair)
