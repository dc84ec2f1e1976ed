"""Cards' recordings that came with the course: data/measured/card_*.json.  Lessons 14 to 17."""

from lstm_kernels import data
from lstm_kernels.lab.measure.card.file import load


def cards():
    """All of them, a dict each, as `CardFile` wrote them."""
    return [load(path) for path in sorted((data.data_folder() / "measured").glob("card_*.json"))]


def times(found, section, what, **key):
    """The rows of a recording that hold a time of this."""
    wanted = {"section": section, "what": what, **key}
    return [row for row in found["rows"] if "median" in row and wanted.items() <= row.items()]
