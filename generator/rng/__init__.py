"""Random draws keyed by stable names, and the opaque ids made of them."""
