"""How fast could it be at best?  Arithmetic, bytes and waiting of one training step.  Lesson 17.

A roofline (Williams, Waterman, Patterson 2009) compares a program's arithmetic intensity, its
operations for each byte from memory, with what a machine can do.  All counts here follow from the
arrays' shapes; all times are lower bounds, never measurements.  A training step is the loss and
all gradients of one mini-batch, float32.
"""

from functools import lru_cache
from typing import NamedTuple

from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.estimates.cards import WARP
from lstm_kernels.lab.estimates.occupancy import occupancy
from lstm_kernels.model import count_params
from lstm_kernels.versions.cuda_v5 import BLOCKS_OF_SM, window_steps
from lstm_kernels.versions.packing import PADDED
from lstm_kernels.versions.parts import sum_shape

NUMBER = 4  # bytes of a float32
STEPS = window_steps("float32")  # of V5's windows
VERSIONS = ("cuda_v2", "cuda_v4", "cuda_v5")  # V3 has V2's kernel, V6 has V5's


# ---- arithmetic ---------------------------------------------------------------------------


def operations(sizes):
    """Floating point operations of one training step: two for each multiply-add of a product.

    For each step of each sample: the gates 4H (D + H), the prediction O H; backward the same
    again for dh (without the inputs), and once more for the weights' gradients.  Activations are
    left out: there are about 10 H of them, beside 12 H H multiply-adds.
    """
    T, N, D, H, O = sizes  # noqa: E741
    forward = 4 * H * (D + H) + O * H
    backward = 4 * H * H + O * H
    weights = 4 * H * (D + H) + O * H
    return 2 * T * N * (forward + backward + weights)


# ---- bytes --------------------------------------------------------------------------------


