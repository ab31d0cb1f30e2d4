"""Traces that the making of the data might leave: ids, order, files, digits, nulls."""
