"""The card that the emulator pretends to be: the limits of a Tesla T4, Colab's free GPU.

A kernel that runs here should also launch there, so a launch is checked against the same numbers.
"""

from dataclasses import dataclass, field

from .errors import LaunchError


@dataclass(frozen=True)
class Card:
    """Names as in `cuda.get_current_device()`."""

    name: str = "CPU emulation (limits of a Tesla T4)"
    id: int = 0
    compute_capability: tuple = (7, 5)
    WARP_SIZE: int = 32
    MULTIPROCESSOR_COUNT: int = 40
    MAX_THREADS_PER_BLOCK: int = 1024
    MAX_THREADS_PER_MULTI_PROCESSOR: int = 1024
    MAX_BLOCKS_PER_MULTIPROCESSOR: int = 16
    MAX_BLOCK_DIM_X: int = 1024
    MAX_BLOCK_DIM_Y: int = 1024
    MAX_BLOCK_DIM_Z: int = 64
    MAX_GRID_DIM_X: int = 2**31 - 1
    MAX_GRID_DIM_Y: int = 65535
    MAX_GRID_DIM_Z: int = 65535
    MAX_SHARED_MEMORY_PER_BLOCK: int = 48 * 1024
    MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: int = 64 * 1024
    MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: int = 64 * 1024
    MAX_REGISTERS_PER_BLOCK: int = 65536
    TOTAL_CONSTANT_MEMORY: int = 64 * 1024
    CLOCK_RATE: int = 1590000
    MEMORY_CLOCK_RATE: int = 5001000
    GLOBAL_MEMORY_BUS_WIDTH: int = 256
    TOTAL_MEMORY: int = field(default=15 * 1024**3)

    def reset(self):
        """Real devices can be reset; there is nothing to reset here."""


CARD = Card()


def triple(value, what):
    """`3`, `(3,)` or `(3, 2)` as three numbers, each at least 1."""
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not 1 <= len(sizes) <= 3:
        raise LaunchError(f"the {what} has {len(sizes)} dimensions; a card has 1 to 3")
    for size in sizes:
        _require_whole_number(size, what)
    return tuple(int(size) for size in sizes) + (1,) * (3 - len(sizes))


def _require_whole_number(size, what):
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise LaunchError(f"the {what} must be of whole numbers, not {size!r}")
    if size < 1:
        raise LaunchError(f"the {what} holds {size}; a card launches at least 1 of each")


def check_launch(grid, block):
    """Refuse the grids and blocks that the card refuses."""
    for axis, size in zip("XYZ", block, strict=True):
        _check(size, getattr(CARD, f"MAX_BLOCK_DIM_{axis}"), f"threads of a block along {axis}")
    threads = block[0] * block[1] * block[2]
    _check(threads, CARD.MAX_THREADS_PER_BLOCK, "threads in a block")
    for axis, size in zip("XYZ", grid, strict=True):
        _check(size, getattr(CARD, f"MAX_GRID_DIM_{axis}"), f"blocks of a grid along {axis}")


def check_shared(static_bytes, dynamic_bytes):
    """Static arrays fit in 48 KiB; with dynamic ones, the block may use 64 KiB on a T4."""
    _check(static_bytes, CARD.MAX_SHARED_MEMORY_PER_BLOCK, "bytes of static shared memory")
    total = static_bytes + dynamic_bytes
    _check(total, CARD.MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, "bytes of shared memory in a block")


def check_cooperative(grid, block, shared_bytes):
    """`grid.sync()` needs all blocks on the card at once."""
    blocks, most = grid[0] * grid[1] * grid[2], blocks_at_once(block, shared_bytes)
    of_each = f" with {shared_bytes} bytes of shared memory each" if shared_bytes else ""
    _check(blocks, most, f"blocks{of_each} that wait for each other (grid.sync)")


def blocks_at_once(block, shared_bytes):
    """How many blocks of this shape, with so much shared memory each, the card holds at once."""
    threads = block[0] * block[1] * block[2]
    by_threads = CARD.MAX_THREADS_PER_MULTI_PROCESSOR // (-(-threads // 32) * 32)
    of_sm = min(by_threads, CARD.MAX_BLOCKS_PER_MULTIPROCESSOR)
    if shared_bytes:
        of_sm = min(of_sm, CARD.MAX_SHARED_MEMORY_PER_MULTIPROCESSOR // shared_bytes)
    return of_sm * CARD.MULTIPROCESSOR_COUNT


def _check(value, limit, what):
    if value > limit:
        raise LaunchError(f"{value} {what}: the limit is {limit} ({CARD.name})")
