"""What is kept of prompts: SimHash sketches, embeddings, categories; and how templates are renewed."""
