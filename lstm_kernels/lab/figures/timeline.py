"""What crosses the bus in V2 and V3, and when.  Lesson 08.  Drawn from lab/estimates/bus.py."""

from lstm_kernels.lab.estimates.bus import HOST, total_seconds
from lstm_kernels.lab.words import bytes_text, seconds_text
from lstm_kernels.machine.watch import IN, OUT

from .board import arrow, blank, box, write
from .style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PALE,
    PURPLE,
    VERMILLION,
    VERSION_COLORS,
    ink,
    listed,
    styled,
    subplots,
)

KIND_COLORS = {IN: BLUE, "kernel": LIGHT, OUT: ORANGE, HOST: PALE}
COPY = {"head": 16, "shrinkA": 2, "shrinkB": 2}  # an arrow from memory to memory
TITLES = {"cuda_v2": "V2: the launch copies", "cuda_v3": "V3: the host decides"}
GROUPS = {  # the kernel's arrays, in the order of its arguments
    "parameters": ("U", "W", "B", "V", "b_out"),
    "mini-batch": ("x", "y"),
    "workspace": ("h", "c", "gates", "dc", "dz", "dy", "loss"),
    "gradients": ("dU", "dW", "dB", "dV", "db_out"),
}


# ---- the idea -----------------------------------------------------------------------------


@styled
def draw_routes():
    """Which groups of arrays cross the bus, in which direction, in V2 and in V3."""
    alt = """Host memory, card memory and the bus between them, twice. In V2 all four groups of
        arrays cross in both directions. In V3 parameters and mini-batch go in only, of the
        workspace only the loss comes back, and of the gradients zeros go in and results come
        out."""
    picture, axes = subplots(1, 2, 13, 4.9, alt=alt)
    v2 = {name: (True, True, "") for name in GROUPS}
    v3 = {
        "parameters": (True, False, "read only"),
        "mini-batch": (True, False, "read only"),
        "workspace": (False, False, "only the loss goes back"),
        "gradients": (True, True, "zeros in, results out"),
    }
    for ax, routes, title in zip(axes, (v2, v3), TITLES.values(), strict=True):
        _draw_route_panel(ax, routes)
        ax.set_title(title)
    return picture


def _draw_route_panel(ax, routes):
    blank(ax, (0, 10), (-0.75, 4.7))
    for left, name in ((0.1, "host memory"), (6.9, "card memory")):
        box(ax, left - 0.05, -0.55, 3.1, 4.6, "white", radius=0.05)
        ax.text(left + 1.5, 4.25, name, ha="center", color=GREY, fontsize=14)
    ax.text(5, 4.25, "bus", ha="center", color=GREY, fontsize=14)
    for place, (group, (goes_in, goes_out, note)) in enumerate(routes.items()):
        y = 3.35 - 1.05 * place
        if goes_in or goes_out:
            write(ax, 1.6, y, group)
        write(ax, 8.4, y, group)
        if goes_in:
            arrow(ax, (3.2, y + 0.13), (6.8, y + 0.13), BLUE, 2.6, **COPY)
        if goes_out:
            arrow(ax, (6.8, y - 0.13), (3.2, y - 0.13), ORANGE, 2.6, **COPY)
        if not (goes_in or goes_out):
            write(ax, 1.6, y, "loss")
            arrow(ax, (6.8, y), (3.2, y), ORANGE, 1, **COPY)
        ax.text(5, y + 0.24, note, ha="center", va="bottom", fontsize=11, color=GREY)


# ---- bytes --------------------------------------------------------------------------------


@styled
def draw_copies(copies_by_version):
    """Bytes of each array, in to the right and out to the left.  {version: list of Copy}."""
    said = [f"{version.replace('cuda_v', 'V')} makes {len(copies)} copies of "
            f"{bytes_text(sum(copy.nbytes for copy in copies))} in all"
            for version, copies in copies_by_version.items()]  # fmt: skip
    alt = f"Bytes of each array per mini-batch, in to the right, out to the left: {listed(said)}."
    look = {"alt": alt, "sharey": True, "sharex": True}
    picture, axes = subplots(1, len(copies_by_version), 13, 7.2, **look)
    names = [name for group in GROUPS.values() for name in group]
    made = [copy for copies in copies_by_version.values() for copy in copies]
    largest = max(max(copy.arrays.values()) for copy in made) / 1e3
    for ax, (version, copies) in zip(axes, copies_by_version.items(), strict=True):
        _draw_butterfly(ax, names, copies, largest)
        total = bytes_text(sum(copy.nbytes for copy in copies))
        ax.set_title(f"{version.replace('cuda_v', 'V')}: {len(copies)} copies, {total}\n")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    _name_groups(axes[0])
    return picture


