"""Floors: detectors that know nothing worth knowing."""
