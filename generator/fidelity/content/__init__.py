"""Content: distances of sketches and embeddings, by relation of two prompts, beside those of texts and of real prompts."""
