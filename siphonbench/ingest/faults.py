"""What was wrong with a source: how often, and where first."""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = {
    "too early": "the file ends too early, as a download that was cut",
    "too long": "an entry is longer than can be read",
    "no JSON": "an entry is no JSON object, or no row of the table",
    "no call": "an entry is no call of a chat or completion model: left out",
    "no account": "a call names no account: left out",
    "no time": "a call has no time that can be read: left out",
    "absurd time": "a time is before 2015, or in the future: left out",
    "outside": "a call is older than the longest window: left out",
    "repeated id": "a call has the id of an earlier one of its account: left out",
    "no zone": "a time has no zone: read as UTC",
    "backward clock": "a call ends before it begins: its duration is left empty",
    "no usage": "an answered call says no tokens: left empty",
    "absurd count": "a count is negative, no number or absurdly high: left empty",
    "no text": "messages can't be read: no sketch of them",
}
"""Kinds of faults, in the order in which they are told."""


@dataclass
class Faults:
    """Counts of faults.

    Attributes
    ----------
    counts : dict of str to int
        By kind, a key of `KINDS`.
    first : dict of str to str
        Where each kind was met first: file and line.
    """

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, where: str, count: int = 1) -> None:
        """Count a fault.

        Parameters
        ----------
        kind : str
            Key of `KINDS`.
        where : str
            File and line.
        count : int
            How many.
        """
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.first.setdefault(kind, where)

    def lines(self) -> list[tuple[str, int, str]]:
        """What is wrong, how often, and where first; in the order of `KINDS`."""
        return [(KINDS[kind], self.counts[kind], self.first[kind]) for kind in KINDS if kind in self.counts]
