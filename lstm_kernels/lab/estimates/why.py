"""Why does a version take as long as it does, and what is worth a try next?  Lesson 09.

A sentence for one mini-batch.  On a card: the largest of what was measured apart (copies, kernels,
the rest), with what was counted of it: copies and bytes, threads, warps and multiprocessors.  On a
CPU: the largest term of the sum that was fitted to short probes here (pace.py), so it says "about".
For an emulated time nothing is said of speed, only what a card would do with such a launch.
"""

from typing import NamedTuple

from lstm_kernels.lab.estimates import pace
from lstm_kernels.lab.estimates.bus import copies, multiply_adds
from lstm_kernels.lab.estimates.cards import T4, WARP
from lstm_kernels.lab.estimates.roofline import blocks_v5, padded
from lstm_kernels.lab.words import bytes_text
from lstm_kernels.machine import device
from lstm_kernels.versions import COURSE, launches_kernels
from lstm_kernels.versions.cuda_v2 import blocks_for
from lstm_kernels.versions.packing import PADDED

COUNTED = ("cuda_v2", "cuda_v3", "cuda_v3c")  # bus.py counts their copies
RECORDINGS = "Try Sweep: what a card took is recorded there."
LARGEST = 1024  # of the batch sizes that the dashboard offers


class Why(NamedTuple):
    """What bounds a version at this size, and what to try next: a sentence each."""

    reason: str
    advice: str

    def __str__(self):
        return f"{self.reason} {self.advice}"


