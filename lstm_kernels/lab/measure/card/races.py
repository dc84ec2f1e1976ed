"""What compute-sanitizer finds in a tiny program of all versions, where it is: races, wrong places.

Its words are kept as they are; nothing is decided by them.  (On an H200 racecheck named pairs of
accesses of V7's first kernel, such as a write of a block's bias and its read after `grid.sync()`:
the emulator's race finder, for which that is a barrier, finds none.)
"""

import re

from lstm_kernels.lab.measure.card import tools
from lstm_kernels.lab.measure.card.points import Point, Settled, why_text

SECONDS = 60.0
TOOLS = {"racecheck": [], "memcheck": ["--report-api-errors", "no"]}  # calls that fail are no race


def points(plan, rows):
    yield Point({"what": "sanitizer"}, lambda: check_by_tools(plan.tools_seconds))


def check_by_tools(seconds):
    """What each tool of compute-sanitizer says of a tiny program of all versions."""
    program = tools.find("compute-sanitizer")
    if program is None:
        raise Settled("compute-sanitizer is not here")
    calls = {
        tool: [program, "--tool", tool, *more, *tools.tiny("all")] for tool, more in TOOLS.items()
    }
    said = tools.run_all(calls, seconds)
    return [{"tool": tool, **told(said[tool])} for tool in TOOLS]


def told(said):
    """Its last words, and whether it found nothing (None if it did not come to an end)."""
    summary = next((s for s in reversed(said.lines) if "SUMMARY" in s), "")
    clean = None if not summary else " 0 hazards" in summary or " 0 errors" in summary
    named = sorted(set(re.findall(r"access at ([\w:]+)", "\n".join(said.lines))))
    return {"clean": clean, "named": named, "words": said.lines[-12:], "status": said.status}


def table(rows):
    lines = []
    for row in rows:
        words = " | ".join(row["words"][-2:]) if "words" in row else why_text(row)
        lines.append(f"{row.get('tool', 'compute-sanitizer')}: {words}")
    return "\n".join(lines)
