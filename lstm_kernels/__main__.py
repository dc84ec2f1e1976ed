"""The door: `python -m lstm_kernels doctor | race | bench | baselines | forecast | report |
windows | emulate | judge | ranking | grade`."""

import argparse
import codecs
import os
import sys

from lstm_kernels.machine.device import INSIDE

GRID = ("batch", "hidden", "length")
OF_CLASS = "judge", "ranking", "grade"
OF_CARD = (  # sections of `bench --card`
    "right", "races", "steps", "trainings", "kernels", "host", "traces", "counters",
)  # fmt: skip


def size(text):
    """A number of the command line, at least 1."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: give whole numbers from 1 on")
    return int(text)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m lstm_kernels", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="hardware, versions, and a cure for what does not work")
    race = commands.add_parser("race", help="time all versions side by side, save a picture")
    race.add_argument("--quick", action="store_true", help="a shorter race of six versions")
    race.add_argument("--png", default="race.png", help="where to save the picture")
    bench = commands.add_parser("bench", help="versions x batch x hidden x length, saved")
    one = bench.add_mutually_exclusive_group()
    one.add_argument("--quick", action="store_true", help="a small grid, about a minute")
    one.add_argument("--cudnn", action="store_true", help="V6 against PyTorch (by cuDNN)")
    one.add_argument("--card", action="store_true", help="all about one card; goes on if stopped")
    one.add_argument("--compare", nargs=2, metavar="JSON", help="two saved runs side by side")
    for axis in GRID:
        what = f"sizes of the grid: {axis}"
        bench.add_argument(f"--{axis}", type=size, nargs="+", metavar="N", help=what)
    one.add_argument(
        "--workers", type=size, nargs="+", metavar="N",
        help="scaling on so many processes (Dask); saves OUT.json (default: scaling)",
    )  # fmt: skip
    bench.add_argument("--out", help="saves OUT.json, OUT.csv and OUT.png (default: bench)")
    sections = ", ".join(OF_CARD)
    bench.add_argument(
        "--only", nargs="+", choices=OF_CARD, metavar="SECTION", help=f"of --card: {sections}"
    )
    bench.add_argument("--no-emulator", action="store_true", help="leave the emulator's speed out")
    baselines = commands.add_parser("baselines", help="the honest lines on this machine's CPU")
    baselines.add_argument("--threads", type=size, help="of every library; default: as it comes")
    baselines.add_argument("--seconds", type=float, default=3.0, help="for each shape")
    forecast = commands.add_parser("forecast", help="the forecast beside its rivals, by year")
    forecast.add_argument("--keep", action="store_true", help="keep it for lesson 10, in data/")
    windows = commands.add_parser("windows", help="made-up windows in files, as many as you like")
    windows.add_argument("folder", help="where x.npy and y.npy are written")
    windows.add_argument("--count", type=size, required=True, help="how many windows")
    windows.add_argument("--length", type=size, default=24, help="steps of each")
    report = commands.add_parser("report", help="what the compiler makes of each kernel; no GPU")
    report.add_argument("--cc", type=int, nargs="+", help="compute capabilities, such as 75")
    report.add_argument("--compiler", choices=list(INSIDE), default=next(iter(INSIDE)))
    report.add_argument("--png", default=None, help="save the occupancy picture here")
    report.add_argument("--keep", action="store_true", help="keep it for the lessons, in data/")
    of_script(commands)
    of_class(commands)
    options = parser.parse_args(arguments)
    if options.command == "bench":
        check_bench(options, bench.error)
    return options


def of_script(commands):
    """`emulate`: what stands behind the script's name is the script's, but for our two options."""
    emulate = commands.add_parser("emulate", help="a script with numba.cuda, without a GPU")
    emulate.add_argument("--races", action="store_true", help="check each launch for data races")
    emulate.add_argument("--count", action="store_true", help="count what each kernel's lines do")
    emulate.add_argument("script", help="a .py file that says `from numba import cuda`")
    rest = "of the script; --races and --count may stand first among them"
    emulate.add_argument("arguments", nargs=argparse.REMAINDER, help=rest)


def own_options(options):
    """`emulate script.py --races --x`: --races is ours, --x and what follows the script's."""
    rest = list(options.arguments)
    while rest and rest[0] in ("--races", "--count"):
        setattr(options, rest.pop(0)[2:], True)
    return {"arguments": rest, "races": options.races, "count": options.count}


