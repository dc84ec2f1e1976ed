"""How training scales with workers: measured here, or what was recorded.  Lesson 18."""

import json

from lstm_kernels.cluster import engine
from lstm_kernels.data import data_folder
from lstm_kernels.lab.measure.scaling import Row, Scaling, Sizes, Times, run

QUIET = 0.5  # programs that wanted a core when the recording began


def recorded(name="workers_2cores"):
    """A recording that came with the course: data/measured/NAME.json."""
    path = data_folder() / "measured" / f"{name}.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        Row(*(row[field] for field in Row._fields[:-1]), [Times(**t) for t in row["steps"]])
        for row in found["rows"]
    ]
    machine = found["machine"]
    source = f"recorded on {machine['cpu']}, {machine['date'][:10]}"
    if found["load"] is not None and found["load"] > QUIET:
        source += ", while other programs ran"
    return Scaling(Sizes(**found["sizes"]), rows, source)


def here_or_recorded(steps, counts=(1, 2)):
    """Measured here with the recording's sizes where Dask is installed; else the recording."""
    kept, rows = recorded(), []
    try:
        engine.load_dask()
    except ImportError as missing:
        print(f"{missing}. What follows is {kept.source}.")
        return kept
    run(counts, kept.sizes, rows.append, steps)
    return Scaling(kept.sizes, rows, "measured here")
