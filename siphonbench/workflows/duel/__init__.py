"""The duel: an operator's campaigns against a detector, by rules that both know."""
