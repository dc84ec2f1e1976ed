"""The dashboard's tables and letters, as HTML.  Lesson 09."""

import html

from lstm_kernels.lab.measure.results import BASELINES, speedup
from lstm_kernels.lab.words import ratio_text, seconds_text

PARTS = ("compile", "host_to_device", "kernel", "device_to_host")
STYLE = """<style>
.lstm-race {display: inline-table; margin: 0 3em 0.6em 0; border-collapse: collapse;
  line-height: 1.35; font-size: inherit}
.lstm-race th, .lstm-race td {padding: 2px 0 2px 1.1em; text-align: right; white-space: nowrap}
.lstm-race th:first-child, .lstm-race td:first-child {padding-left: 0}
.lstm-race th {border-bottom: 1px solid currentColor; vertical-align: bottom}
.lstm-race .words {text-align: left}
.lstm-race .note {text-align: left; white-space: normal; padding-top: 0; opacity: 0.75}
.lstm-race caption {text-align: left; caption-side: top; padding: 0.4em 0; font-weight: bold}
.lstm-board {--jp-widgets-inline-width-tiny: 3em}
.lstm-board .jupyter-widgets {font-size: var(--jp-widgets-font-size)}
.lstm-board .widget-html-content {line-height: 1.4}
.lstm-board a {color: var(--jp-content-link-color, #0072B2);
  text-decoration: underline; font-weight: bold}
.lstm-reasons {display: grid; column-gap: 2em;
  grid-template-columns: repeat(auto-fill, minmax(min(30em, 100%), 1fr))}
.lstm-reasons .limits {opacity: 0.75}
body[data-voila] .lstm-board {--jp-widgets-font-size: clamp(13px, 1.1vw, 26px);
  --jp-widgets-inline-height: clamp(28px, 2.1vw, 50px)}
@media (min-width: 1700px) {body[data-voila] .lstm-board .widget-image {zoom: 1.4}}
</style>"""


def table_html(rows):
    """The speed-up table and, for CUDA versions, the table of a mini-batch's parts."""
    return speedups_html(rows) + parts_html(rows)


def speedups_html(rows):
    """Median and ratios to each baseline that was timed."""
    names = [row.version for row in rows if row.comparable and row.version in BASELINES]
    heads = ["version", "runs on", "median", "repeats", *(f"vs {name}" for name in names)]
    lines = []
    for row in rows:
        times = ["-", "-"]
        if row.timing:
            times = [seconds_text(row.timing.median), str(len(row.timing.seconds))]
        ratios = [ratio_text(speedup(rows, row.version, name)) for name in names]
        lines.append([row.version, row.where, *times, *ratios, row.note])
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
        f'<{tag} class="{kind}">{html.escape(text)}</{tag}>'
        for kind, text in zip(kinds, texts, strict=False)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _note(text, columns):
    words = f'<td class="note" colspan="{columns - 1}">{html.escape(text)}</td>'
    return f"<tr><td></td>{words}</tr>"
