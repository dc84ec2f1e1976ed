"""Why a launch is slow, in sentences: from what `checks.count` counted.  Lessons 07, 11 and 13.

    for finding in advice(counted, seen):
        print(finding.sentence)

Only counted facts.  How far apart neighbours' numbers lie is read from recorded addresses: `seen`
is what `observe(..., log=True)` tells of the same launch.  Without it, that is not said.
"""

import ast
from typing import NamedTuple

from lstm_kernels.emulator.requests import (
    SECTOR,
    WARP,
    WORD,
    lanes_at_once,
    sectors_of,
    words_in,
    words_of_banks,
)
from lstm_kernels.lab.words import count_text

ENOUGH = 2  # so many times the least number of pieces: below, no advice


class Finding(NamedTuple):
    """One reason why a launch is slow."""

    kind: str  # "sectors", "conflicts", "atomics", "lanes" or "float64"
    cost: float  # what could be spared: pieces, turns, queued lanes, splits, operations
    sentence: str
    line: object  # the Line where most of it happens


def advice(counted, seen=None):
    """The Findings of a Counted, kind by kind, in each the costliest first."""
    return [
        *_line_by_line(_apart, counted, seen),
        *_line_by_line(_conflicts, counted, seen),
        *_queues(counted),
        *_line_by_line(_splits, counted, seen),
        *_line_by_line(_doubles, counted, seen),
    ]


def _line_by_line(search, counted, seen):
    """The costliest finding for each array: others of the same would say the same."""
    found = [pair for line in counted.lines for pair in search(line, counted, seen)]
    first = {}
    for what, finding in sorted(found, key=lambda pair: -pair[1].cost):
        first.setdefault(what, finding)
    return list(first.values())


