"""The same training on many workers: data-parallel, on Dask distributed.  Lesson 18.

Each worker holds a part of the training windows, a shard, and computes the gradients of its part of
the mini-batch; the workers add them up in pairs, a tree.  The result is one step of
`lstm_kernels.training`, whose loop this is.  Dask starts the workers, sends and fetches, repeats
what a lost worker had, and shows it all on its dashboard.  It is an optional package:
requirements-cluster.txt.  For the cards of one machine `fit_on_cards` needs no Dask.
"""

from lstm_kernels.cluster.cards import fit_on_cards
from lstm_kernels.cluster.engine import local
from lstm_kernels.cluster.train import fit

__all__ = ["fit", "fit_on_cards", "local"]
