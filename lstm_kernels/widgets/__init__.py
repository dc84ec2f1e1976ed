"""Live pictures.  They call timing and figures and hold no algorithm; core ipywidgets only."""

from lstm_kernels.platforms import explain_no_widgets

try:
    from lstm_kernels.widgets.base import picture_widget, show
except ImportError:
    if wrong := explain_no_widgets():
        raise ImportError("{}. Cure: {}.".format(*wrong)) from None
    raise

__all__ = ["picture_widget", "show"]
