"""The detector protocol, its evaluation, and what its parameters may be."""
