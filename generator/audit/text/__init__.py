"""What prompts give away as text: their words, and style without words."""
