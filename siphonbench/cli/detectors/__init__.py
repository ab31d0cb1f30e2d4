"""Commands that run, tune, check and explain detectors."""
