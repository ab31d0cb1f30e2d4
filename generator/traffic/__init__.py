"""What accounts do and the provider answers: sessions, content, limits, routing, the request log."""
