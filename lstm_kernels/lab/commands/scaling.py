"""Strong and weak scaling on worker processes of this machine, in one run.  Lesson 18.

python -m lstm_kernels bench --workers 1 2 4 [--batch 1024 --hidden 64 --length 24] [--out scaling]
"""

import json
import os
import sys

from lstm_kernels.cluster import engine
from lstm_kernels.lab import saving
from lstm_kernels.lab.measure import records, scaling
from lstm_kernels.lab.words import count_text
from lstm_kernels.machine import device
from lstm_kernels.machine.platforms import package_version
from lstm_kernels.versions import check_hidden_size

PACKAGES = ("distributed", "dask")  # beside those that every recording names


def main(counts, out="scaling", **wished):
    """Measure, print, and save OUT.json with all steps; returns the exit status."""
    version = "cuda_v5" if device.ON_GPU else "numpy_batched"
    sizes = scaling.Sizes(version=version)._replace(**wished)
    try:
        engine.load_dask()
        check_hidden_size(version, sizes.hidden)
    except (ImportError, ValueError, MemoryError) as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, ImportError) else 2
    path, load = f"{out}.json", load_now()
    if saving.refuse_paths([path]):
        return 2
    print(device.describe(), f"CPU: {device.describe_cpu()}", sizes, sep="\n")
    print(scaling.too_many(counts) or "Each worker has a core.", end="\n\n", flush=True)

    found = scaling.Scaling(sizes, [], "measured here")

    def told(row):
        found.rows.append(row)
        kind = f"{row.kind} scaling"
        what = f"messages of {row.nbytes:,} bytes" if row.kind == "message" else kind
        print(f"measured: {what}, {count_text(row.workers, 'worker')}", flush=True)

    def measure(check):
        scaling.run(sorted(set(counts)), sizes, told, scaling.STEPS, check)
        print("\nTimes in ms, medians; compute and waiting are means of all workers.\n")
        print(scaling.table(found))

    return saving.keep(measure, lambda: save(path, found, load))


def load_now():
    """Programs that want a core, mean of the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def save(path, found, load):
    """All steps that were measured; gives the file's name, none if there is nothing yet.

    load: as `load_now` gave it before the first one.
    """
    if not found.rows:
        return []
    machine = records.describe_machine()
    machine["packages"] |= {name: package_version(name) or "not installed" for name in PACKAGES}
    about = {"machine": machine, "load": load, "sizes": found.sizes._asdict()}
    saving.write_atomically(path, as_json(about, found.rows))
    return [path]


def as_json(about, rows):
    """A text with one line for each step."""
    texts = [
        json.dumps(row._asdict() | {"steps": []})[:-2]
        + "\n"
        + ",\n".join(json.dumps(t._asdict()) for t in row.steps)
        + "]}"
        for row in rows
    ]
    return json.dumps(about, indent=1)[:-2] + ',\n"rows": [\n' + ",\n".join(texts) + "\n]}\n"
