"""What compute-sanitizer finds in a tiny program of all versions, where it is: races, wrong places.

Its words are kept as they are; nothing is decided by them.
"""

from lstm_kernels.lab.measure.card import tools
from lstm_kernels.lab.measure.card.points import Point, Settled, why_text

SECONDS = 60.0
TOOLS = ("racecheck", "memcheck")


def points(plan, rows):
    yield Point({"what": "sanitizer"}, lambda: check_by_tools(plan.tools_seconds))


def check_by_tools(seconds):
    """What each tool of compute-sanitizer says of a tiny program of all versions."""
    program = tools.find("compute-sanitizer")
    if program is None:
        raise Settled("compute-sanitizer is not here")
    calls = {tool: [program, "--tool", tool, *tools.tiny("all")] for tool in TOOLS}
    said = tools.run_all(calls, seconds)
    return [{"tool": tool, **told(said[tool])} for tool in TOOLS]


def told(said):
    """Its last words, and whether it found nothing (None if it did not come to an end)."""
    summary = next((s for s in reversed(said.lines) if "SUMMARY" in s), "")
    clean = None if not summary else " 0 hazards" in summary or " 0 errors" in summary
    return {"clean": clean, "words": said.lines[-12:], "status": said.status}


def table(rows):
    lines = []
    for row in rows:
        words = " | ".join(row["words"][-2:]) if "words" in row else why_text(row)
        lines.append(f"{row.get('tool', 'compute-sanitizer')}: {words}")
    return "\n".join(lines)
