"""Strong and weak scaling on worker processes of this machine, in one run.

python -m lstm_kernels bench --workers 1 2 4 [--batch 1024 --hidden 64 --length 24] [--out scaling]
"""

import json
import sys

from lstm_kernels.cluster import engine
from lstm_kernels.lab import saving
from lstm_kernels.lab.measure import records, scaling
from lstm_kernels.machine import device
from lstm_kernels.versions import check_hidden_size


def main(counts, out="scaling", **wished):
    """Measure, print, and save OUT.json with all steps; returns the exit status."""
    try:
        engine.load_dask()
    except ImportError as error:
        print(error, file=sys.stderr)
        return 1
    path, found = f"{out}.json", {}
    if saving.refuse_paths([path]):
        return 2
    version = "cuda_v5" if device.ON_GPU else "numpy_batched"
    sizes = scaling.Sizes(version=version)._replace(**wished)
    try:
        check_hidden_size(version, sizes.hidden)
    except (ValueError, MemoryError) as error:
        print(error, file=sys.stderr)
        return 2
    print(device.describe(), f"CPU: {device.describe_cpu()}", sizes, sep="\n")
    print(scaling.too_many(counts) or "Each worker has a core.", end="\n\n", flush=True)

    def told(kind, workers, times):
        found[kind, workers] = times
        print(f"measured: {kind} scaling, {workers} workers", flush=True)

    def measure(check):
        scaling.run(sorted(set(counts)), sizes, told, check)
        print("\nTimes in ms, medians; compute and waiting are means of all workers.\n")
        print(scaling.table(found))

    return saving.keep(measure, lambda: save(path, sizes, found))


def save(path, sizes, found):
    """All steps that were measured; gives the file's name, none if there is nothing yet."""
    if not found:
        return []
    rows = [
        {"kind": kind, "workers": workers, "steps": [t._asdict() for t in times]}
        for (kind, workers), times in found.items()
    ]
    about = {"machine": records.describe_machine(), "sizes": sizes._asdict(), "rows": rows}
    saving.write_atomically(path, json.dumps(about, indent=1) + "\n")
    return [path]
