"""The bench: versions x batch x hidden x length, saved as JSON, CSV and a picture.  Lesson 09.

python -m lstm_kernels bench [--quick] [--out bench]
python -m lstm_kernels bench --batch 7 64 --hidden 50 --length 11     a grid of your own
python -m lstm_kernels bench --cudnn [--out cudnn]     V6 against PyTorch + cuDNN, on a card
python -m lstm_kernels bench --compare before.json after.json
"""

import sys

from lstm_kernels.lab.measure import cudnn, emulator_speed, grid, pytorch, records
from lstm_kernels.machine import device
from lstm_kernels.versions import COURSE, VERSIONS


def main(quick=False, out="bench", paths=None, emulator=True, **wished):
    """`bench`, or `bench --compare a.json b.json`; returns the exit status.

    wished: batch, hidden, length: sizes of the grid in place of the usual ones.
    """
    if paths:
        return _main_compare(*paths)
    machine = records.describe_machine()
    print(device.describe(), f"CPU: {device.describe_cpu()}", pytorch.describe(), sep="\n")
    sizes, *settings = (grid.QUICK, 0.3, COURSE) if quick else (grid.Grid(), 1.5, tuple(VERSIONS))
    results = grid.run(sizes._replace(**wished), *settings)
    if not device.ON_GPU:
        print("\nNo GPU here: 'emulated on CPU' is not a GPU's time, so it gets no ratio.")
    speeds = emulator_speed.run() if emulator else {}
    print("\n" + emulator_speed.text(speeds) if speeds else "")
    print("Saved:", ", ".join(save(results, machine, speeds, out)))
    missed = emulator_speed.missed(speeds)
    failed = any(row.failed for _, rows in results for row in rows)
    return 1 if failed or missed else 0


def main_cudnn(out="cudnn"):
    """`bench --cudnn`: V6's training step against the vendor's library; returns the exit status."""
    if reason := cudnn.missing():
        print(reason, file=sys.stderr)
        return 1
    print(device.describe(), pytorch.describe(), sep="\n")
    results = []
    for workload in cudnn.workloads():
        print(f"\nan epoch of {cudnn.BATCHES} mini-batches: {workload}")
        results.append((workload, cudnn.time_epochs(workload)))
        print(grid.table(results[-1][1]))
    print("\n" + cudnn.summary(results))
    print("\nApart from that, more hidden units than V5 and V6 have registers for, where cuDNN may")
    print("win: whole trainings, copies included.  V4 stands beside it as far as it goes (H=128).")
    results += grid.run(grid.LARGE, 1.5, ("cuda_v4",))
    print("Saved:", ", ".join(save(results, records.describe_machine(), {}, out)))
    return 0


def _main_compare(a, b):
    try:
        print(records.compare_runs(records.load(a), records.load(b)))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def save(results, machine, emulator, out):
    """Write OUT.json, OUT.csv and OUT.png; returns their names."""
    from lstm_kernels.lab.figures.bench import draw_bench  # matplotlib only now

    found = records.records(results)
    with open(f"{out}.json", "w", encoding="utf-8") as file:
        file.write(records.as_json(found, machine, emulator))
    with open(f"{out}.csv", "w", encoding="utf-8", newline="") as file:
        records.write_csv(found, file)
    with open(f"{out}.png", "wb") as file:
        file.write(draw_bench(found, machine)._repr_png_())
    return [f"{out}.{ending}" for ending in ("json", "csv", "png")]
