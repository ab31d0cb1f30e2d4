"""Accounts linked by shared keys: graphs, communities, groups and what is measured of them."""
