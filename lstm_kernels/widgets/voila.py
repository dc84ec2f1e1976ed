"""Voila serves a notebook's dashboard alone: only the cells tagged "dashboard".

`voila.json` in the course's folder names this class, so that `voila notebooks/07_race.ipynb`,
started there, runs and shows these cells and no other.  A notebook without such cells is served
whole.  It also forbids style sheets from other machines: Voila links icons it has itself on a
content network, too, and a page waits for them where a firewall does not answer.
"""

from nbconvert.preprocessors import Preprocessor

TAG = "dashboard"


class DashboardOnly(Preprocessor):
    """Keeps the tagged cells, before any cell is run."""

    enabled = True

    def preprocess(self, notebook, resources):
        kept = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
        if kept:
            notebook.cells = kept
        return notebook, resources
