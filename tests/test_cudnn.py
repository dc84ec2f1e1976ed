"""V6 against PyTorch, its LSTM by cuDNN: the same training.  Here on the CPU and emulated.

Nothing is timed here, and a CUDA graph is played by the function that it would record.
"""

import re
import time
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest

from lstm_kernels import __main__, data
from lstm_kernels.lab.commands import bench
from lstm_kernels.lab.measure import cudnn, grid, pytorch, race, records
from lstm_kernels.lab.measure.results import Row
from lstm_kernels.lab.measure.timing import Timing, Workload
from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.model import Params
from lstm_kernels.versions import cuda_v6
from tests.replay import Replay

pytestmark = pytest.mark.skipif(
    device.TARGET not in ("gpu", "emulator"), reason="this target is too slow for a training"
)


@pytest.fixture
def on_cpu(torch, monkeypatch):
    """PyTorch's contestants on the CPU, where no graph can be recorded."""

    def record(work):
        for _ in range(pytorch.WARM_UPS):
            result = work()
        return Replay(work, result), result

    monkeypatch.setattr(pytorch, "record", record)
    return Workload(*data.panel(9, T=4), 4, 3)


def orders(workload, epochs=cudnn.CHECKED):
    rng = np.random.default_rng(1)
    return [rng.permutation(workload.x.shape[1]) for _ in range(epochs)]


def test_all_contestants_follow_the_same_losses(on_cpu):
    trainings = cudnn.contestants(on_cpu, orders(on_cpu), "cpu")
    assert list(trainings) == list(cudnn.NAMES)
    cudnn.check_same(trainings)


@pytest.mark.parametrize(
    "module, recorder, left_out, ours",
    [
        (cuda_v6, "Graph", "cuda_v6", ["V6 launched one by one"] * 2),
        (cudnn, "GraphTraining", "pytorch_graph", ["V6", "V6 launched one by one"]),
    ],
)
def test_a_graph_that_cannot_be_recorded_is_left_out(
    module, recorder, left_out, ours, on_cpu, monkeypatch
):
    def refuse(*arguments):
        raise GraphError("CUDA_ERROR_NOT_SUPPORTED (801)")

    monkeypatch.setattr(module, recorder, refuse)
    warning = re.escape(f"{cudnn.NAMES[left_out]} is left out: CUDA_ERROR_NOT_SUPPORTED (801)")
    with pytest.warns(UserWarning, match=warning):
        rows = cudnn.time_epochs(on_cpu, seconds=0.0, place="cpu")
    assert [row.version for row in rows] == [name for name in cudnn.NAMES if name != left_out]
    *ratios, verdict = cudnn.summary([(on_cpu, rows)]).splitlines()
    assert [line.split(" against PyTorch (LSTM by cuDNN)")[0] for line in ratios] == ours
    assert verdict.endswith("as graphs not measured")


