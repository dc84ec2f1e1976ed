"""`python -m lstm_kernels race`: all versions on two workloads, with a picture.  Lesson 09."""

from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import race
from lstm_kernels.lab.measure.results import table
from lstm_kernels.machine import device
from lstm_kernels.versions import COURSE, VERSIONS, launches_kernels


def main(quick=False, png="race.png"):
    """Race on both workloads, print both tables, save the picture; returns the exit status."""
    from lstm_kernels.lab.figures.race import draw_race  # matplotlib only now

    print(device.describe(), f"CPU: {device.describe_cpu()}", sep="\n")
    results = []
    for name, workload, skip in _workloads(quick):
        print(f"\n{name}: {workload}")
        versions, budget = (COURSE, 0.5) if quick else (tuple(VERSIONS), 3.0)
        skip = skip | feasible.refusals(filter(launches_kernels, versions), workload)
        rows = race.race(workload, versions, budget=budget, skip=skip, on_row=_print_progress)
        if not quick:  # PyTorch stands in the whole race, where it is installed
            rows += race.torch_race_rows(workload, budget, _print_progress)
        print("\n" + table(rows))
        results.append((name, workload, rows))
    if not device.ON_GPU:
        print("\nNo GPU here: 'emulated on CPU' is not a GPU's time, so it gets no ratio.")
    with open(png, "wb") as file:
        file.write(draw_race(results)._repr_png_())
    print(f"\nPicture: {png}")
    return 1 if any(row.failed for *_, rows in results for row in rows) else 0


def _workloads(quick):
    published = race.published_workload(epochs=1 if quick else 5)
    yield "Published size" + (", 1 epoch of 5" if quick else ""), published, {}
    yield "Larger size", race.larger_workload(), {"sequential": "left out"} if quick else {}


def _print_progress(row):
    print(f"  {row.version}: {row.timing or row.note}", flush=True)
