"""Who wins where: our recorded training step against PyTorch's, both in full float32."""

from lstm_kernels.lab.words import aligned

OURS, LIBRARY = "V6 recorded", "PyTorch recorded"
BARS = {64: 2.0, 128: 1.5, 256: 1.5, 512: 1.0}  # H: so many times PyTorch's, N = 32 to 1,024
T, BATCHES = 12, range(32, 1025)


def ratios(rows):
    """{(H, N): how many times as fast as PyTorch's step ours is}, at T=12."""
    found = {}
    for row in rows:
        if (row["section"], row["what"], row.get("T")) == ("steps", "step", T) and "median" in row:
            found.setdefault((row["H"], row["N"]), {})[row["rival"]] = row["median"]
    return {
        key: of[LIBRARY] / of[OURS]
        for key, of in sorted(found.items())
        if {OURS, LIBRARY} <= set(of)
    }


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
