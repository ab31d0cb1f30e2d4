"""What every command shares: the root, options, tables and progress."""
