"""The same training on the cards of one machine, without Dask: a process for each card.

Each process sees its card alone, keeps one shard, and computes its part of every mini-batch; this
process adds the parts up and takes the step.  What they say to each other goes through two pipes
for each process: so the end of one is noticed at once, by both sides.
"""

import os
import pickle
import subprocess
import sys
import traceback
from contextlib import suppress
from functools import lru_cache, partial

from lstm_kernels.cluster import shards as pieces
from lstm_kernels.cluster.engine import INSTALL, environment
from lstm_kernels.cluster.step import Lost, lost
from lstm_kernels.machine import device
from lstm_kernels.machine.threads import THREAD_SETTINGS, usable_cores
from lstm_kernels.model import check_count, check_params
from lstm_kernels.training import make_plan, train
from lstm_kernels.versions import check_hidden_size, own_versions

PROGRAM = "from lstm_kernels.cluster import cards; cards.serve()"
ENDING = 5  # seconds that a process may take to end by itself
# A terminal's Ctrl-C is for this process: it decides, and the others end when it hangs up.
ALONE = (
    {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    if os.name == "nt"
    else {"start_new_session": True}
)


def fit_on_cards(version, params, x, y, *, cards=None, **schedule):
    """Train on all cards of this machine; returns (trained params, History) as `training.fit` does.

    version, params, schedule: as for `training.fit`: epochs, batch_size, lr, optimizer, seed,
    on_batch, validation, checkpoint.  x (T, N, D), y (T, N, O): arrays; or two .npy files, as for
    `cluster.fit`.
    cards: how many, from the first on; None is all of them.  ValueError if there are fewer.  Where
    no card is, so many processes compute on the CPU, by the emulator or a CPU version (None: one).

    Each step is the one of a single card, but for rounding: the sum of the parts is made in another
    order, which depends on the number of cards only.  So the same number gives the same result to
    the last bit, if the version's gradients are the same each time (see `training.fit`).
    A step takes at least the time to send the parameters to each process and to get its gradients:
    below some batch size one card is faster.

    ConnectionError if a process is lost: its attribute `trained` is the pair (trained params,
    History).  Ctrl-C ends the training early, as in `training.fit`.
    """
    params, cards = check_params(params), check_cards(cards)
    check_hidden_size(version, params.W.shape[1])
    gradients = _packed(version)
    if pieces.is_lazy(x) or pieces.is_lazy(y):
        raise TypeError("x and y are Dask arrays: for these, use `cluster.fit`, on Dask's workers")
    parts, bounds = pieces.cut(params, x, y, cards)
    plan = make_plan(
        params, bounds[-1], **schedule, about={"version": version, "shards": len(parts)}
    )
    with Team(parts, bounds, gradients, plan) as team:
        return train(team.gradients, params, plan)


def check_cards(cards):
    """How many processes to start; ValueError if there are fewer cards, but at least one."""
    here = device.count_gpus() if device.ON_GPU else 0
    if cards is None:
        return max(1, here)
    cards = check_count("cards", cards)
    if 0 < here < cards:
        raise ValueError(f"cards is {cards}; the limit is {here}, as many as this machine has")
    return cards


def _packed(version):
    """What tells a process which gradients to use, as bytes: a name, or an own version's code."""
    gradients = pieces.function_of(version)
    if version not in own_versions():
        return pickle.dumps(gradients)
    try:
        import cloudpickle
    except ImportError:
        words = f"the package cloudpickle must be installed, by itself or with Dask: {INSTALL}"
        raise ImportError(f"to send your own version to other processes, {words}") from None
    return cloudpickle.dumps(gradients)


class Team:
    """`gradients(params, batch)`, computed by one process for each shard.

    shards, bounds: as `shards.cut` made them; gradients: as `_packed` made it.
    """

    def __init__(self, shards, bounds, gradients, plan):
        self.shards, self.bounds, self.packed, self.plan = shards, bounds, gradients, plan
        self.members, self.met = [], False

    def __enter__(self):
        try:
            for card in range(len(self.shards)):
                self.members.append(Member(card, len(self.shards)))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error):
        for member in self.members:
            member.hang_up()
        for member in self.members:
            member.end()

    def gradients(self, params, batch):
        """(loss, grads) of the windows whose numbers are in `batch`, as one card's would be."""
        try:
            if not self.met:
                self.meet()
            asked = pieces.dealt(batch, self.bounds)
            for card, mine in asked:
                self.members[card].tell((params, mine, len(batch)))
            total = pieces.tree([self.members[card].answer() for card, _ in asked], pieces.add)
        except Lost as what:
            raise lost(self.plan, what) from None
        return total.loss, total.grads

    def meet(self):
        """Give each process its shard; they have all been started before."""
        for member, shard in zip(self.members, self.shards, strict=True):
            member.tell((device.TARGET, self.packed, shard))
        self.met = True


class Member:
    """One process, and the pipes to it and from it."""

    def __init__(self, card, of):
        self.name = f"card {card}" if device.ON_GPU else f"process {card}"
        threads = str(max(1, len(usable_cores()) // of))
        there = {**dict.fromkeys(THREAD_SETTINGS, threads), **os.environ}
        there["PYTHONPATH"] = os.pathsep.join(filter(None, map(str, sys.path)))
        there |= environment(card) if device.ON_GPU else {}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, "-c", PROGRAM, self.name]
        self.process = subprocess.Popen(command, env=there, **pipes, **ALONE)

    def tell(self, things):
        """Send something; Lost if the process has ended."""
        try:
            send(self.process.stdin.raw, things)
        except OSError:
            raise self.gone() from None

    def answer(self):
        """What it found, a Part; or raise what was raised there; Lost if it has ended."""
        try:
            found = pickle.load(self.process.stdout)
        except (EOFError, pickle.UnpicklingError):
            raise self.gone() from None
        if isinstance(found, pieces.Part):
            return found
        error, words = found
        raise error from RuntimeError(f"in the process of {self.name}:\n{words}")

    def gone(self):
        self.hang_up()
        return Lost(f"{self.name}: its process ended with status {self.end()}")

    def hang_up(self):
        """So it ends, when it has done what it was asked."""
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()

    def end(self):
        """Wait until it has ended, but not for ever; returns its exit status."""
        try:
            return self.process.wait(ENDING)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.process.kill()
            self.process.wait()


def send(pipe, things):
    """Write to a pipe without a buffer: nothing waits in it when the other side has ended."""
    rest = memoryview(pickle.dumps(things))
    while rest:
        rest = rest[pipe.write(rest) :]


# ---- in the process of a card -------------------------------------------------------------


def serve():
    """Compute what is asked on stdin, until nobody asks any more."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a version prints must not get between the answers
    with suppress(EOFError, pickle.UnpicklingError, OSError):  # nobody is there, or in mid-sentence
        target, packed, shard = pickle.load(questions)
        compute = partial(part_here, sys.argv[1], target, packed, shard)
        while True:
            send(answers, compute(*pickle.load(questions)))


def part_here(name, target, packed, shard, params, samples, N):
    """A Part; or (the error, its traceback)."""
    try:
        if device.TARGET != target:
            raise RuntimeError(f"{name} cannot be used: {device.WHY_NO_GPU}")
        return pieces.part(shard, params, samples, _unpacked(packed), N, worker=name)
    except Exception as error:
        return _that_travels(error), traceback.format_exc()


_unpacked = lru_cache(pickle.loads)  # once: an own version's kernels are compiled once, too


def _that_travels(error):
    """The error, or where it cannot be sent, one with its words."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
