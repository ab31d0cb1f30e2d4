"""Make: the simulated world, its tables and the reading side."""
