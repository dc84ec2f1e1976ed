"""All that the dashboard measured as one CSV file, saved and as a link.  Lesson 09."""

import base64
import html
import io
import os
from itertools import count

from lstm_kernels.lab import saving
from lstm_kernels.lab.measure import records
from lstm_kernels.lab.widgets import controls, ipywidgets
from lstm_kernels.lab.widgets.base import row


class Export(ipywidgets.HBox):
    """Writes race.csv in the working folder, and offers the same as a download.

    Another's file of that name stays, and so does a link: then it is race-2.csv, and so on.
    """

    def __init__(self, found):
        """found(): all rows as plain numbers, each with the name of its run."""
        self.found, self.exported = found, {}  # {path: text} of the files that this board wrote
        self.button = ipywidgets.Button(
            description="Export CSV", icon="download", layout={"width": "9em"},
            tooltip="Save all that was measured as a CSV file",
        )  # fmt: skip
        self.button.on_click(self.export)
        self.link = ipywidgets.HTML()
        controls.say(self.link, "")
        super().__init__([row(self.button, self.link)])

    def export(self, _=None):
        found = self.found()
        if not found:
            controls.say(self.link, "Nothing to export yet: press Run first.")
            return
        text = csv_text(found)
        code = base64.b64encode(text.encode()).decode()
        link = f'<a download="race.csv" href="data:text/csv;base64,{code}">download race.csv</a>'
        try:
            name = self.free_name()
            saving.write_atomically(name, text)
            self.exported[os.path.abspath(name)] = text
            controls.say(self.link, f"{link} (also saved beside the notebook: {name})")
        except OSError as error:  # a folder that cannot be written to; the link works all the same
            controls.say(
                self.link, f"{link} (not saved beside the notebook: {html.escape(str(error))})"
            )

    def free_name(self):
        """race.csv, race-2.csv, ...: the first that is not there, or is as this board wrote it."""
        for number in count(1):
            name = "race.csv" if number == 1 else f"race-{number}.csv"
            if not os.path.lexists(name) or self.wrote(name):
                return name

    def wrote(self, name):
        """True if the file is this board's own, unchanged."""
        text = self.exported.get(os.path.abspath(name))
        if text is None or os.path.islink(name) or not os.path.isfile(name):
            return False
        with open(name, "rb") as file:
            return file.read() == text.encode()


def csv_text(found):
    """Records as CSV: the bench's columns, with the name of the run in front."""
    file = io.StringIO()
    records.write_csv(found, file, ("run", *records.COLUMNS))
    return file.getvalue()
