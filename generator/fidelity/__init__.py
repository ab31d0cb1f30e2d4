"""How far synthetic traffic is from real traces, in units of how far real traces are from each other."""
