"""Content: how alike sketches and embeddings of two prompts are, by relation, beside texts and real prompts."""
