"""Live pictures.  They call timing and figures and hold no algorithm; core ipywidgets only."""

from lstm_kernels.widgets.base import picture_widget, show

__all__ = ["picture_widget", "show"]
