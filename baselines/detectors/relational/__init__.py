"""Models trained on what accounts share."""
