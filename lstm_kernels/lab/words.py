"""Numbers and tables as words: the same everywhere, in print-outs, figures and widgets."""

import math


def seconds_text(seconds):
    """A time with three digits and a fitting unit: 0.01234 gives '12.3 ms'."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            digits = max(0, 2 - math.floor(math.log10(seconds / size)))
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def bytes_text(nbytes):
    """Bytes with a fitting unit: 41804 gives '41.8 kB'."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= size:
            return f"{nbytes / size:.3g} {unit}"
    return f"{nbytes} bytes"


def ratio_text(ratio):
    """A ratio with a few digits, "-" where none may be given."""
    if ratio is None:
        return "-"
    return f"{ratio:.2g}x" if ratio < 1 else f"{ratio:,.0f}x" if ratio >= 1000 else f"{ratio:.3g}x"


def count_text(count, what):
    """`1 repeat`, `2 repeats`."""
    return f"{count} {what}{'s' * (count != 1)}"


def aligned(lines):
    """Lines of cells as text; a line's last cell may be as long as it likes."""
    columns = range(max(map(len, lines)))
    widths = [max((len(x[i]) for x in lines if len(x) > i + 1), default=0) for i in columns]
    texts = ("  ".join(c.ljust(w) for c, w in zip(x, widths, strict=False)) for x in lines)
    return "\n".join(text.rstrip() for text in texts)