def _apart(line, counted, seen):
    """Global memory: the lanes' numbers lie in more pieces than they would fill."""
    for access in line.accesses:
        asked = access.asked
        least = max(asked.requests, asked.bytes_asked / SECTOR)
        if access.memory == "global" and asked.sectors > ENOUGH * least:
            pieces, few = asked.sectors / asked.requests, -(-least // asked.requests)
            text = f"{access.text}: {_apart_text(access, line, seen)}{pieces:.3g} pieces of "
            text += f"{SECTOR} bytes per request, where {few:.0f} would do"
            cure = _cure(access, line, seen)
            finding = Finding("sectors", asked.sectors - least, f"{text}; {cure}.", line)
            yield access.array, finding


def _apart_text(access, line, seen):
    gap = gap_of(request_of(access, line, seen))
    index = _index_between(access, line, seen)
    who = f"neighbouring {index}" if index else "neighbouring threads"
    return f"{who} are {gap:,} numbers apart, so " if gap else ""


def _cure(access, line, seen):
    index = _index_between(access, line, seen)
    return f"lay {index} last" if index else "let neighbouring threads use neighbouring numbers"


def _index_between(access, line, seen):
    """Which index of `h[t, n, j]` differs between neighbouring lanes; "" if no single one does."""
    request = request_of(access, line, seen)
    gap, node = gap_of(request), ast.parse(access.text, mode="eval").body
    if not gap or not isinstance(node, ast.Subscript):
        return ""
    indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    array = seen.arrays[access.array]
    if len(indices) != array.ndim:
        return ""
    axes = [axis for axis in range(array.ndim) if array.shape[axis] > 1]
    found = [a for a in axes if array.strides[a] == gap * request.itemsize and a < array.ndim - 1]
    return ast.unparse(indices[found[0]]) if found else ""


def _conflicts(line, counted, seen):
    """Shared memory: words of one bank are given one after the other."""
    for access in line.accesses:
        asked = access.asked
        if asked.conflicts:
            gap = gap_of(request_of(access, line, seen))
            apart = f"neighbouring lanes' numbers are {gap:,} apart, so " if gap else ""
            turns, few = (n / asked.requests for n in (asked.turns, asked.turns - asked.conflicts))
            text = f"{access.text}: {apart}{turns:.3g} turns per request, where {few:.0f} would do"
            text += "; words of one bank come one after the other: pad the rows."
            yield access.array, Finding("conflicts", asked.conflicts, text, line)


def _queues(counted):
    """Atomics: lanes of a warp at one address.  One finding for all lines: the cure is the same."""
    pairs = [(line, access) for line in counted.lines for access in line.accesses]
    found = [(line, a) for line, a in pairs if a.asked.meeting > a.asked.requests]
    if not found:
        return
    meeting = sum(access.asked.meeting for _, access in found)
    requests = sum(access.asked.requests for _, access in found)
    arrays = ", ".join(dict.fromkeys(access.array for _, access in found))
    text = f"{_where(line for line, _ in found)}: {meeting / requests:.3g} lanes of a warp update "
    text += f"one number of {arrays}, and queue up; add up their parts first."
    worst, _ = max(found, key=lambda pair: pair[1].asked.meeting - pair[1].asked.requests)
    yield Finding("atomics", meeting - requests, text, worst)


def _where(lines):
    """The line's text; of several, their numbers and their functions."""
    lines = {(line.function, line.number): line for line in lines}
    if len(lines) == 1:
        return next(iter(lines.values())).text
    numbers = {}
    for function, number in lines:
        numbers.setdefault(function, []).append(str(number))
    return "; ".join(
        f"{function}(), {'lines' if n[1:] else 'line'} {', '.join(n)}"
        for function, n in numbers.items()
    )


def _splits(line, counted, seen):
    """Lanes of a warp that go different ways."""
    if line.splits:
        times = count_text(line.splits, "time")
        text = f"{line.text.rstrip(':')} parts the lanes of a warp ({times}); on average "
        text += f"{counted.lanes_per_visit:.3g} of {WARP} lanes work: let whole warps go one way."
        yield "", Finding("lanes", line.splits, text, line)


def _doubles(line, counted, seen):
    """float64 arithmetic where no array is float64."""
    doubles = line.operations.float64 + line.operations.special64
    of_global = [a.asked for a in counted.accesses if a.memory == "global"]
    if doubles and all(asked.bytes_asked <= WORD * asked.lanes for asked in of_global):
        text = f"{line.text} computes {doubles:,} times in float64, though no array is float64; "
        text += "a plain 1.0 does that: write float32(1)."
        yield "", Finding("float64", doubles, text, line)


# ---- recorded requests --------------------------------------------------------------------


def request_of(access, line, seen):
    """The first recorded Request of a counted access with most lanes; None without a log."""
    place = line.function, line.number, access.text
    requests = seen.requests if seen else ()
    found = [r for r in requests if (r.place.function, r.place.line, r.place.text) == place]
    return max(found, key=lambda request: len(request.lanes), default=None)


def gap_of(request):
    """How many numbers lie between neighbouring lanes' numbers; None if it is not always so."""
    if request is None or len(request.lanes) < 2:
        return None
    offset = dict(zip(request.lanes, request.offsets, strict=True))
    steps = {offset[n + 1] - offset[n] for n in offset if n + 1 in offset}
    return abs(steps.pop()) // request.itemsize if len(steps) == 1 else None


def pieces_of(request):
    """The numbers of the pieces of 32 bytes that a request to global memory touches, in order."""
    last = request.itemsize - 1
    return sectors_of(byte for first in request.offsets for byte in (first, first + last))


def turns_of(request):
    """[{bank: [words]}, ...]: what shared memory gives to the lanes that it serves at once.

    A bank gives one of its words per turn; the largest list is the number of turns.
    """
    at_once, width = lanes_at_once(request.itemsize), words_in(request.itemsize)
    groups = {}
    for lane, offset in sorted(zip(request.lanes, request.offsets, strict=True)):
        first = offset // WORD
        groups.setdefault(lane // at_once, []).extend(range(first, first + width))
    return list(map(words_of_banks, groups.values()))
