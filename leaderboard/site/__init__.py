"""The site: boards, entries and submissions over HTTP, or as static files."""
