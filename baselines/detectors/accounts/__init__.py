"""Models of one account at a time."""