class Launch(NamedTuple):
    """The threads of a version's first kernel."""

    threads: int  # that have something to do
    blocks: int
    of_block: int  # threads of a block

    @property
    def warps(self):
        return self.blocks * -(-self.of_block // WARP)

    def on(self, card):
        """In words: how much of a card has work."""
        busy = min(self.blocks, card.sms)
        return (
            f"{_many(self.threads, 'thread')} in {_many(self.warps, 'warp')}, on {busy} "
            f"of {card.sms} multiprocessors"
        )


def _many(count, what):
    """`1 thread`, `12,800 threads`."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def launch_of(version, sizes, card=T4):
    """The Launch of a version's kernel; None where it is not counted (V7; versions of your own)."""
    N, H = sizes.N, sizes.H
    if version == "cuda_v1":
        return Launch(1, 1, 1)
    if version in COUNTED:
        return Launch(N, blocks_for(N), WARP)
    if version == "cuda_v4":
        return Launch(4 * H * N, N, 4 * H)
    if version in ("cuda_v5", "cuda_v6") and H <= PADDED[-1]:
        blocks, threads = blocks_v5(sizes, card.sms), 4 * padded(H)
        return Launch(blocks * threads, blocks, threads)
    return None


def card_here():
    """The Card whose multiprocessors are counted: this machine's, or a T4 where there is none."""
    if not device.ON_GPU:
        return T4
    sms = device.cuda.get_current_device().MULTIPROCESSOR_COUNT
    return T4._replace(name=device.card_name(), sms=sms)


def why(version, sizes, seconds, parts=None, card=T4):
    """A Why for one mini-batch of these model.Sizes.

    seconds: its measured median.  parts: device_times.Parts of a version that launches kernels.
    card: a Card of estimates.cards; that whose multiprocessors are counted.
    """
    if parts is not None and parts.where == "GPU":
        return _why_on_card(version, sizes, seconds, parts, card)
    if parts is not None or launches_kernels(version):
        return _why_emulated(version, sizes, card)
    return _why_on_cpu(version, sizes)


# ---- on a card ----------------------------------------------------------------------------


def shares(seconds, parts):
    """{part: its share of the mini-batch}, of copies, kernels and the rest; they add up to 1."""
    copied = parts.host_to_device + parts.device_to_host
    whole = max(seconds, copied + parts.kernel)
    rest = whole - copied - parts.kernel
    return {name: part / whole for name, part in
            (("copies", copied), ("kernels", parts.kernel), ("rest", rest))}  # fmt: skip


def _why_on_card(version, sizes, seconds, parts, card):
    found = shares(seconds, parts)
    part = max(found, key=found.get)
    begin = f"{version} spends {found[part]:.0%} of a mini-batch in"
    if part == "copies":
        return Why(f"{begin} copies{_copies_words(version, sizes)}.", _fewer_copies(version, sizes))
    if part == "kernels":
        return Why(f"{begin} its kernels: {_chain_words(version, sizes, card)}.",
                   _fill(version, sizes, card))  # fmt: skip
    return Why(
        f"{begin} neither copies nor kernels: that is the host, its Python, its launches.",
        "Try a larger H or T: the host does the same, the card more.",
    )


def _copies_words(version, sizes):
    if version not in COUNTED:
        return ""
    made = copies(version, sizes)
    return f": {len(made)} of them, {bytes_text(sum(copy.nbytes for copy in made))}"


def _fewer_copies(version, sizes):
    if version == "cuda_v2":
        return f"Try cuda_v3: it makes {len(copies('cuda_v3', sizes))} copies."
    return "Try a larger H or T: the kernels' work grows faster than the bytes."


def _chain_words(version, sizes, card):
    launch, work = launch_of(version, sizes, card), multiply_adds(sizes)
    if launch is None:
        return f"{work * sizes.N:,} multiply-adds"
    if version == "cuda_v1":
        return f"1 thread does all {work * sizes.N:,} multiply-adds, one after the other"
    if version in COUNTED:
        return f"each thread does {work:,} multiply-adds, one after the other; {launch.on(card)}"
    return f"{work * sizes.N:,} multiply-adds by {launch.on(card)}"


def _fill(version, sizes, card):
    """What gives the card more to do at the same time."""
    launch = launch_of(version, sizes, card)
    if version == "cuda_v1":
        return "Try cuda_v2: a thread for each sample."
    if launch and launch.blocks < card.sms and sizes.N < LARGEST:
        return f"Try batch {min(LARGEST, 4 * sizes.N)}: {_after(version, sizes, card)}."
    if version in COUNTED:
        return f"Try cuda_v4: it gives each sample {4 * sizes.H} threads."
    return "Try another H: do the kernels grow with its square?"


def _after(version, sizes, card):
    more = sizes._replace(N=min(LARGEST, 4 * sizes.N))
    return launch_of(version, more, card).on(card)


# ---- in the emulator ----------------------------------------------------------------------


def _why_emulated(version, sizes, card):
    launch = launch_of(version, sizes, card)
    work = multiply_adds(sizes) * sizes.N
    reason = f"{version} is emulated: this CPU does its {work:,} multiply-adds, and no GPU's time"
    if launch is None:
        return Why(f"{reason} follows.", RECORDINGS)
    full = version not in (*COUNTED, "cuda_v1") and launch.blocks >= card.sms
    return Why(
        f"{reason} follows; on a card like the {card.name}: {launch.on(card)}.",
        RECORDINGS if full else _fill(version, sizes, card),
    )


# ---- on a CPU -----------------------------------------------------------------------------

UNITS = "what each hidden unit needs beside its products: activations, sums"
TERMS = {  # the terms of pace.terms in words; {T} is filled in
    "sequential": ("the {steps} steps of the samples", UNITS, "multiply-adds in Python"),
    "numpy_loop": ("NumPy's calls, for each of {steps} steps of a sample", UNITS,
                   "multiply-adds"),
    "numpy_batched": ("what a mini-batch costs at all", "NumPy's calls in {T} steps",
                      UNITS, "multiply-adds"),
    "numba_cpu": ("what a mini-batch costs at all", UNITS, "multiply-adds"),
}  # fmt: skip
ADVICE = {  # by version and number of its largest term
    ("sequential", 0): "Try numpy_loop at a larger H.",
    ("sequential", 2): "Try numpy_loop: it does them row by row, outside Python.",
    ("numpy_loop", 0): "Try numpy_batched: it makes its calls for all samples at once.",
    ("numpy_batched", 0): "Try a larger batch: this cost stays the same.",
    ("numpy_batched", 1): "Try a larger batch: the calls stay the same, and serve more windows.",
    ("numba_cpu", 0): "Try a larger batch: this cost stays the same.",
}
FASTER = {
    "numpy_loop": "numpy_batched",
    "numpy_batched": "numba_cpu, on all cores",
    "numba_cpu": "a larger batch, and then a card",
    "sequential": "numpy_loop",
}


def cpu_shares(version, sizes):
    """The terms' shares of a mini-batch on this CPU, by the probes: a tuple that adds up to 1."""
    kind = pace.kind_of(version, sizes)
    pairs = zip(pace.terms(kind, sizes), pace.costs(version, kind), strict=True)
    parts = [count * cost for count, cost in pairs]
    return tuple(part / sum(parts) for part in parts)


def _why_on_cpu(version, sizes):
    if version not in TERMS:
        work = multiply_adds(sizes) * sizes.N
        return Why(
            f"{version} is not one of the course's: nothing of it is counted; a mini-batch needs "
            f"{work:,} multiply-adds.",
            f"Try other sizes: where does it beat {COURSE[2]}?",
        )
    found = cpu_shares(version, sizes)
    number = max(range(len(found)), key=found.__getitem__)
    words = TERMS[version][number].format(T=sizes.T, steps=f"{sizes.T * sizes.N:,}")
    if "multiply-adds" in words:
        words = f"{multiply_adds(sizes) * sizes.N:,} {words}"
    advice = ADVICE.get((version, number), f"Try {FASTER[version]}.")
    return Why(f"{version} spends about {found[number]:.0%} of a mini-batch on {words}.", advice)
