"""The training loop of `lstm_kernels.training`, with gradients from many workers."""

from lstm_kernels.cluster import shards as pieces
from lstm_kernels.cluster.engine import connected, load_dask
from lstm_kernels.cluster.step import Step
from lstm_kernels.model import check_params
from lstm_kernels.training import make_plan, train
from lstm_kernels.versions import check_hidden_size

SHARDS = 4


def fit(version, params, x, y, *, client=None, workers=2, shards=SHARDS, **schedule):
    """Train on many workers; returns (trained params, History), as `training.fit` does.

    version, params, schedule: as for `training.fit`: epochs, batch_size, lr, optimizer, seed,
    on_batch, validation, checkpoint.  x (T, N, D), y (T, N, O): arrays; or
      * Dask arrays of these shapes: their blocks are computed by the workers, which keep the
        windows; none of them comes here, so they may be larger than this machine's memory;
      * two .npy files with (N, T, D) and (N, T, O), which every worker can open: they are read
        batch by batch, so they may be larger than all memory (`python -m lstm_kernels windows`
        writes such files).
    What grows with N here is the order of an epoch, 8 bytes per window.

    client: a dask.distributed Client; the address of a scheduler, "tcp://HOST:8786"; or None, and
    `workers` processes are started on this machine and ended afterwards.
    shards: into so many parts the windows are cut.  It is also the most workers that compute at
    once.  The same number of shards gives the same result to the last bit on any number of workers
    with equal processors, if the version's gradients are the same each time (see `training.fit`).

    A lost worker costs time only; a new one gets work from the next epoch on.  ConnectionError if
    the scheduler or all workers are lost in the training: its attribute `trained` is the pair
    (trained params, History).
    Ctrl-C ends the training early, as in `training.fit`.
    """
    load_dask()
    gradients, params = pieces.function_of(version), check_params(params)
    if client is None:  # the workers have this machine's cards, or none
        check_hidden_size(version, params.W.shape[1])
    parts, bounds = pieces.cut(params, x, y, shards)
    about = {"version": version, "shards": len(parts)}
    plan = make_plan(params, bounds[-1], **schedule, about=about)
    with connected(client, workers) as client:
        step = Step(client, gradients, parts, bounds, plan)
        return train(step.gradients, params, plan)
