"""Neural networks in PyTorch, and what they learn from: batches of rows, sampled neighbours, days of accounts."""
