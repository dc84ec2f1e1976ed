"""The roofline, and a fair comparison with a library: the tasks of lesson 17."""

from statistics import median

import numpy as np

from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.inputs import SIZES, text
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab.estimates import bus, roofline
from lstm_kernels.lab.estimates.cards import CARDS
from lstm_kernels.lab.estimates.roofline import exchanged_bytes
from lstm_kernels.lab.measure.cudnn import Side
from lstm_kernels.model import Sizes


def random_sizes(count=10):
    """Sizes, other ones each time."""
    drawn = np.random.default_rng().integers(1, 100, (count, 5)).tolist()
    return [Sizes(*sizes) for sizes in drawn]


# ---- the walk -----------------------------------------------------------------------------


@task(
    "17.1", "operations",
    ours=roofline.operations,
    hints=(
        "One row of `W h` is H multiply-adds. How many rows are there, and how often is it made, "
        "for one sample?",
        "Per step and sample: forward 4H (D + H) + O H; back to h 4H H + O H; for dU, dW and dV as "
        "many as forward.",
        "return 2 * T * N * (forward + backward + weights)",
    ),
)  # fmt: skip
def operations_of_a_step(operations):
    for s in (*SIZES[::-1], *random_sizes()):
        T, N, D, H, O = s  # noqa: E741
        forward, backward = 4 * H * (D + H) + O * H, 4 * H * H + O * H
        right = 2 * T * N * (2 * forward + backward)
        typical = {
            "the factor 2: a multiply-add is two operations": right // 2,
            "only the forward pass": 2 * T * N * forward,
            "the gradients of the weights are missing: backward has two products per product":
                2 * T * N * (forward + backward),
            "the products that lead back to h are missing": 4 * T * N * forward,
            "three times the forward pass, but x needs no gradient": 6 * T * N * forward,
            "the batch is missing": right // N,
            "the steps are missing": right // T,
        }  # fmt: skip
        same("The count", operations(s), right, typical, where=text(s))
    return "Forward, back to h, and the weights' gradients."


def bytes_of_w(sizes, blocks):
    T, N, D, H, O = sizes  # noqa: E741
    return 4 * T * N * 2 * 4 * H * H, 4 * blocks * 4 * H * H


@task(
    "17.2", "bytes_of_w",
    ours=bytes_of_w,
    hints=(
        "W has 4H rows of H numbers of 4 bytes. Who reads all of it, and how often?",
        "V4: each of N blocks, in each of T steps, once forward and once backward. V5: each of its "
        "blocks, once.",
        "return 4 * T * N * 2 * 4 * H * H, 4 * blocks * 4 * H * H",
    ),
)  # fmt: skip
def bytes_of_two_versions(bytes_of_w):
    rng = np.random.default_rng()
    for T, N, H in ((3, 5, 32), (12, 64, 64), *rng.integers(1, 99, (8, 3)).tolist()):
        sizes, blocks = Sizes(T, N, 1, H, 1), int(rng.integers(1, N + 1))
        got, where = bytes_of_w(sizes, blocks), f"T = {T}, N = {N}, H = {H}, {blocks} blocks"
        expect(isinstance(got, tuple) and len(got) == 2, f"It gives {got}; expected two numbers.")
        for version, one, right in zip(("V4", "V5"), got, _bytes(sizes, blocks), strict=True):
            typical = {
                "numbers, not bytes: a float32 has four": right // 4,
                "W has 4H rows, one for each gate of each unit": right // 4 // 4 * 4,
                "V4 reads W on the way back, too": right // 2,
                "V4 reads W again in each step": right // T,
                "V4 has a block per sample": right // N,
                "V5 keeps W for all steps": right * T,
                "V5 keeps W for all samples of a block": right // blocks * N,
                "V5 keeps W on the way back": right * 2,
                "each *block* of V5 reads W": right // blocks,
            }
            other = {"V4": "V5", "V5": "V4"}[version]
            typical = {cause: n for cause, n in typical.items() if other not in cause}
            same(f"{version}'s number of bytes", one, right, typical, where=where)


def _bytes(sizes, blocks):
    w = 4 * 4 * sizes.H**2
    return sizes.T * sizes.N * 2 * w, blocks * w


