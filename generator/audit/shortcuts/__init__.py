"""Single columns, pairs and account aggregates that might give campaigns away."""
