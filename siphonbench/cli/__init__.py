"""The command line: prints what the library returns."""
