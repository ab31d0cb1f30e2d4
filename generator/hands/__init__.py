"""Other hands: laws of sharing, times and topics by another author than those that stand where they are used."""
