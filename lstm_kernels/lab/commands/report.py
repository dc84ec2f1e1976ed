"""`python -m lstm_kernels report`: what the compiler makes of each kernel; no GPU.  Lesson 07."""

from lstm_kernels.lab import saving
from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.estimates.cards import BY_CAPABILITY


def main(cc=tuple(BY_CAPABILITY), png=None, keep=False):
    """Print the report and save its picture as `png`; exit status 1 if a kernel has a fault.

    keep: write the rows into the course's data folder, where the lessons read them.
    Without the compiler it says how to install it and returns 0: nothing is wrong.
    """
    unknown = [one for one in cc if one not in BY_CAPABILITY]
    if unknown:
        print(f"unknown compute capability {unknown[0]}; choose from {list(BY_CAPABILITY)}")
        return 2
    if compile_report.find_ptxas() is None:
        print(compile_report.MISSING)
        return 0
    if png and saving.refuse_paths([png]):
        return 2
    rows = compile_report.measure(cc)
    print(compile_report.table(rows), compile_report.NOTE, sep="\n\n")
    if png:
        from lstm_kernels.lab.figures.report import draw_report  # matplotlib only now

        saving.write_atomically(png, draw_report(rows)._repr_png_())
        print(f"picture: {png}")
    if keep:
        compile_report.save(rows)
    problems = compile_report.faults(rows)
    print("\n".join(problems) or "ok: no spill, no local memory, no f64 in a float32 kernel")
    return 1 if problems else 0
