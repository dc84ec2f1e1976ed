"""`python -m lstm_kernels ranking FOLDER`: the class's own versions as one page, offline.

Times of different machines are never compared: each entry stands by its ratio to a version of the
course that was timed in the same run, on the same machine.  An emulated time gets no ratio; such an
entry is ranked by its counted work, which is the same on every machine.  Lesson 09.
"""

import sys
from base64 import b64encode
from collections import Counter, defaultdict
from html import escape
from pathlib import Path
from typing import NamedTuple

from lstm_kernels.classroom import entry as entries
from lstm_kernels.lab import saving
from lstm_kernels.lab.figures.ranking import draw_ranking
from lstm_kernels.lab.words import count_text, ratio_text
from lstm_kernels.versions import BEYOND, COURSE

BESIDE = "cuda_v2"  # whose counted work is the measure
MOST_LETTERS = 300  # of a text from an entry
MOST_SIZES = 3  # workloads in the table


class Class(NamedTuple):
    """What a folder holds."""

    entries: list  # of Entry, the best first
    left_out: list  # [(file, why), ...]
    sizes: list  # (windows, T, batch, H, epochs) that were timed; the first one ranks


def main(folder, base="numpy_batched", out="ranking.html"):
    """Write the page; returns the exit status: 1 if the folder has no entry."""
    if base not in COURSE + BEYOND:
        choices = ", ".join(COURSE + BEYOND)
        print(f"--base {base}: it must be one of {choices}", file=sys.stderr)
        return 2
    if not Path(folder).is_dir():
        print(f"{folder} is no folder", file=sys.stderr)
        return 2
    if saving.refuse_paths([out]):
        return 2
    found = read(folder, base)
    for file, why in found.left_out:
        print(f"left out: {file}: {why}")
    if not found.entries:
        print(f"{folder} has no entry: `python -m lstm_kernels judge my_v8.py` saves one")
        return 1
    saving.write_atomically(out, page(found, base))
    print(f"Saved: {out}, {count_text(len(found.entries), 'version')}")
    return 0


# ---- the folder ---------------------------------------------------------------------------


def read(folder, base):
    """All entries of a folder's JSON files; a file that is none is named, and left out."""
    found, left_out = [], []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            found.append(entries.read(path))
        except (OSError, ValueError) as error:
            left_out.append((path.name, str(error)))
    sizes = common_sizes(found)
    return Class(sorted(found, key=lambda entry: place_of(entry, base, sizes)), left_out, sizes)


def common_sizes(found):
    """The workloads of most entries first, of these the largest."""
    timed = Counter(size for e in found for size in {entries.sizes_of(row) for row in e.rows})
    return sorted(timed, key=lambda size: (timed[size], size), reverse=True)[:MOST_SIZES]


def place_of(entry, base, sizes):
    """A key to sort by: times, then counted work, then what is not right yet; last the name."""
    if entry.wrong:
        return 3, (), entry.name
    ratios = ratios_of(entry, base, sizes)
    if any(ratios):
        return int(ratios[0] is None), tuple(-(ratio or 0) for ratio in ratios), entry.name
    return 2, (sum(work(entry)),), entry.name


def ratios_of(entry, base, sizes):
    """Its ratio at each of these workloads; None where there is none."""
    return [entry.ratio(base, size) if entry.comparable else None for size in sizes]


def work(entry):
    """(atomic additions, reads and writes) of a mini-batch."""
    return entry.counts["atomics"], entry.counts["reads"] + entry.counts["writes"]


def parts_of(entry):
    """The same as parts of BESIDE's; None if there is nothing to compare."""
    other = (entry.beside or {}).get(BESIDE)
    if entry.wrong or not other or not entry.counts["launches"]:
        return None
    whole = other["atomics"], other["reads"] + other["writes"]
    return tuple(mine / theirs for mine, theirs in zip(work(entry), whole, strict=True) if theirs)


