"""What an operator may change of its campaigns: groups of dials, within what each archetype allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.config import dataset_config
from generator.errors import UserError
from generator.schema import TIERS
from siphonbench.workflows.duel import rules
from siphonbench.workflows.sensitivity import groups
from siphonbench.workflows.sensitivity.groups import DialGroup

_PROVIDERS = "bans"  # a group of campaigns' dials that the provider turns
_PACE = DialGroup("pace", "accounts ask more often", 0, 1, "campaigns", {"rate": 1})


def moves(names: Sequence[str] = ()) -> dict[str, DialGroup]:
    """Groups of dials that an operator turns, by name: those of campaigns in a study of sensitivity, and pace.

    Parameters
    ----------
    names : sequence of str
        Some of them; all if left out.

    Raises
    ------
    UserError
        If there is no such group.
    """
    known = groups.read().items()
    own = {n: g for n, g in known if g.archetypes == "campaigns" and g.dials and n != _PROVIDERS}
    return groups.chosen(own | {_PACE.name: _PACE}, names)


def moved(document: Mapping[str, Any], places: Mapping[str, float]) -> dict[str, Any]:
    """Campaigns with some groups of dials at other places.

    Parameters
    ----------
    document : mapping
        An operator's file, as `rules.read` gives it.
    places : mapping of str to float
        From 0 to 1 by group, of `moves`: where each dial stands between the ends of its ranges (on the scale of
        logarithms where the lower end is above 0). Groups that are left out stay as the document has them.

    Examples
    --------
    >>> mine = {"cohorts": [{"name": "mine", "archetype": "A1", "tier": "overt", "accounts": 20}]}
    >>> moved(mine, {"camouflage": 0})["cohorts"][0]["dials"]
    {'camouflage': 0.0}
    """
    known, cohorts = moves(), []
    for cohort in document["cohorts"]:
        ends = rules.allowed(cohort["archetype"])
        dials = dict(cohort.get("dials", {}))
        for name, place in places.items():
            for dial, power in known[name].dials.items():
                low, high = ends[dial]
                if low < high:
                    dials[dial] = _between(low, high, place if power > 0 else 1 - place)
        cohorts.append({**cohort, "dials": dials})
    return {**document, "cohorts": cohorts}


def first_try(preset: str, tier: str, accounts: int | None = None) -> dict[str, Any]:
    """Campaigns of an operator whom nobody has turned away yet: one of each archetype of a preset's campaigns.

    Parameters
    ----------
    preset, tier : str
        A preset's name; "overt", "evasive" or "adaptive".
    accounts : int, optional
        Dealt evenly; left out, as many as the preset's campaigns have.

    Raises
    ------
    UserError
        If there is no such preset or tier.

    Examples
    --------
    >>> [cohort["accounts"] for cohort in first_try("nano", "evasive", 20)["cohorts"]][:3]
    [3, 3, 3]
    """
    if preset not in dataset_config.PRESETS or tier not in TIERS:
        choices = f"choose {', '.join(dataset_config.PRESETS)}, and {', '.join(TIERS)}"
        raise UserError(f"no preset {preset!r} with a tier {tier!r}: {choices}")
    below = dataset_config.preset(preset)
    kinds, total = below["campaign_archetypes"], accounts or below["extraction_accounts"]
    sizes = [total // len(kinds) + (i < total % len(kinds)) for i in range(len(kinds))]
    return {
        "cohorts": [
            {"name": f"operator-{kind}", "archetype": kind, "tier": tier, "accounts": n}
            for kind, n in zip(kinds, sizes, strict=True)
            if n
        ]
    }


def _between(low: float, high: float, share: float) -> float:
    """Within the ends, rounded inwards."""
    value = low * (high / low) ** share if low > 0 else low + share * (high - low)
    return min(max(round(value, 6), low), high)
