"""What is measured of accounts, and the labels to learn from."""