def test_what_pytorch_does_not_record_is_a_graph_error(torch, monkeypatch):
    @contextmanager
    def refuse(graph):
        raise RuntimeError("operation not permitted when stream is capturing\nadvice")
        yield

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    for name in ("Stream", "CUDAGraph", "stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, mock.MagicMock())
    runs = []
    with pytest.raises(GraphError, match="PyTorch does not record it: operation .* capturing$"):
        pytorch.record(lambda: runs.append(1))
    assert len(runs) == pytorch.WARM_UPS


def test_a_graph_that_is_not_recorded_is_no_failure_of_the_bench(on_cpu, monkeypatch):
    def refuse(work):
        raise GraphError("PyTorch does not record it")

    monkeypatch.setattr(pytorch, "record", refuse)
    (row,) = race.take_turns([race.torch_rival("pytorch_graph", "cpu", on_cpu, budget=0.0)])
    assert row.note == "left out: PyTorch does not record it" and not row.failed


def test_another_precision_is_refused(on_cpu, monkeypatch):
    def round_to_tf32(*batch):
        """As TF32 rounds each factor: 10 bits of the 23 stay."""
        batch = [np.asarray(a) for a in batch]
        return [(a.view(np.int32) + 4096 & -8192).view(np.float32) for a in batch]

    def rough(params, x, y, where):
        *rounded, x = round_to_tf32(*params, x)
        return pytorch.torch_gradients(Params(*rounded), x, y, where)

    cudnn.check_precision(on_cpu, "cpu")
    monkeypatch.setattr(cudnn, "torch_gradients", rough)
    with pytest.raises(RuntimeError, match="not compute in full float32 .* the limit is 1e-05"):
        cudnn.time_epochs(on_cpu, seconds=0.0, place="cpu")


def test_another_training_is_refused(on_cpu):
    trainings = cudnn.contestants(on_cpu, orders(on_cpu), "cpu")
    there = trainings["pytorch_graph"]
    trainings["pytorch_graph"] = lambda epoch: np.array(there(epoch)) * (1 + 2e-4)
    with pytest.raises(RuntimeError, match="pytorch_graph is not the same training"):
        cudnn.check_same(trainings)


def test_a_recorded_training_starts_again_from_the_start_values(on_cpu):
    train = pytorch.make_training(on_cpu, pytorch.GraphTraining)
    (_, first), (_, again) = train(), train()
    assert first == again
    assert np.allclose(first, pytorch.make_training(on_cpu)()[1], rtol=1e-6)


def test_compare_gives_each_contestant_a_row(on_cpu):
    rows = cudnn.time_epochs(on_cpu, seconds=0.0, place="cpu")
    assert [row.version for row in rows] == list(cudnn.NAMES)
    assert all(row.timing.median > 0 for row in rows)


def test_an_interrupted_comparison_keeps_its_times(on_cpu, monkeypatch):
    count = []

    def one_epoch(train):
        def call():
            count.append(train)
            if len(count) == 6:  # warm-up and three repeats of the first, then the second one's
                raise KeyboardInterrupt
            time.sleep(1e-3)

        return call

    monkeypatch.setattr(cudnn, "_one_epoch", one_epoch)
    with pytest.raises(KeyboardInterrupt) as why:
        cudnn.time_epochs(on_cpu, seconds=0.0, place="cpu")
    first, *others = why.value.rows
    assert len(first.timing.seconds) == 3 and first.note == "interrupted"
    assert [row.timing for row in others] == [None] * len(others)


def test_the_summary_gives_the_range_of_ratios():
    def results(**seconds):
        return None, [Row(name, "GPU", Timing((t,))) for name, t in seconds.items()]

    said = cudnn.summary([
        results(cuda_v6_launched=1.0, cuda_v6=0.25, pytorch_cudnn=4.0, pytorch_graph=0.5),
        results(cuda_v6_launched=1.0, cuda_v6=0.25, pytorch_cudnn=6.0, pytorch_graph=0.5),
    ])  # fmt: skip
    assert said.splitlines() == [
        "V6 against PyTorch (LSTM by cuDNN): 16.00x to 24.00x as fast",
        "V6 against PyTorch (LSTM by cuDNN) as a CUDA graph: 2.00x to 2.00x as fast",
        "V6 launched one by one against PyTorch (LSTM by cuDNN): 4.00x to 6.00x as fast",
        "V6 launched one by one against PyTorch (LSTM by cuDNN) as a CUDA graph: "
        "0.50x to 0.50x as fast",
        "V6 faster at each of these batch sizes, by medians: launched yes, as graphs yes",
    ]


def test_the_summary_of_what_was_saved_is_the_same(on_cpu):
    rows = [Row(name, "GPU", Timing((t,))) for t, name in enumerate(cudnn.NAMES, 1)]
    results = [(on_cpu._replace(H=H, batch_size=N), rows) for H, N in ((64, 2), (64, 4), (128, 2))]
    assert cudnn.summary_of({"rows": records.records(results)}) == cudnn.summary(results[:2])


def test_one_slower_batch_size_is_a_no():
    fast = {"cuda_v6_launched": 1.0, "cuda_v6": 0.5, "pytorch_cudnn": 2.0, "pytorch_graph": 0.6}
    slow = {**fast, "pytorch_cudnn": 0.9}
    assert cudnn.verdict([fast, slow]).endswith("launched no, as graphs yes")
    assert cudnn.verdict([fast, {"cuda_v6": 1.0}]).endswith("not measured, as graphs not measured")


def test_the_sizes_are_those_of_the_lesson():
    sizes = [(w.x.shape, w.batch_size, w.H) for w in cudnn.workloads()]
    assert sizes == [((12, 16 * N, 1), N, 64) for N in (32, 64, 128, 256)]


@pytest.mark.skipif(device.ON_GPU, reason="a card is here")
def test_without_a_card_the_command_says_what_is_missing(capsys):
    assert __main__.main(["bench", "--cudnn"]) == 1
    assert "needs an NVIDIA card" in capsys.readouterr().err


def test_with_a_card_and_without_pytorchs_cuda_too(torch, monkeypatch):
    monkeypatch.setattr(device, "ON_GPU", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "sees no card" in cudnn.missing()
    monkeypatch.setattr(pytorch, "has_torch", lambda: False)
    assert "pip install torch" in cudnn.missing()


def test_a_card_without_kernels_in_this_pytorch_is_said_in_one_line(torch, monkeypatch):
    the_real_one = torch.nn.LSTM

    def refuse(*sizes, **where):
        if where.get("device") != "cuda":
            return the_real_one(*sizes, **where)
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")

    monkeypatch.setattr(device, "ON_GPU", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.nn, "LSTM", refuse)
    for said in (cudnn.missing(), pytorch.describe()):
        assert "has no kernels for this card" in said and said.endswith("image is available")
    rows = race.torch_rows(Workload(*data.panel(4, T=2), 2, 3), budget=0.0)
    assert [row.version for row in rows] == ["pytorch", *race.ON_CARD]
    assert rows[0].timing and not any(row.failed for row in rows)
    assert all("no kernels" in row.note and row.timing is None for row in rows[1:])


def test_the_command_prints_ratios_and_saves_them(on_cpu, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cudnn, "missing", lambda: "")
    monkeypatch.setattr(cudnn, "workloads", lambda: [on_cpu])
    time_epochs = cudnn.time_epochs
    monkeypatch.setattr(cudnn, "time_epochs", lambda workload: time_epochs(workload, 0.0, "cpu"))
    monkeypatch.setattr(grid, "LARGE", grid.Grid((1,), (5, 129), (2,)))
    assert bench.main_cudnn(str(tmp_path / "c")) == 0
    bar, beyond = capsys.readouterr().out.split("Apart from that")
    assert "vs pytorch_graph" in bar and "V6 launched one by one against PyTorch" in bar
    assert "V6 faster at each of these batch sizes" in bar and "cuda_v4" not in bar
    assert "cuda_v4" in beyond and "vs pytorch" in beyond and "cuda_v6" not in beyond
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".csv", ".png"}


def test_tf32_is_off_on_a_card_and_back_afterwards(torch):
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        with pytorch.full_precision("cuda"):
            assert not torch.backends.cuda.matmul.allow_tf32
            assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def test_tf32_is_off_whatever_the_new_setting_says(torch):
    backends = torch.backends
    if not hasattr(backends, "fp32_precision"):
        pytest.skip("this PyTorch has only the old setting")
    settings = backends.cudnn.rnn, backends.cuda.matmul
    settings[1].fp32_precision = "none"
    backends.fp32_precision = "tf32"
    try:
        with pytorch.full_precision("cuda"):
            assert all(setting.fp32_precision != "tf32" for setting in settings)
        assert all(setting.fp32_precision == "tf32" for setting in settings)
    finally:
        backends.fp32_precision = settings[1].fp32_precision = "none"


def test_mixed_settings_of_tf32_are_refused(torch):
    matmul = torch.backends.cuda.matmul
    if not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("this PyTorch has only the old setting")
    matmul.fp32_precision = "tf32"
    try:
        with pytest.raises(RuntimeError, match="settings of TF32 are mixed: set neither"):
            with pytorch.full_precision("cuda"):
                pytest.fail("it was accepted")
        assert torch.backends.cudnn.allow_tf32
    finally:
        matmul.fp32_precision = "none"