def lower_bound(operations, nbytes, cycles, card):
    bounds = {
        "arithmetic": operations / (card.tera * 1e12),
        "memory": nbytes / (card.gigabytes_per_second * 1e9),
        "waiting": cycles / (card.gigahertz * 1e9),
    }
    name = max(bounds, key=bounds.get)
    return bounds[name], name


@task(
    "17.3", "lower_bound",
    ours=lower_bound,
    hints=(
        "A card computes while it loads. Which of three times cannot be hidden behind the others?",
        "Three times: operations / (card.tera * 1e12), bytes / (card.gigabytes_per_second * 1e9), "
        "cycles / (card.gigahertz * 1e9).",
        "name = max(bounds, key=bounds.get); return bounds[name], name",
    ),
)  # fmt: skip
def the_largest_of_three_limits(lower_bound):
    rng = np.random.default_rng()
    for card in CARDS.values():
        speeds = card.tera * 1e12, card.gigabytes_per_second * 1e9, card.gigahertz * 1e9
        for limit in ("arithmetic", "memory", "waiting"):
            times = dict(
                zip(("arithmetic", "memory", "waiting"), rng.uniform(1, 2, 3), strict=True)
            )
            times[limit] += 1.5
            counts = [s * 1e-6 * t for s, t in zip(speeds, times.values(), strict=True)]
            got, where = lower_bound(*counts, card), f"{card.name}, {limit} is the limit"
            is_pair = isinstance(got, tuple) and len(got) == 2
            expect(is_pair, f"It gives {got}; expected the seconds and the limit's name.")
            seconds = [1e-6 * t for t in times.values()]
            typical = {
                "their sum: but a card computes while it loads": sum(seconds),
                "the smallest of the three: but none can be undercut": min(seconds),
                "the mean": np.mean(seconds),
                "milliseconds": 1e3 * max(seconds),
                "microseconds": 1e6 * max(seconds),
                "arithmetic or memory: the waiting is left out": max(seconds[:2]),
                "the arithmetic alone": seconds[0],
            }
            same("The bound", got[0], max(seconds), typical, where=where)
            expect(got[1] == limit, f"{where}, but it says {got[1]!r}.")


def is_fair(ours, library):
    return ours[1:-1] == library[1:-1]


WHAT = {
    "T": "of other lengths", "H": "with other numbers of hidden units",
    "N": "with other batch sizes", "way": "one launched, the other as a graph",
    "setup_inside": "with the set-up in the time of one side only",
    "tf32": "with TF32 on one side only",
}  # fmt: skip


@task(
    "17.4", "is_fair",
    ours=is_fair,
    hints=(
        "Which fields may differ between two sides, if their seconds shall tell who is faster?",
        "Only the name and the seconds may: all that lies between them in a Side must agree.",
        "return ours[1:-1] == library[1:-1]",
    ),
)  # fmt: skip
def like_with_like(is_fair):
    rng = np.random.default_rng()
    for _ in range(20):
        T, H, N = rng.integers(1, 500, 3).tolist()
        way, setup, tf32 = (
            ("launched", "as a graph")[rng.integers(2)],
            *(rng.integers(2, size=2) > 0),
        )
        ours = Side("V6", T, H, N, way, bool(setup), bool(tf32), float(rng.uniform(1, 9)))
        alike = ours._replace(name="PyTorch", seconds=float(rng.uniform(1, 9)))
        both = f"{ours} and {alike}"
        expect(is_fair(ours, alike), f"Only name and seconds differ, but it calls unfair: {both}.")
        for field, words in WHAT.items():
            other = alike._replace(**{field: _another(getattr(alike, field))})
            expect(not is_fair(ours, other), f"It calls fair: two sides {words}.")
            expect(not is_fair(other, ours), f"It calls fair: two sides {words}.")
    return "Only name and seconds may differ."


def _another(value):
    if isinstance(value, bool):
        return not value
    return {"launched": "as a graph", "as a graph": "launched"}.get(value) or 2 * value


# ---- exercises ----------------------------------------------------------------------------


def attainable(card, intensity):
    return min(intensity * card.gigabytes_per_second, 1e3 * card.tera)


