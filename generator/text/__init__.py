"""Prompts as text: what the latent names of the log's prompts read like."""