# ---- the page -----------------------------------------------------------------------------

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Own versions</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
body {{font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 84em; padding: 0 1em;
  color: #1b1b1b; background: #fff}}
img {{max-width: 100%}}
.wide {{overflow-x: auto}}
table {{border-collapse: collapse; font-size: 14px}}
td:last-child {{white-space: nowrap}}
th, td {{padding: 0.25em 0.6em; text-align: right; border-bottom: 1px solid #d2d6db}}
th {{vertical-align: bottom}}
.words {{text-align: left}}
</style></head><body>
<h1>Own versions</h1>
<p>{intro}</p>
{body}
</body></html>
"""
INTRO = (
    "Each ratio compares with {base}, timed in the same run on the same machine: times of "
    "different machines are never compared ({machines} here). An emulated time is no GPU's, so it "
    "gets no ratio; those versions stand by their counted work: reads, writes and atomic additions "
    "of global memory in one mini-batch. The page shows what the files say."
)


def page(found, base):
    """The whole page as a text.  All words of an entry are escaped."""
    right = [entry for entry in found.entries if not entry.wrong]
    machines = {(e.machine["cpu"], e.machine["kernels"]) for e in found.entries}
    intro = INTRO.format(base=base, machines=count_text(len(machines), "machine"))
    body = [picture(right, base, found.sizes), table_of(right, base, found.sizes)]
    body.append(
        list_of(
            "Not right yet", [(e.name, e.wrong[:MOST_LETTERS]) for e in found.entries if e.wrong]
        )
    )
    body.append(list_of("The same source under several names", twins(found.entries)))
    body.append(list_of("Files that were left out", found.left_out))
    return PAGE.format(intro=text(intro), body="\n".join(filter(None, body)))


def text(value):
    """A text, as HTML shows it letter by letter."""
    return escape(str(value))


def picture(right, base, sizes):
    ratios = [(entry.name, *ratios_of(entry, base, sizes[:1])) for entry in right if sizes]
    counted = [(entry.name, parts_of(entry)) for entry in right]
    timed, counted = ([pair for pair in pairs if pair[1]] for pairs in (ratios, counted))
    what = workload_text(sizes[0]) if sizes else "no workload yet"
    drawn = draw_ranking(timed, counted, base, BESIDE, what)
    code = b64encode(drawn._repr_png_()).decode()
    return f'<img alt="{text(drawn.alt)}" src="data:image/png;base64,{code}">'


def table_of(right, base, sizes):
    """The versions that are right, the best first."""
    named = [f"times as fast: {workload_text(size)}" for size in sizes]
    heads = ["", "version", "runs on", *named, "launches", "bytes copied", "reads and writes"]
    heads += ["atomic additions", "barriers", "same bits in all orders", "machine", "date"]
    lines = [line_of(number, e, base, sizes) for number, e in enumerate(right, 1)]
    rows = [row_of("th", heads), *(row_of("td", line) for line in lines)]
    return f'<h2>Right</h2><div class="wide"><table>{"".join(rows)}</table></div>'


def line_of(number, entry, base, sizes):
    counts, machine = entry.counts, entry.machine
    work = [f"{counts[name]:,}" for name in ("launches", "copied_bytes")]
    work += [f"{counts['reads'] + counts['writes']:,}", f"{counts['atomics']:,}"]
    work += [f"{counts['barriers']:,}", "yes" if counts["same_bits"] else "no"]
    if not counts["launches"]:
        work = ["-"] * len(work)
    place = machine["kernels"].split(",")[0] if entry.where == "GPU" else machine["cpu"]
    times = map(ratio_text, ratios_of(entry, base, sizes))
    end = place[:MOST_LETTERS], machine["date"][:10]
    return [str(number), entry.name, entry.where, *times, *work, *end]


def workload_text(sizes):
    windows, T, batch, H, _ = sizes
    return f"{windows} windows, T={T}, batch {batch}, H={H}"


def row_of(tag, cells):
    words = (1, 2, len(cells) - 2)
    made = [
        f"<{tag}{' class=words' * (n in words)}>{text(cell)}</{tag}>"
        for n, cell in enumerate(cells)
    ]
    return f"<tr>{''.join(made)}</tr>\n"


def list_of(title, pairs):
    """A heading and a list; nothing if it would be empty."""
    if not pairs:
        return ""
    items = "".join(f"<li><b>{text(name)}</b>: {text(words)}</li>\n" for name, words in pairs)
    return f"<h2>{title}</h2><ul>{items}</ul>"


def twins(found):
    """[(names, the beginning of their hash), ...] of sources that were judged under two names."""
    names = defaultdict(set)
    for entry in found:
        names[entry.sha256].add(entry.name)
    return [(", ".join(sorted(of)), code[:12]) for code, of in names.items() if len(of) > 1]