@task(
    "17.e1", "attainable",
    ours=attainable,
    stars=1, kind="complete",
    hints=(
        "Left of the ridge, what limits the program? And right of it?",
        "The slope is intensity * card.gigabytes_per_second; the flat roof is 1000 * card.tera.",
        "return min(intensity * card.gigabytes_per_second, 1e3 * card.tera)",
    ),
)  # fmt: skip
def under_the_roof(attainable):
    rng = np.random.default_rng()
    for card in CARDS.values():
        near = card.ridge * rng.uniform(0.9, 1.1, 5)
        for intensity in (*near, *10 ** rng.uniform(-3, 7, 20), card.ridge):
            slope, flat = intensity * card.gigabytes_per_second, 1e3 * card.tera
            typical = {
                "the slope goes on above the flat roof": slope,
                "the flat roof, also where the memory is the limit": flat,
                "TFLOP/s; the task asks for GFLOP/s": min(slope, flat) / 1e3,
            }
            where = f"{card.name}, {intensity:.4g} operations per byte, ridge {card.ridge:.4g}"
            same("GFLOP/s", attainable(card, intensity), min(slope, flat), typical, where=where)


def time_step(step, synchronize, clock, repeats):
    times = []
    for _ in range(repeats):
        start = clock()
        step()
        times.append(clock() - start)
    return median(times)


PLANTED_CLOCK = time_step


def time_step(step, synchronize, clock, repeats):  # noqa: F811  ours, by the same name
    times = []
    step()  # the first one compiles, or asks for memory
    synchronize()
    for _ in range(repeats):
        start = clock()
        step()
        synchronize()
        times.append(clock() - start)
    return median(times)


class FakeCard:
    """A queue with a clock of its own: step() returns before the card has done it."""

    def __init__(self, rng):
        self.now, self.done, self.steps = 0.0, 0.0, 0
        self.host, self.card, self.first = rng.uniform(1, 2), rng.uniform(5, 9), rng.uniform(50, 99)

    def step(self):
        self.steps += 1
        self.now += self.host + (self.first if self.steps == 1 else 0)
        hiccup = 30 if self.steps == 5 else 0  # after up to three steps to warm up
        self.done = max(self.done, self.now) + self.card + hiccup

    def synchronize(self):
        self.now = max(self.now, self.done)

    def clock(self):
        return self.now


@task(
    "17.e2", "time_step",
    ours=time_step,
    planted=PLANTED_CLOCK,
    stars=2, kind="bug",
    hints=(
        "When step() returns, what has the card done? And what is special about the first step?",
        "One step before the loop, and a synchronize() after it; inside, a synchronize() before "
        "the clock is read for the second time.",
        "start = clock(); step(); synchronize(); times.append(clock() - start)",
    ),
    given=("median",),
)  # fmt: skip
def what_is_inside_the_time(time_step):
    rng = np.random.default_rng()
    for repeats in (5, 1, 9):
        fake = FakeCard(rng)
        got = time_step(fake.step, fake.synchronize, fake.clock, repeats)
        right = fake.host + fake.card
        times = [right + (30 if n == 3 else 0) for n in range(repeats)]
        typical = {
            "the clock stops when the step is queued, not when the card is done": fake.host,
            "the first step, which compiles, is in the time": right + fake.first,
            "the mean: one interrupted step spoils it": np.mean(times),
            "the work that was queued before is in the time": 2 * fake.card,
        }
        same("The step", got, right, typical, where=f"{repeats} repeats")
        expect(fake.steps <= repeats + 3, f"{repeats} repeats: it makes {fake.steps} steps.")


def round_and_once(few, many):
    (rounds, first), (more, last) = few, many
    of_round = (last - first) / (more - rounds)
    return of_round, first - rounds * of_round