def _draw_butterfly(ax, names, copies, largest):
    kilobytes = {
        (name, copy.direction): nbytes / 1e3
        for copy in copies
        for name, nbytes in copy.arrays.items()
    }
    for place, name in enumerate(names):
        for direction, sign in ((IN, 1), (OUT, -1)):
            value = kilobytes.get((name, direction))
            if value is not None:
                shown = max(value, largest / 150)  # a few bytes must still be seen
                ax.barh(place, sign * shown, color=KIND_COLORS[direction], height=0.75)
    edge = 0
    for group in list(GROUPS.values())[:-1]:
        edge += len(group)
        ax.axhline(edge - 0.5, color=LIGHT, lw=1.2)
    ax.axvline(0, color=GREY, lw=1)
    ax.text(0.02, 1.01, "card to host", color=ink(ORANGE), transform=ax.transAxes, weight="bold")
    where = {"transform": ax.transAxes, "ha": "right"}
    ax.text(0.98, 1.01, "host to card", color=BLUE, weight="bold", **where)
    ax.set_xlim(-1.08 * largest, 1.08 * largest)
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.set_xlabel("kB per mini-batch")


def _name_groups(ax):
    first = 0
    for group, names in GROUPS.items():
        middle = first + len(names) / 2 - 0.5
        first += len(names)
        ax.text(
            -0.16, middle, group, transform=ax.get_yaxis_transform(),
            rotation=90, ha="center", va="center", color=GREY, fontsize=12,
        )  # fmt: skip


# ---- seconds ------------------------------------------------------------------------------


@styled
def draw_time_lines(lines, subtitle, recorded=None):
    """A bar per version, whole; below, the copies alone.  lines: {version: list of Span}.

    recorded: the same of a card's recording, or nothing; drawn as narrow bars under the others.
    """
    rows = _rows(lines, recorded or {})
    said = subtitle.replace("\n", ". ")
    alt = f"{_message(lines)}. {said}. {_spans_text(lines, recorded or {})}"
    picture, (whole, zoom) = subplots(2, 1, 12, 5.6 + 1.2 * bool(recorded), alt=alt)
    longest = max(total_seconds(spans) for _, spans, *_ in rows)
    copies = max(total_seconds(_copies(spans)) for _, spans, *_ in rows)
    for place, spans, height, words in rows:
        _draw_spans(whole, place, spans, height, edge=0)
        text = f"{seconds_text(total_seconds(spans))}{words}"
        whole.text(1e3 * (total_seconds(spans) + longest / 80), place, text, va="center")
        _draw_spans(zoom, place, _copies(spans), height, edge=0.6)
        _label_copies(zoom, place, spans)
    whole.set_xlim(0, (1.13 + 0.14 * bool(recorded)) * 1e3 * longest)
    whole.set_title(_message(lines) + "\n" * (1 + subtitle.count("\n")))
    whole.text(0, 1.03, subtitle, transform=whole.transAxes, color=GREY, fontsize=11)
    zoom.set_title("The copies alone", pad=4)
    zoom.set_xlim(0, 1.9e3 * copies)
    for ax in (whole, zoom):
        ax.set_yticks(range(len(lines)), [version.replace("cuda_v", "V") for version in lines])
        ax.set_ylim(len(lines) - 0.45, -0.55)
        ax.set_xlabel("milliseconds")
    return picture


def _rows(lines, recorded):
    """(place, spans, height, words) of each bar: the model's, and the recording's under it."""
    if not recorded:
        return [(place, spans, 0.62, "") for place, spans in enumerate(lines.values())]
    rows = []
    for place, (version, spans) in enumerate(lines.items()):
        rows.append((place - 0.19, spans, 0.36, " by the model"))
        rows.append((place + 0.22, recorded[version], 0.3, " recorded"))
    return rows


def _message(lines):
    v2, v3 = (total_seconds(lines[version]) for version in ("cuda_v2", "cuda_v3"))
    share = 100 * (1 - v3 / v2)
    if abs(share) < 0.5:
        said = "as long as V2"
    else:
        said = f"{abs(share):.0f}% {'less' if share > 0 else 'more'} time than V2"
    return f"One mini-batch: V3 takes {said}"


def _spans_text(lines, recorded):
    """The sums of all spans of each kind, in words."""
    said = []
    for words, bars in (("", lines), (" recorded", recorded)):
        for version, spans in bars.items():
            kernel = seconds_text(sum(s.seconds for s in spans if s.kind == "kernel"))
            copies = seconds_text(total_seconds(_copies(spans)))
            name, whole = version.replace("cuda_v", "V"), seconds_text(total_seconds(spans))
            said.append(f"{name}{words} {whole}: kernel {kernel}, copies {copies}")
    return f"{'; '.join(said)}."


def _copies(spans):
    now, copies = 0.0, []
    for span in spans:
        if span.kind in (IN, OUT):
            copies.append(span._replace(start=now))
            now += span.seconds
    return copies


