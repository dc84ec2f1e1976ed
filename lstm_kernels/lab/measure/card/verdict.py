"""Who wins where: our recorded training step against PyTorch's, both in full float32."""

from lstm_kernels.lab.estimates.cards import find_card
from lstm_kernels.lab.estimates.roofline import bytes_at_least, operations
from lstm_kernels.lab.measure.card.rivals import AS_IT_COMES
from lstm_kernels.lab.words import aligned, seconds_text
from lstm_kernels.model import Sizes
from lstm_kernels.versions.packing import PADDED

OURS, LIBRARY = "V6 recorded", "PyTorch recorded"
BARS = {64: 2.0, 128: 1.5, 256: 1.5, 512: 1.0}  # H: so many times PyTorch's, N = 32 to 1,024
T, BATCHES = 12, range(32, 1025)
LIMIT = 0.5  # of what the card could do at most: below it, a side is said to wait


def of_sizes(rows):
    """{(H, N): {rival: its row}} of the steps that were timed at T=12."""
    found = {}
    for row in rows:
        if (row["section"], row["what"], row.get("T")) == ("steps", "step", T) and "median" in row:
            found.setdefault((row["H"], row["N"]), {})[row["rival"]] = row
    return dict(sorted(found.items()))


def pairs(rows, library=LIBRARY):
    """{(H, N): (our row, PyTorch's)} at T=12, where both were timed."""
    found = of_sizes(rows)
    return {key: (of[OURS], of[library]) for key, of in found.items() if {OURS, library} <= set(of)}


def ratios(rows):
    """{(H, N): how many times as fast as PyTorch's step ours is}, at T=12."""
    return {key: library["median"] / ours["median"] for key, (ours, library) in pairs(rows).items()}


def text(rows):
    """A line for each H, its ratios over N, and whether its bar is met; "" if nothing was timed."""
    found = ratios(rows)
    if not found:
        return "No step of V6 and PyTorch, both recorded, was timed: no verdict."
    sizes = sorted({N for _, N in found})
    lines = [["PyTorch's step / ours", *(f"N={N}" for N in sizes), "bar", ""]]
    for H in sorted({H for H, _ in found}):
        of = {N: found[H, N] for N in sizes if (H, N) in found}
        line = [f"H={H}", *(f"{of[N]:.2f}x" if N in of else "-" for N in sizes)]
        lines.append(line + judged(H, of))
    won = sum(ratio > 1 for ratio in found.values())
    return aligned(lines) + f"\nRecorded against recorded, V6 wins at {won} of {len(found)} sizes."


def judged(H, of):
    """The bar of this H, and where it is missed."""
    if H not in BARS:
        return ["-", ""]
    missed = [f"N={N}" for N, ratio in of.items() if N in BATCHES and ratio < BARS[H]]
    return [f"{BARS[H]:g}x", f"missed at {', '.join(missed)}" if missed else "met"]


# ---- with what bounds each side -----------------------------------------------------------


def table(found):
    """A line for each size: both steps, who is ahead, and what limits each side.

    found: a card's whole recording.  Arithmetic and memory are what the step needs at least, as a
    part of the time that it takes, by the card's published peaks.  TF32: PyTorch as it comes.
    """
    rows, card = found["rows"], find_card(found["card"])
    lines = [["T=12", "V6", "PyTorch", "ahead", "V6: limit", "PyTorch: limit", "waits", "TF32"]]
    as_it_comes = pairs(rows, AS_IT_COMES)
    for (H, N), (ours, library) in pairs(rows).items():
        times = [seconds_text(row["median"]) for row in (ours, library)]
        limits = [limit(row["median"], H, N, card) for row in (ours, library)]
        tf32 = seconds_text(as_it_comes[H, N][1]["median"]) if (H, N) in as_it_comes else "-"
        waits = waits_of(ours["median"], H, rows)
        lines.append([f"H={H} N={N}", *times, ahead(ours, library), *limits, waits, tf32])
    if len(lines) == 1:
        return text(rows)
    said = winners("full float32", pairs(rows)), winners("PyTorch with TF32", as_it_comes)
    return "\n".join([aligned(lines), *said])


def ahead(ours, library):
    """The faster one, and how many times; level if the middle halves of the repeats overlap."""
    if ours["q1"] <= library["q3"] and library["q1"] <= ours["q3"]:
        return "level"
    ratio = library["median"] / ours["median"]
    return f"V6 {ratio:.2f}x" if ratio > 1 else f"PyTorch {1 / ratio:.2f}x"


def limit(seconds, H, N, card):
    """`waiting, 12% arithmetic`: what takes most of the time, and the larger of the two parts."""
    if card is None:
        return "-"
    sizes = Sizes(T, N, 1, H, 1)
    moved = bytes_at_least("cuda_v5" if H <= PADDED[-1] else "cuda_v4", sizes)
    least = {
        "arithmetic": operations(sizes) / (card.tera * 1e12),
        "memory": moved / (card.gigabytes_per_second * 1e9),
    }
    name = max(least, key=least.get)
    part = least[name] / seconds
    return f"{name}, {part:.0%}" if part > LIMIT else f"waiting, {part:.0%} {name}"


def waits_of(seconds, H, rows):
    """The part of our step that V7's blocks wait for all others, by the measured time of a wait."""
    syncs = [row["median"] for row in rows if row["what"] == "grid sync" and "median" in row]
    if H <= PADDED[-1] or not syncs:
        return "-"
    return f"{(2 * T + 1) * syncs[0] / seconds:.0%}"


def winners(what, found):
    """How often each side is ahead, and where the library is.  found: as `pairs` gives them."""
    won = {key: ahead(*pair).split()[0] for key, pair in found.items()}
    count = {name: list(won.values()).count(name) for name in ("V6", "PyTorch", "level")}
    lost = {}
    for (H, N), name in won.items():
        if name == "PyTorch":
            lost.setdefault(H, []).append(str(N))
    sizes = "; ".join(f"H={H} N={', '.join(batches)}" for H, batches in lost.items())
    where = f"PyTorch at {count['PyTorch']}: {sizes}" if lost else "PyTorch nowhere"
    ours = f"of {len(won)} sizes V6 is ahead at {count['V6']}, level at {count['level']}"
    return f"{what}: {ours}; {where}."
