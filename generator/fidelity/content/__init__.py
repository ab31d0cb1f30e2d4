"""Content: how alike sketches and embeddings of two prompts are, by their relation, beside texts and real prompts."""
