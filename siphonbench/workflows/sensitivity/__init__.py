"""Which assumption a result hangs on: groups of assumed dials are moved, and detectors ranked in each world."""
