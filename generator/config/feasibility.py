"""Whether a configuration whose values are sound one by one can be built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from generator.config.campaign_schedule import LEAST_OF_TIER, missing
from generator.schema import TIERS

_Document = dict[str, Any]


def _accounts(c: _Document) -> Iterator[str]:
    accounts, attack, campaigns = c["accounts"], c["extraction_accounts"], c["campaigns"]
    if attack >= accounts:
        yield f"extraction_accounts: {attack:,} of {accounts:,} leaves none benign: raise accounts, or lower it"
    if campaigns * 3 > attack:
        yield (
            f"campaigns: {campaigns} need 3 accounts each, extraction_accounts is {attack}: raise it to "
            f"{campaigns * 3}, or lower campaigns to {attack // 3}"
        )
    if attack and not campaigns:
        yield f"extraction_accounts: {attack} accounts are in no campaign: raise campaigns, or set it to 0"


def _tiers(c: _Document) -> Iterator[str]:
    campaigns, least = c["campaigns"], LEAST_OF_TIER * len(TIERS)
    if 0 < campaigns < least:  # they take tiers in turn
        yield (
            f"campaigns: {campaigns} leave {campaigns // len(TIERS)} in a tier, and fewer than {LEAST_OF_TIER} "
            f"say nothing: raise it to {least} or more, or set it to 0"
        )


def _cohorts(c: _Document) -> Iterator[str]:
    total = sum(cohort["accounts"] for cohort in c["cohorts"])
    if total > c["accounts"]:
        yield (
            f"cohorts: their {total:,} accounts are more than the world's {c['accounts']:,}: make them smaller, "
            "or raise accounts"
        )


def _days(c: _Document) -> Iterator[str]:
    days, quiet = c["days"], c["quiet_days"]
    collects = c["campaigns"] or any(cohort.get("tier") for cohort in c["cohorts"])
    if quiet >= days and collects:
        yield f"quiet_days: {quiet} of {days} days leave none for campaigns: lower it to {days - 1} at most"
        return
    for i, cohort in enumerate(c["cohorts"]):
        first, length = cohort.get("first_day", -1), cohort.get("days", 0)
        begins = max(first, 0)
        if not -1 <= first < days:
            yield f"cohorts[{i}].first_day: {first} is outside 0 to {days - 1}: days count from 0; move it"
        elif not 0 <= length <= days - begins:
            yield (
                f"cohorts[{i}].days: {length} days from day {begins} on end after the world's {days}: at most "
                f"{days - begins} fit; shorten it, or raise days"
            )


def _archetypes(c: _Document) -> Iterator[str]:
    turn, held = c["campaign_archetypes"], c["test_only_archetypes"]
    early = [s for s in c["splits"] if s != "test"]
    if c["campaigns"] and not turn:
        yield f"campaign_archetypes: is empty but campaigns is {c['campaigns']}: name one, or set campaigns to 0"
        return
    for a in sorted(set(turn) & set(held)):
        yield f"campaign_archetypes: {a} is in test_only_archetypes: take it out of one of the two lists"
    for i, cohort in enumerate(c["cohorts"]):
        if cohort["archetype"] in held and early:
            yield (
                f"cohorts[{i}].archetype: {cohort['archetype']} is in test_only_archetypes, and the cohort would "
                f"stand in {' and '.join(early)}: set splits to ['test'], or take it out of that list"
            )
    for split in c["splits"] if turn else ():
        few = missing(c["least_campaigns"], c["campaigns"], split, turn, held)
        if few:
            kinds = len(turn) + (len(held) if split == "test" else 0)
            have = ", ".join(f"{a} {n}" for a, n in few.items())
            yield (
                f"campaigns: {c['campaigns']} give {split} fewer than least_campaigns {c['least_campaigns']} of "
                f"{have}: raise campaigns to {kinds * c['least_campaigns']}, or lower least_campaigns"
            )


CHECKS: tuple[tuple[tuple[str, ...], Callable[[_Document], Iterator[str]]], ...] = (
    (("accounts", "extraction_accounts", "campaigns"), _accounts),
    (("campaigns",), _tiers),
    (("accounts", "cohorts"), _cohorts),
    (("days", "quiet_days", "campaigns", "cohorts"), _days),
    (
        ("campaigns", "campaign_archetypes", "test_only_archetypes", "least_campaigns", "splits", "cohorts"),
        _archetypes,
    ),
)
