"""Judge: submissions, metrics, tracking and the board."""
