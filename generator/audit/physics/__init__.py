"""Physics: what must hold in every row of the public tables, whatever the world."""
