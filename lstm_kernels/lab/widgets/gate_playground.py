"""Move a gate, see the cell remember or forget the series.  Lesson 01."""

import numpy as np

from lstm_kernels.lab.figures.cell import draw_playground
from lstm_kernels.lab.figures.style import GATE_COLORS
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, row
from lstm_kernels.versions.numpy_loop import forward_sample

LIMIT = 8.0  # an offset of 8 closes (-) or opens (+) a gate all but completely
SETTINGS = {  # name: offsets for the biases of i, f, o
    "as trained": (0, 0, 0),
    "forget all": (0, -LIMIT, 0),
    "never forget": (0, LIMIT, 0),
    "write nothing": (-LIMIT, 0, 0),
    "show nothing": (0, 0, -LIMIT),
}


class GatePlayground(Controlled):
    """Three sliders that shift the biases of i, f and o in a trained model, and what follows.

    params: a trained model with D = O = 1.  dates (L,), values (L,): the series, scaled as in
    training.  unit: the hidden unit whose gates and states are drawn; the offsets act on all.
    """

    def __init__(self, params, dates, values, unit=0):
        H = params.W.shape[1]
        if not 0 <= unit < H:
            raise ValueError(f"unit is {unit}; the model has units 0 to {H - 1}")
        self.params, self.dates = params, np.asarray(dates)
        self.values = np.asarray(values, params.U.dtype)
        self.sliders = {gate: _slider(gate) for gate in "ifo"}
        self.unit = ipywidgets.Dropdown(options=range(H), value=unit, description="unit j")
        self.unit.layout.width = "12em"
        self.settings = [self._button(name) for name in SETTINGS]
        self._paused = False
        sliders = self.sliders.values()
        super().__init__(*sliders, self.unit, above=[row(*self.settings, self.unit), row(*sliders)])

    def offsets(self):
        """The offsets of i, f and o now."""
        return tuple(slider.value for slider in self.sliders.values())

    def picture(self):
        """The picture for the sliders' present values."""
        params = with_offsets(self.params, *self.offsets())
        gates, c, h, prediction = forward_sample(params, self.values[:-1, None])
        j, H = self.unit.value, params.W.shape[1]
        return draw_playground(
            self.dates[1:], self.values[1:], prediction[:, 0],
            gates.reshape(-1, 4, H)[:, :, j], c[1:, j], h[1:, j],
            title=title(self.offsets()),
        )  # fmt: skip

    def _button(self, name):
        button = ipywidgets.Button(description=name, layout={"width": "10em"})
        button.on_click(lambda _: self.set_offsets(*SETTINGS[name]))
        return button

    def set_offsets(self, i, f, o):
        """Move all three sliders, and repaint once."""
        self._paused = True
        for slider, value in zip(self.sliders.values(), (i, f, o), strict=True):
            slider.value = value
        self._paused = False
        self.repaint()

    def repaint(self, change=None):
        if not self._paused:
            super().repaint()


def _slider(gate):
    """A slider for one gate's bias, in the gate's colour."""
    return ipywidgets.FloatSlider(
        value=0, min=-LIMIT, max=LIMIT, step=0.5, description=f"bias of {gate}",
        style={"handle_color": GATE_COLORS[gate], "description_width": "5.4em"},
        layout={"width": "21em"}, readout_format="+.1f",
    )  # fmt: skip


def with_offsets(params, i, f, o):
    """The same parameters with a number added to the biases of the gates i, f and o."""
    H = params.W.shape[1]
    offsets = np.repeat(np.array([i, f, 0, o], params.B.dtype), H)  # g keeps its bias
    return params._replace(B=params.B + offsets)


def title(offsets):
    """The setting's name, or the three offsets."""
    for name, setting in SETTINGS.items():
        if offsets == setting:
            return f"The gates {name}" if name == "as trained" else f"The gates set to: {name}"
    return "Biases moved by " + ", ".join(
        f"{gate} {value:+.1f}" for gate, value in zip("ifo", offsets, strict=True)
    )
