"""Who adds what: V2's sum, and the sum of a block.  notebooks/my_version.ipynb."""

from .board import blank, rectangle, write
from .style import BLACK, COLORS, GREY, styled, subplots

SAMPLES, ROWS = 5, 7  # of a block of 32 samples and of a gradient, as many as fit


@styled
def draw_block_sum():
    """Two maps of samples by rows of a gradient, coloured by the thread that adds."""
    alt = f"""Two maps of {SAMPLES} samples of a block by {ROWS} rows of a gradient. Left, V2:
        thread n takes sample n, so each row gets {SAMPLES} atomic additions, one from each thread.
        Right, the sum of a block: thread k takes row k, adds up the samples itself, and makes one
        atomic addition."""
    picture, (left, right) = subplots(1, 2, 13, 5, alt=alt)
    _draw_map(left, "V2: thread n takes sample n", lambda n, k: n, SAMPLES)
    _draw_map(right, "a block's sum: thread k takes row k", lambda n, k: k, 1)
    return picture


def _draw_map(ax, title, thread_of, atomics):
    blank(ax, (-1.9, ROWS + 0.1), (SAMPLES + 1.9, -1.1))
    ax.set_title(title)
    for n in range(SAMPLES):
        ax.text(-0.15, n + 0.5, f"sample {n}", ha="right", va="center", fontsize=12)
        for k in range(ROWS):
            _draw_cell(ax, n, k, thread_of(n, k))
    for k in range(ROWS):
        write(ax, k + 0.48, -0.35, f"row {k}", fontsize=12)
        write(ax, k + 0.48, SAMPLES + 0.55, f"{atomics}", fontsize=17, weight="bold")
    write(ax, ROWS / 2, SAMPLES + 1.3, "atomic additions to each row", color=GREY, fontsize=13)


def _draw_cell(ax, n, k, thread):
    rectangle(ax, k, n, 0.96, 0.94, COLORS[thread], alpha=0.3)
    write(ax, k + 0.48, n + 0.47, f"thread {thread}", fontsize=10.5, color=BLACK)
