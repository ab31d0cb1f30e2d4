"""What each subscription plan allows; all of it is assumed (a). In the order of `parameters.CHOICES["plan"]`."""

from __future__ import annotations

import numpy as np

from generator.config.parameters import CHOICES

REQUESTS_PER_MINUTE = np.array([20, 60, 600, 300, 100, 2000])
REQUESTS_PER_DAY = np.array([1_000, 5_000, 100_000, 20_000, 5_000, 1_000_000])
TOKENS_PER_MINUTE = np.array([400_000, 1_000_000, 4_000_000, 2_000_000, 1_000_000, 20_000_000])
SPEND_PER_MONTH = np.array([20.0, 200.0, 5_000.0, 1_000.0, 100.0, 200_000.0])
"""USD; a cap that was reached is raised to twice as much the day after."""
assert len(CHOICES["plan"]) == len(REQUESTS_PER_MINUTE) == len(REQUESTS_PER_DAY) == len(SPEND_PER_MONTH)
