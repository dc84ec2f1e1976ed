"""What `emulate` tells of a script's launches: a table, the races, and what each line does."""

from dataclasses import dataclass, field

from lstm_kernels.emulator.counters import METRICS
from lstm_kernels.emulator.errors import EmulatorError


@dataclass
class Row:
    """Launches of one kernel with the same grid, block and shared memory."""

    kernel: str
    grid: tuple
    block: tuple
    shared_bytes: int
    launches: int = 0
    races: int = 0


@dataclass
class Launches:
    """Sees each launch before it begins.  The functions to ask, or None: find_races, find_suspects
    (with it), count."""

    find_races: object = None
    find_suspects: object = None
    count: object = None
    rows: dict = field(default_factory=dict)
    races: dict = field(default_factory=dict)  # a race in words -> its kernel
    suspects: dict = field(default_factory=dict)  # a suspect in words -> its kernel
    counted: dict = field(default_factory=dict)  # kernel's function -> Counted
    unchecked: list = field(default_factory=list)  # why a launch could not be looked at

    def note(self, launch, args):
        """`launch` is about to run with these arguments; what it is asked runs on copies."""
        kernel = launch.kernel
        key = kernel.__name__, launch.grid, launch.block, launch.shared_bytes
        row = self.rows.setdefault((kernel.py_func, *key), Row(*key))
        row.launches += 1
        asked = kernel, launch.grid, launch.block, *args
        try:
            if self.find_races:
                found = self.find_races(*asked, shared_bytes=launch.shared_bytes)
                row.races += len(found)
                self.races.update({str(race): kernel.__name__ for race in found})
            if self.find_suspects:
                found = self.find_suspects(*asked, shared_bytes=launch.shared_bytes)
                self.suspects.update({str(suspect): kernel.__name__ for suspect in found})
            if self.count and kernel.py_func not in self.counted:
                counted = self.count(*asked, shared_bytes=launch.shared_bytes)
                self.counted[kernel.py_func] = counted
        except EmulatorError as error:  # what is wrong with the launch itself, it will say itself
            self.unchecked.append(f"{kernel.__name__}: {error}")

    def found_races(self):
        """Has a launch a race, or could one not be checked?"""
        return bool(self.races or (self.find_races and self.unchecked))

    def text(self):
        """All of it, for a console."""
        parts = [
            self._table(),
            self._races(),
            self._suspects(),
            *map(counters_text, self.counted.values()),
        ]
        parts += [f"not checked: {why}" for why in dict.fromkeys(self.unchecked)]
        return "".join(f"\n{part}\n" for part in parts if part)

    def _table(self):
        if not self.rows:
            return "No kernel was launched."
        head = ["kernel", "launches", "grid", "block", "shared bytes"]
        rows = [
            [r.kernel, r.launches, _sizes(r.grid), _sizes(r.block), r.shared_bytes]
            for r in self.rows.values()
        ]
        if self.find_races:
            head.append("races")
            rows = [[*row, r.races] for row, r in zip(rows, self.rows.values(), strict=True)]
        return table([head, *rows]) + "\nEmulated on this CPU, with the limits of a Tesla T4."

    def _races(self):
        if self.find_races is None or not self.rows:
            return ""
        if not self.races:
            return "" if self.unchecked else "No data race was found."
        return "\n".join(f"{kernel}: {race}" for race, kernel in self.races.items())

    def _suspects(self):
        lines = [f"{kernel}: {suspect}" for suspect, kernel in self.suspects.items()]
        return "\n".join(["Allowed, and mostly a mistake:", *lines]) if lines else ""


COLUMNS = {  # heading: its number of a line, the metrics of Nsight Compute
    "requests": (lambda line: line.asked.requests, METRICS["requests"]),
    "sectors": (lambda line: line.asked.sectors, METRICS["sectors"]),
    "turns": (lambda line: line.asked.turns, METRICS["turns"]),
    "conflicts": (lambda line: line.asked.conflicts, METRICS["conflicts"]),
    "lanes": (lambda line: f"{line.lanes_per_visit:.1f}", METRICS["lanes per visit"]),
    "float32": (lambda line: line.operations.float32, METRICS["float32"]),
    "float64": (lambda line: line.operations.float64, METRICS["float64"]),
}


def counters_text(counted):
    """A kernel's counters line by line, those with most memory traffic first."""
    lines = [line for line in counted.lines if line.visits]
    lines.sort(key=lambda line: -(line.asked.sectors + line.asked.turns))
    head = ["line", *COLUMNS, "source"]
    rows = [
        [line.number, *(number(line) for number, _ in COLUMNS.values()), line.text]
        for line in lines
    ]
    title = (
        f"{counted.kernel}[{_sizes(counted.grid)}, {_sizes(counted.block)}], its first launch; "
        "lines with most sectors and turns first:"
    )
    metrics = table([[name, metric] for name, (_, metric) in COLUMNS.items()], (0, 1))
    return f"{title}\n{table([head, *rows], (0, len(COLUMNS) + 1))}\nIn Nsight Compute:\n{metrics}"


def table(rows, left=(0,)):
    """Columns side by side, all of them to the right but those in `left`."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]

    def cell(n, text):
        return text.ljust(widths[n]) if n in left else text.rjust(widths[n])

    return "\n".join("  ".join(map(cell, range(len(row)), row)).rstrip() for row in texts)


def _sizes(triple):
    """(2, 1, 1) as 2, (32, 8, 1) as 32x8."""
    sizes = list(triple)
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    return "x".join(map(str, sizes))
