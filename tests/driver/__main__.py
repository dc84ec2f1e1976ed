"""Run a command as if a card were here; see __init__.py."""

import subprocess
import sys
import tempfile

from tests import driver


def main(command):
    """Returns the command's exit status."""
    if lacking := driver.missing():
        print(lacking)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        driver.build(folder)
        return subprocess.run(command, env=driver.environment(folder)).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
