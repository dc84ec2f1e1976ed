"""Occupancy against cases worked out by hand from NVIDIA's tables."""

import pytest

from lstm_kernels.lab.estimates.cards import BY_CAPABILITY
from lstm_kernels.lab.estimates.occupancy import block_limits, occupancy

KIB = 1024


@pytest.mark.parametrize("cc", BY_CAPABILITY)
def test_a_light_kernel_in_blocks_of_256_fills_the_sm(cc):
    found = occupancy(cc, threads=256, registers=32)
    assert found.fraction == 1
    assert found.warps * 32 == BY_CAPABILITY[cc].threads
    assert found.blocks == BY_CAPABILITY[cc].threads // 256


@pytest.mark.parametrize(
    ("cc", "fraction"), [(60, 32 / 64), (75, 16 / 32), (80, 32 / 64), (89, 24 / 48), (90, 32 / 64)]
)
def test_blocks_of_one_warp_fill_half_of_every_sm(cc, fraction):
    """One warp a block: the number of blocks an SM is the limit, on all five cards."""
    found = occupancy(cc, threads=32, registers=32)
    assert (found.fraction, found.limited_by) == (fraction, ("blocks per SM",))


def test_a_single_thread_takes_the_place_of_a_warp():
    assert occupancy(75, threads=1, registers=32) == occupancy(75, threads=32, registers=32)
    assert occupancy(75, threads=33, registers=32) == occupancy(75, threads=64, registers=32)


def test_registers_are_handed_out_to_warps_in_pieces_of_256():
    """65 registers a thread: 2080 a warp, rounded up to 2304; 16384 // 2304 = 7 a part of 4."""
    assert occupancy(75, threads=128, registers=64).warps == 32
    found = occupancy(75, threads=128, registers=65)
    assert (found.blocks, found.warps, found.limited_by) == (7, 28, ("registers",))
    assert found.fraction == 28 / 32


def test_p100_has_two_parts_so_fewer_registers_are_lost():
    """72 registers: 2304 a warp.  P100: 32768 // 2304 = 14, times 2; A100: 7, times 4.
    168 registers: 5376 a warp.  P100: 32768 // 5376 = 6, times 2; A100: 3, times 4.
    56 registers: 1792 a warp.  P100: 18, times 2 = 36; A100: 9, times 4 = 36.
    88 registers: 2816 a warp.  P100: 11, times 2 = 22; A100: 5, times 4 = 20."""
    for registers, p100, a100 in [(72, 28, 28), (168, 12, 12), (56, 36, 36), (88, 22, 20)]:
        assert block_limits(60, 32, registers)["registers"] == p100
        assert block_limits(80, 32, registers)["registers"] == a100


def test_255_registers_leave_eight_warps():
    """255 * 32 = 8160, rounded up to 8192: two warps a part, eight an SM."""
    for cc in BY_CAPABILITY:
        assert block_limits(cc, 32, 255)["registers"] == 8
        assert block_limits(cc, 256, 255)["registers"] == 1
        assert occupancy(cc, 288, 255).blocks == 0  # nine warps: the card refuses the launch
    assert occupancy(75, 32, 256).blocks == 0  # more than a thread can have


def test_shared_memory_with_what_the_system_takes():
    """16 KiB a block.  T4: 64 / 16 = 4.  A100: 164 KiB // 17 KiB = 9, for 1 KiB goes to CUDA."""
    assert block_limits(75, 128, 32, 16 * KIB)["shared memory"] == 4
    assert block_limits(80, 128, 32, 16 * KIB)["shared memory"] == 9
    assert block_limits(90, 128, 32, 48 * KIB)["shared memory"] == 4  # 228 // 49
    assert block_limits(75, 128, 32, 1)["shared memory"] == 256  # pieces of 256 bytes
    found = occupancy(75, 128, 32, 48 * KIB)
    assert (found.blocks, found.limited_by) == (1, ("shared memory",))
    for cc, most in ((60, 48), (75, 64), (80, 163), (89, 99), (90, 227)):  # KiB, for who asks
        assert occupancy(cc, 128, 32, most * KIB).blocks == 1
        assert occupancy(cc, 128, 32, most * KIB + 1).blocks == 0


def test_block_size_can_waste_an_sm():
    """1024 threads a block on an L4 with room for 1536: one block, a third stays empty."""
    found = occupancy(89, 1024, 32)
    assert (found.blocks, found.fraction, found.limited_by) == (1, 2 / 3, ("block size",))
    assert occupancy(80, 1025, 32).blocks == 0


def test_several_limits_at_once_are_all_named():
    """T4, 64 threads, 64 registers: 16 blocks by registers, by size and by number."""
    found = occupancy(75, 64, 64)
    assert found.limited_by == ("registers", "block size", "blocks per SM")
    assert found.fraction == 1


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="unknown compute capability 42"):
        occupancy(42, 32, 32)
    with pytest.raises(ValueError, match="threads=0"):
        occupancy(75, 0, 32)
