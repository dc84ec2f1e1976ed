"""`python -m lstm_kernels race`: all versions on two workloads, with a picture.  Lesson 09."""

from lstm_kernels.lab import saving
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import race
from lstm_kernels.lab.measure.results import table
from lstm_kernels.machine import device
from lstm_kernels.versions import COURSE, VERSIONS, launches_kernels


def main(quick=False, png="race.png"):
    """Race on both workloads, print both tables, save the picture; returns the exit status.

    The picture is saved after each workload, and by whatever ends the race early: see saving.keep.
    """
    if saving.refuse_paths([png]):
        return 2
    print(device.describe(), f"CPU: {device.describe_cpu()}", sep="\n")
    results = []

    def race_both(check):
        for name, workload, skip in _workloads(quick):
            print(f"\n{name}: {workload}")
            results.append((name, workload, rows := []))
            _race(workload, skip, quick, rows)
            print("\n" + table(rows))
            check()
            saving.tried(lambda: _save(results, png))
        if not device.ON_GPU:
            print("\nNo GPU here: 'emulated on CPU' is not a GPU's time, so it gets no ratio.\n")

    status = saving.keep(race_both, lambda: _save(results, png))
    return status or int(any(row.failed for *_, rows in results for row in rows))


def _race(workload, skip, quick, rows):
    """One workload's race; its rows are added to `rows`."""
    versions, budget = (COURSE, 0.5) if quick else (tuple(VERSIONS), 3.0)
    skip = skip | feasible.refusals(filter(launches_kernels, versions), workload)
    told = {"on_row": _print_progress, "rows": rows}
    race.race(workload, versions, budget=budget, skip=skip, **told)
    if not quick:  # PyTorch stands in the whole race, where it is installed
        race.torch_race_rows(workload, budget, _print_progress, rows)


def _save(results, png):
    """Draw the workloads that have a time; the picture's name, none if there is no time yet."""
    from lstm_kernels.lab.figures.race import draw_race  # matplotlib only now

    shown = [result for result in results if any(row.timing for row in result[2])]
    if not shown:
        return []
    saving.write_atomically(png, draw_race(shown)._repr_png_())
    return [png]


def _workloads(quick):
    published = race.published_workload(epochs=1 if quick else 5)
    yield "Published size" + (", 1 epoch of 5" if quick else ""), published, {}
    yield "Larger size", race.larger_workload(), {"sequential": "left out"} if quick else {}


def _print_progress(row):
    print(f"  {row.version}: {row.timing or row.note}", flush=True)
