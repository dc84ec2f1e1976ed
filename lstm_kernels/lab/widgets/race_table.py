"""The dashboard's tables and letters, as HTML.  Lesson 09."""

import html
from urllib.parse import quote

from lstm_kernels.lab.measure.results import speedup
from lstm_kernels.lab.words import ratio_text, seconds_text

SPACE = "&nbsp;"  # no cell is broken, whatever the page's style
PARTS = ("compile", "host_to_device", "kernel", "device_to_host")
ARROW = (  # of a list: grey is seen on light and dark pages; the page's own one is black
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 18 18">'
    '<path d="M5 7l4 4 4-4" fill="none" stroke="#888" stroke-width="2"/></svg>'
)
STYLE = """<style>
.lstm-race {display: inline-table; margin: 0 3em 0.6em 0; border-collapse: collapse;
  line-height: 1.35; font-size: inherit}
.lstm-race th, .lstm-race td {padding: 2px 0 2px 1.1em; text-align: right; white-space: nowrap}
.lstm-race th:first-child, .lstm-race td:first-child {padding-left: 0}
.lstm-race th {border-bottom: 1px solid currentColor; vertical-align: bottom}
.lstm-race .words {text-align: left}
.lstm-race .note {text-align: left; white-space: normal; padding-top: 0; opacity: 0.75}
.lstm-race caption {text-align: left; caption-side: top; padding: 0.4em 0; font-weight: bold}
.lstm-board .lstm-scene {max-height: max(230px, 39vh)}
.lstm-board .lstm-sweep .lstm-scene {max-height: max(230px, 45vh)}
@media (max-width: 720px) {
  .lstm-board .lstm-scene {min-width: 720px; max-height: none}
  .lstm-board .widget-html-content {overflow-x: auto}
}
.lstm-board .widget-tab-contents {padding: 6px 10px}
.lstm-tables {overflow-x: auto}
.lstm-challenges {list-style: none; padding-left: 0.5em; line-height: 1.7}
.lstm-challenges .by {padding-left: 1.6em; opacity: 0.8}
.lstm-challenges .met {font-weight: bold}
.lstm-challenges .met .by, .lstm-challenges i {font-weight: normal}
.lstm-about {display: none}
body[data-voila] .lstm-about {display: block; line-height: 1.4; padding-bottom: 0.4em}
body[data-voila] .lstm-about h1 {font-size: 1.4em; margin: 0 0 0.2em}
.lstm-board {--jp-widgets-inline-width-tiny: 3em; --jp-widgets-dropdown-arrow: ARROW}
.lstm-board .jupyter-widgets {font-size: var(--jp-widgets-font-size)}
.lstm-board .widget-html-content {line-height: 1.4}
.lstm-board a {color: var(--jp-content-link-color, #0072B2);
  text-decoration: underline; font-weight: bold}
.lstm-reasons {display: grid; column-gap: 2em;
  grid-template-columns: repeat(auto-fill, minmax(min(30em, 100%), 1fr))}
body[data-voila] .lstm-board .lstm-scene {max-height: max(230px, 39vh)}
.lstm-board {--jp-widgets-font-size: clamp(13px, 1.1vw, 26px);
  --jp-widgets-inline-height: clamp(28px, 2.1vw, 50px);
  --jp-widgets-horizontal-tab-height: clamp(24px, 1.9vw, 46px)}
@media (min-width: 1700px) {body[data-voila] .lstm-board .widget-image {zoom: 1.4}}
</style>""".replace("ARROW", f'url("data:image/svg+xml,{quote(ARROW)}")')


def table_html(rows, base):
    """The times and, for CUDA versions, a mini-batch's parts.  base: of all ratios."""
    return f'<div class="lstm-tables">{times_html(rows, base)}{parts_html(rows)}</div>'


def times_html(rows, base):
    """Medians, half of the repeats, and how many times as fast as the base."""
    heads = ["version", "runs on", "median", "half of the repeats", "repeats", f"vs {base}"]
    lines = []
    for row in rows:
        times = ["-"] * 3
        if row.timing:
            half = " to ".join(map(seconds_text, row.timing.quartiles))
            times = [seconds_text(row.timing.median), half, str(len(row.timing.seconds))]
        ratio = ratio_text(speedup(rows, row.version, base))
        lines.append([row.version, row.where, *times, ratio, row.note])
    return _table("Medians, and how many times as fast", heads, lines)


def parts_html(rows):
    """Compilation, copies and kernel, apart; "" if no row has them."""
    heads = ["version", "runs on", "first call: compile", "copies in", "kernel", "copies out"]
    timed = [(row.version, row.timing.parts) for row in rows if row.timing and row.timing.parts]
    lines = [
        [version, parts.where, *(_part_text(part, getattr(parts, part)) for part in PARTS)]
        for version, parts in timed
    ]
    return _table("One mini-batch on the device", heads, lines) if lines else ""


def _part_text(part, seconds):
    """The time of a part; what had been compiled before took none."""
    return seconds_text(seconds) if seconds or part != "compile" else "done before"


def _table(caption, heads, lines):
    """lines: lists of texts, the first two of each are words; one more than `heads` is a note.

    A note has a line of its own, so that it makes no column narrow.
    """
    rows = [_line("th", heads)]
    for line in lines:
        rows.append(_line("td", line[: len(heads)]))
        rows += [_note(text, len(heads)) for text in line[len(heads) :] if text]
    body = "".join(rows)
    return f'<table class="lstm-race"><caption>{caption}</caption>{body}</table>'


def _line(tag, texts):
    kinds = ["words"] * 2 + [""] * len(texts)
    cells = (
        f'<{tag} class="{kind}">{html.escape(text).replace(" ", SPACE)}</{tag}>'
        for kind, text in zip(kinds, texts, strict=False)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _note(text, columns):
    words = f'<td class="note" colspan="{columns - 1}">{html.escape(text)}</td>'
    return f"<tr><td></td>{words}</tr>"
