"""Rules that a provider could write without training data."""
