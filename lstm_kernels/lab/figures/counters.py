"""What `checks.count` counted, beside the source; one warp's request.  Lessons 07, 11, 13, 14."""

from textwrap import wrap

from lstm_kernels.emulator.requests import BANKS, SECTOR, WARP, WORD, lanes_at_once
from lstm_kernels.lab.estimates.advice import advice, pieces_of, turns_of
from lstm_kernels.lab.words import count_text

from .board import blank, board, rectangle, write
from .style import (
    BLUE,
    GREEN,
    GREY,
    HIGHLIGHT,
    LIGHT,
    ORANGE,
    SKY,
    VERMILLION,
    ink,
    styled,
    subplots,
)

BARS, BAR_WIDTH, CODE_LETTERS = 63, 25, 82  # where bars begin; how long the longest is
SENTENCES, SENTENCE_LETTERS = 4, 124
ROW = 0.235  # inches of a line of source
MEASURES = {  # what a bar shows of a Line, and in words
    "sectors": (
        lambda line: sum(asked.sectors for asked in _of_global(line)),
        "pieces of 32 bytes of global memory",
    ),
    "sectors_per_request": (
        lambda line: max((asked.sectors_per_request for asked in _of_global(line)), default=0),
        "most pieces of 32 bytes per request",
    ),
    "turns": (lambda line: line.asked.turns, "turns of shared memory"),
    "conflicts": (lambda line: line.asked.conflicts, "turns lost to bank conflicts"),
    "lanes": (lambda line: WARP * line.visits - line.lanes, "lanes that do not take part"),
    "float64": (
        lambda line: line.operations.float64 + line.operations.special64,
        "operations in float64",
    ),
}


def _of_global(line):
    return [access.asked for access in line.accesses if access.memory == "global"]


# ---- the source -------------------------------------------------------------------------------


@styled
def draw_source(counted, by="sectors", seen=None, lines=34):
    """The kernel's source with a bar beside each line, the worst one marked; below it, advice.

    by: "sectors" or "sectors_per_request" (global memory), "turns" or "conflicts" (shared memory),
    "lanes" (that do not take part) or "float64" (operations).  seen: what `observe(..., log=True)`
    tells of the same launch, for the advice.  lines: at most so many, of the functions with most.
    """
    if by not in MEASURES:
        raise ValueError(f"by is {by!r}; it must be one of {', '.join(MEASURES)}")
    measure, unit = MEASURES[by]
    shown = _shown(counted, measure, lines)
    sentences = _sentences(counted, seen)
    title = f"{counted.kernel}{list(_short(counted.grid, counted.block))}: {unit}, line by line"
    alt = f"{title}. {_worst_text(shown, measure)} {' '.join(sentences)}"
    said = [part for text in sentences for part in wrap(text, SENTENCE_LETTERS)]
    rows = len(shown) + len({line.function for line in shown}) + 0.6 + 1.25 * len(said)
    picture, ax = board(12, 0.7 + ROW * rows, (0, 100), (rows, 0), alt=alt, title=title)
    below = _draw_lines(ax, shown, measure)
    for place, part in enumerate(said):
        ax.text(0, below + 0.9 + 1.25 * place, part, va="center", fontsize=12)
    return picture


def _short(grid, block):
    """Sizes as one writes them in a launch."""
    return (next(iter(s)) if s[1:] == (1, 1) else tuple(s) for s in (grid, block))


def _shown(counted, measure, most):
    """Whole functions, those with most first, as long as there is room; in the source's order."""
    functions = {}
    for line in counted.lines:
        functions.setdefault(line.function, []).append(line)
    order = sorted(functions, key=lambda name: -sum(map(measure, functions[name])))
    kept, room = {order[0]}, most - len(functions[order[0]])
    for name in order[1:]:
        if sum(map(measure, functions[name])) and len(functions[name]) < room:
            kept.add(name)
            room -= len(functions[name]) + 1
    return [line for line in counted.lines if line.function in kept]