def of_class(commands):
    """The commands of the room `classroom`."""
    judge = commands.add_parser("judge", help="a version of your own, from a .py or .ipynb file")
    judge.add_argument("file", help="defines gradients(params, x, y)")
    judge.add_argument("--name", help="of the version in all tables (default: the file's)")
    judge.add_argument("--out", help="where to save the entry (default: NAME.json)")
    judge.add_argument("--seconds", type=size, default=300, help="the limit of its time")
    ranking = commands.add_parser("ranking", help="all judged versions in a folder, as a page")
    ranking.add_argument("folder", help="with the files that `judge` saved")
    ranking.add_argument("--base", default="numpy_batched", help="whose times are compared with")
    ranking.add_argument("--out", default="ranking.html", help="where to save the page")
    grade = commands.add_parser("grade", help="a class's notebooks: pages and a table of points")
    grade.add_argument("submissions", help="a folder: a folder, zip or notebook per student")
    grade.add_argument("--csv", default="grades.csv", help="where to save the table")
    grade.add_argument("--out", default="pages", help="where to save the pages")
    grade.add_argument("--lesson", default="", help="only this one, such as 07")
    grade.add_argument("--jobs", type=size, default=2, help="processes at a time")
    grade.add_argument("--seconds", type=float, default=60.0, help="for each cell and verdict")
    grade.add_argument("--seed", type=int, help="of the judge's inputs, to repeat a verdict")


def sizes(options):
    """The grid's sizes that were given: {axis: numbers}."""
    return {axis: getattr(options, axis) for axis in GRID if getattr(options, axis)}


def check_bench(options, refuse):
    """Sizes are a grid's; --cudnn, --card, --compare have theirs; --workers takes one of each."""
    for other in ("cudnn", "card", "compare"):
        if getattr(options, other):
            for axis in sizes(options):
                refuse(f"--{axis} does not go with --{other}, which has sizes of its own")
    for axis, values in sizes(options).items():
        if options.workers and len(values) > 1:
            refuse(f"--{axis} takes one size beside --workers")
    if options.only and not options.card:
        refuse("--only goes with --card")


def main(arguments=None):
    """Run one command; returns the exit status.  Modules are imported only when needed."""
    options = parse(arguments)
    if options.command == "doctor":
        from lstm_kernels.machine import doctor

        return doctor.main()
    if options.command == "race":
        from lstm_kernels.lab.commands import race

        return race.main(quick=options.quick, png=options.png)
    if options.command == "bench":
        return main_bench(options)
    if options.command in OF_CLASS:
        return main_of_class(options)
    if options.command == "windows":
        from lstm_kernels.cluster import windows

        return windows.main(options.folder, options.count, options.length)
    if options.command == "baselines":
        from lstm_kernels.lab.commands import baselines

        return baselines.main(options.threads, options.seconds)
    if options.command == "forecast":
        from lstm_kernels.lab.commands import forecast

        return forecast.main(keep=options.keep)
    if options.command == "emulate":
        from lstm_kernels.lab.commands import emulate

        return emulate.main(options.script, **own_options(options))
    from lstm_kernels.lab.commands import report

    return report.main(options.cc, options.png, options.keep, options.compiler)


def main_bench(options):
    """`bench`, and what stands in its place."""
    from lstm_kernels.lab.commands import bench

    if options.cudnn:
        return bench.main_cudnn(options.out or "cudnn")
    if options.card:
        return bench.main_card(options.out, options.only or ())
    if options.workers:
        return main_scaling(options)
    wishes = {"quick": options.quick, "out": options.out or "bench", "paths": options.compare}
    return bench.main(**wishes, **sizes(options), emulator=not options.no_emulator)


def main_scaling(options):
    """`bench --workers`: with one size of each kind."""
    from lstm_kernels.lab.commands import scaling

    wished = {axis: value for axis, (value, *_) in sizes(options).items()}
    return scaling.main(options.workers, options.out or "scaling", **wished)


def main_of_class(options):
    """The commands of the room `classroom`."""
    if options.command == "judge":
        from lstm_kernels.classroom import own

        return own.main(options.file, options.name, options.out, options.seconds)
    if options.command == "ranking":
        from lstm_kernels.classroom import ranking

        return ranking.main(options.folder, options.base, options.out)
    from lstm_kernels.classroom import grade

    wishes = {name: value for name, value in vars(options).items() if name != "command"}
    return grade.main(wishes.pop("submissions"), **wishes)


# ---- a console of any kind ----------------------------------------------------------------

PLAIN = {"µ": "u", "·": "."}  # for a console that cannot print them
PIPE_CLOSED = 141  # as the shell says it: 128 + SIGPIPE


def plain_letters(error):
    """An error handler of codecs: what the console's encoding lacks becomes a plain letter."""
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(letter, "?") for letter in lacking), error.end


def door():
    """`main` for a console: each line at once, in any encoding; a closed pipe is no error."""
    codecs.register_error("plain_letters", plain_letters)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="plain_letters", line_buffering=True)
    try:
        from lstm_kernels.lab.saving import hear_ctrl_c

        hear_ctrl_c()
        status = main()
        print(end="", flush=True)
    except BrokenPipeError:  # `| head -1`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return PIPE_CLOSED
    except BaseException as error:  # Ctrl-C in a command that has nothing to save, or not yet
        from lstm_kernels.lab.saving import is_ctrl_c

        if not is_ctrl_c(error):
            raise
        print("Stopped.", file=sys.stderr)
        return 130
    return status


if __name__ == "__main__":
    sys.exit(door())
