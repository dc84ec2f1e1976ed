"""How the course's emulator runs a kernel on a CPU.  Appendix A1."""

from .board import arrow, blank, box, write
from .style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, ink, styled, subplots

THREADS = 4
# lines of the same colour belong together: (text, colour)
KERNEL = (
    ("@cuda.jit", GREY),
    ("def reverse(x):", BLACK),
    ("    part = cuda.shared.array(4, ...)", PURPLE),
    ("    t = cuda.threadIdx.x", BLUE),
    ("    part[t] = x[t]", GREEN),
    ("    cuda.syncthreads()", VERMILLION),
    ("    x[t] = part[3 - t]", GREEN),
)
TRANSLATED = (
    ("@device", GREY),
    ("def reverse(_cuda, x):", BLACK),
    ("    part = array_at(_cuda.shared + 0, ...)", PURPLE),
    ("    t = _cuda.thread_x", BLUE),
    ("    part[at(part, t)] = x[at(x, t)]", GREEN),
    ("    yield 19", VERMILLION),
    ("    x[at(x, t)] = part[at(part, 3 - t)]", GREEN),
)
LOOP = (
    ("for each block:", BLACK),
    ("    make a generator of each thread", BLACK),
    ("    until all have finished:", BLACK),
    ("        for each thread:", BLACK),
    ("            resume it to its next yield", VERMILLION),
    ("        do all wait at the same yield?", VERMILLION),
    ("        if not: tell which do not", VERMILLION),
)


@styled
def draw_emulator():
    """Above: kernel, translated source, compiled loop. Below: a barrier is a `yield`."""
    alt = f"""Above: a kernel's source is translated to a twin in which the barrier has become a
        yield, and a compiled loop resumes each thread to its next yield. Below: the {THREADS}
        threads in lanes of their own take turns on one CPU core; all pause at the yield, then
        all go on."""
    picture, (above, below) = subplots(2, 1, 15, 8.4, alt=alt, height_ratios=(1, 1.1))
    title = "1.  Source is translated to source, then compiled for the CPU"
    blank(above, (0, 30), (0, 10.5), title=title)
    _code(above, 0.1, 8.1, "the kernel, untouched", KERNEL)
    arrow(above, (8.35, 5), (10.05, 5), lw=2.2, head=20)
    above.text(9.2, 5.45, "translate", ha="center", fontsize=12.5)
    _code(above, 10.2, 8.9, "its twin (shortened)", TRANSLATED)
    arrow(above, (19.25, 5), (20.95, 5), lw=2.2, head=20)
    above.text(20.1, 5.45, "compile", ha="center", fontsize=12.5)
    _code(above, 21.1, 8.8, "what runs it (in words)", LOOP)
    _draw_turns(below)
    return picture


def _code(ax, x, width, title, lines):
    """A box with lines of code."""
    box(ax, x, 0.3, width, 8.8, radius=0.3)
    ax.text(x + 0.1, 9.45, title, fontsize=14, color=GREY)
    for number, (text, color) in enumerate(lines):
        y = 8.25 - 1.17 * number
        ax.text(x + 0.25, y, text, family="monospace", fontsize=11.5, color=ink(color), va="center")


def _draw_turns(ax):
    """Each thread in a lane of its own, CPU time to the right: one thread runs at a time."""
    barrier = THREADS + 0.25
    title = "2.  A barrier is a yield: one CPU core resumes the threads in turn"
    blank(ax, (-1.1, 2 * THREADS + 0.7), (THREADS - 0.2, -1.05), title=title)
    for t in range(THREADS):
        ax.text(-0.12, t, f"thread {t}", ha="right", va="center", fontsize=13)
        _turn(ax, t, t, "part[t] =\nx[t]", SKY)
        ax.plot((t + 1, barrier), (t, t), color=VERMILLION, lw=1.5, ls=(0, (2, 2)))
        _turn(ax, barrier + 0.25 + t, t, "x[t] =\npart[3 - t]", ORANGE)
        if t:
            _step(ax, t, t - 1)
            _step(ax, barrier + 0.25 + t, t - 1)
    ax.plot((barrier, barrier), (-0.55, THREADS - 0.4), color=VERMILLION, lw=3)
    words = "yield: all four wait here, so all may go on"
    ax.text(barrier, -0.75, words, color=VERMILLION, ha="center", fontsize=13, weight="bold")
    ax.text(2.35, 0, "paused", color=VERMILLION, fontsize=12, va="bottom", ha="center")
    start, end = (-0.1, THREADS - 0.35), (2 * THREADS + 0.6, THREADS - 0.35)
    arrow(ax, start, end, GREY, 1.4, head=13, shrinkA=2, shrinkB=2)
    ax.text(barrier + 0.25, THREADS - 0.45, "time on the CPU", color=GREY, fontsize=12, va="bottom")


def _turn(ax, x, t, text, color):
    """One thread's turn on the CPU."""
    box(ax, x + 0.02, t - 0.3, 0.96, 0.6, color, "none", 0.06)
    write(ax, x + 0.5, t, text, family="monospace", fontsize=12)


def _step(ax, x, t):
    """The scheduler goes on from thread t to the next."""
    arrow(ax, (x, t + 0.28), (x, t + 0.72), lw=1.4, head=12, shrinkA=2, shrinkB=2)
