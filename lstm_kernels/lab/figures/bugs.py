"""Pictures of what gives a bug away.  Lesson B1."""

import numpy as np

from .style import BLUE, GREY, VERMILLION, ink, listed, styled, subplots


@styled
def draw_errors(errors):
    """Errors of gradients against finite differences: {"found": {name: error}, "right": ...}."""
    said = [f"{who}: {listed([f'{n} {100 * e:.2g} %' for n, e in of.items()])}"
            for who, of in errors.items()]  # fmt: skip
    alt = f"How far each gradient is off finite differences, on a log axis. {'; '.join(said)}."
    picture, ax = subplots(1, 1, 10, 4, alt=alt)
    looks = (VERMILLION, "o", 14), (BLUE, "s", 8)
    for (who, of), (color, mark, size) in zip(errors.items(), looks, strict=True):
        values = [100 * error for error in of.values()]
        ax.semilogy(list(of), values, mark, color=color, ms=size)
        place = {"xytext": (-14, 0), "textcoords": "offset points", "ha": "right", "va": "center"}
        ax.annotate(who, (0, values[0]), color=ink(color), weight="bold", **place)
    ax.axhline(1, color=GREY, lw=1, ls=":")
    ax.margins(x=0.12, y=0.15)
    ax.set(title="How far each gradient is off", ylabel="% of the largest value")
    return picture


@styled
def draw_calls(seconds, said):
    """The time of each call, and what one clock around all of them says."""
    times = 1e3 * np.array(seconds)
    each = listed([f"{t:.0f}" for t in times])
    alt = f"""Milliseconds of calls 1 to {len(times)}: {each}. A line at {1e3 * said:.0f} ms: what a
        single clock around all calls says per call."""
    picture, ax = subplots(1, 1, 10, 3.8, alt=alt)
    ax.bar(range(1, len(times) + 1), times, 0.6, color=BLUE)
    ax.axhline(1e3 * said, color=VERMILLION)
    place = (len(times) + 0.4, 1e3 * said), (0, 8)
    ax.annotate(
        "one clock around all",
        *place,
        ha="right",
        textcoords="offset points",
        color=ink(VERMILLION),
    )
    ax.set(title="The first call is not like the others", xlabel="call", ylabel="ms")
    return picture
