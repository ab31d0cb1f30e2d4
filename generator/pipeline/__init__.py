"""From a configuration to files: shards made by engines, tables, labels, resuming, sealed worlds."""
