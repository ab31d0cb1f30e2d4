"""The hunt: shortcuts that need a clock, a border or one shared value, searched for as an adversary would."""
