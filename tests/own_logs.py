"""Logs as one's own programs write them: 200 users at their work, and a swarm of 30 accounts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

START_MS, DAYS, DAY_MS = 1_772_409_600_000, 14, 86_400_000  # 2026-03-02, a Monday
USERS, SWARM = 200, 30
_WORDS = """
explain summarise translate compare rewrite list check plan draft review describe estimate sort name
invoice contract recipe itinerary garden engine budget letter speech lesson bridge novel poem database circuit
molecule theorem vaccine harvest ledger campaign kitchen orchestra glacier satellite harbour museum tractor
passport mortgage curriculum enzyme protocol compiler scheduler inventory warranty tournament festival archive
small red modern ancient careful noisy cheap formal brief regional annual broken empty shared
"""
_ALL = _WORDS.split()
_VERBS, _NOUNS, _ADJECTIVES = _ALL[:14], _ALL[14:-14], _ALL[-14:]
_MODELS = ("gpt-5-mini", "gpt-5", "claude-sonnet-4-5")


@dataclass
class Call:
    """What a program knows of one call."""

    id: str
    user: str
    ts: int
    system: str
    prompt: str
    answer: str
    model: str
    address: str
    sdk: str
    session: str
    input_tokens: int
    output_tokens: int
    latency_ms: int
    max_tokens: int
    temperature: float | None = None
    failed: bool = False

    @property
    def key(self) -> str:
        """What the account signs with."""
        return f"sk-live-{self.user.partition('@')[0]}"

    @property
    def swarm(self) -> bool:
        """Whether one of the thirty sent it."""
        return self.user.startswith("bot-")

    @property
    def end(self) -> int:
        """When the last byte came, ms."""
        return self.ts + self.latency_ms

    @property
    def messages(self) -> list[dict[str, str]]:
        """As they were sent."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": self.prompt}]


def _words(rng: np.random.Generator, pool: Any, count: int) -> str:
    return " ".join(str(w) for w in rng.choice(pool, count))


def _call(rng: np.random.Generator, number: int, ts: int, **known: Any) -> Call:
    sent = len(known["system"] + known["prompt"]) // 4 + int(rng.integers(5, 40))
    got = int(rng.lognormal(known.pop("length"), 0.5)) + 1
    return Call(
        id=f"chatcmpl-{number:06d}",
        ts=ts,
        answer="The answer is " + _words(rng, [*_NOUNS, *_ADJECTIVES], 12),
        input_tokens=sent,
        output_tokens=got,
        latency_ms=400 + 15 * got,
        failed=bool(rng.random() < 0.01),
        **known,
    )


def calls(seed: int = 0, swarm: int = SWARM, users: int = USERS) -> list[Call]:
    """Calls by time. Users work in sessions by day on a few things of their own; teams of five share a program.

    The swarm asks one program's question about ever other things, around the clock, from a handful of networks.
    """
    rng = np.random.default_rng(seed)
    made: list[Call] = []
    for u in range(users):
        made += _of_user(rng, u, len(made))
    for s in range(swarm):
        made += _of_swarm(rng, s, len(made))
    return sorted(made, key=lambda call: call.ts)


def _of_user(rng: np.random.Generator, u: int, first: int) -> list[Call]:
    team, zone = u // 5, int(rng.integers(-6, 6))
    shared = team % 3 == 0  # a third of the teams work with one program
    system = f"You help team {team} with its {_NOUNS[team % len(_NOUNS)]} work." if shared else ""
    own = rng.choice(_NOUNS, 3, replace=False)
    model, sdk = str(rng.choice(_MODELS)), str(rng.choice(["OpenAI/Python 2.1", "OpenAI/JS 6.0", "curl/8.5"]))
    network = f"198.51.{team if shared else u}"
    made: list[Call] = []
    for day in np.flatnonzero(rng.random(DAYS) < np.where(np.arange(DAYS) % 7 < 5, 0.6, 0.15)):
        at = int(day) * DAY_MS + int((9 + zone + 8 * rng.random()) % 24 * 3_600_000)
        session = f"sess-{u}-{day}"
        for _ in range(1 + rng.poisson(2)):
            about = f"{_words(rng, _ADJECTIVES, 2)} {rng.choice(own)}: {_words(rng, _NOUNS, 6)}"
            prompt = f"Please {rng.choice(_VERBS)} the {about}"
            known: dict[str, Any] = {
                "user": f"alice{u}@example-{team}.com",
                "address": f"{network}.{int(rng.integers(2, 250))}",
            }
            known |= {"system": system, "prompt": prompt, "model": model, "sdk": sdk, "session": session}
            known |= {"length": 5.0, "max_tokens": 4096}
            made.append(_call(rng, first + len(made), START_MS + at, **known))
            at += int(rng.exponential(120_000)) + 2_000
    return made


