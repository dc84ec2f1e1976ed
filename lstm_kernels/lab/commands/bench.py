"""The bench: versions x batch x hidden x length, saved as JSON, CSV and a picture.  Lesson 09.

python -m lstm_kernels bench [--quick] [--out bench]
python -m lstm_kernels bench --batch 7 64 --hidden 50 --length 11     a grid of your own
python -m lstm_kernels bench --cudnn [--out cudnn]     V6 against PyTorch, its LSTM by cuDNN
python -m lstm_kernels bench --card [--out card_h100]  all about one card, in eight minutes
python -m lstm_kernels bench --compare before.json after.json
"""

import io
import sys

from lstm_kernels.lab import saving
from lstm_kernels.lab.measure import cudnn, emulator_speed, grid, pytorch, records
from lstm_kernels.lab.measure.card import run, verdict
from lstm_kernels.lab.measure.card.file import CardFile, short_name
from lstm_kernels.lab.measure.card.plan import FULL
from lstm_kernels.machine import device
from lstm_kernels.versions import COURSE, VERSIONS

LARGE_TOO = """\
Apart from that, more hidden units than V5 and V6 have registers for, where cuDNN may
win: whole trainings, copies included.  V4 stands beside it as far as it goes (H=128)."""


def main(quick=False, out="bench", paths=None, emulator=True, **wished):
    """`bench`, or `bench --compare a.json b.json`; returns the exit status.

    wished: batch, hidden, length: sizes of the grid in place of the usual ones.
    JSON and CSV are saved after each point, and all by whatever ends it early: see saving.keep.
    """
    if paths:
        return _main_compare(*paths)
    if saving.refuse_paths(_files(out)):
        return 2
    machine, results, speeds = records.describe_machine(), [], {}
    print(device.describe(), f"CPU: {device.describe_cpu()}", pytorch.describe(), sep="\n")
    sizes, *settings = (grid.QUICK, 0.3, COURSE) if quick else (grid.Grid(), 1.5, tuple(VERSIONS))

    def measure(check):
        told = {"results": results, "on_point": _saver(check, results, machine, out)}
        grid.run(sizes._replace(**wished), *settings, **told)
        if not device.ON_GPU:
            print("\nNo GPU here: 'emulated on CPU' is not a GPU's time, so it gets no ratio.")
        speeds.update(emulator_speed.run() if emulator else {})
        print("\n" + emulator_speed.text(speeds) if speeds else "")

    status = saving.keep(measure, lambda: save(results, machine, speeds, out))
    failed = any(row.failed for _, rows in results for row in rows)
    return status or int(bool(failed or emulator_speed.missed(speeds)))


def main_cudnn(out="cudnn"):
    """`bench --cudnn`: V6's training step against the vendor's library; returns the exit status."""
    if reason := cudnn.missing():
        print(reason, file=sys.stderr)
        return 1
    if saving.refuse_paths(_files(out)):
        return 2
    print(device.describe(), pytorch.describe(), sep="\n")
    machine, results = records.describe_machine(), []

    def measure(check):
        on_point = _saver(check, results, machine, out)
        for workload in cudnn.workloads():
            print(f"\nan epoch of {cudnn.BATCHES} mini-batches: {workload}")
            results.append((workload, rows := []))
            try:
                rows += cudnn.time_epochs(workload)
            except KeyboardInterrupt as why:
                rows += getattr(why, "rows", [])
                raise
            on_point()
            print(grid.table(rows))
        print("\n" + cudnn.summary(results) + "\n\n" + LARGE_TOO)
        grid.run(grid.LARGE, 1.5, ("cuda_v4",), results=results, on_point=on_point)

    return saving.keep(measure, lambda: save(results, machine, {}, out))


def main_card(out=None, only=(), plan=FULL):
    """`bench --card`: all about this card, section by section; returns the exit status.

    What the file OUT.json holds already is not measured again.
    """
    if not device.ON_GPU:
        print(f"bench --card needs an NVIDIA card. {device.describe()}", file=sys.stderr)
        return 1
    path = f"{out or 'card_' + short_name(device.card_name())}.json"
    if saving.refuse_paths([path]):
        return 2
    try:
        file = CardFile(path, device.card_name())
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(device.describe(), f"CPU: {device.describe_cpu()}", pytorch.describe(), sep="\n")
    status = saving.keep(lambda check: run.run(file, plan, only, check), file.save)
    print(verdict.text(file.rows))
    return status or int(any("failed" in row or row.get("right") is False for row in file.rows))


def _main_compare(a, b):
    try:
        print(records.compare_runs(records.load(a), records.load(b)))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def save(results, machine, emulator, out):
    """Write OUT.json, OUT.csv and OUT.png; returns their names, none if there is no time yet."""
    from lstm_kernels.lab.figures.bench import draw_bench  # matplotlib only now

    names = save_numbers(results, machine, emulator, out)
    if names:
        picture = draw_bench(records.records(results), machine)._repr_png_()
        saving.write_atomically(f"{out}.png", picture)
    return names and _files(out)


def save_numbers(results, machine, emulator, out):
    """The same without the picture."""
    found = records.records(results)
    if not any("median" in record for record in found):
        return []
    records.write_csv(found, csv := io.StringIO(newline=""))
    saving.write_atomically(f"{out}.json", records.as_json(found, machine, emulator))
    saving.write_atomically(f"{out}.csv", csv.getvalue())
    return _files(out)[:2]


def _files(out):
    return [f"{out}.{ending}" for ending in ("json", "csv", "png")]


def _saver(check, results, machine, out):
    """What is done after each point: its numbers are saved, and a wish to stop is heard."""

    def on_point():
        saving.tried(lambda: save_numbers(results, machine, {}, out))
        check()

    return on_point
