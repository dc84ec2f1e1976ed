"""The file that `bench --card` writes as it goes, reads again to go on, and that lessons draw."""

import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np

from lstm_kernels.lab import saving
from lstm_kernels.lab.measure import records
from lstm_kernels.machine.platforms import ROOT

MAKERS = ("nvidia", "tesla", "geforce", "quadro")  # no part of a card's short name
BELONGS = ("card", "code", "packages")  # rows of one file have these in common
FIRST = "right"  # the section that comes before all times


class OtherFile(ValueError):
    """What is there is no file to go on with; its text says why, and what to do."""


class CardFile:
    """A card's rows: plain dicts with "section" and the key of their point.

    card: its name; code: a number of the kernels' source, since rows of two codes are two things.
    """

    def __init__(self, path, card):
        self.path, self.machine = path, records.describe_machine()
        self.head = {"card": card, "code": code_number(), "packages": self.machine["packages"]}
        self.rows = self._rows_there() if os.path.exists(path) else []

    def _rows_there(self):
        """The rows of the file that is there; OtherFile if it is of something else."""
        advice = "Give another name with --out, or remove it."
        try:
            found = load(self.path)
        except ValueError as error:
            raise OtherFile(f"{error}. {advice}") from None
        for name in BELONGS:
            there = found["machine"]["packages"] if name == "packages" else found[name]
            if there != self.head[name]:
                raise OtherFile(f"{self.path} was measured with another {name}: {there}. {advice}")
        self.machine = found["machine"]
        return found["rows"]

    def has(self, section, key):
        """Was this point measured, or tried?"""
        key = {"section": section, **key}
        return any(key.items() <= row.items() for row in map(_flat, self.rows))

    def add(self, section, key, found):
        self.rows += [{"section": section, **key, **fields} for fields in found]

    def of(self, section):
        return [row for row in self.rows if row["section"] == section]

    def save(self):
        """Write it as a whole; returns the list of its name, an empty one if there is no row."""
        if not self.rows:
            return []
        saving.write_atomically(self.path, self.text())
        return [self.path]

    def text(self):
        rows = ",\n".join(map(json.dumps, self.rows))
        head = f'"card": {json.dumps(self.head["card"])},\n"code": "{self.head["code"]}"'
        return (
            f'{{"machine": {json.dumps(self.machine, indent=1)},\n{head},\n"rows": [\n{rows}\n]}}\n'
        )


def _flat(row):
    """Without its lists, which no key holds."""
    return {name: value for name, value in row.items() if not isinstance(value, (list, dict))}


def short_name(card):
    """`NVIDIA H100 80GB HBM3` is h100, `NVIDIA GeForce RTX 4090` is rtx4090: for a file's name."""
    words = [w for w in re.findall(r"[a-z0-9]+", card.lower()) if w not in MAKERS]
    numbered = next((n for n, word in enumerate(words) if re.search(r"\d", word)), len(words) - 1)
    return "".join(words[: numbered + 1]) or "unnamed"


def code_number():
    """Changes with the source of the versions and of what they import."""
    folder, digest = ROOT / "lstm_kernels", hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *(folder / "versions").glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


# ---- what such a file must hold -----------------------------------------------------------


def load(path):
    """What `CardFile` wrote; ValueError, with what is wrong, if it is no such file."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if wrong := why_wrong(found):
        raise ValueError(f"{path} is no result of `bench --card`: {wrong}")
    return found


def why_wrong(found):
    """What of a card's file is missing or not possible, in words; "" if all is well."""
    if not records.has_fields(found, ("machine", "card", "code", "rows")):
        return "it lacks machine, card, code or rows"
    if not records.has_fields(found["machine"], ("date", "cpu", "kernels", "packages")):
        return "its machine is not described"
    if not (isinstance(found["rows"], list) and found["rows"]):
        return "it has no rows"
    if found["rows"][0].get("section") != FIRST and any("median" in row for row in found["rows"]):
        return "it has times of versions that nobody had checked before"
    return next(filter(None, map(why_row_wrong, found["rows"])), "")


def why_name_wrong(path, found):
    """A file of data/measured is named by its card, so that all see which one it is."""
    name = f"card_{short_name(found['card'])}.json"
    return "" if Path(path).name == name else f"{path} should be named {name}"


def why_row_wrong(row):
    """The same of one row: a section and a point; times above zero, of the repeats it holds."""
    if not records.has_fields(row, ("section", "what")):
        return "a row has no section or point"
    if "median" not in row:
        return ""
    name = f"{row['section']}, {row['what']}"
    repeats = row.get("seconds")
    if not records.has_numbers(row) or not (isinstance(repeats, list) and repeats):
        return f"{name}: its times are no numbers above zero"
    expected = float(np.median(repeats)) / row.get("parts", 1)
    well = abs(row["median"] - expected) <= 1e-6 * expected
    return "" if well else f"{name}: its median is not that of its repeats"
