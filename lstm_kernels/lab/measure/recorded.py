"""What a card's recording says of one mini-batch.  Lessons 06 to 08."""

from lstm_kernels import data
from lstm_kernels.lab.estimates.bus import Measured
from lstm_kernels.lab.measure import records
from lstm_kernels.lab.measure.card import file
from lstm_kernels.lab.measure.timing import Timing


class Recording:
    """A file of data/measured: each time is an epoch's, divided by its mini-batches.

    So the update of the parameters, on the host, is in it.
    """

    def __init__(self, name="batch_h100"):
        found = records.kept(name)
        self.card = found["machine"]["kernels"].split(",")[0]
        self.date = found["machine"]["date"][:10]
        self.rows = {(r["version"], r["batch"]): r for r in found["rows"] if "median" in r}

    def __str__(self):
        return f"recorded on {self.card}, {self.date}"

    def timing(self, version, N):
        """The Timing of one mini-batch of N samples; KeyError if it was not recorded."""
        row = self.rows[version, N]
        return Timing(tuple(seconds / records.mini_batches(row) for seconds in row["seconds"]))

    def parts(self, version, N):
        """The Measured of one mini-batch: copies and kernel by the card's events, and the rest."""
        row = self.rows[version, N]
        timed = [row[part] for part in ("host_to_device", "kernel", "device_to_host")]
        return Measured(*timed, self.timing(version, N).median - sum(timed))

    def has(self, version, sizes):
        """Was a batch of these sizes recorded?"""
        row = self.rows.get((version, sizes.N), {})
        return (row.get("length"), row.get("hidden"), 1, 1) == (sizes.T, sizes.H, sizes.D, sizes.O)


class CardRecording:
    """What `bench --card` saved of one mini-batch's parts: data/measured/card_NAME.json."""

    def __init__(self, name):
        found = file.load(data.data_folder() / "measured" / f"card_{name}.json")
        self.card, self.date = found["card"], found["machine"]["date"][:10]
        rows = [row for row in found["rows"] if row["section"] == "host" and "host" in row]
        self.rows = {(row["version"], row["N"]): row for row in rows}

    def __str__(self):
        return f"recorded on {self.card}, {self.date}"

    def parts(self, version, N):
        """The Measured of one mini-batch of N samples; KeyError if it was not recorded."""
        row = self.rows[version, N]
        return Measured(*(row[p] for p in ("host_to_device", "kernel", "device_to_host", "host")))
