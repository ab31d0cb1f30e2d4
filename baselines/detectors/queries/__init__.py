"""Detectors of model extraction as published: one account's queries against each other, or against benign ones."""
