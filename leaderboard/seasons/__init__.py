"""Seasons on sealed worlds: rules, scores that come rounded and at set times, and early detection day by day."""
