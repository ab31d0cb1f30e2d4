"""What gates share: labelled splits, rank statistics, and the gate itself."""
