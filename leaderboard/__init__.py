"""Judge: submissions, metrics, tracking and the board."""

import generator.moved  # noqa: F401, old import paths say where they went