def _draw_spans(ax, place, spans, height, edge):
    """edge: of the copies, in points; each of them is to be seen, or there is no room for it."""
    for span in spans:
        start, seconds = 1e3 * span.start, 1e3 * span.seconds
        color, width = ("white", edge) if span.kind in (IN, OUT) else (GREY, 0.6)
        ax.barh(
            place, seconds, left=start, height=height, color=KIND_COLORS[span.kind],
            edgecolor=color, lw=width, hatch="///" if span.kind == HOST else None,
        )  # fmt: skip
        if span.kind == "kernel":
            text = f"kernel {seconds_text(span.seconds)}"
            write(ax, start + seconds / 2, place, text, fontsize=12)


def _label_copies(ax, place, spans):
    """Beside the bar: how many copies in and out, and their time."""
    end = 1e3 * total_seconds(_copies(spans))
    for kind, word, color, points in ((IN, "in", BLUE, 8), (OUT, "out", ink(ORANGE), 160)):
        chosen = [span.seconds for span in spans if span.kind == kind]
        many = f"{len(chosen)} copies " if len(chosen) > 1 else ""
        ax.annotate(
            f"{many}{word}, {seconds_text(sum(chosen))}", (end, place), (points, 0),
            textcoords="offset points", va="center", fontsize=12, color=color,
        )  # fmt: skip


PARTS = {"copies": BLUE, "kernel": GREY, "host": VERMILLION, "whole": BLACK}


@styled
def draw_balance(pairs, subtitle):
    """Where V3 gains and loses against V2.  pairs: {N: (Measured of V2, Measured of V3)}."""
    said = [
        f"N = {N:,}: "
        + ", ".join(f"{p} {1e3 * (getattr(v3, p) - getattr(v2, p)):+.2f} ms" for p in PARTS)
        for N, (v2, v3) in pairs.items()
    ]
    alt = f"What V3 takes more than V2 per mini-batch (minus: less). {'; '.join(said)}."
    picture, ax = subplots(1, 1, 11, 1.6 + 1.05 * len(pairs), alt=alt)
    for place, (v2, v3) in enumerate(pairs.values()):
        for row, (part, color) in enumerate(PARTS.items()):
            y, more = place + 0.2 * (row - 1.5), 1e3 * (getattr(v3, part) - getattr(v2, part))
            ax.barh(y, more, height=0.18, color=color)
            said = f" {'rest' if part == 'host' else part} {more:+.2f} "
            side = "left" if more >= 0 else "right"
            ax.text(more, y, said, va="center", ha=side, fontsize=11, color=color)
    ax.axvline(0, color=GREY, lw=1)
    ax.set_yticks(range(len(pairs)), [f"N = {N:,}" for N in pairs])
    ax.set_ylim(len(pairs) - 0.4, -0.6)
    ax.margins(x=0.22)
    ax.set_xlabel("milliseconds per mini-batch that V3 takes more than V2 (left: less)")
    ax.set_title("V3 gains in the copies and loses in the rest\n")
    ax.text(0, 1.02, subtitle, transform=ax.transAxes, color=GREY, fontsize=11)
    return picture


@styled
def draw_saving(batch_sizes, savings, subtitle, recorded=(), calibrated=()):
    """What part of V2's time V3 saves, against the batch size.  savings: {label: list}.

    recorded: {N: saving} of a card, for the first label; the other lines are dashed.  Points of
    `calibrated` were used for the model, and are filled.
    """
    said = [
        f"{label}, from {100 * v[0]:.0f}% to {100 * v[-1]:.0f}%" for label, v in savings.items()
    ]
    points = [f"{100 * saving:.0f}% at {N:,}" for N, saving in dict(recorded).items()]
    alt = f"""Part of V2's time that V3 saves, against the batch size from {batch_sizes[0]:,} to
        {batch_sizes[-1]:,}: {listed(said)}. {f"Recorded: {listed(points)}." if points else ""}"""
    picture, ax = subplots(1, 1, 10, 4.8, alt=alt)
    colors = (VERSION_COLORS["cuda_v3"], BLUE, GREEN, PURPLE)
    for (label, values), color in zip(savings.items(), colors, strict=False):
        percent = [100 * value for value in values]
        ax.plot(batch_sizes, percent, "-" if label == next(iter(savings)) else "--", color=color)
        ax.text(batch_sizes[0] / 1.08, percent[0], label, color=ink(color), va="center", ha="right")
    for N in recorded:
        face = BLACK if N in calibrated else "white"
        ax.plot(N, 100 * recorded[N], "D", color=BLACK, mfc=face, ms=9, mew=2, zorder=3)
    ax.axhline(0, color=GREY, lw=1)
    ax.set_xscale("log", base=2)
    ax.set_xticks(batch_sizes, [f"{N:,}" for N in batch_sizes])
    ax.minorticks_off()
    ax.set_xlim(batch_sizes[0] / 1.75, batch_sizes[-1] * 1.2)
    ax.set_xlabel("batch size N")
    ax.set_ylabel("time saved by V3, %")
    ax.set_title("Above the line V3 wins, below it V3 loses\n")
    ax.text(0, 1.03, subtitle, transform=ax.transAxes, color=GREY, fontsize=11)
    return picture
