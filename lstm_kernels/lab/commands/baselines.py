"""`python -m lstm_kernels baselines`: the honest lines on this machine's CPU.  Lesson 12."""

import subprocess
import sys

from lstm_kernels.lab.apart import command, environment
from lstm_kernels.lab.measure.cpu_baselines import (
    row_text,
    summary,
    thread_settings,
    threads_text,
    time_shapes,
)
from lstm_kernels.machine import device


def main(threads=None, seconds=3.0):
    """Print the table; returns the exit status.

    threads: of every version, set in a new process, which alone can set them for all; as it comes
    if left out.  seconds: for each shape.
    """
    if threads is not None:
        again = command("__main__", "baselines", f"--seconds={seconds}")
        try:
            settings = thread_settings(threads)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        return subprocess.run(again, env=environment(settings), check=False).returncode
    print(f"CPU: {device.describe_cpu()}; {threads_text()}; float32, D = O = 1")
    print("median (half of the repeats) = ratio to PyTorch by medians; by fastest repeats")
    print(summary(time_shapes(seconds=seconds, on_shape=lambda row: print(row_text(row)))))
    return 0
