"""Fitted detectors as folders of plain data: numbers, arrays and trees, checked before use and never run."""
