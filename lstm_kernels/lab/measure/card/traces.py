"""Single kernels of a mini-batch, from the card's own trace: ours, and PyTorch's with cuDNN's part.

After everything that is timed: who traces once may be slower afterwards.
"""

from lstm_kernels.lab.measure import cudnn, pytorch
from lstm_kernels.lab.measure.card import rivals
from lstm_kernels.lab.measure.card.points import (
    Point,
    Settled,
    may_refuse,
    sizes_text,
    time_text,
    timed,
)
from lstm_kernels.lab.measure.card.profiler import kernel_times
from lstm_kernels.lab.measure.card.right import is_wrong, takes
from lstm_kernels.lab.words import aligned, seconds_text
from lstm_kernels.model import init_params
from lstm_kernels.versions import VERSIONS

SECONDS = 50.0
T = 12
LIBRARY = ("cudnn", "lstm", "rnn", "gemm", "gemv", "persist", "cublas", "cutlass")
KEPT = 12  # kernels named in a row


def points(plan, rows):
    for sizes in plan.profiled:
        key = {"what": "PyTorch's step", **dict(zip("THN", sizes, strict=True))}
        yield Point(key, lambda sizes=sizes: library_part(sizes))
    for H, N in plan.kernels:
        for version in ("cuda_v6", "cuda_v4"):
            if takes(version, (T, N, 1, H, 1)) and not is_wrong(rows, version, H):
                key = {"what": "kernels", "version": version, "T": T, "H": H, "N": N}
                yield Point(key, lambda v=version, H=H, N=N: trace(v, H, N))


def library_part(sizes, place="cuda"):
    """PyTorch's launched step by its kernels: those of cuDNN and cuBLAS, and all others."""
    if not rivals.torch_is_here(place):
        raise Settled("PyTorch is not here, or sees no card")
    workload = rivals.make_workload(*sizes)
    training, orders = pytorch.TorchTraining(workload, place), rivals.make_orders(workload, 2)
    with pytorch.full_precision(place):
        training.epoch(orders[0])
        found = kernel_times(lambda: training.epoch(orders[1]))
    if not found:
        raise Settled("PyTorch's profiler saw no kernel")
    totals = {name: sum(seconds) / rivals.BATCHES for name, seconds in found.items()}
    library = sum(t for name, t in totals.items() if any(w in name.lower() for w in LIBRARY))
    most = sorted(totals.items(), key=lambda item: -item[1])[:KEPT]
    counts = {name: len(found[name]) / rivals.BATCHES for name, _ in most}
    return [{
        "library": library, "others": sum(totals.values()) - library,
        "kernels": [[name, counts[name], seconds] for name, seconds in most],
    }]  # fmt: skip


def trace(version, H, N):
    """Each kernel of one epoch of V6's, or of some mini-batches of V4's, from the card's trace."""
    workload = rivals.make_workload(T, H, N)
    if version == "cuda_v6":
        with may_refuse():
            training = cudnn.v6_training(workload, rivals.make_orders(workload, 2), False)
        training.epoch(0)
        training.losses(0)
        found = kernel_times(lambda: training.epoch(1))
    else:
        batch = init_params(1, H, 1), workload.x[:, :N], workload.y[:, :N]
        VERSIONS[version].gradients(*batch)
        found = kernel_times(lambda: [VERSIONS[version].gradients(*batch) for _ in range(4)])
    found = {name: times for name, times in found.items() if not name.startswith("Mem")}
    if not found:
        raise Settled("no trace: it needs PyTorch with CUDA, and a driver that lets it look")
    return [{"kernel": plain(name), **timed(times)} for name, times in found.items()]


def plain(name):
    """`cuda_v5.kernel` for Numba's name of it; another library's name stays as it is."""
    if not name.startswith("lstm_kernels::"):
        return name
    pieces = name.split("[abi")[0].split("(")[0].split("::")
    return f"{pieces[-2] if len(pieces) < 4 else pieces[2]}.{pieces[-1]}"


def table(rows):
    lines = [["what", "sizes", "time", "kernel"]]
    for row in rows:
        name = " ".join(filter(None, (row["what"], row.get("version"))))
        line = [name, sizes_text(row), time_text(row), row.get("kernel", "")[:40]]
        if "library" in row:
            of = f"cuDNN and cuBLAS; all other kernels {seconds_text(row['others'])}"
            line[2:] = [seconds_text(row["library"]), of]
        lines.append(line)
    return aligned(lines)
