"""What a provider would have noted about a world's accounts: a process beside the log, which it never changes.

Rules, chargebacks and users' reports notice accounts, by public columns and by truth, each with a delay. A rule
puts an account on watch, which may become a review; a review bans or clears, and errs; some who are banned appeal.
The first ban of a campaign by review may open an investigation, a case, which bans many of the others on one day.
What would come after the window isn't known. Every rate is an assumption (a), tuned on `small` so that who learns
from these labels loses some of a detector's precision and not all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator import schema
from generator.arrays import F32, I64, U64, Mask
from generator.columns import SOURCES, STATES
from generator.population.accounts import account_ids
from generator.population.population_plan import PopulationPlan
from generator.rng import opaque_ids, streams
from generator.schema import DAY_MS


@dataclass(frozen=True)
class NoticeRates:
    """Chances of one kind of account (a).

    Attributes
    ----------
    rule, report, chargeback : float
        That a rule, a user's report or a chargeback ever notices it.
    reviewed : float
        That a review follows a watch.
    banned : float
        That a review bans it.
    reinstated : float
        That it appeals a ban and is cleared.
    """

    rule: float
    report: float
    chargeback: float
    reviewed: float
    banned: float
    reinstated: float


EXTRACTION = NoticeRates(rule=0.6, report=0.05, chargeback=0.05, reviewed=0.9, banned=0.85, reinstated=0.02)
"""Accounts that served their campaign."""
OTHERS = NoticeRates(rule=0.02, report=0.003, chargeback=0.001, reviewed=0.4, banned=0.1, reinstated=0.4)
"""Everybody else: benign, grey, and those of campaigns that did nothing."""
SUSPICIOUS = 2.0
"""Factor of a rule's chance for each of: disposable e-mail, prepaid or no payment, nothing verified (a)."""
MOST_SUSPICION = 0.9
RULE_DAYS, REPORT_DAYS, CHARGEBACK_DAYS = 1.5, 3.0, 6.0
"""Mean delay from the first work to being noticed, days (a)."""
REVIEW_DAYS, APPEAL_DAYS = 1.0, 4.0
"""Mean time of a watch and of a review, and from a ban to an appeal's end, days (a)."""

INVESTIGATED = 0.9
"""Chance that the first ban of a campaign by review opens an investigation of those who belong with it (a)."""
INVESTIGATION_DAYS = 1.0
"""Mean time from that ban to the end of the investigation, days (a)."""
FOUND = 0.85
"""Share of a campaign's accounts that have begun and are found by then (a)."""

_NEVER = 1 << 30
_WATCH, _REVIEW, _BANNED, _CLEARED = range(len(STATES))
_RULE, _MANUAL, _CHARGEBACK, _REPORT = range(len(SOURCES))


def labels_observed(plan: PopulationPlan, accounts: pa.Table, labels: pa.Table, campaigns: pa.Table) -> pa.Table:
    """States of a world's accounts.

    Parameters
    ----------
    plan : PopulationPlan
        The world; its streams of accounts are drawn from.
    accounts, labels : pyarrow.Table
        One row for each account, sorted by account_id.
    campaigns : pyarrow.Table
        Tells when each began.

    Returns
    -------
    pyarrow.Table
        Rows of `schema.LABELS_OBSERVED`, sorted by account and day.
    """
    key = _streams(plan, accounts)
    attack = labels["served"].to_numpy(zero_copy_only=False)
    draw = {
        name: streams.child(key, f"observed {name}") for name in ("notice", "review", "delays", "appeal", "case")
    }
    chance = {
        name: np.where(attack, getattr(EXTRACTION, name), getattr(OTHERS, name)).astype(np.float32)
        for name in ("rule", "report", "chargeback", "reviewed", "banned", "reinstated")
    }
    chance["rule"] = np.minimum(chance["rule"] * _suspicion(accounts), np.float32(MOST_SUSPICION))
    source, noticed = _notice(draw["notice"], chance)
    rows = _StateRows()
    begin = _begin(plan, accounts, labels, campaigns)
    day = _later(begin, draw["notice"], 2, _delay_days(source))
    rows.add(noticed & (source == _RULE), day, _WATCH, source)
    watched = noticed & (source == _RULE)
    reviewed = (watched & (streams.uniform(draw["review"], 0) < chance["reviewed"])) | (
        noticed & (source == _REPORT)
    )
    day = np.where(watched, _later(day, draw["delays"], 0, REVIEW_DAYS), day)
    rows.add(reviewed, day, _REVIEW, source)
    day = np.where(reviewed, _later(day, draw["delays"], 1, REVIEW_DAYS), day)
    guilty = streams.uniform(draw["review"], 1) < chance["banned"]
    source = np.where(reviewed, _MANUAL, source)
    banned = (reviewed & guilty) | (noticed & (source == _CHARGEBACK))
    rows.add(banned, day, _BANNED, source)
    first_ban = np.where(banned, day, _NEVER)
    rows.add(reviewed & ~guilty, day, _CLEARED, source)
    back = banned & (streams.uniform(draw["appeal"], 0) < chance["reinstated"])
    rows.add(back, _later(day, draw["appeal"], 1, APPEAL_DAYS), _CLEARED, np.full(len(key), _MANUAL))
    # Links tie those that have done nothing yet to a campaign, too.
    suspects = np.array([name or "" for name in labels["campaign"].to_pylist()])
    found, closed, case = _investigations(suspects, np.where(reviewed, first_ban, _NEVER), draw["case"])
    found &= (begin <= closed) & (first_ban > closed)
    case[~found & (first_ban >= closed)] = 0
    rows.end(found, closed)
    rows.add(found, closed, _BANNED, np.full(len(key), _MANUAL))
    return rows.table(accounts["account_id"].cast(pa.string()), plan.config.days, case)


