"""Live pictures.  They call timing and figures and hold no algorithm; core ipywidgets only."""

try:
    import ipywidgets
except ImportError:  # missing, or too old: the set-up cell names the cure, and a lesson goes on
    from lstm_kernels.lab.widgets import still as ipywidgets

from lstm_kernels.lab.widgets.base import picture_widget, show

__all__ = ["ipywidgets", "picture_widget", "show"]