@task(
    "17.e3", "round_and_once",
    ours=round_and_once,
    stars=2, kind="measure",
    hints=(
        "Two measurements, two unknowns: what do both have in common, and what differs?",
        "first = once + rounds * of_round, and last = once + more * of_round.",
        "of_round = (last - first) / (more - rounds); once = first - rounds * of_round",
    ),
)  # fmt: skip
def a_line_through_two_points(round_and_once):
    rng = np.random.default_rng()
    for _ in range(20):
        of_round, once = rng.uniform(1, 50, 2)
        rounds = int(rng.integers(1, 5))
        more = rounds + int(rng.integers(1, 9))
        few, many = ((n, once + n * of_round) for n in (rounds, more))
        got, where = (
            round_and_once(few, many),
            f"{few[1]:.4g} µs in {rounds}, {many[1]:.4g} in {more}",
        )
        expect(got is not None and len(got) == 2, f"It gives {got}; expected two times.")
        typical = {
            "all of the time, divided by the rounds": many[1] / more,
            "the difference, not divided by the rounds between": many[1] - few[1],
        }
        same("The time per round", got[0], of_round, typical, where=where)
        typical = {"what is left after one round; there were more": few[1] - of_round}
        same("What is paid once", got[1], once, typical, where=where)


def gain_of_two(step, sizes, machine):
    exchange = bus.copy_seconds(exchanged_bytes(sizes, 2), machine)
    return step / (step / 2 + exchange)


@task(
    "17.e4", "gain_of_two",
    ours=gain_of_two,
    stars=2, kind="complete",
    hints=(
        "What must each of two cards know from the other, before it may update the weights?",
        "Half of the step, then bus.copy_seconds(exchanged_bytes(sizes, 2), machine).",
        "return step / (step / 2 + exchange)",
    ),
    given=("bus", "exchanged_bytes"),
)  # fmt: skip
def a_second_card(gain_of_two):
    rng = np.random.default_rng()
    for sizes in random_sizes():
        machine = bus.Assumptions(gigabytes_per_second=float(rng.uniform(0.5, 50)))
        exchange = bus.copy_seconds(exchanged_bytes(sizes, 2), machine)
        for step in exchange * 10 ** rng.uniform(-1, 3, 3):
            typical = {
                "the exchange is left out": 2.0,
                "the exchange is halved, too": step / (step / 2 + exchange / 2),
                "two cards divided by one; the task asks for one divided by two":
                    (step / 2 + exchange) / step,
                "the step is not halved": step / (step + exchange),
            }  # fmt: skip
            where = (
                f"{text(sizes)}, a step of {1e6 * step:.4g} µs, {1e6 * exchange:.4g} µs exchange"
            )
            right = step / (step / 2 + exchange)
            same("The gain", gain_of_two(step, sizes, machine), right, typical, where=where)


def samples_per_block(N, H, card):
    room = card.shared_block // (4 * 6 * H)
    return max(S for S in range(1, min(N, room) + 1) if -(-N // S) >= min(N, card.sms))


ours_per_block = samples_per_block


@task(
    "17.e5", "samples_per_block",
    ours=samples_per_block,
    stars=3, kind="better",
    hints=(
        "More samples per block: fewer reads of W. What are the two things that stop you?",
        "The state of all samples of a block must fit into card.shared_block bytes; and there must "
        "be as many blocks as SMs, if there are so many samples.",
        "max(S for S in range(1, min(N, room) + 1) if -(-N // S) >= min(N, card.sms))",
    ),
)  # fmt: skip
def fewer_bytes_for_v4(samples_per_block):
    rng, asked, before = np.random.default_rng(), 0, 0
    cases = [(1, 64), (64, 64), (4096, 128), *rng.integers((1, 8), (9000, 129), (8, 2)).tolist()]
    for card in CARDS.values():
        for N, H in cases:
            said, S = f"{card.name}, N = {N}, H = {H}", samples_per_block(N, H, card)
            whole = isinstance(S, int | np.integer)
            expect(whole, f"{said}: it says {S!r:.40}, which is no whole number.")
            expect(1 <= S <= N, f"{said}: {S} samples per block.")
            room, most = 4 * 6 * H * S, card.shared_block
            expect(room <= most, f"{said}: {S} samples need {room:,} bytes; a block has {most:,}.")
            blocks, needed = -(-N // S), min(N, card.sms)
            expect(blocks >= needed, f"{said}: {S} samples per block are {blocks} blocks, so "
                                     f"{needed - blocks} SMs have nothing to do.")  # fmt: skip
            par = -(-N // ours_per_block(N, H, card))
            expect(blocks <= par, f"{said}: W is read by {blocks} blocks; {par} are possible.")
            asked, before = asked + blocks * H * H, before + N * H * H
    return f"W costs {asked / before:.0%} of the bytes that V4 asks for it, over all cases."
