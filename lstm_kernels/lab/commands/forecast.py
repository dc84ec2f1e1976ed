"""`python -m lstm_kernels forecast`: settings chosen, rivals fitted, errors by year.  Lesson 10."""

import importlib.util
import json

from lstm_kernels import data
from lstm_kernels.lab import forecast, rivals, saving
from lstm_kernels.lab.measure.records import describe_machine
from lstm_kernels.machine.platforms import package_version

COMMAND = "python -m lstm_kernels forecast --keep"
PACKAGES = ("statsmodels", "scipy")


def main(keep=False):
    """Print all choices and the table of errors by year; exit status 1 if it cannot record.

    keep: write settings and rivals' plans into the course's data folder, where the lesson reads
    them.  That needs statsmodels; without it the rivals come from the recording.
    """
    installed = importlib.util.find_spec("statsmodels") is not None
    if not installed:
        print(rivals.HOW_TO_INSTALL)
        if keep:
            return 1
    series = data.load_airline()
    settings, scores = forecast.choose(series)
    print(grid_text(scores), f"Chosen: {settings}", sep="\n\n")
    if keep:
        save(scores, rivals.record(series))
    source = rivals.fitted if installed else rivals.recorded
    form, of_forms = rivals.choose_holt_winters(series, source)
    print(*(f"{sum(s):7.2f}  {name}" for name, s in of_forms.items()), f"Chosen: {form}", sep="\n")
    everybody = {**forecast.planners(settings), **rivals.planners(source)}
    print("\n" + forecast.table(forecast.by_year(forecast.rolling(series, everybody))))
    return 0


def grid_text(scores):
    """The grid's settings, the best ones first, with both RMSE on 1955 to 1957."""
    lines = ["    sum  next month  year  settings"]
    for settings, (one, year) in sorted(scores.items(), key=lambda item: sum(item[1])):
        lines.append(f"{one + year:7.2f}  {one:10.2f}  {year:4.1f}  {settings}")
    return "\n".join(lines)


def save(scores, plans):
    """Write data/measured/forecast.json: a line for each setting, and for each origin's plan."""
    machine = describe_machine()
    machine["packages"] |= {name: package_version(name) for name in PACKAGES}
    head = {"command": COMMAND, "machine": machine}
    grid = [c._asdict() | {"next_month": one, "year": year} for c, (one, year) in scores.items()]
    text = json.dumps(head, indent=1)[:-2] + ',\n"grid": [\n' + ",\n".join(map(json.dumps, grid))
    of_methods = []
    for name, of_origins in plans.items():
        lines = ",\n".join(f" {json.dumps(m)}: {json.dumps(p)}" for m, p in of_origins.items())
        of_methods.append(f"{json.dumps(name)}: {{\n{lines}}}")
    text += '],\n"plans": {\n' + ",\n".join(of_methods) + "}}\n"
    path = data.data_folder() / "measured" / rivals.RECORDING
    saving.write_atomically(path, text)
