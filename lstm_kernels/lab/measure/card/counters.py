"""Counters of the card by Nsight Compute, where it is: sectors, requests, bank conflicts, clocks.

A process a version, on one small mini-batch, side by side; the clocks are left as they come.
"""

import csv

from lstm_kernels.lab.measure.card import tools
from lstm_kernels.lab.measure.card.points import Point, Settled, sizes_text, why_text
from lstm_kernels.lab.measure.card.right import takes
from lstm_kernels.lab.words import aligned
from lstm_kernels.versions import VERSIONS, launches_kernels

SECONDS = 70.0
SMALL, LARGE = (12, 64, 32), (12, 64, 128)  # (T, N, H)
SLOW = ("cuda_v1",)
GLOBAL, SHARED = "l1tex__t_{}_pipe_lsu_mem_global_op_{}.sum", "l1tex__data_bank_conflicts_pipe_lsu"
METRICS = (
    *(GLOBAL.format(what, way) for what in ("sectors", "requests") for way in ("ld", "st")),
    *(f"{SHARED}_mem_shared{way}.sum" for way in ("", "_op_ld", "_op_st")),
    "smsp__inst_executed.sum", "sm__cycles_elapsed.max", "gpu__time_duration.sum",
)  # fmt: skip
OPTIONS = ("--csv", "--print-units", "base", "--clock-control", "none", "--target-processes", "all")


def points(plan, rows):
    yield Point({"what": "counters"}, lambda: count(plan.tools_seconds))


def programs():
    """{(version, T, N, H): the command line that trains one mini-batch of it}."""
    found = {}
    for version in VERSIONS:
        if launches_kernels(version) and version not in SLOW:
            T, N, H = LARGE if version == "cuda_v7" else SMALL
            if takes(version, (T, N, 1, H, 1)):
                found[version, T, N, H] = tools.tiny(version, T, N, H)
    return found


def count(seconds):
    """A row for each launch of each version's program."""
    program = tools.find("ncu")
    if program is None:
        raise Settled("Nsight Compute (ncu) is not here")
    ask = [program, *OPTIONS, "--metrics", ",".join(METRICS)]
    said = tools.run_all({key: [*ask, *call] for key, call in programs().items()}, seconds)
    rows = []
    for (version, T, N, H), words in said.items():
        key = {"version": version, "T": T, "N": N, "H": H}
        launches = read(words.lines)
        rows += [{**key, **launch} for launch in launches]
        if not launches:
            ended = "stopped: no time left" if words.status is None else f"status {words.status}"
            rows.append({**key, "note": " | ".join([ended, *words.lines[-3:]])})
    return rows


def read(lines):
    """[{"kernel", "grid", "block", "counters": {metric: number}}] of ncu's CSV among its words."""
    first = next((n for n, line in enumerate(lines) if line.startswith('"ID"')), len(lines))
    launches = {}
    for row in csv.DictReader(lines[first:]):
        if not (row.get("Metric Name") and row.get("Metric Value")):
            continue  # a line of ncu's own words
        launch = {
            "kernel": row["Kernel Name"],
            "grid": row["Grid Size"],
            "block": row["Block Size"],
        }
        launch = launches.setdefault(row["ID"], {**launch, "counters": {}})
        launch["counters"][row["Metric Name"]] = number(row["Metric Value"])
    return list(launches.values())


def number(text):
    """`1,234.5` as a number; a text such as `n/a` stays one."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return text


def table(rows):
    lines = [["version", "sizes", "kernel", "sectors ld", "sectors st", "conflicts", "cycles"]]
    names = METRICS[0], METRICS[1], METRICS[4], "sm__cycles_elapsed.max"
    for row in rows:
        line = [row.get("version", ""), sizes_text(row)]
        if "counters" in row:
            numbers = [row["counters"].get(name, "-") for name in names]
            line += [row["kernel"][:40], *(f"{n:,.0f}" if n != "-" else n for n in numbers)]
        else:
            line.append(why_text(row))
        lines.append(line)
    return aligned(lines)
