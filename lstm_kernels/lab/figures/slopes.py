"""Curves and their slopes: activations; how wrong a finite difference is.  Lessons 01 and 02."""

import numpy as np

from .style import BLACK, GATE_COLORS, LIGHT, ink, listed, styled, subplots


@styled
def draw_activations():
    """The two curves of a cell: the sigmoid of i, f and o, and the tanh of g."""
    z = np.linspace(-6, 6, 241)
    curves = {
        "σ: gates i, f, o": (1 / (1 + np.exp(-z)), BLACK),
        "tanh: g": (np.tanh(z), GATE_COLORS["g"]),
    }
    alt = """Two curves of z from -6 to 6. The sigmoid rises from 0 to 1 and is 0.5 at z = 0; tanh
        rises from -1 to 1 and is 0 at z = 0. Both are nearly flat beyond -4 and 4."""
    picture, ax = subplots(1, 1, 9, 3.6, alt=alt)
    for (name, (values, color)), place in zip(curves.items(), (0.14, -0.86), strict=True):
        ax.plot(z, values, color=color)
        ax.text(-5.8, place, name, color=ink(color), fontweight="bold", va="center")
    ax.set(xlim=(-6, 6), ylim=(-1.15, 1.15), yticks=(-1, 0, 0.5, 1), xlabel="z")
    ax.axvline(0, color=LIGHT, lw=1.2, zorder=0)
    ax.grid(axis="y", color=LIGHT)
    return picture


@styled
def draw_step_errors(steps, errors):
    """Relative error of a finite difference against its step, both on log scales.

    steps (S,).  errors: {label: (errors (S,), colour)}.
    """
    smallest = {name: int(np.argmin(values)) for name, (values, _) in errors.items()}
    best = [f"{name} {errors[name][0][s]:.0e} at {steps[s]:.0e}" for name, s in smallest.items()]
    alt = f"""The relative error of a slope against the step of its finite difference, log scales:
        with smaller steps it falls, then rises again. Smallest error: {listed(best)}."""
    picture, ax = subplots(1, 1, 10, 4.4, alt=alt)
    for name, (values, color) in errors.items():
        ax.plot(steps, values, "o-", color=color, ms=5, lw=1.4)
        where = smallest[name]
        ax.plot(steps[where], values[where], "o", color=color, ms=12)
        look = {"ha": "right", "va": "bottom", "fontweight": "bold", "color": ink(color)}
        ax.text(steps[-1], 4 * values[-1], name, **look)
    ax.set(xscale="log", yscale="log", xlabel="step (log scale)")
    ax.invert_xaxis()
    ax.margins(y=0.12)
    ax.grid(color=LIGHT)
    ax.set_ylabel("relative error (log scale)")
    return picture
