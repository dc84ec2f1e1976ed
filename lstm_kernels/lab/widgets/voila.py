"""Voila serves a notebook's dashboard alone: only the cells tagged "dashboard".

`voila.json` in the course's folder names this class, so that `voila notebooks/09_race.ipynb`,
started there, runs and shows these cells and no other.  A notebook without such cells is served
whole.  The file also forbids style sheets from other machines: Voila asks a content network for
icons that it has itself, and behind a firewall that never answers the page would wait for them.
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
