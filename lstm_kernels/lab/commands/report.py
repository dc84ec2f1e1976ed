"""`python -m lstm_kernels report`: what the compiler makes of each kernel; no GPU.  Lesson 07."""

from lstm_kernels.lab import saving
from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.estimates.cards import BY_CAPABILITY, get_card
from lstm_kernels.machine.platforms import package_version

NO_SUCCESSOR = """numba-cuda-mlir is not installed here.  It needs Python 3.11 or later, on Linux:

    python -m pip install "numba-cuda-mlir[cu12]" """


def main(cc=None, png=None, keep=False, compiler="numba-cuda"):
    """Print the report and save its picture as `png`; exit status 1 if a kernel has a fault.

    cc: compute capabilities such as 75; None for all for which `compiler` can compile.
    keep: write the rows into the course's data folder, where the lessons read them.
    Without the compiler it says how to install it and returns 0: nothing is wrong.
    """
    if refusal := refused(cc or (), compiler, keep):
        print(refusal)
        return 2
    if compile_report.find_ptxas() is None or package_version(compiler) is None:
        print(compile_report.MISSING if compiler == "numba-cuda" else NO_SUCCESSOR)
        return 0
    if png and saving.refuse_paths([png]):
        return 2
    rows = compile_report.measure(cc or compile_report.cards_of(compiler), compiler=compiler)
    print(compile_report.table(rows), compile_report.NOTE, sep="\n\n")
    if cc is None and len(compile_report.cards_of(compiler)) < len(BY_CAPABILITY):
        print(*(left_out(one) for one in compile_report.LEFT_OUT), sep="\n")
    if png:
        from lstm_kernels.lab.figures.report import draw_report  # matplotlib only now

        saving.write_atomically(png, draw_report(rows)._repr_png_())
        print(f"picture: {png}")
    if keep:
        compile_report.save(rows)
    problems = compile_report.faults(rows)
    print("\n".join(problems) or "ok: no spill, no local memory, no f64 in a float32 kernel")
    return 1 if problems else 0


def refused(cc, compiler, keep):
    """Why this cannot be reported, in a sentence; empty if it can."""
    for one in cc:
        if one not in BY_CAPABILITY:
            return f"unknown compute capability {one}; choose from {list(BY_CAPABILITY)}"
        if one not in compile_report.cards_of(compiler):
            return left_out(one)
    if keep and (compiler != "numba-cuda" or compile_report.find_cuda()[0] == 13):
        return "--keep is for numba-cuda with CUDA 12: the lessons show those numbers"
    return ""


def left_out(cc):
    return f"{get_card(cc).name} ({cc / 10}) is left out: {compile_report.LEFT_OUT[cc]}"
