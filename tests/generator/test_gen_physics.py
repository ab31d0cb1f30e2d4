"""Every invariant of the log holds in a small world made by hand, and notices one row that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from generator import schema
from generator.audit.physics import history_views, invariants
from generator.audit.physics.views import VIEWS
from generator.dataset import Split
from generator.table import Table

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 2
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000  # ms
Row = dict[str, Any]
CALL: Row = {
    **{c.name: None if c.nullable else 0 for c in schema.REQUESTS},
    "account_id": "acc_a",
    "channel": "console",
    "endpoint": "messages",
    "model": "sonata-2-mini",
    "served_model": "sonata-2-mini",
    "service_tier": "standard",
    "stream": False,
    "max_tokens": 1024,
    "messages": 1,
    "input_tokens": 400,
    "output_tokens": 50,
    "stop_reason": "end_turn",
    "status": 200,
    "latency_ms": 5000,
    "sdk": "python",
    "ip_prefix": 1,
    "asn": 1,
    "asn_type": "business",
    "country": "region_a",
    "tls_fingerprint": 1,
    "language": "en",
}
FAILED: Row = {
    "status": 529,
    "error_type": "overloaded_error",
    "output_tokens": 0,
    "stop_reason": None,
    "latency_ms": 100,
}
GATEWAY: Row = {"sdk": "gateway", "asn_type": "hosting"}
PERSON: Row = {
    "plan": "build",
    "verification": "email",
    "payment_type": "card",
    "email_type": "free",
    "organization": None,
    "signup_prefix": 1,
    "created": -10 * DAY,
}
MODEL: Row = {
    "released": -90 * DAY,
    "withdrawn": None,
    "returned": None,
    "input_price": 1.0,
    "output_price": 5.0,
    "cache_write_price": 1.25,
    "cache_read_price": 0.1,
    "batch_factor": 0.5,
    "context_window": 1_000_000,
}


@dataclass
class World:
    """Rows of the public tables by a name of their own; times in ms since the window began."""

    requests: dict[str, Row] = field(default_factory=dict)
    accounts: dict[str, Row] = field(default_factory=dict)
    releases: dict[str, Row] = field(default_factory=dict)
    in_order: bool = True

    def ask(self, name: str, ts: int, **values: Any) -> None:
        number = len(self.requests) + 1
        row = CALL | {"request_id": number, "prompt_simhash": 1000 + number, "ts": ts, "day": ts // DAY}
        row |= {"api_key": ord(str(values.get("account_id", CALL["account_id"]))[-1])} | values
        self.requests[name] = row

    def split(self) -> Split:
        """As a split of a dataset, accounts in two buckets."""
        rows = list(self.requests.values())
        if self.in_order:
            rows.sort(key=lambda row: row["ts"])
        buckets = [
            [row for row in rows if (row["account_id"] in "acc_a acc_b") == first] for first in (True, False)
        ]
        return Split(
            "train",
            START,
            DAYS,
            {
                "requests": _table("requests", *buckets),
                "accounts": _table("accounts", list(self.accounts.values())),
                "releases": _table("releases", list(self.releases.values())),
            },
            masked=True,
        )


def _table(name: str, *buckets: list[Row]) -> Table:
    empty = pl.DataFrame(schema.arrow_schema(name).empty_table()).schema
    times = [column for column, dtype in empty.items() if isinstance(dtype, pl.Datetime)]
    parts = [
        pl.DataFrame(
            [row | {column: _moment(row[column]) for column in times} for row in rows],
            schema=empty,
        ).lazy()
        for rows in buckets
    ]
    return Table(name, parts, tuple(empty))


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else START + timedelta(milliseconds=ms)


def _firm(letter: str, **values: Any) -> Row:
    firm = {"email_type": "corporate", "email_domain": f"{letter}.example", "organization": letter}
    return {"plan": "enterprise", "payment_type": "invoice", **firm, **values}


_PEOPLE: dict[str, Row] = {
    "acc_a": {"verification": "payment"},
    "acc_b": {"plan": "free", "payment_type": "none", "created": 5 * HOUR},
    "acc_c": _firm("c", verification="organisation"),
    "acc_d": _firm("d"),
    "acc_e": {"plan": "scale", "verification": "payment"},
    "acc_f": {"plan": "free", "payment_type": "none"},
    "acc_g": {"payment_type": "credits", "email_type": "disposable"},
    "acc_m": {"plan": "education", "email_type": "education", "payment_type": "marketplace"},
}
_SMALL: Row = {"model": "etude-1-nano", "served_model": "etude-1-nano"}
_MODELS: dict[str, Row] = {
    "sonata-2-mini": {},
    "etude-1": {"input_price": 100.0, "output_price": 500.0, "cache_write_price": 125.0},
    "sonata-3": {"released": DAY},
    "etude-1-nano": {"withdrawn": -9 * DAY, "returned": DAY},
    "sonata-2": {"withdrawn": 3 * HOUR},
}


def valid() -> World:
    """A world in which every invariant has something to check."""
    world = World()
    for i, (name, values) in enumerate(_PEOPLE.items()):
        row = PERSON | {"account_id": name, "email_domain": f"mail-{name}.example", "payment_id": i} | values
        world.accounts[name] = row | ({"payment_id": None} if row["payment_type"] in ("none", "credits") else {})
    world.releases = {name: MODEL | {"model": name} | values for name, values in _MODELS.items()}
    _single_calls(world)
    _conversations(world)
    world.ask("flagged", 50 * MINUTE, account_id="acc_a", model="etude-1", stop_category="cyber")
    world.ask("fallback", 55 * MINUTE, account_id="acc_a", model="etude-1")
    for i in range(20):
        world.ask(f"burst {i}", 7 * HOUR + i * SECOND, account_id="acc_b")
    world.ask("the day before", 20 * HOUR, account_id="acc_f")
    for i in range(1000):
        world.ask(f"load {i}", DAY + HOUR + 4 * i * SECOND, account_id="acc_f", **_SMALL)
    return world


def _single_calls(world: World) -> None:
    same = {"system_prompt_hash": 50, "prompt_simhash": 77, "tls_fingerprint": 7, "ip_prefix": 7, "asn": 7}
    world.ask(
        "call",
        HOUR,
        **same,
        tools=2,
        tools_hash=70,
        stop_reason="tool_use",
        stream=True,
        ttft_ms=500,
        output_tokens=100,
        response_simhash=9,
        service_tier="priority",
        end_user_id=5,
    )
    world.ask("again", HOUR + MINUTE, **same, cache_read_input_tokens=300)
    queued = {"endpoint": "batches", "service_tier": "batch", "latency_ms": 2 * MINUTE}
    world.ask("batch", 3 * HOUR, account_id="acc_c", **queued)
    market = {"channel": "marketplace_a", "tls_fingerprint": 2, "ip_prefix": 2, "asn": 2}
    world.ask("market", 3 * HOUR, account_id="acc_m", **GATEWAY, **market)
    hidden = {"channel": "aggregator", "messages": 3, "tls_fingerprint": 3, "ip_prefix": 3, "asn": 3}
    world.ask("hidden", 3 * HOUR, account_id="acc_g", **GATEWAY, **hidden)
    world.ask("quote", 5 * HOUR, account_id="acc_c", input_tokens=600, echo_response_id=1)
    world.ask("newcomer", 6 * HOUR, account_id="acc_b", temperature=1.0)


def _conversations(world: World) -> None:
    at = 2 * HOUR
    chat, turn = {"conversation_id": 900}, {"conversation_id": 900, "messages": 3, "input_tokens": 1200}
    world.ask("opening", at, **chat, input_tokens=1000, output_tokens=200, reasoning_tokens=50, response_simhash=1)
    world.ask("failed", at + MINUTE, **turn, **FAILED, prompt_simhash=88)
    full = {"max_tokens": 512, "output_tokens": 512, "stop_reason": "max_tokens", "response_simhash": 1}
    # Sent by a stand-in, whose rows lie in the other bucket.
    world.ask("retry", at + MINUTE + SECOND, **turn, **full, prompt_simhash=88, retries=1, account_id="acc_c")
    longer = {"messages": 5, "input_tokens": 2000, "cache_read_input_tokens": 900}
    world.ask("last", at + 4 * MINUTE, **chat, **longer)
    moved = {"conversation_id": 920}
    world.ask("thought", at, **moved, account_id="acc_g", reasoning_tokens=20)
    refused = FAILED | {"status": 400, "error_type": "invalid_encrypted_content"}
    world.ask("refused", at + MINUTE, **moved, **refused, account_id="acc_c", messages=3, input_tokens=500)
    stray = {"conversation_id": 910, "prompt_simhash": 99}
    for n in range(4):
        world.ask(f"attempt {n}", 4 * HOUR + 10 * n * SECOND, **stray, **FAILED, retries=n)
    world.ask("later", 4 * HOUR + MINUTE, **stray)


def change(name: str, table: str = "requests", **values: Any) -> Callable[[World], None]:
    """Plant other values in one row."""
    return lambda world: getattr(world, table)[name].update(values)


def twice(table: str, name: str) -> Callable[[World], None]:
    """Plant a second row of one account or model."""
    return lambda world: getattr(world, table).update(twice=dict(getattr(world, table)[name]))


def late(world: World) -> None:
    world.in_order = False
    world.requests["late"] = world.requests.pop("again")


PLANTED: dict[str, Callable[[World], None]] = {
    "status fits the error": change("failed", error_type="api_error"),
    "a failed request has no answer": change("failed", ttft_ms=50),
    "an answered request has an answer": change("market", output_tokens=0),
    "counters are not negative": change("market", reasoning_tokens=-1),
    "reasoning is part of the output": change("market", reasoning_tokens=60),
    "cached tokens are part of the prompt": change("again", cache_creation_input_tokens=200),
    "answers keep to their limit": change("market", max_tokens=40, stop_reason="max_tokens"),
    "max_tokens stops at the limit only": change("market", stop_reason="max_tokens"),
    "tool_use needs tools": change("market", stop_reason="tool_use"),
    "the context window holds": change("market", input_tokens=999_990),
    "fingerprints where the schema says": change("market", response_simhash=5),
    "first tokens are streamed": change("market", stream=True),
    "the first token is not the last": change("call", ttft_ms=5001),
    "what stands in is cheaper": change("fallback", model="sonata-2-mini", served_model="sonata-2"),
    "flagged prompts get a weaker model": change("flagged", served_model="etude-1"),
    "answers take time": change("failed", latency_ms=0),
    "tokens take time": change("market", latency_ms=100),
    "tools have a hash": change("market", tools_hash=71),
    "temperature in its range": change("newcomer", temperature=3.0),
    "the client speaks last": change("hidden", messages=4),
    "batches are of the batch tier": change("batch", service_tier="standard"),
    "batches hold single calls": change("batch", conversation_id=950),
    "batches take minutes": change("batch", latency_ms=59_000),
    "the priority tier is paid for": change("newcomer", service_tier="priority"),
    "end users of the console only": change("market", end_user_id=5),
    "the aggregator hides conversations": change("hidden", conversation_id=960),
    "history has a conversation": change("market", messages=3),
    "marketplaces are paid through": change("acc_m", "accounts", payment_type="card"),
    "gateways name themselves": change("hidden", sdk="python"),
    "gateways stand in data centres": change("hidden", asn_type="vpn"),
    "embeddings are symmetric": change("market", prompt_emb_03=-128),
    "ids are exact as floats": change("market", request_id=1 << 53),
    "three retries at most": change("later", retries=4),
    "rows in the order of time": late,
    "inside the window": change("market", ts=-1, day=-1),
    "day follows from ts": change("market", day=1),
    "senders are accounts": change("quote", account_id="acc_x", api_key=ord("x")),
    "nothing before sign-up": change("newcomer", ts=4 * HOUR),
    "nothing before the release": change("market", model="sonata-3", served_model="sonata-3"),
    "nothing while it is withdrawn": change("load 7", model="sonata-2", served_model="sonata-2"),
    "requests a minute": change("newcomer", ts=7 * HOUR + 30 * SECOND),
    "tokens a minute": change("burst 0", input_tokens=500_000),
    "requests a day": change("the day before", ts=DAY + 10 * HOUR, day=1),
    "spend cap": change("newcomer", model="etude-1", served_model="etude-1", input_tokens=300_000),
    "a weaker model answers after a flag": change("fallback", ts=DAY + 55 * MINUTE, day=1),
    "the cache forgets": change("market", cache_read_input_tokens=10),
    "messages never fall": change("last", messages=1),
    "a failed turn adds nothing": change("retry", messages=5),
    "turns wait for answers": change("last", ts=2 * HOUR + MINUTE + 2 * SECOND),
    "history holds the answer": change("failed", input_tokens=1100),
    "a conversation keeps its instructions": change("last", system_prompt_hash=51),
    "an account reads its own reasoning": change("thought", reasoning_tokens=0),
    "retries follow a failure": change("failed", status=400, error_type="invalid_request_error"),
    "retries back off": change("retry", ts=2 * HOUR + MINUTE + 300),
    "retries stay in their conversation": change("attempt 3", conversation_id=911),
    "quotations name an answer": change("quote", echo_response_id=10**9),
    "quotations are of earlier answers": lambda world: world.requests["quote"].update(
        echo_response_id=world.requests["newcomer"]["request_id"]
    ),
    "quotations are of other conversations": lambda world: world.requests["last"].update(
        echo_response_id=world.requests["opening"]["request_id"]
    ),
    "quotations have room": change("quote", input_tokens=90),
    "sign-up before the end": change("acc_e", "accounts", created=3 * DAY),
    "instruments where there is payment": change("acc_c", "accounts", payment_id=None),
    "checked payment has an instrument": change("acc_g", "accounts", verification="payment"),
    "verified organisations have their mail": change("acc_b", "accounts", verification="organisation"),
    "corporate mail names an organisation": change("acc_c", "accounts", organization=None),
    "nobody invoices a free plan": change("acc_b", "accounts", payment_type="invoice", payment_id=99),
    "education plans have education mail": change("acc_m", "accounts", email_type="free"),
    "throw-away mail is self-serve": change("acc_e", "accounts", email_type="disposable"),
    "enterprises have work mail": change("acc_d", "accounts", email_type="free", organization=None),
    "teams are known": change("acc_e", "accounts", verification="email"),
    "released, withdrawn, returned": change("etude-1-nano", "releases", returned=-10 * DAY),
    "prices in order": change("sonata-3", "releases", cache_read_price=2.0),
    "request ids are unique": lambda world: world.requests["load 1"].update(
        request_id=world.requests["load 0"]["request_id"]
    ),
    "one row of an account": twice("accounts", "acc_e"),
    "one row of a model": twice("releases", "sonata-3"),
    "one asn of a prefix": change("again", asn=9),
    "one country of a prefix": change("again", country="region_b"),
    "one channel of a prefix": change("hidden", ip_prefix=2, asn=2),
    "one asn_type of a asn": change("again", asn_type="vpn"),
    "one channel of a device": change("hidden", tls_fingerprint=2),
    "one account_id of a api key": change("market", api_key=ord("a")),
    "one tools of a tools hash": change("again", tools=3, tools_hash=70),
    "one email_type of a mail domain": change("acc_e", "accounts", email_domain="mail-acc_m.example"),
    "one organization of a mail domain": change("acc_d", "accounts", email_domain="c.example"),
    "one payment_type of a instrument": change("acc_d", "accounts", payment_id=0),
    "one input_tokens of a prompt": change("again", input_tokens=401),
    "one language of a prompt": change("again", language="de"),
    "one embedding of a prompt": change("again", prompt_emb_00=3),
}


def broken(world: World) -> dict[str, int]:
    tallies = invariants.violations(world.split())
    return {law.name: t.violations for law, t in zip(invariants.INVARIANTS, tallies, strict=True) if t.violations}


def test_each_invariant_has_something_to_check_and_a_violation_to_find() -> None:
    tallies = invariants.violations(valid().split())
    unchecked = [law.name for law, t in zip(invariants.INVARIANTS, tallies, strict=True) if not t.checked]
    assert (broken(valid()), unchecked) == ({}, [])
    assert [law.name for law in invariants.INVARIANTS] == list(
        dict.fromkeys(law.name for law in invariants.INVARIANTS)
    )
    assert {law.name for law in invariants.INVARIANTS} == set(PLANTED)


def test_parts_change_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = invariants.violations(valid().split())
    monkeypatch.setattr(history_views, "ROWS_AT_ONCE", 100)
    assert history_views.passes(valid().split()) > 10
    assert [(t.checked, t.violations) for t in invariants.violations(valid().split())] == [
        (t.checked, t.violations) for t in whole
    ]


def test_every_invariant_reads_public_columns() -> None:
    for law in invariants.INVARIANTS:
        wild = [name for name in invariants.fields(law) if name.endswith("*")]
        assert schema.check_fields(name for name in invariants.fields(law) if name not in wild)
        assert set(wild) <= {"requests.prompt_emb_*"}
        assert law.view in VIEWS


def test_two_prompts_may_have_one_simhash_by_chance() -> None:
    world = valid()
    change("again", input_tokens=401, language="de", prompt_emb_00=3)(world)
    assert broken(world) == {}


@pytest.mark.parametrize("name", PLANTED)
def test_one_row_breaks_one_invariant(name: str) -> None:
    world = valid()
    PLANTED[name](world)
    assert list(broken(world)) == [name]