def _streams(plan: PopulationPlan, accounts: pa.Table) -> U64:
    """Stream of each account, in the order of the table."""
    ids = np.array(account_ids(plan.account_key))
    order = np.argsort(ids)
    at = order[np.searchsorted(ids[order], np.array(accounts["account_id"].cast(pa.string()).to_pylist()))]
    return np.asarray(plan.account_key[at])


def _suspicion(accounts: pa.Table) -> F32:
    """Factor of a rule's chance, from public columns."""

    def among(column: str, *values: str) -> Mask:
        return np.isin(np.array(accounts[column].cast(pa.string()).to_pylist()), values)

    marks = (
        among("email_type", "disposable").astype(np.float32)
        + among("payment_type", "prepaid", "none")
        + among("verification", "none")
    )
    # Products of two, not powers: bytes must not depend on the processor.
    return np.cumprod(np.array([1, *[SUSPICIOUS] * 3], np.float32), dtype=np.float32)[marks.astype(np.int64)]


def _begin(plan: PopulationPlan, accounts: pa.Table, labels: pa.Table, campaigns: pa.Table) -> I64:
    """First day of the window on which there is something to notice of each account."""
    start = int(plan.config.window(plan.split).timestamp() * 1000)
    created = accounts["created"].cast(pa.int64()).to_numpy()
    first = dict(zip(campaigns["campaign"].to_pylist(), campaigns["first_day"].to_pylist(), strict=True))
    works = np.array([first.get(name, 0) for name in labels["campaign"].to_pylist()])
    return np.asarray(np.maximum(np.maximum((created - start) // DAY_MS, works), 0))


def _notice(bits: U64, chance: dict[str, F32]) -> tuple[I64, Mask]:
    """What notices each account, and whether anything does."""
    u = streams.uniform(bits, 0)
    edges = np.cumsum([chance[name] for name in ("rule", "report", "chargeback")], axis=0)
    source = np.array([_RULE, _REPORT, _CHARGEBACK, _RULE])[(u >= edges).sum(axis=0)]
    return source, u < edges[-1]


def _investigations(suspects: npt.NDArray[Any], reviewed: I64, bits: U64) -> tuple[Mask, I64, I64]:
    """Whom the investigation of his campaign finds, when it is closed, and its number; 0 where there is none.

    Parameters
    ----------
    suspects : ndarray of str, shape (accounts,)
        Campaign of each account that belongs to one, else "".
    reviewed : ndarray of int, shape (accounts,)
        Day of each one's ban by review.
    bits : ndarray of uint64, shape (accounts,)
        Streams of the accounts; an investigation is drawn from that of the account by which it began.
    """
    found, closed = np.zeros(len(bits), np.bool_), np.full(len(bits), _NEVER)
    case, numbers = np.zeros(len(bits), np.int64), opaque_ids.opaque53(streams.child(bits, "case number"))
    end = _later(reviewed, bits, 1, INVESTIGATION_DAYS)
    opens = (reviewed < _NEVER) & (streams.uniform(bits, 0) < INVESTIGATED)
    for name in set(suspects[reviewed < _NEVER].tolist()) - {""}:
        members = np.flatnonzero(suspects == name)
        first = members[np.lexsort((bits[members], reviewed[members]))[0]]
        if opens[first]:
            found[members], closed[members] = streams.uniform(bits[members], 2) < FOUND, end[first]
            case[members] = numbers[first]
    return found, closed, case


def _delay_days(source: I64) -> npt.NDArray[np.float32]:
    days = {_RULE: RULE_DAYS, _MANUAL: 0.0, _CHARGEBACK: CHARGEBACK_DAYS, _REPORT: REPORT_DAYS}
    return np.array([days[s] for s in range(len(SOURCES))], np.float32)[source]


def _later(day: I64, bits: U64, part: int, mean: float | F32) -> I64:
    """A day or more later, by an exponential time of a mean in days."""
    waited = (streams.exponential(bits, part) * np.float32(mean)).astype(np.int64)
    return np.asarray(day + 1 + waited)


class _StateRows:
    """States collected step by step."""

    def __init__(self) -> None:
        self._parts: list[tuple[I64, I64, I64, I64]] = []

    def add(self, some: Mask, day: I64, state: int, source: I64) -> None:
        """Note that some accounts enter a state, each on its day."""
        who = np.flatnonzero(some)
        self._parts.append((who, day[who], np.full(len(who), state), source[who]))

    def end(self, some: Mask, day: I64) -> None:
        """Forget what would have come on that day or later."""
        for i, (who, when, state, source) in enumerate(self._parts):
            kept = ~some[who] | (when < day[who])
            self._parts[i] = who[kept], when[kept], state[kept], source[kept]

    def table(self, ids: pa.ChunkedArray, days: int, case: I64) -> pa.Table:
        """Rows of the window; bans name their case."""
        who, day, state, source = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.lexsort((day, who))
        order = order[day[order] < days]
        columns = {
            "account_id": ids.take(pa.array(who[order])),
            "day": day[order],
            "state": np.array(STATES)[state[order]].tolist(),
            "source": np.array(SOURCES)[source[order]].tolist(),
            "case": pa.array(case[who[order]], mask=(state[order] != _BANNED) | (case[who[order]] == 0)),
        }
        return pa.table(columns).cast(schema.arrow_schema("labels_observed"))
