"""What a compiled kernel's loops do, read from the card's own instructions.  Lesson 14.

NVIDIA's disassembler is no part of what the course installs, and no such tool reads code of all
five cards.  But the few instructions that are counted here are easily told: since sm_70 one has 16
bytes and the lowest 9 bits name it; before, it has 8, the highest bits name it, and every fourth
word is the scheduler's.  (Held against `nvdisasm` for sm_75 to sm_90; for sm_60 the same kernel has
the same counts of barriers, multiply-adds and shared memory.)
"""

import struct
from collections import Counter
from typing import NamedTuple

# Names by the lowest 9 bits: sm_70 and later.
NAMES = {
    0x147: "branch", 0x11D: "barrier", 0x023: "multiply-add",
    0x181: "global", 0x186: "global", 0x180: "global", 0x185: "global",  # LDG, STG; LD, ST
    0x1A8: "global", 0x1A9: "global", 0x18A: "global", 0x18B: "global", 0x18E: "global",  # atomic
    0x183: "local", 0x187: "local", 0x184: "shared", 0x188: "shared",
}  # fmt: skip
# Names by the highest bits, (bits, value): sm_60.
OLD_NAMES = (
    (12, 0xE24, "branch"), (13, 0xF0A8 >> 3, "barrier"),
    (9, 0x5980 >> 7, "multiply-add"), (9, 0x4980 >> 7, "multiply-add"),
    (9, 0x5180 >> 7, "multiply-add"), (8, 0x32, "multiply-add"), (8, 0x33, "multiply-add"),
    (13, 0xEED0 >> 3, "global"), (13, 0xEED8 >> 3, "global"),  # LDG, STG
    (3, 0b100, "global"), (3, 0b101, "global"),  # LD, ST: anywhere
    (8, 0xED, "global"), (13, 0xEBF8 >> 3, "global"),  # ATOM, RED
    (13, 0xEF40 >> 3, "local"), (13, 0xEF50 >> 3, "local"),
    (13, 0xEF48 >> 3, "shared"), (13, 0xEF58 >> 3, "shared"),
)  # fmt: skip
MANY = 32  # multiply-adds that make a loop with a barrier a step of the recurrence


class Loop(NamedTuple):
    """The instructions from a backward branch's target to the branch."""

    first: int
    last: int
    kinds: Counter  # name -> instructions of it; None: all others

    def holds(self, other):
        """Is the other loop inside?"""
        return self != other and self.first <= other.first and other.last <= self.last


def step_loops(cubin, cc):
    """The loops of a kernel's steps: the innermost with a barrier and many multiply-adds."""
    found = [
        loop
        for loop in loops(cubin, cc)
        if loop.kinds["barrier"] and loop.kinds["multiply-add"] >= MANY
    ]
    return [loop for loop in found if not any(loop.holds(other) for other in found)]


def loops(cubin, cc):
    """All loops of the code, each as a Loop."""
    read = read_new if cc >= 70 else read_old
    code = [item for text in sections(cubin) for item in read(text, cc)]
    places = {place: i for i, (place, _, _) in enumerate(code)}
    found = []
    for i, (place, name, target) in enumerate(code):
        if name == "branch" and target is not None and target <= place and target in places:
            inside = code[places[target] : i + 1]
            found.append(Loop(places[target], i, Counter(kind for _, kind, _ in inside)))
    return found


def sections(cubin):
    """The bytes of each section with instructions: an ELF file, 64 bits."""
    (start,) = struct.unpack_from("<Q", cubin, 0x28)
    size, count = struct.unpack_from("<HH", cubin, 0x3A)
    for number in range(count):
        header = struct.unpack_from("<IQQQQ", cubin, start + number * size + 4)
        kind, flags, _, offset, length = header
        if kind == 1 and flags & 4:  # PROGBITS, EXECINSTR
            yield cubin[offset : offset + length]


def read_new(text, cc):
    """(place, name, target of a branch) of each instruction; 16 bytes each."""
    for place in range(0, len(text), 16):
        code = int.from_bytes(text[place : place + 16], "little")
        name, target = NAMES.get(code & 0x1FF), None
        if name == "branch":
            jump = signed(code >> 34 & (1 << 48) - 1, 48)
            if cc >= 90:
                jump = jump << 8 | code >> 16 & 0xFF
            target = place + 16 + 4 * jump
        yield place, name, target


def read_old(text, _cc):
    """The same for sm_60: 8 bytes each, and every fourth is none."""
    for place in range(0, len(text), 8):
        if place % 32 == 0:
            continue
        code = int.from_bytes(text[place : place + 8], "little")
        name = next((n for bits, value, n in OLD_NAMES if code >> 64 - bits == value), None)
        target = place + 8 + signed(code >> 20 & 0xFFFFFF, 24) if name == "branch" else None
        if target is not None and target % 32 == 0:
            target += 8  # the scheduler's word stands there
        yield place, name, target


def signed(number, bits):
    """The number that these bits mean in two's complement."""
    return number - (1 << bits) if number >> bits - 1 else number
