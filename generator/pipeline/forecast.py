"""What a scenario will hold, from its plan: expected requests, tokens and price per campaign and kind of customer.

Nothing is generated: the requests of a sample of accounts are counted as the generator will count them, and a
few of those accounts are asked for their tokens. Where the sample is all accounts of a group, its count is the
plan's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from generator import schema
from generator.arrays import F64, I64, Integers
from generator.config.archetypes import archetypes
from generator.config.dataset_config import Config
from generator.population import population_plan, work_windows
from generator.population.accounts import draw_accounts
from generator.population.population_plan import PopulationPlan
from generator.rng import keyed_streams
from generator.traffic import provider, quotas, sessions
from generator.workloads.batch import RequestBatch
from generator.workloads.token_usage import draw_usage

BYTES_PER_PROMPT = 190  # on disk (measured: 175 where all are shown, 187 of a sample)
SAMPLE = 20_000  # accounts per group; the mean of the most skewed archetype then has an error of about 4 %
_TOKEN_ROWS = 100_000  # requests per group whose tokens are drawn
BYTES_PER_REQUEST = 66  # on disk, truth included
MEMORY_PER_REQUEST = 420  # bytes of a worker for each request of its shard, above some 100 MB (measured)
MEMORY_PER_PROMPT = (
    250  # bytes of a worker: what it is made from, twice while it is put in order, and a day's texts
)
_SAMPLE = 4_000  # accounts of each world; their mean has an error of up to a tenth


class ExpectedRows(NamedTuple):
    """How many rows accounts give rise to: requests, and those of them that are shown as text."""

    requests: float
    prompts: float

    @property
    def disk(self) -> float:
        """Bytes of their files, truth included."""
        return BYTES_PER_REQUEST * self.requests + BYTES_PER_PROMPT * self.prompts

    @property
    def memory(self) -> float:
        """Bytes that a worker would take for all of them at once."""
        return MEMORY_PER_REQUEST * self.requests + MEMORY_PER_PROMPT * self.prompts


@dataclass(frozen=True)
class Group:
    """Accounts that are told of together: a campaign, an extra cohort, or all benign ones of an archetype.

    Attributes
    ----------
    name, archetype, tier, label : str
        What they are; the tier is "" for benign ones.
    accounts, sampled : int
        How many there are, and on how many the rest rests.
    first_day, last_day : int
        Work window.
    per_day : ndarray of float64, shape (days,)
        Expected requests on each day of the window.
    median : float
        Requests a day of the median account, over the whole window.
    prompts, output_tokens, list_price : float
        Expected, over the whole window: requests that are shown as text, tokens, USD.
    """

    name: str
    archetype: str
    tier: str
    label: str
    accounts: int
    sampled: int
    first_day: int
    last_day: int
    per_day: F64
    median: float
    prompts: float
    output_tokens: float
    list_price: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"per_day": self.per_day.tolist(), "requests": self.requests}

    @property
    def requests(self) -> float:
        """Expected requests over the whole window."""
        return float(self.per_day.sum())


def expected(
    config: Config, split: str, sample: int = SAMPLE, on_group: Callable[[int, int], None] | None = None
) -> list[Group]:
    """Groups of one world: benign archetypes first, then extra cohorts and campaigns in the order of the plan.

    Parameters
    ----------
    sample : int
        Largest number of accounts looked at per group.
    on_group : callable, optional
        Told (done, total) as work goes on.
    """
    plan = quotas.plan_world(config, split)
    kinds = population_plan.variants()
    extraction = plan.label == schema.LABELS.index("extraction")
    alone = extraction.copy()
    alone[len(plan.sizes) - len(config.cohorts) :] = True
    shared = [
        (archetype, np.flatnonzero((plan.archetype == i) & ~alone)) for i, (archetype, _) in enumerate(kinds)
    ]
    parts = [(name, which) for name, which in shared if len(which)]
    parts += [(plan.names[c], np.array([c])) for c in np.flatnonzero(alone).tolist()]
    groups = []
    for done, (name, which) in enumerate(parts, 1):
        groups.append(_group(plan, name, which, sample))
        if on_group:
            on_group(done, len(parts))
    return groups


def expected_rows(config: Config) -> dict[str, ExpectedRows]:
    """Rows of each world of a dataset, from those of a few thousand of its accounts.

    Parameters
    ----------
    config : Config
        What would be made.
    """
    rows = {}
    with keyed_streams.keyed(config.secret):
        for split in config.splits:
            plan = quotas.plan_world(config, split)
            _, counts, factor = _counted(plan, np.arange(len(plan.account_key)), _SAMPLE)
            rows[split] = ExpectedRows(float(counts.sum()) * factor, _texts(config, counts) * factor)
    return rows


def _texts(config: Config, counts: I64) -> float:
    """How many requests of some accounts are shown as text, from what each sends a day."""
    return float(np.minimum(counts.sum(axis=1), config.most_texts).sum())


def _counted(plan: PopulationPlan, members: I64, sample: int) -> tuple[I64, I64, float]:
    """At most `sample` of some accounts, requests of each a day, and how many accounts each stands for."""
    # Evenly over all of them: neighbours are of one cohort.
    taken = members[:: max(1, -(-len(members) // sample))]
    counts = sessions.request_counts(plan, draw_accounts(plan, taken), np.arange(plan.config.days))
    return taken, counts, len(members) / len(taken)


def _group(plan: PopulationPlan, name: str, which: Integers, sample: int) -> Group:
    first = int(which[0])
    archetype, tier = population_plan.variants()[plan.archetype[first]]
    members = np.flatnonzero(np.isin(plan.account_cohort, which))
    taken, counts, factor = _counted(plan, members, sample)
    per_account = counts.sum(axis=1)
    outputs, price = _usage(plan, taken, per_account)
    begins, ends = work_windows.work_days(plan)
    campaign = len(which) == 1
    return Group(
        name=name,
        archetype=archetype,
        tier=tier,
        label=archetypes()[archetype].label,
        accounts=len(members),
        sampled=len(taken),
        first_day=max(0, int(begins[first])) if campaign else 0,
        last_day=min(plan.config.days, int(ends[first])) - 1 if campaign else plan.config.days - 1,
        per_day=counts.sum(axis=0) * factor,
        prompts=_texts(plan.config, counts) * factor,
        median=float(np.median(per_account)) / plan.config.days,
        output_tokens=outputs * factor,
        list_price=price * factor,
    )


def _usage(plan: PopulationPlan, taken: I64, per_account: I64) -> tuple[float, float]:
    """Output tokens and list price (USD) of the taken accounts' requests, from those of some of them."""
    busy = np.flatnonzero(per_account)
    if not len(busy):
        return 0.0, 0.0
    few = busy[np.cumsum(per_account[busy]) <= _TOKEN_ROWS]
    few = few if len(few) else busy[[np.argmin(per_account[busy])]]
    accounts = draw_accounts(plan, taken[few])
    drawn = sessions.draw_sessions(plan, accounts)
    batch = RequestBatch.of(accounts, drawn)
    usage = draw_usage(batch)
    model, batch_tier = provider.requested_models(plan, accounts, drawn), provider.is_batch(accounts, drawn)
    price = provider.list_price(model[batch.session], usage, batch_tier[batch.session])
    scale = per_account.sum() / max(1, len(batch))
    return float(usage.output.sum() * scale), float(price.sum() * scale)
