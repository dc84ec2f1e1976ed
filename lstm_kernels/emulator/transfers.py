"""A record of what crosses between host and device, for those who ask.

    with count_transfers() as record:
        kernel[grid, block](x, y)
    print(record)

When nobody listens, a transfer costs one look at an empty list.  A record holds what its own thread
copies and launches: what a dashboard does in the background is not in it.
"""

import threading
from contextlib import contextmanager
from typing import NamedTuple

TO_DEVICE = "host to device"
TO_HOST = "device to host"

_listeners = []


class Transfer(NamedTuple):
    """One copy between host and device. Implicit ones are made by a launch, for NumPy arguments."""

    direction: str  # TO_DEVICE or TO_HOST
    nbytes: int
    implicit: bool | None = False  # None where nobody can tell: on a card

    def __str__(self):
        how = {True: "implicit", False: "explicit", None: "implicit or explicit"}[self.implicit]
        return f"{self.direction}, {self.nbytes} bytes, {how}"


class TransferRecord(list):
    """A list of all transfers inside one `with count_transfers()`, and the launches there."""

    def __init__(self):
        super().__init__()
        self.launches, self.thread = [], threading.get_ident()

    def select(self, direction=None, implicit=None):
        """The transfers of one direction and one kind (None: any)."""
        return [
            transfer
            for transfer in self
            if direction in (None, transfer.direction) and implicit in (None, transfer.implicit)
        ]

    def nbytes(self, direction=None, implicit=None):
        return sum(transfer.nbytes for transfer in self.select(direction, implicit))

    def __str__(self):
        lines = [f"launches: {len(self.launches)}"]
        for direction in (TO_DEVICE, TO_HOST):
            copies, implicit = self.select(direction), self.select(direction, implicit=True)
            lines.append(
                f"{direction}: {len(copies)} copies ({len(implicit)} implicit), "
                f"{self.nbytes(direction)} bytes"
            )
        return "\n".join(lines)


@contextmanager
def count_transfers():
    """Yield a record that fills while the block runs."""
    record = TransferRecord()
    _listeners.append(record)
    try:
        yield record
    finally:
        _listeners[:] = [other for other in _listeners if other is not record]


def log_transfer(direction, nbytes, implicit=False):
    """Called for each copy."""
    if _listeners:
        for record in _of_this_thread():
            record.append(Transfer(direction, int(nbytes), implicit))


def log_launch(name):
    """Called for each launch."""
    if _listeners:
        for record in _of_this_thread():
            record.launches.append(name)


def _of_this_thread():
    here = threading.get_ident()
    return [record for record in _listeners if record.thread == here]
