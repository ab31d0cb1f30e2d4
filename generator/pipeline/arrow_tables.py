"""A shard's arrays -> Arrow tables of the public schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator import schema
from generator.config.parameters import CHOICES
from generator.population import identities, locales, model_calendar
from generator.population.accounts import Accounts, account_ids
from generator.population.population_plan import PopulationPlan
from generator.prompts import categories
from generator.rng import streams
from generator.schema import DAY_MS
from generator.text import render
from generator.traffic import provider
from generator.traffic.simulate import Shard
from generator.traffic.text_samples import TextSample

_SIGN_UP_MS = 600_000  # over which the sign-ups of one moment spread (a)

_MODELS = tuple(model.name for model in model_calendar.MODELS)
POOLS: dict[str, tuple[str, ...]] = {
    **CHOICES,
    "endpoint": ("messages", "batches"),
    "model": _MODELS,
    "served_model": _MODELS,
    "service_tier": ("standard", "batch", "priority"),
    "stop_reason": provider.STOP_REASONS,
    "error_type": provider.ERRORS,
    "country": locales.COUNTRIES,
    "language": schema.LANGUAGES,
    "stop_category": categories.STOP_CATEGORIES,
}


def requests(plan: PopulationPlan, shard: Shard) -> Iterator[tuple[int, pa.Table]]:
    """Tables of requests, one per day.

    Parameters
    ----------
    plan : PopulationPlan
        The shard's world.
    shard : Shard
        Simulated requests, in the order of their days.

    Yields
    ------
    int
        Day, from 0.
    pyarrow.Table
        Rows of `schema.REQUESTS`.
    """
    start = np.int64(int(plan.config.window(plan.split).timestamp() * 1000))
    ids = pa.array(account_ids(shard.accounts.key[: shard.size]), pa.string())
    pools = {name: pa.array(values, pa.string()) for name, values in POOLS.items()}
    for day in range(plan.config.days):
        rows = slice(shard.day_edges[day], shard.day_edges[day + 1])
        arrays = []
        for column in schema.REQUESTS:
            if column.name == "account_id":
                codes = pa.array(shard.owner[rows])
                arrays.append(pa.DictionaryArray.from_arrays(codes, ids))
            elif column.name == "ts":
                arrays.append(pa.array(shard.columns["ts"][rows] + start).cast(column.dtype))
            else:
                arrays.append(_array(column, shard.columns[column.name][rows], pools))
        yield day, pa.Table.from_arrays(arrays, schema=schema.arrow_schema("requests"))


def prompts(plan: PopulationPlan, shard: Shard) -> Iterator[tuple[int, pa.Table]]:
    """Tables of prompts as text, one per day; none of a dataset without text.

    Parameters
    ----------
    plan : PopulationPlan
        The shard's world.
    shard : Shard
        Simulated requests, and which of them are shown.

    Yields
    ------
    int
        Day, from 0.
    pyarrow.Table
        Rows of `schema.PROMPTS`, in the order of the requests.
    """
    ids = pa.array(account_ids(shard.accounts.key[: shard.size]), pa.string())
    edges = np.searchsorted(shard.texts.row, shard.day_edges)
    for day in range(plan.config.days if plan.config.most_texts else 0):  # one by one: texts take room
        texts = shard.texts.take(np.arange(edges[day], edges[day + 1]))
        columns = [
            pa.array(shard.columns["request_id"][texts.row]),
            pa.DictionaryArray.from_arrays(pa.array(shard.owner[texts.row]), ids),
            pa.array(np.full(len(texts.row), day, np.int32)),
            _system_prompts(texts),
            render.render_prompts(texts.latents),
        ]
        yield day, pa.Table.from_arrays(columns, schema=schema.arrow_schema("prompts"))


def _system_prompts(texts: TextSample) -> pa.Array:
    """Each one's system prompt; those of one stream are written once."""
    streams_of, first, which = np.unique(texts.system, return_index=True, return_inverse=True)
    latents = texts.latents
    once = render.render_system_prompts(streams_of, latents.domain[first], latents.template_language[first])
    return once.take(pa.array(which, mask=texts.system == 0))


def account_rows(plan: PopulationPlan, accounts: Accounts) -> pa.Table:
    """The accounts table of some accounts.

    Parameters
    ----------
    plan : PopulationPlan
        Their world.
    accounts : Accounts
        Whom to describe, one row each.
    """
    start = plan.config.window(plan.split)
    created = np.floor(accounts.created.astype(np.float64) * DAY_MS).astype(np.int64)
    # Before the moment that the plan has: nobody sends a request before he has signed up.
    created -= (streams.uniform_wide(streams.child(accounts.key, "sign-up time")) * _SIGN_UP_MS).astype(np.int64)
    paid, on_file = identities.payment_instruments(plan, accounts)
    domains, organizations = identities.email_domains(plan, accounts)
    columns: dict[str, Any] = {
        "account_id": account_ids(accounts.key),
        "created": pa.array(created + int(start.timestamp() * 1000)).cast(schema.TIMESTAMP),
        "payment_id": pa.array(paid, mask=~on_file),
        "email_domain": domains,
        "organization": organizations,
        "signup_prefix": identities.signup_prefixes(plan, accounts),
    }
    for name in ("plan", "verification", "payment_type", "email_type"):
        codes = pa.array(accounts.choices[name].astype(np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(CHOICES[name], pa.string()))
    arrays = [
        pa.array(columns[c.name], c.dtype) if isinstance(columns[c.name], list) else columns[c.name]
        for c in schema.ACCOUNTS
    ]
    return pa.table(
        [pa.array(a) if isinstance(a, np.ndarray) else a for a in arrays],
        names=[c.name for c in schema.ACCOUNTS],
    ).cast(schema.arrow_schema("accounts"))


def _array(column: schema.Column, values: npt.NDArray[Any], pools: dict[str, pa.Array]) -> pa.Array:
    """Arrow array of one column; -1 (NaN for floats) means null where the column is nullable."""
    if column.dtype == schema.CATEGORY:
        codes = pa.array(values.astype(np.int32), mask=values < 0 if column.nullable else None)
        return pa.DictionaryArray.from_arrays(codes, pools[column.name])
    mask = None
    if column.nullable:
        mask = np.isnan(values) if values.dtype.kind == "f" else values == -1
    return pa.array(values, column.dtype, mask=mask)
