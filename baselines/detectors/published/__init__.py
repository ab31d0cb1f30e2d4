"""Published detectors of coordinated accounts, as in their papers; each says what was changed here and why."""