def _worst_text(shown, measure):
    worst = max(shown, key=measure)
    whole = sum(map(measure, shown))
    if not whole:
        return "No line has any."
    return f"Most, {measure(worst):,.4g}, in line {worst.number}: {worst.text}."


def _sentences(counted, seen):
    found = advice(counted, seen)
    said, more = [finding.sentence for finding in found[:SENTENCES]], len(found) - SENTENCES
    return [*said, f"And {count_text(more, 'more finding')}."] if more > 0 else said


def _draw_lines(ax, shown, measure):
    """Returns the row below the last one."""
    longest, row, function = max(map(measure, shown)), 0, None
    worst = max(shown, key=measure) if longest else None
    margin = {}
    for line in shown:
        margin[line.function] = min(line.indent, margin.get(line.function, line.indent))
    for line in shown:
        if line.function != function:
            function = line.function
            ax.text(0, row + 0.5, f"{function}()", va="center", fontsize=11.5, weight="bold")
            row += 1
        _draw_line(ax, row, line, line.indent - margin[function], line is worst)
        _draw_bar(ax, row, measure(line), longest, line is worst)
        row += 1
    return row


def _draw_line(ax, row, line, indent, is_worst):
    if is_worst:
        rectangle(ax, 0, row, 100, 1, HIGHLIGHT, zorder=0)
    look = {"va": "center", "family": "monospace", "fontsize": 10}
    ax.text(2.6, row + 0.5, str(line.number), ha="right", color=GREY, **look)
    text = " " * indent + line.text
    short = text if len(text) <= CODE_LETTERS else f"{text[: CODE_LETTERS - 1]}…"
    ax.text(4, row + 0.5, short, parse_math=False, **look)


def _draw_bar(ax, row, value, longest, is_worst):
    if value:
        color, width = VERMILLION if is_worst else BLUE, BAR_WIDTH * value / longest
        rectangle(ax, BARS, row + 0.14, width, 0.72, color)
        place = BARS + width + 0.6, row + 0.5
        look = {"va": "center", "fontsize": 11, "weight": "bold" if is_worst else "normal"}
        ax.text(*place, f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}", **look)


# ---- one request ------------------------------------------------------------------------------


@styled
def draw_request(*requests):
    """One warp's request to memory, or several below each other: lanes above, memory below.

    requests: of `observe(..., log=True)`, as `seen.asked("h")[0]`.  Of global memory, the pieces
    of 32 bytes that are moved; of shared memory, the words in its 32 banks, turn by turn.
    """
    if not requests:
        raise ValueError("no request: give at least one, as seen.asked('h')[0]")
    alt = "Lines join the lanes of a warp with the memory that they ask for. "
    alt += " ".join(f"{_told(request)}." for request in requests)
    height = [2.1 if r.name != "shared" else 2.0 + 0.26 * _turns(r) for r in requests]
    look = {"squeeze": False, "height_ratios": height, "alt": alt}
    picture, axes = subplots(len(requests), 1, 12, 0.3 + sum(height), **look)
    for ax, request in zip(axes.flat, requests, strict=True):
        draw = _draw_banks if request.name == "shared" else _draw_pieces
        draw(ax, request)
    return picture


def _told(request):
    """What is asked, and what it costs."""
    asked, lanes = len(request.lanes) * request.itemsize, len(request.lanes)
    start = f"{request.place.text}: {lanes} lanes ask for {asked:,} bytes"
    if request.name == "shared":
        turns, few = _turns(request), len(turns_of(request))
        told = f"{start} of shared memory, {count_text(turns, 'turn')}"
        return told + (f", {turns - few} by bank conflicts" if turns > few else "")
    pieces = len(pieces_of(request))
    share = 100 * len(set(request.offsets)) * request.itemsize / (SECTOR * pieces)
    moved = f"{SECTOR * pieces:,} are moved, {pieces} x {SECTOR}"
    return f"{start}; {moved}: {share:.3g} % of it is used"


