"""Build the folder of the Kaggle data set `parallel-lstm`: for notebooks with the internet off.

    python .ci/kaggle_dataset.py build FOLDER --owner YOUR_KAGGLE_NAME
    kaggle datasets create -p FOLDER --dir-mode zip          # later: kaggle datasets version ...

In a notebook then: File > Add input > parallel-lstm.  The set-up cell finds the package there.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("lstm_kernels", "data")
NAME = "parallel-lstm"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".ipynb_checkpoints")


def metadata(owner):
    """What Kaggle wants to know about the data set."""
    return {
        "title": "Parallel LSTM: the course's package and data",
        "id": f"{owner}/{NAME}",
        "licenses": [{"name": "other"}],
        "subtitle": "Runs the course's notebooks where the internet is switched off",
        "description": "The package `lstm_kernels` (MIT licence) and its data. "
        "Sources and licences of the data: data/README.md.",
    }


def build(folder, owner):
    """Fill the (new or empty) folder."""
    for name in FOLDERS:
        if (ROOT / name) in (folder.resolve(), *folder.resolve().parents):
            raise SystemExit(f"{folder} is inside {name}/, which is copied: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty: name a new folder")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    text = json.dumps(metadata(owner), indent=2) + "\n"
    (folder / "dataset-metadata.json").write_text(text, encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=("build",))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--owner", required=True, help="your name on Kaggle")
    options = parser.parse_args(arguments)
    build(options.folder, options.owner)
    print(f"{options.folder} is ready. Upload it, with Kaggle's own tool (pip install kaggle):")
    print(f"kaggle datasets create -p {options.folder} --dir-mode zip")
    return 0


if __name__ == "__main__":
    sys.exit(main())