def _of_swarm(rng: np.random.Generator, s: int, first: int) -> list[Call]:
    system = "You are a grader. Compare the two answers below by the rubric, and give one mark."
    made: list[Call] = []
    since = int(rng.integers(0, 3))
    for at in np.sort(rng.uniform(since * DAY_MS, DAYS * DAY_MS, 40)):
        about = f"{rng.choice(_VERBS)} a {_words(rng, _ADJECTIVES, 2)} {_words(rng, _NOUNS, 3)}"
        prompt = f"Rubric for how to {about}: is it complete, is it short? Give one mark from 1 to 10."
        known: dict[str, Any] = {
            "user": f"bot-{s}@mailbox-{s}.net",
            "address": f"203.0.{s % 6}.{int(rng.integers(2, 250))}",
        }
        known |= {"system": system, "prompt": prompt, "model": _MODELS[1], "sdk": "OpenAI/Python 2.1"}
        known |= {"length": 6.5, "max_tokens": 8192, "temperature": 1.0, "session": ""}
        made.append(_call(rng, first + len(made), START_MS + int(at), **known))
    return made


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def jsonl(made: Iterable[Call]) -> bytes:
    """Lines with names of somebody's own: see `MAPPING`."""
    lines = [
        {
            "rid": c.id,
            "who": c.user,
            "when": c.ts / 1000,
            "took": c.latency_ms,
            "engine": c.model,
            "from": c.address,
            "chat": c.messages,
            "said": c.answer,
            "n_in": c.input_tokens,
            "n_out": c.output_tokens,
            "cap": c.max_tokens,
            "temp": c.temperature,
            "client": c.sdk,
            "session": c.session,
            "code": 500 if c.failed else 200,
        }
        for c in made
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


MAPPING = """
[columns]
request_id = "rid"
account_id = "who"
ts = "when"
latency_ms = "took"
model = "engine"
address = "from"
messages = "chat"
response = "said"
input_tokens = "n_in"
output_tokens = "n_out"
max_tokens = "cap"
temperature = "temp"
sdk = "client"
conversation_id = "session"
status = "code"
"""


def litellm_rows(made: Iterable[Call]) -> list[dict[str, Any]]:
    """Rows of LiteLLM_SpendLogs, of a proxy that stores prompts."""
    return [
        {
            "request_id": c.id,
            "call_type": "acompletion",
            "api_key": c.key,
            "spend": 0.01,
            "total_tokens": c.input_tokens + c.output_tokens,
            "prompt_tokens": c.input_tokens,
            "completion_tokens": c.output_tokens,
            "startTime": _iso(c.ts),
            "endTime": _iso(c.end),
            "completionStartTime": _iso(c.ts + 300),
            "model": f"openai/{c.model}",
            "model_group": c.model,
            "custom_llm_provider": "openai",
            "api_base": "https://api.example.com",
            "user": "default_user_id",
            "metadata": {
                "user_api_key": c.key,
                "user_api_key_alias": c.user,
                "status": "failure" if c.failed else "success",
                "error_information": {"error_code": "429", "error_class": "RateLimitError"} if c.failed else None,
                "usage_object": {"completion_tokens_details": {"reasoning_tokens": 0}},
            },
            "cache_hit": "False",
            "request_tags": [f"User-Agent: {c.sdk}"],
            "team_id": None,
            "end_user": "",
            "requester_ip_address": c.address,
            "messages": {},
            "response": {
                "choices": [{"message": {"role": "assistant", "content": c.answer}, "finish_reason": "stop"}]
            },
            "proxy_server_request": {
                "messages": c.messages,
                "max_tokens": c.max_tokens,
                "temperature": c.temperature,
            },
            "session_id": c.session or c.id,
            "status": "failure" if c.failed else "success",
        }
        for c in made
    ]


def litellm(made: Iterable[Call]) -> bytes:
    """What the proxy's /spend/logs gives: one array."""
    return json.dumps(litellm_rows(made)).encode()


def litellm_csv(made: Iterable[Call]) -> bytes:
    """What \\copy ... CSV HEADER gives, JSON in its cells."""
    rows = litellm_rows(made)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    plain = (dict, list)
    writer.writerows({k: json.dumps(v) if isinstance(v, plain) else v for k, v in row.items()} for row in rows)
    return out.getvalue().encode()


def langfuse(made: Iterable[Call]) -> bytes:
    """Enriched observations of the export to blob storage, as lines."""
    lines = [
        {
            "id": c.id,
            "trace_id": f"trace-{c.id}",
            "type": "GENERATION",
            "start_time": _iso(c.ts).replace("T", " ").removesuffix("+00:00"),
            "end_time": _iso(c.end).replace("T", " ").removesuffix("+00:00"),
            "level": "ERROR" if c.failed else "DEFAULT",
            "input": json.dumps(c.messages),
            "output": json.dumps({"role": "assistant", "content": c.answer}),
            "provided_model_name": c.model,
            "model_parameters": json.dumps({"max_tokens": c.max_tokens, "temperature": c.temperature}),
            "usage_details": {"input": c.input_tokens, "output": c.output_tokens},
            "user_id": c.user,
            "session_id": c.session or None,
            "metadata": {"client_ip": c.address, "user_agent": c.sdk},
        }
        for c in made
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _attribute(key: str, value: Any) -> dict[str, Any]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    if isinstance(value, list):
        return {"key": key, "value": {"arrayValue": {"values": [{"stringValue": v} for v in value]}}}
    return {"key": key, "value": {kinds[type(value)]: str(value) if isinstance(value, int) else value}}


def _span(c: Call, old: bool) -> dict[str, Any]:
    """A span of the conventions of today, or of those before the renames, whose messages are events."""
    said = [{"role": m["role"], "parts": [{"type": "text", "content": m["content"]}]} for m in c.messages]
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system" if old else "gen_ai.provider.name": "openai",
        "gen_ai.request.model": c.model,
        "gen_ai.response.id": c.id,
        "gen_ai.request.max_tokens": c.max_tokens,
        "gen_ai.usage.prompt_tokens" if old else "gen_ai.usage.input_tokens": c.input_tokens,
        "gen_ai.usage.completion_tokens" if old else "gen_ai.usage.output_tokens": c.output_tokens,
        "gen_ai.response.finish_reasons": ["stop"],
        "enduser.id" if old else "user.id": c.user,
        "client.address": c.address,
        "user_agent.original": c.sdk,
    }
    attributes |= {} if c.temperature is None else {"gen_ai.request.temperature": c.temperature}
    attributes |= {"gen_ai.conversation.id": c.session} if c.session else {}
    attributes |= {} if old else {"gen_ai.input.messages": json.dumps(said)}
    attributes |= {"error.type": "RateLimitError"} if c.failed else {}
    spoken = [*c.messages, {"role": "choice", "content": c.answer}] if old else []
    names = {"choice": "gen_ai.choice"}
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": f"chat {c.model}",
        "kind": 3,
        "startTimeUnixNano": str(c.ts * 1_000_000),
        "endTimeUnixNano": str(c.end * 1_000_000),
        "attributes": [_attribute(k, v) for k, v in attributes.items()],
        "events": [
            {
                "timeUnixNano": str(c.ts * 1_000_000),
                "name": names.get(m["role"], f"gen_ai.{m['role']}.message"),
                "attributes": [_attribute("content", m["content"])],
            }
            for m in spoken
        ],
        "status": {"code": 2} if c.failed else {},
    }


def otlp_messages(made: Iterable[Call], old: bool = False) -> list[dict[str, Any]]:
    """Exports of fifty spans each."""
    every = list(made)
    return [
        {
            "resourceSpans": [
                {"resource": {}, "scopeSpans": [{"spans": [_span(c, old) for c in every[i : i + 50]]}]}
            ]
        }
        for i in range(0, len(every), 50)
    ]


def otlp(made: Iterable[Call], old: bool = False) -> bytes:
    """What the collector's file exporter writes as JSON."""
    return "".join(json.dumps(m) + "\n" for m in otlp_messages(made, old)).encode()


def otlp_protobuf(made: Iterable[Call]) -> bytes:
    """What it writes as protobuf: each message behind its length."""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    bodies = [ParseDict(_hex_ids(m), TracesData()).SerializeToString() for m in otlp_messages(made)]
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def _hex_ids(message: dict[str, Any]) -> dict[str, Any]:
    """Ids as protobuf's JSON has them, in base64."""
    for of_resource in message["resourceSpans"]:
        for span in of_resource["scopeSpans"][0]["spans"]:
            span |= {"traceId": "CvdlGRbNQ92ESOshHIAxnA==", "spanId": "t61rcWkgMzE="}
    return message
