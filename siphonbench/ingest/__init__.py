"""Logs of one's own become a dataset: read, held to what can be, pseudonymised, sketched and written."""
