"""What a duel costs its operator, and what comes of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from generator.errors import UserError

BUDGET = 0.001
"""Share of benign accounts that a detector may ever alert about, as on the boards of *early*."""


@dataclass(frozen=True)
class Prices:
    """What an operator pays beside the provider's list price, USD apiece (assumptions).

    Attributes
    ----------
    account : float
        One more account: a phone number and an e-mail address that pass the checks.
    card, address, device : float
        One more payment instrument, address prefix and device that is not shared with another of its accounts.
    """

    account: float = 5.0
    card: float = 2.0
    address: float = 1.0
    device: float = 0.5

    def __post_init__(self) -> None:
        if bad := {k: v for k, v in asdict(self).items() if not (math.isfinite(v) and 0 <= v <= 1e6)}:
            values = ", ".join(f"{k} {v}" for k, v in bad.items())
            raise UserError(f"prices: {values}: give dollars from 0 to 1,000,000")

    def gear(self, cards: int, addresses: int, devices: int) -> float:
        """Price of cards, addresses and devices.

        Parameters
        ----------
        cards, addresses, devices : int
            How many of each.

        Returns
        -------
        float
            USD.

        Examples
        --------
        >>> Prices(card=2, address=1, device=0.5).gear(10, 20, 4)
        42.0
        """
        return cards * self.card + addresses * self.address + devices * self.device


@dataclass(frozen=True)
class DuelOutcome:
    """What came of a duel.

    Attributes
    ----------
    detector, task : str
        Its name; "early" if it answered day by day, "accounts" if only when the window ended.
    campaigns, accounts, cards, addresses, devices : int
        Of the operator: accounts with their replacements, and the different payment instruments, address prefixes
        and devices that they show.
    tokens, tokens_obtained : float
        Of output in extraction answers: without alerts, and until the alerts took effect.
    price_usd, accounts_usd, gear_usd : float
        List price that the operator paid until then, camouflage included (taken to be spent in step with the
        rest), cost of all accounts, and of cards, addresses and devices.
    planned_usd : float
        What all of it would have cost without alerts.
    tokens_per_usd : float
        The operator's number.
    prevented, prevented_low, prevented_high : float
        The detector's number: share of tokens prevented, mean over campaigns, and its 95 % interval.
    detected : float
        Share of campaigns noticed before they ended.
    false_positives : float
        Budget: share of benign accounts ever alerted about.
    """

    detector: str
    task: str
    campaigns: int
    accounts: int
    cards: int
    addresses: int
    devices: int
    tokens: float
    tokens_obtained: float
    price_usd: float
    accounts_usd: float
    gear_usd: float
    planned_usd: float
    tokens_per_usd: float
    prevented: float
    prevented_low: float
    prevented_high: float
    detected: float
    false_positives: float
