"""All detectors, in rooms by what they look at."""