def _turns(request):
    return sum(max(map(len, banks.values())) for banks in turns_of(request))


def _lane_x(lane):
    return 2 + 3 * lane + 1.5


def _draw_lanes(ax, request):
    ax.set_title(_told(request), fontsize=13.5)
    for lane in range(WARP):
        busy = lane in request.lanes
        rectangle(ax, _lane_x(lane) - 1.3, 0, 2.6, 1, SKY if busy else LIGHT)
        write(ax, _lane_x(lane), 0.5, str(lane), fontsize=10)
    ax.text(1.6, 0.5, "lane", ha="right", va="center", fontsize=11, color=GREY)


def _draw_pieces(ax, request):
    """The pieces that are moved, side by side, with what was asked for in them."""
    blank(ax, (-3, 99), (5, -0.2))
    _draw_lanes(ax, request)
    pieces = pieces_of(request)
    step = min(12, 96 / len(pieces))
    start, unit = 50 - step * len(pieces) / 2, 0.94 * step / SECTOR  # of a byte
    left = {piece: start + step * place for place, piece in enumerate(pieces)}
    for piece, x in left.items():
        rectangle(ax, x, 3, SECTOR * unit, 1, LIGHT, ec=GREY, lw=0.8)
        write(ax, x + SECTOR * unit / 2, 4.5, f"{piece:,}", fontsize=9 if step < 5 else 11)
    for lane, offset in zip(request.lanes, request.offsets, strict=True):
        piece, byte = divmod(offset, SECTOR)
        x, width = left[piece] + byte * unit, request.itemsize * unit
        rectangle(ax, x + 0.06 * width, 3.06, 0.88 * width, 0.88, ORANGE)
        ax.plot([_lane_x(lane), x + width / 2], [1, 3], color=GREY, lw=0.9)
    ax.text(1.6, 4.5, "piece", ha="right", va="center", fontsize=11, color=GREY)


def _draw_banks(ax, request):
    """A column per bank, a row per turn."""
    turns = _turns(request)
    blank(ax, (-3, 99), (4.2 + turns, -0.2))
    _draw_lanes(ax, request)
    place, at_once = _draw_words(ax, turns_of(request)), lanes_at_once(request.itemsize)
    for lane, offset in zip(request.lanes, request.offsets, strict=True):
        bank, turn = place[lane // at_once, offset // WORD]
        ax.plot([_lane_x(lane), _lane_x(bank)], [1, 3 + turn], color=GREY, lw=0.9, zorder=1)
    for bank in range(BANKS):
        write(ax, _lane_x(bank), 3.5 + turns, str(bank), fontsize=10, color=GREY)
    for turn in range(turns):
        name, color = f"turn {turn + 1}", ink(VERMILLION if turn else GREEN)
        ax.text(1.6, 3.5 + turn, name, ha="right", va="center", fontsize=10, color=color)
    ax.text(1.6, 3.5 + turns, "bank", ha="right", va="center", fontsize=11, color=GREY)


def _draw_words(ax, groups):
    """Returns {(group, word): (bank, turn)}: where each word stands."""
    place, first = {}, 0
    for group, banks in enumerate(groups):
        for bank, words in banks.items():
            for turn, word in enumerate(words):
                place[group, word] = bank, first + turn
                _draw_word(ax, bank, first + turn, word, late=turn > 0)
        first += max(map(len, banks.values()))
    return place


def _draw_word(ax, bank, turn, word, late):
    rectangle(
        ax, _lane_x(bank) - 1.3, 3.06 + turn, 2.6, 0.88, VERMILLION if late else ORANGE, zorder=2
    )
    color = "white" if late else "black"
    write(ax, _lane_x(bank), 3.5 + turn, str(word), fontsize=9, color=color, zorder=3)
