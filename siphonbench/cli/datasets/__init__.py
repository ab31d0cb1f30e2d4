"""Commands that make, describe, check and release datasets."""