def numbers_v2(sizes):
    """V2, V3: a thread reads its sample's arrays alone; a weight is read once by each warp."""
    T, N, D, H, O = sizes  # noqa: E741
    weights = 4 * H * (1 + D + H) + O * (1 + H) + 4 * H * H + O * H
    forward = 4 * H * (D + H) + 11 * H + O * (1 + H)  # x, h, gates, c; the predictions
    backward = 4 * H * H + 16 * H + O * (3 + H)  # dz of the step after, gates, c, dc; dy
    products = 4 * H * (1 + 2 * D + 2 * H) + O * (1 + 2 * H)
    updates = 2 * (4 * H * (1 + D + H) + O * (1 + H))  # atomic: read and write, for each sample
    warps = -(-N // WARP)
    return T * warps * weights + T * N * (forward + backward + products) + N * updates


def numbers_v4(sizes):
    """V4: each block reads the weights again in each step; the state is in shared memory."""
    T, N, D, H, O = sizes  # noqa: E741
    weights = 4 * H * (1 + D + H) + 4 * H * H + 2 * O * H
    state = 16 * H + 4 * H // WARP * D + O * (H + 6)  # gates, c, h, dz; x; the predictions
    columns, rows = -(-(H + D + 1) // WARP), -(-4 * H // WARP) + -(-O // WARP)  # of tiles
    products = (4 * H + O) * columns + (H + D) * rows
    return T * N * (weights + state + products) + parameters(sizes)


def numbers_v5(sizes, blocks):
    """V5: a block reads W once for all of its samples; a window's state is in shared memory."""
    T, N, D, H, O = sizes  # noqa: E741
    P, windows = padded(H), -(-T // STEPS)
    warps, again = P // 8, windows - 1  # windows that are done twice
    inputs = (windows + again) * 4 * P * (1 + D) + (2 * T + again * STEPS) * D * warps  # B, U; x
    outputs = O * (T + windows * (2 * warps + P * warps) + P * -(-T * P // 128))  # y, b_out, V
    gradients = windows * (8 * P * (1 + D) + 2 * O * (P + 1))  # the block's parts: read and written
    edges = 6 * P * again  # of the windows: written once, read twice
    size = parameters(sizes._replace(H=P))
    weights = 3 * blocks * size + size  # W in, parts out, sum
    return N * (inputs + outputs + gradients + edges + warps + 1) + weights


def padded(H):
    """The hidden units that V5 computes with; ValueError above 64."""
    if H > PADDED[-1]:
        raise ValueError(f"H is {H}; V5 keeps weights in registers for H up to {PADDED[-1]}")
    return next(P for P in PADDED if H <= P)


def places_v5(H, sms):
    """V5's blocks that run at the same time on a card with so many SMs."""
    return BLOCKS_OF_SM[padded(H)] * sms


def blocks_v5(sizes, sms):
    """V5's blocks of one launch: no more than there are samples, nor than run at the same time."""
    return min(sizes.N, places_v5(sizes.H, sms))


def parameters(sizes):
    """Number of trained parameters."""
    return count_params(sizes.D, sizes.H, sizes.O)


def bytes_asked(version, sizes, sms=40):
    """Bytes that the kernels ask of global memory, as if there were no cache.

    Counted from the source: each access of a thread is 4 bytes, and threads of a warp that ask
    for the same number ask once.
    """
    if version == "cuda_v5":
        return NUMBER * numbers_v5(sizes, blocks_v5(sizes, sms))
    return NUMBER * {"cuda_v2": numbers_v2, "cuda_v4": numbers_v4}[version](sizes)


def bytes_at_least(version, sizes):
    """Data, parameters, gradients and state once in each direction, however good the caches are.

    (Arrays that fit into the card's cache as a whole may cost less still.  So the blocks' parts of
    V5, which do not grow with the batch, are left out here; `bytes_asked` has them.)
    """
    T, N, D, H, O = sizes  # noqa: E741
    if version == "cuda_v5":
        H = padded(H)  # and its state never leaves the SM
    kept = 0 if version == "cuda_v5" else (2 * (T + 1) + 8 * T) * N * H  # h, c, gates, dz
    return NUMBER * (2 * parameters(sizes) + T * N * (D + O) + 2 * kept)


def bytes_of_product(sizes):
    """As a library does it: one matrix product over the batch in each step, W read in each."""
    T, N, D, H, O = sizes  # noqa: E741
    a_step = 2 * 4 * H * H + N * (2 * 4 * H + 4 * H)  # W forward and back; gates, h, c, dz
    products = T * N * 5 * H + 4 * H * H  # dW at the end, one product for all steps
    return NUMBER * (T * a_step + products + T * N * (D + O))


# ---- waiting ------------------------------------------------------------------------------


class Cycles(NamedTuple):
    """Assumptions: how long one thing takes that the next one waits for."""

    multiply_add: float = 4
    load: float = 20  # from shared memory
    shuffle: float = 20
    function: float = 60  # an exponential and a division
    barrier: float = 20


def chain_v2(H, card, cycles):
    """V2's thread: all multiply-adds of a step, one after the other, and 5 H functions."""
    return 12 * H * H * cycles.multiply_add + 5 * H * cycles.function


def chain_v4(H, card, cycles):
    """V4's block: H rows forward, H columns back; three functions, four barriers."""
    row = max(H * cycles.multiply_add, 4 * H * H / card.cores, 2 * 4 * H * H / card.loads)
    return 2 * (row + cycles.load) + 3 * cycles.function + 4 * (cycles.barrier + cycles.load)


def chain_v5(H, card, cycles):
    """V5's block: the tile once forward and twice back; 3 + 6 shuffles, two barriers."""
    P = padded(H)
    tile = max(P // 4 * cycles.multiply_add, P * 4 * P / card.cores)
    return 3 * tile + 2 * (cycles.load + cycles.barrier) + 3 * cycles.function + 9 * cycles.shuffle


CHAINS = {"cuda_v2": chain_v2, "cuda_v4": chain_v4, "cuda_v5": chain_v5}


def rounds(version, sizes, card):
    """How many samples are done one after the other, because the card has no more room.

    Room by the saved compile report: V2's and V4's blocks share an SM as far as they fit; V5
    launches no more blocks than fit, and each takes its samples in turn.
    """
    if version == "cuda_v5":
        return -(-sizes.N // places_v5(sizes.H, card.sms))
    row = compiled_kernel(version, card)
    if version == "cuda_v2":
        samples = WARP * occupancy(card.cc, WARP, row.registers).blocks
    else:
        samples = occupancy(card.cc, 4 * sizes.H, row.registers, row.shared).blocks
    return -(-sizes.N // (samples * card.sms))


KERNELS = {"cuda_v2": "cuda_v2, v3", "cuda_v4": "cuda_v4"}


@lru_cache
def compiled_kernel(version, card):
    """What the compiler said of a version's kernel for this card."""
    kernel = KERNELS[version]
    return next(k for k in compile_report.saved() if (k.kernel, k.cc) == (kernel, card.cc))


def waiting_cycles(version, sizes, card, cycles):
    """Cycles of all steps, one after the other, and of the second kernel."""
    step = rounds(version, sizes, card) * CHAINS[version](sizes.H, card, cycles)
    if version == "cuda_v4":  # blocks side by side on an SM share its loads: two a multiply-add
        step = max(step, -(-sizes.N // card.sms) * 2 * 8 * sizes.H**2 / card.loads)
    if version == "cuda_v5":  # an SM's blocks share its cores: three tiles a sample
        step = max(step, -(-sizes.N // card.sms) * 3 * 4 * padded(sizes.H) ** 2 / card.cores)
    return sizes.T * step + after_cycles(version, sizes, card, cycles)


def after_cycles(version, sizes, card, cycles):
    """The second kernel: V4 adds up a weight's T N products in order, V5 its blocks' parts."""
    terms = 0
    if version == "cuda_v4":
        terms = sizes.T * sizes.N
    elif version == "cuda_v5":
        parts = blocks_v5(sizes, card.sms)
        _, (_, rows) = sum_shape(parts, 1)
        terms = -(-parts // rows) + rows.bit_length() - 1
    return terms * cycles.multiply_add


def lower_bounds(version, sizes, card, cycles=Cycles()):  # noqa: B008
    """Seconds that a training step takes at least, for each of three reasons."""
    chain = waiting_cycles(version, sizes, card, cycles)
    return {
        "arithmetic": operations(sizes) / (card.tera * 1e12),
        "memory": bytes_at_least(version, sizes) / (card.gigabytes_per_second * 1e9),
        "waiting": chain / (card.gigahertz * 1e9),
    }


def bound(version, sizes, card, cycles=Cycles()):  # noqa: B008
    """The largest lower bound, in seconds, and its name."""
    bounds = lower_bounds(version, sizes, card, cycles)
    name = max(bounds, key=bounds.get)
    return bounds[name], name


def without_caches(version, sizes, card, cycles=Cycles()):  # noqa: B008
    """The same bound, in seconds, if no cache helped at all: the truth lies between the two."""
    asked = bytes_asked(version, sizes, card.sms) / (card.gigabytes_per_second * 1e9)
    return max(bound(version, sizes, card, cycles)[0], asked)


# ---- more than one card -------------------------------------------------------------------


def exchanged_bytes(sizes, cards):
    """Bytes that each card sends for one mini-batch, to add up the gradients in a ring."""
    return 2 * (cards - 1) / cards * NUMBER * parameters(sizes)
