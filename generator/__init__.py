"""Make: the simulated world, its tables and the reading side."""

from generator import moved

__all__ = ["moved"]
